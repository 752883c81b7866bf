"""What files are there below a folder, and what do they look like without being opened?"""

# Names are bytes here, which no `Path` can hold.
# ruff: noqa: PTH110, PTH114, PTH116, PTH118

import errno
import os
import stat
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from ragflow.clock import Clock
from ragflow.core.records import Listed
from ragflow.errors import DocumentError, SourceError
from ragflow.sources.files.keys import spell
from ragflow.sources.files.patterns import Ignoring, Patterns
from ragflow.sources.files.reading import read_steady, too_large
from ragflow.sources.files.selection import (
    ENVIRONMENT_FILE,
    IGNORE_FILE,
    Selection,
    Symlinks,
    text_of,
)
from ragflow.sources.files.tokens import modified, stamp, version_token

#: What is raised for a name that was there when its folder was read and is not any more.
GONE = (FileNotFoundError, NotADirectoryError)
LARGEST_IGNORE_FILE = 1_000_000
NOT_FOLLOWED = 'is a symbolic link, which is not followed (symlinks = "{}")'

Identity = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder on the way down: what is left to look at in it."""

    #: Relative to the source's folder, with a slash at its end; empty for that folder itself.
    path: bytes
    #: The same, spelled as a key begins.
    key: str
    ignoring: Ignoring | None
    #: In order; those of folders with a slash at their end.
    names: Iterator[bytes]


class Walk:
    """One listing under way.

    Files come in the order of their paths' bytes, those behind links to folders last. Only
    the names in the folders on the way down are held in memory.
    """

    def __init__(self, root: bytes, selection: Selection, clock: Clock) -> None:
        self._root = os.path.join(root, b"")
        self._selection = selection
        self._clock = clock
        self._follows = selection.symlinks == "follow"
        self._left_out = _relative(selection.leave_out, os.path.realpath(root))
        #: Folders entered; kept only where a link may lead to one of them again.
        self._entered: set[Identity] = set()
        #: Links to folders that are still to be entered, each with the folder it lies in.
        self._linked: deque[tuple[Folder, bytes]] = deque()

    def files(self) -> Iterator[Listed]:
        """Yield every file of the source once.

        Raises `SourceError` when some part of the folder cannot be looked at.
        """
        identity = self._identity()
        if self._follows:
            self._entered |= _identities(self._selection.leave_out)
        yield from self._below(self._open(Folder(b"", "", None, iter(())), b""))
        # Links come last, so that what also lies in the folder is listed by its own name.
        while self._linked:
            yield from self._below(self._open(*self._linked.popleft()))
        if self._identity() != identity:
            # What was not found may be gone together with the folder it was looked for in.
            raise SourceError(
                f"folder {self._name(b'')!r} was replaced while it was listed",
                hint="run again",
            )

    def leaves_out(self, path: bytes) -> bool:
        """Tell whether a path is one of those that the source was told to leave out."""
        return path in self._left_out

    def _below(self, folder: Folder | None) -> Iterator[Listed]:
        # A list of open folders and no recursion: folders may be nested deeper than calls.
        way = [folder] if folder is not None else []
        while way:
            folder = way[-1]
            for name in folder.names:
                if name.endswith(b"/"):
                    inner = self._enter(folder, name)
                    if inner is not None:
                        way.append(inner)
                        break
                else:
                    listed = self._look(folder, name)
                    if listed is not None:
                        yield listed
            else:
                way.pop()

    def _enter(self, folder: Folder, name: bytes) -> Folder | None:
        path = folder.path + name
        if path[:-1] in self._left_out or not self._selection.enters(path, folder.ignoring):
            return None
        if self._follows and os.path.islink(self._root + path[:-1]):
            self._linked.append((folder, name))
            return None
        return self._open(folder, name)

    def _open(self, folder: Folder, name: bytes) -> Folder | None:
        path = folder.path + name
        try:
            if self._follows and not self._is_new(path):
                return None
            names, ignores = self._names(path)
        except GONE:
            return None
        except OSError as error:
            raise self._unlistable(path, error) from error
        if path and ENVIRONMENT_FILE in names:
            return None
        ignoring = folder.ignoring
        if ignores:
            ignoring = Ignoring(self.patterns(path), len(text_of(path)), ignoring)
        return Folder(path, folder.key + spell(name), ignoring, iter(names))

    def _names(self, path: bytes) -> tuple[list[bytes], bool]:
        """Return the names to look at, in order, and whether there is an ignore file."""
        selection = self._selection
        names = []
        ignores = False
        with os.scandir(self._root + path) as entries:
            for entry in entries:
                name = entry.name
                if name == IGNORE_FILE:
                    ignores = True
                elif self._is_folder(entry):
                    if selection.names_folder(name):
                        # The slash makes the order that of whole paths.
                        names.append(name + b"/")
                elif selection.names_file(name):
                    names.append(name)
        names.sort()
        return names, ignores

    def _is_folder(self, entry: os.DirEntry[bytes]) -> bool:
        try:
            return entry.is_dir(follow_symlinks=self._follows)
        except OSError:
            # A link in a circle, or out of reach: looked at again as a file, with a reason.
            return False

    def _is_new(self, path: bytes) -> bool:
        found = os.stat(self._root + path)
        identity = (found.st_dev, found.st_ino)
        if identity in self._entered:
            return False
        self._entered.add(identity)
        return True

    def _look(self, folder: Folder, name: bytes) -> Listed | None:
        path = folder.path + name
        if not self._selection.takes(path, folder.ignoring) or path in self._left_out:
            return None
        # The clock first: were it read after, a change between the two could go unseen.
        now = self._clock.nanoseconds()
        try:
            found = os.lstat(self._root + path)
        except GONE:
            return None
        except OSError as error:
            raise self._unlistable(path, error) from error
        key = folder.key + spell(name)
        if stat.S_ISLNK(found.st_mode):
            return self._look_behind(path, key, found, now)
        return self._listed(key, found, now)

    def _look_behind(self, path: bytes, key: str, link: os.stat_result, now: int) -> Listed | None:
        symlinks = self._selection.symlinks
        left_out = ("symlink", NOT_FOLLOWED.format(symlinks))
        if symlinks == "skip":
            return Listed(key, stamp(link) + b"symlink", {}, None, left_out)
        try:
            found = os.stat(self._root + path)
        except OSError as error:
            circular = error.errno == errno.ELOOP
            if not circular and (self._follows or not isinstance(error, GONE)):
                # It may lead to a folder that is only out of reach for now.
                raise self._unlistable(path, error) from error
            # Listed, so that what was read of it stays; reading it fails and says why.
            return Listed(key, stamp(link) + b"broken")
        if stat.S_ISDIR(found.st_mode):
            return Listed(key, stamp(link) + b"symlink", {}, None, left_out)
        return self._listed(key, found, now)

    def _listed(self, key: str, found: os.stat_result, now: int) -> Listed | None:
        if not stat.S_ISREG(found.st_mode):
            return None
        selection = self._selection
        token = version_token(found, now)
        metadata = {}
        if selection.times:
            # Part of the token, so that asking for times reaches files that did not change.
            token += b"times"
            instant = modified(found)
            if instant is not None:
                metadata["modified"] = instant
        size = found.st_size
        if size <= selection.max_bytes:
            return Listed(key, token, metadata, size)
        # Another token than without the limit, so that raising it brings the file in.
        reason = ("too_large", too_large(size, selection.max_bytes))
        return Listed(key, token + b"too_large", metadata, size, reason)

    def patterns(self, path: bytes) -> Patterns:
        """Return what the ignore file of a folder says; `path` ends with a slash, or is empty.

        Raises `SourceError` where it cannot be read.
        """
        name = path + IGNORE_FILE
        symlinks: Symlinks = "follow" if self._follows else "files"
        try:
            data = read_steady(
                self._root,
                name,
                symlinks=symlinks,
                max_bytes=LARGEST_IGNORE_FILE,
                clock=self._clock,
            )
        except GONE:
            return Patterns((), reach="path")
        except (OSError, DocumentError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            raise SourceError(
                f"{self._name(name)!r}, which says what to ignore, cannot be read: {reason}",
                hint="make it a readable file, or delete it",
            ) from error
        return Patterns.ignored(data)

    def _identity(self) -> Identity:
        name = self._name(b"")
        try:
            found = os.stat(self._root[:-1] or b"/")
        except GONE as error:
            raise SourceError(
                f"folder {name!r} is not there",
                hint="create it or correct the path; a folder that is gone deletes nothing",
            ) from error
        except OSError as error:
            raise self._unlistable(b"", error) from error
        if not stat.S_ISDIR(found.st_mode):
            raise SourceError(
                f"{name!r} is not a folder",
                hint="give the folder it lies in, and name it in `include`",
            )
        return found.st_dev, found.st_ino

    def _unlistable(self, path: bytes, error: OSError) -> SourceError:
        what = "folder" if not path or path.endswith(b"/") else "file"
        denied = isinstance(error, PermissionError)
        hint = "make it readable for this user" if denied else "put it within reach"
        if path:
            hint += f', or leave it out: exclude = ["/{spell(path)}"]'
        return SourceError(
            f"{what} {self._name(path)!r} cannot be listed: {error.strerror}", hint=hint
        )

    def _name(self, path: bytes) -> str:
        return spell((self._root + path).rstrip(b"/") or b"/")


def _relative(paths: frozenset[bytes], root: bytes) -> frozenset[bytes]:
    """Return those of `paths` that lie below `root`, as they are met there."""
    start = os.path.join(root, b"")
    return frozenset(path[len(start) :] for path in paths if path.startswith(start))


def _identities(paths: frozenset[bytes]) -> set[Identity]:
    found = [os.stat(path) for path in paths if os.path.exists(path)]
    return {(each.st_dev, each.st_ino) for each in found}
