"""How is a compressed stream expanded, a little at a time and never beyond what is asked for?"""

import bz2
import lzma
import zlib
from collections.abc import Callable, Iterator
from typing import Any

#: Bytes of a piece.
BLOCK = 1 << 16

#: Streams one after the other in one file.
_MOST_STREAMS = 20_000
#: What the largest setting of xz takes, and no more: a file may ask for 4 GiB.
_LZMA_MEMORY = 128 << 20
_GZIP = 31


class _Inflating:
    """zlib's decompressor with the face of the two others."""

    def __init__(self) -> None:
        self._inner = zlib.decompressobj(_GZIP)
        self._tail = b""
        self.needs_input = True

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data

    def decompress(self, data: bytes, most: int) -> bytes:
        expanded = self._inner.decompress(self._tail + data, most)
        self._tail = self._inner.unconsumed_tail
        self.needs_input = len(expanded) < most
        return expanded


#: By how compressed streams begin.
_EXPANDERS: dict[bytes, Callable[[], Any]] = {
    b"\x1f\x8b": _Inflating,
    b"BZh": bz2.BZ2Decompressor,
    b"\xfd7zXZ\0": lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_LZMA_MEMORY),
}


def expanded(data: bytes) -> Iterator[bytes]:
    """Yield what compressed bytes expand to; bytes of no known compression as they are.

    Raises `EOFError` where they are cut off, and what the libraries raise where damaged.
    """
    make = next((make for start, make in _EXPANDERS.items() if data.startswith(start)), None)
    if make is None:
        yield from (data[at : at + BLOCK] for at in range(0, len(data), BLOCK))
        return
    view, at = memoryview(data), 0
    for _ in range(_MOST_STREAMS):
        stream = make()
        while not stream.eof:
            piece = b""
            if stream.needs_input:
                piece = bytes(view[at : at + BLOCK])
                if not piece:
                    raise EOFError("it is cut off")
                at += len(piece)
            yield stream.decompress(piece, BLOCK)
        at -= len(stream.unused_data)
        if at >= len(view) or view[at] == 0:  # zeros may fill up the end
            return
    raise EOFError("it has more streams than are read")


def opening(head: bytes, number: int) -> bytes:
    """Return so many of the first bytes that a compressed stream expands to, or fewer.

    What cannot be expanded, for `head` is only its begin, is empty.
    """
    found = b""
    try:
        for block in expanded(head):
            found += block
            if len(found) >= number:
                break
    except (EOFError, OSError, ValueError, zlib.error, lzma.LZMAError):
        pass
    return found[:number]
