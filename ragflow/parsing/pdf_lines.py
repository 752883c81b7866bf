"""Which characters of a PDF page make a line, and where does the line stand?"""

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from statistics import median
from typing import NamedTuple, Protocol

from ragflow.documents import Box
from ragflow.parsing.boxes import around
from ragflow.parsing.decoding import cleaned
from ragflow.parsing.tables import Cells

#: PDFium writes these for a hyphen that divides a word at the end of a line.
_DIVISIONS = frozenset({0x02, 0xFFFE})
_LINE_ENDS = frozenset({0x0A, 0x0D}) | _DIVISIONS
_BLANKS = frozenset({0x09, 0x20, 0xA0})

#: A bullet out of a font of symbols, whose characters have no meaning but their shape.
_BULLET_GLYPH = re.compile("^[\x80-\x9f\uf000-\uf0ff] (?=\\S)")

#: What stands on one line, in parts of the line's height: baselines closer than the first
#: number; raised or lowered print, whose baseline is off by up to the second and which begins
#: within the third of the end; parts set off by more than the fourth have a blank between them.
_SAME_BASELINE = 0.2
_RAISED = 0.6
_ADJOINING = 0.5
_BLANK = 0.12
#: A blank that is broader than this may part two columns, so it parts two parts of a line.
_BROAD = 0.9


class Table(NamedTuple):
    """A table that rules draw: its cells, the columns' edges, and where the words stand."""

    cells: Cells
    edges: tuple[float, ...]
    #: Each printed part: row, column, and the box around its words.
    parts: tuple[tuple[int, int, Box], ...]


class Line(NamedTuple):
    """One printed line."""

    text: str
    box: Box
    #: How far below the page's top its letters stand.
    baseline: float
    #: The height of the print, as a measure of its size.
    height: float
    #: Whether its last word goes on in the next line.
    is_divided: bool = False
    #: Where in the text each of its parts begins, and the box around it.
    parts: tuple[tuple[int, Box], ...] = ()
    #: A table stands among lines as if it were one.
    table: Table | None = None


class Glyphs(Protocol):
    """The characters of a page in reading order and where they stand, from the top left corner."""

    codes: Sequence[int]

    def box(self, start: int, end: int) -> Box | None:
        """Return the box around some characters, or None if they have no place."""

    def edges(self, index: int) -> tuple[float, float]:
        """Return where a character begins and ends, from left to right."""

    def height(self, index: int) -> float:
        """Return the height of the line that a character is made for."""

    def baseline(self, index: int) -> float:
        """Return how far below the page's top the line of a character is."""


class Frame:
    """The way from a page's own coordinates to what a reader sees."""

    def __init__(self, box: tuple[float, float, float, float], degrees: int) -> None:
        self._left, self._bottom, self._right, self._top = box
        self._degrees = degrees
        breadth, length = round(self._right - self._left, 2), round(self._top - self._bottom, 2)
        self.size = (length, breadth) if degrees in (90, 270) else (breadth, length)

    def placed(self, left: float, bottom: float, right: float, top: float) -> Box:
        """Return a rectangle as (left, top, right, bottom) from the top left corner."""
        west, east = left - self._left, self._right - right
        south, north = bottom - self._bottom, self._top - top
        breadth, length = right - left, top - bottom
        if self._degrees == 90:
            return south, west, south + length, west + breadth
        if self._degrees == 180:
            return east, south, east + breadth, south + length
        if self._degrees == 270:
            return north, east, north + length, east + breadth
        return west, north, west + breadth, north + length


def parts_of(glyphs: Glyphs, cuts: Sequence[float] = ()) -> Iterator[Line]:
    """Yield the parts of a page's lines, in the order of the file.

    A blank ends a part where it is as broad as the space between columns, or where one of
    `cuts`, which are in order, goes through it.
    """
    codes = glyphs.codes
    start = 0
    for place, code in enumerate((*codes, 0x0A)):
        if code in _LINE_ENDS:
            yield from _run(glyphs, start, place, cuts, is_divided=code in _DIVISIONS)
            start = place + 1


def whole_lines(parts: Iterable[Line]) -> Iterator[Line]:
    """Yield the lines of parts that follow one another; those side by side are one.

    A line has the height and the baseline of the part with most characters: a bullet or an initial
    may be of larger print.
    """
    shape: Line | None = None
    main: Line | None = None
    most = 0
    texts: list[str] = []
    places: list[tuple[int, Box]] = []
    length = 0
    for part in parts:
        text = " ".join(cleaned(part.text).split())
        if part.table is None and not text:
            continue
        if shape is not None and _goes_on(shape, part):
            blank = (
                " " if part.box[0] - shape.box[2] > _BLANK * max(shape.height, part.height) else ""
            )
            larger = shape if shape.height >= part.height else part
            shape = larger._replace(box=around((shape.box, part.box)), is_divided=part.is_divided)
            if len(text) > most:
                main, most = part, len(text)
        else:
            if shape is not None and main is not None:
                yield _whole(shape, main, texts, places)
            shape, texts, places, length, blank = part, [], [], 0, ""
            main, most = part, len(text)
        length += len(blank)
        places.append((length, part.box))
        texts += (blank, text)
        length += len(text)
    if shape is not None and main is not None:
        yield _whole(shape, main, texts, places)


def _whole(
    shape: Line, main: Line, texts: Sequence[str], places: Sequence[tuple[int, Box]]
) -> Line:
    # Both bullets are as long, so all places stay.
    text = _BULLET_GLYPH.sub("• ", "".join(texts))
    return shape._replace(
        text=text, baseline=main.baseline, height=main.height, parts=tuple(places)
    )


def _run(
    glyphs: Glyphs, start: int, end: int, cuts: Sequence[float], *, is_divided: bool
) -> Iterator[Line]:
    codes = glyphs.codes
    seen = [place for place in range(start, end) if codes[place] not in _BLANKS]
    if not seen:
        return
    first, size = seen[0], 0.0
    for here, following in pairwise(seen):
        if following == here + 1:
            continue
        size = size or glyphs.height(seen[len(seen) // 2])
        left, right = glyphs.edges(here)[1], glyphs.edges(following)[0]
        if right - left > _BROAD * size or (
            cuts and bisect_left(cuts, left) != bisect_left(cuts, right)
        ):
            yield from _part(glyphs, first, here + 1, is_divided=False)
            first = following
    yield from _part(glyphs, first, seen[-1] + 1, is_divided=is_divided)


def _part(glyphs: Glyphs, start: int, end: int, *, is_divided: bool) -> Iterator[Line]:
    box = glyphs.box(start, end)
    text = _characters(glyphs.codes[start:end]).strip()
    if box is None or not text:
        return
    # A bullet or a raised number may open or close the line; most of it is of one print.
    seen = [place for place in range(start, end) if glyphs.codes[place] not in _BLANKS]
    witnesses = (seen[0], seen[len(seen) // 2], seen[-1])
    yield Line(
        text,
        box,
        median(map(glyphs.baseline, witnesses)),
        median(map(glyphs.height, witnesses)),
        is_divided,
    )


def _characters(codes: Sequence[int]) -> str:
    text = "".join(map(chr, codes))
    if any(0xD800 <= code < 0xE000 for code in codes):
        text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "ignore")
    return text.replace("\xa0", " ")


def _goes_on(line: Line, part: Line) -> bool:
    """Say whether `part` stands on the same line, further right."""
    if line.table or part.table or line.is_divided:
        return False
    if part.box[0] < line.box[2] - line.height * _ADJOINING:
        return False
    off = abs(part.baseline - line.baseline)
    if off <= _SAME_BASELINE * min(line.height, part.height):
        return True
    height = max(line.height, part.height)
    return off <= _RAISED * height and part.box[0] - line.box[2] <= _ADJOINING * height
