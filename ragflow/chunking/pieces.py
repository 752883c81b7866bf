"""Into which pieces is a section cut that is too long for one chunk?

A piece that is too long is cut in two at the best place far enough from its ends, and so on:

    |  -    =   - -  =  -   -    =   -  |     places, by rank
    |       =                           |     the best of all is where it is cut first
    |       =        =                  |     then the best of each side that is too long
    |       =        =           =      |

Which place is best depends on the words around it alone. So an edit changes the piece it falls
in, and makes another choice only where a chosen place was edited itself, or where a piece
became too long, too short, or just short enough. Further away the same places are the best of
the same pieces, in whatever order they are found.
"""

from collections.abc import Iterator

from ragflow.chunking.breaks import Breaks, Places
from ragflow.chunking.collapsed import Collapsed
from ragflow.chunking.headings import Section, trim
from ragflow.chunking.tokens import Ruler, fits
from ragflow.interfaces.ingestion import Tokenizer

#: Each side of a cut keeps this share of a chunk's size, where there is a place for it: the
#: more, the better chunks are filled, and the fewer places there are to choose from.
_SHARE = 0.4
#: A piece of at most so many sizes is cut in two that both fit, where there is a place for it.
_TWO = 1.8

#: Characters of a token, at least, in nearly all text: what has fewer is likely to fit.
_LIKELY = 4

_Window = tuple[int, int]


def pieces(
    of: Collapsed,
    section: Section,
    source: str,
    *,
    tokenizer: Tokenizer,
    size: int,
    minimum: int,
) -> Iterator[tuple[int, int]]:
    """Yield the spans of ``of.text`` that are chunks, in order.

    `source` is the text that the section is of. A heading stays with the beginning of what it
    stands above. See `cut` for the guarantees.
    """
    text = of.text
    if len(text) <= _LIKELY * size and fits(text, tokenizer=tokenizer, size=size):
        yield 0, len(text)
        return
    ruler = Ruler(text, tokenizer=tokenizer)
    breaks = Breaks(of, [of.place(each) for each in section.paragraphs(source)], ruler)
    body = of.place(section.body)
    chooser = _Chooser(breaks, ruler, size=size, minimum=minimum, body=body)
    waiting = [(0, len(text))]
    while waiting:
        start, end = waiting.pop()
        if end - start == 1 or ruler.fits(start, end, size):
            yield start, end
            continue
        place = chooser.best(start, end)
        sides = trim(text, place, end), trim(text, start, place)
        waiting.extend(side for side in sides if side is not None)


class _Chooser:
    def __init__(self, breaks: Breaks, ruler: Ruler, *, size: int, minimum: int, body: int) -> None:
        self._breaks = breaks
        self._ruler = ruler
        self._size = size
        self._minimum = minimum
        self._body = body

    def best(self, start: int, end: int) -> int:
        """Return where to cut a piece; more than its start and less than its end."""
        middle = self._ruler.after(start, self._ruler.tokens(start, end) // 2)
        for places, (low, high) in self._tries(start, end):
            found = places.best(low, high, middle)
            if found is not None:
                return found
        return (start + end) // 2

    def _tries(self, start: int, end: int) -> Iterator[tuple[Places, _Window]]:
        """Yield ranks of places with where to look for them, the best first."""
        breaks = self._breaks
        filled, least = self._windows(start, end)
        for window in (filled, least):
            yield breaks.paragraphs, window
            yield breaks.units, window
        for window in (filled, least):
            yield breaks.words, window
        # Headings with something below them, as long as that can be.
        below = self._floor(start, end), end - 1
        for window in (filled, least, below, (start + 1, end - 1)):
            yield breaks.tokens, window

    def _windows(self, start: int, end: int) -> tuple[_Window, _Window]:
        """Return where a cut leaves well-filled chunks, and where at least the minimum."""
        ruler, size = self._ruler, self._size
        total = ruler.tokens(start, end)
        half = (total - 1) // 2
        floor = self._floor(start, end)

        def leaving(tokens: int) -> _Window:
            low, high = ruler.after(start, tokens), ruler.before(end, tokens)
            return max(low, floor), min(high, end - 1)

        low, high = leaving(min(max(self._minimum, int(size * _SHARE)), half))
        if total <= _TWO * size:
            low, high = max(low, ruler.before(end, size)), min(high, ruler.after(start, size))
        return (low, high), leaving(min(self._minimum, half))

    def _floor(self, start: int, end: int) -> int:
        return (self._body if start < self._body < end - 1 else start) + 1
