"""Which characters of a PDF page make a line, and where does the line stand?"""

import re
from collections.abc import Iterator, Sequence
from statistics import median
from typing import NamedTuple, Protocol

from ragflow.documents import Box
from ragflow.parsing.boxes import around

#: PDFium writes these for a hyphen that divides a word at the end of a line.
_DIVISIONS = frozenset({0x02, 0xFFFE})
_LINE_ENDS = frozenset({0x0A, 0x0D}) | _DIVISIONS
_BLANKS = frozenset({0x09, 0x20, 0xA0})

#: A bullet out of a font of symbols, whose characters have no meaning but their shape.
_BULLET_GLYPH = re.compile("^[\x80-\x9f\uf000-\uf0ff]\\s+(?=\\S)")

#: What stands on one line, in parts of the line's height: baselines closer than the first
#: number; raised or lowered print, whose baseline is off by up to the second and which begins
#: within the third of the end; parts set off by more than the fourth have a blank between them.
_SAME_BASELINE = 0.2
_RAISED = 0.6
_ADJOINING = 0.5
_BLANK = 0.12


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


class Glyphs(Protocol):
    """The characters of a page in reading order and where they stand, from the top left corner."""

    codes: Sequence[int]

    def box(self, start: int, end: int) -> Box | None:
        """Return the box around some characters, or None if they have no place."""

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


def lines_of(glyphs: Glyphs) -> Iterator[Line]:
    """Yield the lines of a page, in reading order, parts that stand side by side as one."""
    whole: Line | None = None
    for part in _parts(glyphs):
        if whole is not None and _goes_on(whole, part):
            whole = _with(whole, part)
        else:
            if whole is not None:
                yield whole
            whole = part
    if whole is not None:
        yield whole


def _parts(glyphs: Glyphs) -> Iterator[Line]:
    codes = glyphs.codes
    start = 0
    for place, code in enumerate((*codes, 0x0A)):
        if code in _LINE_ENDS:
            line = _part(glyphs, start, place, is_divided=code in _DIVISIONS)
            if line is not None:
                yield line
            start = place + 1


def _part(glyphs: Glyphs, start: int, end: int, *, is_divided: bool) -> Line | None:
    seen = [place for place in range(start, end) if glyphs.codes[place] not in _BLANKS]
    box = glyphs.box(start, end) if seen else None
    text = _characters(glyphs.codes[start:end]).strip()
    if box is None or not text:
        return None
    # A bullet or a raised number may open or close the line; most of it is of one print.
    witnesses = (seen[0], seen[len(seen) // 2], seen[-1])
    return Line(
        _BULLET_GLYPH.sub("• ", text),
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
    if line.is_divided or part.box[0] < line.box[2] - line.height * _ADJOINING:
        return False
    off = abs(part.baseline - line.baseline)
    if off <= _SAME_BASELINE * min(line.height, part.height):
        return True
    height = max(line.height, part.height)
    return off <= _RAISED * height and part.box[0] - line.box[2] <= _ADJOINING * height


def _with(line: Line, part: Line) -> Line:
    larger = line if line.height >= part.height else part
    blank = " " if part.box[0] - line.box[2] > _BLANK * larger.height else ""
    return Line(
        line.text + blank + part.text,
        around((line.box, part.box)),
        larger.baseline,
        larger.height,
        part.is_divided,
    )
