"""What is in a tar archive, compressed or not? Read once from its begin to its end."""

import re
import tarfile
from collections.abc import Iterator
from typing import NamedTuple

from ragflow.parsing.containers.entry import Entry
from ragflow.parsing.containers.limits import MOST_ENTRIES, Allowance, too_many_entries
from ragflow.parsing.expanding import expanded

_RECORD = tarfile.BLOCKSIZE
#: Names and attributes that stand apart are no longer than this.
_LONGEST_HEAD = 1 << 20
_FILES = (tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.CONTTYPE)
#: Entries without bytes, whatever size they state.
_WITHOUT_BYTES = (
    tarfile.LNKTYPE,
    tarfile.SYMTYPE,
    tarfile.CHRTYPE,
    tarfile.BLKTYPE,
    tarfile.DIRTYPE,
    tarfile.FIFOTYPE,
)
#: Where an entry of the old sparse kind says that its map goes on, and where that does.
_SPARSE_GOES_ON, _MAP_GOES_ON = 482, 504
_ATTRIBUTE = re.compile(rb"(\d{1,20}) ([^=]+)=")


class _Stated(NamedTuple):
    """What was stated apart of an entry, and is looked at: whatever else is stated is let go."""

    path: str | None = None
    size: str | None = None
    is_sparse: bool = False

    def over(self, other: "_Stated") -> "_Stated":
        """Return both, of what both state that of this one."""
        return _Stated(
            other.path if self.path is None else self.path,
            other.size if self.size is None else self.size,
            self.is_sparse or other.is_sparse,
        )


class _Stream:
    """The expanded bytes of an archive, forwards only."""

    def __init__(self, data: bytes, allowance: Allowance) -> None:
        self._blocks = expanded(data)
        self._allowance = allowance
        self._left = b""

    def read(self, size: int) -> bytes:
        """Return exactly so many bytes; raise `EOFError` where there are fewer."""
        return b"".join(self.pieces(size))

    def pieces(self, size: int) -> Iterator[bytes]:
        """Yield so many bytes in pieces."""
        while size > 0:
            if not self._left:
                self._left = next(self._blocks, b"")
                if not self._left:
                    if self._is_over():
                        raise EOFError("the archive is cut off")
                    continue
                self._allowance.spend(len(self._left))
            piece, self._left = self._left[:size], self._left[size:]
            size -= len(piece)
            yield piece

    def finish(self) -> None:
        """Expand what is left: only at its end does a compressed stream say that it is whole."""
        while not self._is_over():
            pass

    def _is_over(self) -> bool:
        for block in self._blocks:
            if block:
                self._allowance.spend(len(block))
                self._left = block
                return False
        return True


def tar_entries(data: bytes, allowance: Allowance) -> Iterator[Entry]:
    """Yield the files of an archive, in its order; links and devices are left out.

    Raises `EOFError`, `ValueError` and what libraries raise where it is damaged or cut off, and
    `OverLimitError`.
    """
    stream = _Stream(data, allowance)
    common = stated = _Stated()
    for _ in range(MOST_ENTRIES):
        allowance.look()
        record = stream.read(_RECORD)
        if not any(record):  # nothing but zeros: the end
            stream.finish()
            return
        info = tarfile.TarInfo.frombuf(record, "utf-8", "surrogateescape")
        if info.type in (tarfile.XHDTYPE, tarfile.SOLARIS_XHDTYPE):
            stated = _attributes(_head(stream, info.size), allowance).over(stated)
        elif info.type == tarfile.XGLTYPE:
            common = _attributes(_head(stream, info.size), allowance).over(common)
        elif info.type == tarfile.GNUTYPE_LONGNAME:
            name = _head(stream, info.size).partition(b"\0")[0]
            stated = stated._replace(path=name.decode("utf-8", "surrogateescape"))
        elif info.type == tarfile.GNUTYPE_LONGLINK:
            _head(stream, info.size)
        else:
            if info.type == tarfile.GNUTYPE_SPARSE:
                _pass_map(stream, record, allowance)
            yield from _entry(stream, info, stated.over(common))
            stated = _Stated()
    raise too_many_entries(read="the others are not")


def _pass_map(stream: _Stream, record: bytes, allowance: Allowance) -> None:
    place = _SPARSE_GOES_ON
    while record[place]:
        allowance.look()
        record, place = stream.read(_RECORD), _MAP_GOES_ON


def _entry(stream: _Stream, info: tarfile.TarInfo, stated: _Stated) -> Iterator[Entry]:
    if info.type in _WITHOUT_BYTES:
        return
    size = info.size if stated.size is None else int(stated.size)
    if size < 0:
        raise ValueError("an entry has no size")
    name = info.name if stated.path is None else stated.path
    left = size
    if info.type in _FILES and not name.endswith("/") and not stated.is_sparse:
        rest = stream.pieces(size)
        read = 0

        def blocks() -> Iterator[bytes]:
            nonlocal read
            for piece in rest:
                read += len(piece)
                yield piece

        yield Entry(name, size, blocks)
        left -= read
    for _ in stream.pieces(left + -size % _RECORD):
        pass


def _head(stream: _Stream, size: int) -> bytes:
    if not 0 <= size <= _LONGEST_HEAD:
        raise ValueError("the head of an entry is longer than any needs")
    return stream.read(size + -size % _RECORD)[:size]


def _attributes(head: bytes, allowance: Allowance) -> _Stated:
    """Return what is looked at of attributes that stand apart: lines of length, name and value."""
    found: dict[bytes, bytes] = {}
    is_sparse = False
    at = 0
    while line := _ATTRIBUTE.match(head, at):
        allowance.attribute()
        end = at + int(line[1])
        if end <= line.end() or end > len(head):
            raise ValueError("the attributes of an entry are damaged")
        is_sparse = is_sparse or line[2].startswith(b"GNU.sparse.")
        if line[2] in (b"path", b"size"):
            found[line[2]] = head[line.end() : end - 1]
        at = end
    words = {name: stated.decode("utf-8", "surrogateescape") for name, stated in found.items()}
    return _Stated(words.get(b"path"), words.get(b"size"), is_sparse)
