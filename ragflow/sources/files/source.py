"""The files of a folder, as a source."""

import os
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Self, get_args

from ragflow.clock import Clock, SystemClock
from ragflow.core.records import Listed, Loaded
from ragflow.documents import Document
from ragflow.errors import ParameterError
from ragflow.sources.files.keys import spell, unspell
from ragflow.sources.files.patterns import Patterns, Reach, name_everything
from ragflow.sources.files.reading import read_head, read_steady
from ragflow.sources.files.selection import Selection, Symlinks
from ragflow.sources.files.walking import Walk

PAGE = 1000
MAX_BYTES = 100_000_000


class Files:
    """Lists the files below a folder and reads them.

    A file's key is its path relative to the folder, with slashes; `keys` says how names that
    are no UTF-8 are spelled. Its token is made of when it was modified and changed, its size
    and its inode: listing opens no file.

    `include` and `exclude` are patterns as in ``.gitignore``: ``*.md`` names files at any
    depth, ``/*.md`` those of the folder itself, ``drafts/`` whole folders; of several the
    last that matches decides, and ``!`` takes back. A file ``.ragflowignore``, in the folder
    or any below it, names more to leave out from there on; ``.gitignore`` is not read.

    Left out besides: hidden files and folders unless `hidden`, the paths `leave_out`, the
    folders and files that `selection` lists (the home, version control, packages, virtual
    environments), and whatever is not a regular file. A file over `max_bytes` is listed with
    the reason why it is not read.

    `symlinks` says what becomes of symbolic links; the folder itself may be one. ``skip``:
    none is followed, each is listed with that reason. ``files``: those to a file are read as
    that file, wherever it lies. ``follow``: those to a folder are entered too, a folder once
    and by its own name where it also lies in the source, so that circles end.

    With `times`, when a file was modified is part of its metadata. Safe for several threads.
    Raises `ParameterError` for a pattern or policy that is none.
    """

    is_local = True

    def __init__(
        self,
        folder: Path,
        *,
        include: Sequence[str] = ("**/*",),
        exclude: Sequence[str] = (),
        hidden: bool = False,
        symlinks: Symlinks = "skip",
        max_bytes: int = MAX_BYTES,
        times: bool = False,
        leave_out: Sequence[Path] = (),
        base: Path | None = None,
        clock: Clock | None = None,
    ) -> None:
        if symlinks not in get_args(Symlinks):
            raise ParameterError(
                f"symlinks cannot be {symlinks!r}",
                hint=f"choose one of {', '.join(get_args(Symlinks))}",
            )
        # Absolute from the start: the working directory may change before the first listing.
        self._root = os.fsencode(folder.absolute())
        self._base = None if base is None else os.path.normpath(os.fsencode(base.absolute()))
        self._clock = clock or SystemClock()
        included = _strings(include)
        excluded = self._excluded = _strings(exclude)
        self._selection = Selection(
            include=None
            if name_everything(included)
            else _patterns("include", included, reach="below"),
            exclude=_patterns("exclude", excluded, reach="path") if excluded else None,
            hidden=hidden,
            symlinks=symlinks,
            max_bytes=max_bytes,
            times=times,
            leave_out=frozenset(os.path.realpath(os.fsencode(path)) for path in leave_out),
        )

    @classmethod
    def located(
        cls, root: Path, *, folder: str, leave_out: Sequence[Path] = (), **options: Any
    ) -> Self:
        """Open the folder as a pipeline names it: ``~`` is a home, relative starts at `root`.

        Raises `ParameterError` for an option there is not.
        """
        try:
            place = root / Path(folder).expanduser()
            return cls(place, leave_out=leave_out, base=root, **options)
        except TypeError as error:
            raise ParameterError(
                f"files() was given something it does not take: {error}",
                hint="options: include, exclude, hidden, symlinks, max_bytes, times",
            ) from error

    def locator(self) -> Mapping[str, Any]:
        """Return the folder: as seen from the project where it lies in it, else absolute.

        So a project may be moved whole, and a link may be turned to a newer release. What is
        chosen of the folder does not count: other patterns are the same source, listing
        something else.
        """
        folder = os.path.normpath(self._root)
        if self._base is not None and os.path.commonpath([self._base, folder]) == self._base:
            folder = os.path.relpath(folder, self._base)
        return {"folder": spell(folder)}

    def list(self) -> Iterator[Sequence[Listed]]:
        """Yield pages of files, the same order each time.

        Every file is looked at once and none is opened. Raises `SourceError` where the folder
        is not there, is replaced meanwhile, or holds something that cannot be looked at.
        """
        files = Walk(self._root, self._selection, self._clock).files()
        while page := tuple(islice(files, PAGE)):
            yield page

    def why_not(self, key: str) -> str | None:
        """Return in words why a key is not listed, as what follows "it"; None where it is.

        Raises `OSError` and `SourceError` where that cannot be looked at.
        """
        from ragflow.sources.files.absence import why_not_listed

        walk = Walk(self._root, self._selection, self._clock)
        return why_not_listed(self._root, self._selection, walk, key)

    def head(self, key: str) -> bytes:
        """Return the first bytes of the file, enough to tell what it is; raises `OSError`."""
        from ragflow.parsing.media_types import HEAD

        try:
            path = unspell(key)
        except ValueError as error:
            raise FileNotFoundError(str(error)) from error
        return read_head(self._root, path, HEAD, symlinks=self._selection.symlinks)

    def takes_inside(self, key: str, name: str) -> bool:
        """Tell whether what lies in an archive is wanted: as in a folder, save for `include`."""
        return self._selection.takes_inside(key, name)

    def rules(self) -> Any:
        """Return what `takes_inside` answers by."""
        return [self._selection.hidden, *self._excluded]

    def load(self, key: str, token: bytes) -> Loaded:
        """Return the file as it is now, read whole and not while it changed.

        Raises `OSError` where it is gone, may not be read or is no file any more,
        `SkipDocument` where it grew too large, and `DocumentError` where it kept changing.
        """
        from ragflow.incremental.fingerprint import fingerprint_value
        from ragflow.parsing.media_types import HEAD, media_type, read_as

        try:
            path = unspell(key)
        except ValueError as error:
            raise FileNotFoundError(str(error)) from error
        data = read_steady(
            self._root,
            path,
            symlinks=self._selection.symlinks,
            max_bytes=self._selection.max_bytes,
            clock=self._clock,
        )
        kind = media_type(data[:HEAD], key)
        document = Document.of(data, read_as(kind))
        content = fingerprint_value(document)
        return Loaded(document, content, {"media_type": kind}, len(data))

    def __repr__(self) -> str:
        return f"Files({spell(self._root)!r})"


def _strings(patterns: Sequence[str]) -> tuple[str, ...]:
    # A single pattern is a sequence of strings too, one a character.
    return (patterns,) if isinstance(patterns, str) else tuple(patterns)


def _patterns(option: str, lines: Sequence[str], *, reach: Reach) -> Patterns:
    try:
        return Patterns.of(lines, reach=reach)
    except ValueError as error:
        raise ParameterError(
            f"{option} cannot be {list(lines)}: {error}",
            hint='patterns are those of .gitignore: "*.md", "/notes/*.txt", "drafts/"',
        ) from error
