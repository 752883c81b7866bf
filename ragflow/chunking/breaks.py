"""Where may a text be cut, and which of several places is the best?

A place counts by its rank, a paragraph's begin before a sentence's end or a line's before a
word's before a token's, and among equals by a hash of the words around it. Neither knows what
stands further away: whatever is edited there, the best of these places is the best still.
"""

import zlib
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from itertools import chain

from ragflow.chunking.collapsed import Collapsed
from ragflow.chunking.sentences import sentence_ends
from ragflow.chunking.tokens import Ruler

#: How many words on each side of a place its hash sees, and how far they may reach.
_WORDS = 4
_FAR = 48
#: The same in characters, inside of a word and where there are no blanks.
_NEAR = 12


class Places:
    """Places of one rank in a text, each with its hash."""

    def __init__(self, positions: Sequence[int], hashed: Callable[[int], int]) -> None:
        self._positions = positions
        self._hashed = hashed
        self._hashes: list[int] | None = None

    def best(self, low: int, high: int, middle: int) -> int | None:
        """Return the place from `low` to `high` that has the highest hash, None if there is none.

        Of equals, which are many where a text repeats itself, the nearest to `middle`: so the
        pieces of a text without an end of the same words are of about the same length.
        """
        first, last = bisect_left(self._positions, low), bisect_right(self._positions, high)
        if first >= last:
            return None
        if self._hashes is None:
            self._hashes = [self._hashed(position) for position in self._positions]
        found = self._hashes[first:last]
        highest = max(found)
        if found.count(highest) == 1:
            return self._positions[first + found.index(highest)]
        equals = (self._positions[first + n] for n, each in enumerate(found) if each == highest)
        return min(equals, key=lambda position: abs(position - middle))


class Breaks:
    """The places of one section, by rank."""

    def __init__(self, of: Collapsed, paragraphs: Sequence[int], ruler: Ruler) -> None:
        text = of.text
        self._text = text
        #: Where paragraphs, list items, tables … begin.
        self.paragraphs = Places(paragraphs, self._around)
        #: Where sentences of prose and lines of tables and code begin.
        self.units = Places(sorted(chain(_sentences(of), _lines(of))), self._around)
        #: Where words begin.
        self.words = Places(of.words(), self._around)
        #: Where tokens begin.
        self.tokens = Places(ruler.marks, self._close)

    def _around(self, position: int) -> int:
        before = self._text[max(position - _FAR, 0) : position].split()[-_WORDS:]
        after = self._text[position : position + _FAR].split()[:_WORDS]
        return _hash(" ".join([*before, "", *after]))

    def _close(self, position: int) -> int:
        return _hash(self._text[max(position - _NEAR, 0) : position + _NEAR])


def _hash(text: str) -> int:
    return zlib.crc32(text.encode("utf-8", "surrogatepass"))


def _sentences(of: Collapsed) -> Iterator[int]:
    reached = 0
    for first, last in [*of.lined, (len(of.text), 0)]:
        for end in sentence_ends(of.text, reached, first):
            begin = end + of.text[end].isspace() if end < first else first
            if begin < first:
                yield begin
        reached = last


def _lines(of: Collapsed) -> Iterator[int]:
    for first, last in of.lined:
        line = of.text.find("\n", first, last)
        while line >= 0:
            begin = line + 1
            while begin < last and of.text[begin].isspace():
                begin += 1
            yield begin
            line = of.text.find("\n", begin, last)
