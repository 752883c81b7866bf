"""Where do values wait that are listed now and asked for later, when they are too many?"""

import weakref
from array import array
from bisect import bisect_left
from collections.abc import Callable
from hashlib import blake2b
from tempfile import TemporaryFile
from typing import IO, Any

import msgspec

from ragflow.core.items import Fingerprint
from ragflow.incremental.encoding import encode

#: Values that are kept as objects; more go to a file.
AT_HAND = 50_000


class Spool:
    """Values by key: a good many in memory, more in a file that is gone with this process.

    In a file a value costs sixteen bytes of memory, whatever its key. Filled first, asked
    afterwards, each from one thread.
    """

    def __init__(self, decode: Callable[[bytes], Any] | None) -> None:
        # Without it a value could not be had again from a file: all are kept in memory.
        self._decode = decode
        self._values: dict[str, tuple[Fingerprint, Any]] = {}
        self._file: IO[bytes] | None = None
        self._end = 0
        self._names = array("Q")
        self._places = array("Q")
        self._is_sorted = True

    def put(self, key: str, content: Fingerprint, value: Any) -> None:
        """Keep a value and its fingerprint; of two with one key either may be given back."""
        if self._decode is None or (self._file is None and len(self._values) < AT_HAND):
            self._values[key] = (content, value)
            return
        if self._file is None:
            self._file = TemporaryFile()  # noqa: SIM115 - it lives as long as the spool
            weakref.finalize(self, self._file.close)
        data = msgspec.msgpack.encode((key, content, encode(value)))
        self._names.append(_name(key))
        self._places.append(self._end)
        self._end += self._file.write(len(data).to_bytes(8, "big")) + self._file.write(data)
        self._is_sorted = False

    def get(self, key: str) -> tuple[Fingerprint, Any]:
        """Return a fingerprint and its value. Raises `KeyError` for one that was never put."""
        if key in self._values:
            return self._values[key]
        if self._file is None or self._decode is None:
            raise KeyError(key)
        if not self._is_sorted:
            self._sort()
        name = _name(key)
        place = bisect_left(self._names, name)
        while place < len(self._names) and self._names[place] == name:
            self._file.seek(self._places[place])
            length = int.from_bytes(self._file.read(8), "big")
            found, content, data = msgspec.msgpack.decode(self._file.read(length))
            if found == key:
                return content, self._decode(data)
            place += 1  # another key of the same name
        raise KeyError(key)

    def _sort(self) -> None:
        names, places = self._names, self._places
        order = sorted(range(len(names)), key=names.__getitem__)
        self._names = array("Q", (names[number] for number in order))
        self._places = array("Q", (places[number] for number in order))
        self._is_sorted = True


def _name(key: str) -> int:
    digest = blake2b(key.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big")
