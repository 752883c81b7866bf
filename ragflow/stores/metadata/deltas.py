"""How is a value written that is largely made of another, as cuts are made of a text?

As copies of stretches of that other value, its *base*, and the bytes between them. A stretch is
looked for near the end of the one before, for cuts come in order; in the base as it is, and in
the base with its white space collapsed, which is what is embedded of wrapped prose.
"""

from collections.abc import Callable

#: Bytes that must agree before a copy is tried.
_SEED = 24
#: Bytes from one place where a stretch is looked for to the next.
_STEP = 8
#: How far behind and ahead of the last copy a stretch is looked for.
_BEHIND, _AHEAD = 2 * 1024, 8 * 1024
#: Places looked at in vain, one after the other, before the steps grow.
_IN_VAIN = 64


def difference(base: bytes, value: bytes) -> bytes:
    """Return what `restored` makes the value of, given the same base."""
    sides = _Side(lambda: base), _Side(lambda: collapsed(base))
    found = bytearray()
    begun = at = misses = 0
    while at + _SEED <= len(value):
        copies = [side.find(value, at, begun) for side in sides]
        number = max((0, 1), key=lambda side: copies[side][2])
        first, start, length = copies[number]
        if not length:
            misses += 1
            at += _STEP * (1 + misses // _IN_VAIN)
            continue
        sides[number].hint = start + length
        _write(found, value[begun:first])
        for each in (2 * start + number, length):
            _write_number(found, each)
        begun = at = first + length
        misses = 0
    _write(found, value[begun:])
    return bytes(found)


def restored(base: bytes, data: bytes) -> bytes:
    """Return the value that `difference` was given; raises `ValueError` for damaged bytes."""
    value = bytearray()
    other: bytes | None = None
    at = 0
    while True:
        size, at = _read_number(data, at)
        value += data[at : at + size]
        at += size
        if at >= len(data):
            return bytes(value)
        place, at = _read_number(data, at)
        length, at = _read_number(data, at)
        start, is_collapsed = divmod(place, 2)
        if is_collapsed and other is None:
            other = collapsed(base)
        value += (other if is_collapsed and other is not None else base)[start : start + length]


def collapsed(data: bytes) -> bytes:
    """Return the bytes with every run of ASCII white space made one space."""
    return b" ".join(data.split())


class _Side:
    """One form of the base, made when it is first looked at."""

    def __init__(self, make: Callable[[], bytes]) -> None:
        self._make = make
        self._data: bytes | None = None
        #: Where the last copy from it ended.
        self.hint = 0

    def find(self, value: bytes, at: int, begun: int) -> tuple[int, int, int]:
        """Return where in the value a copy begins, where in the base, and its length, 0 for none.

        It holds the seed at `at`, and reaches no further back than `begun`.
        """
        if self._data is None:
            self._data = self._make()
        data = self._data
        seed = value[at : at + _SEED]
        found = data.find(seed, max(0, self.hint - _BEHIND), self.hint + _AHEAD)
        if found < 0:
            return 0, 0, 0
        first, start = at, found
        while first > begun and start > 0 and value[first - 1] == data[start - 1]:
            first, start = first - 1, start - 1
        length = at - first + _SEED
        step = _SEED
        while step:
            if value[first + length : first + length + step] == data[
                start + length : start + length + step
            ] and first + length + step <= len(value):
                length += step
                step *= 2
            else:
                step //= 2
        return first, start, length


def _write(found: bytearray, literal: bytes) -> None:
    _write_number(found, len(literal))
    found += literal


def _write_number(found: bytearray, number: int) -> None:
    while number >= 128:
        found.append(number & 127 | 128)
        number >>= 7
    found.append(number)


def _read_number(data: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        if at >= len(data):
            raise ValueError("the bytes end too early")
        byte = data[at]
        at += 1
        number |= (byte & 127) << shift
        if byte < 128:
            return number, at
        shift += 7
