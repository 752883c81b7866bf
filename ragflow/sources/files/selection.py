"""Which names below the folder belong to the source?"""

from dataclasses import dataclass
from typing import Literal

from ragflow.sources.files.patterns import Ignoring, Patterns

#: What becomes of symbolic links: left out with a reason, read where they lead to a file,
#: or entered as well where they lead to a folder.
Symlinks = Literal["skip", "files", "follow"]

#: Names what is to be ignored in its folder and below; never a document itself.
IGNORE_FILE = b".ragflowignore"

#: Folders that hold no documents wherever they lie: the home, version control, packages and
#: what tools remember.
LEFT_OUT_FOLDERS = frozenset({
    b".ragflow",
    b".git", b".hg", b".svn", b".bzr", b".jj", b"CVS",
    b".venv", b"node_modules", b"__pycache__", b"__MACOSX",
    b".tox", b".nox", b".mypy_cache", b".pytest_cache", b".ruff_cache", b".ipynb_checkpoints",
    b".Trash", b"$RECYCLE.BIN", b"System Volume Information", b"lost+found",
})  # fmt: skip
#: Files that systems leave beside documents.
LEFT_OUT_FILES = frozenset({IGNORE_FILE, b".git", b".DS_Store", b"Thumbs.db", b"desktop.ini"})
#: Begins the file that says who has an office document open.
OPEN_ELSEWHERE = b"~$"
#: A folder that holds this file is a virtual environment, whatever its name.
ENVIRONMENT_FILE = b"pyvenv.cfg"


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """What the options of a source ask for."""

    #: None where every path is included.
    include: Patterns | None
    #: None where none is excluded.
    exclude: Patterns | None
    hidden: bool
    symlinks: Symlinks
    max_bytes: int
    times: bool
    #: Resolved absolute paths.
    leave_out: frozenset[bytes]

    def names_folder(self, name: bytes) -> bool:
        """Return whether a folder of this name may hold documents."""
        return (self.hidden or not name.startswith(b".")) and name not in LEFT_OUT_FOLDERS

    def names_file(self, name: bytes) -> bool:
        """Return whether a file of this name may be a document."""
        return (
            (self.hidden or not name.startswith(b"."))
            and name not in LEFT_OUT_FILES
            and not name.startswith(OPEN_ELSEWHERE)
        )

    def enters(self, path: bytes, ignoring: Ignoring | None) -> bool:
        """Return whether patterns let a folder be entered; `path` ends with a slash."""
        if self.exclude is None and ignoring is None:
            return True
        return not self._drops(text_of(path), ignoring)

    def takes(self, path: bytes, ignoring: Ignoring | None) -> bool:
        """Return whether patterns let a file be listed."""
        if self.include is None and self.exclude is None and ignoring is None:
            return True
        text = text_of(path)
        if self.include is not None and not self.include.verdict(text):
            return False
        return not self._drops(text, ignoring)

    def takes_inside(self, key: str, name: str) -> bool:
        """Return whether a path in a document is wanted: it is looked at as a folder is."""
        path = f"{key}/"
        *folders, last = name.replace("!/", "/").split("/")
        for folder in folders:
            path = f"{path}{folder}/"
            if not self.names_folder(folder.encode()) or self._excludes(path):
                return False
        return self.names_file(last.encode()) and not self._excludes(path + last)

    def _excludes(self, text: str) -> bool:
        return self.exclude is not None and bool(self.exclude.verdict(text))

    def _drops(self, text: str, ignoring: Ignoring | None) -> bool:
        if self._excludes(text):
            return True
        return ignoring is not None and ignoring.ignores(text)


def text_of(path: bytes) -> str:
    """Return a path as patterns are matched against it."""
    return path.decode("utf-8", "surrogateescape")
