"""Which lines of a PDF page belong together, and which of them are headings?"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from statistics import median

from ragflow.parsing.blocks import Block
from ragflow.parsing.boxes import around, rounded
from ragflow.parsing.pdf_lines import Line

#: In parts of the print's height, or of the page's usual distance between lines: a line further
#: below the one before begins a paragraph, as does print of another size, a line that is set in,
#: and one after a line that ends so much short of the others.
_FARTHER = 1.3
_OTHER_SIZE = 0.15
_SET_IN = 0.8
_SET_IN_AT_MOST = 4.0
_SHORT = 0.75

#: Print so much larger than most of a document is a heading, if it is as short as one.
_LARGER = 1.2
_LONGEST_HEADING = 150
_MOST_LINES = 3
#: Sizes of print that differ by less are one.
_STEP = 0.5
_DEEPEST = 6

_BULLET = re.compile(r"[•▪◦‣●○■□∙⁃–—-]\s+\S")
_SENTENCE_END = (".", "!", "?", ":", ";", "。", "！", "？")
_NUMBERING = re.compile(
    r"^\s*(?:(?:chapter|section|part|kapitel|abschnitt|teil)\s+)?"
    r"(?:[\dIVXLC]+|[A-Z])(?:[.\d]*[.)]|\.\d+[.\d]*)?\s+(?=\S)",
    re.IGNORECASE,
)


class Headings:
    """What in a document is a heading: by its outline, else by the size of the print."""

    def __init__(
        self, pages: Sequence[Sequence[Line]], outline: Mapping[int, Mapping[str, int]]
    ) -> None:
        """Take the lines of every page and, for each page, the levels of its titles by `key`."""
        self._outline = outline
        weights: Counter[float] = Counter()
        for lines in pages:
            for line in lines:
                weights[_step(line.height)] += len(line.text)
        body = max(weights, key=lambda height: (weights[height], -height), default=0.0)
        larger = sorted(
            (height for height in weights if height >= body * _LARGER > 0), reverse=True
        )
        self._levels = {height: min(rank, _DEEPEST) for rank, height in enumerate(larger, start=1)}
        listed = sum(map(len, outline.values()))
        printed = sum(
            len(titles.keys() & {key(line.text) for line in pages[page]})
            for page, titles in outline.items()
            if page < len(pages)
        )
        if listed and printed * 2 >= listed:
            # An outline that names what is printed knows better than any measure.
            self._levels = {}

    def level(self, page: int, lines: Sequence[Line]) -> int:
        """Return the level of the heading that these lines are, 0 if they are none."""
        text = " ".join(line.text for line in lines)
        if len(text) > _LONGEST_HEADING or len(lines) > _MOST_LINES:
            return 0
        listed = self._outline.get(page, {}).get(key(text))
        if listed is not None:
            return listed
        if text.endswith(_SENTENCE_END) or sum(map(str.isalpha, text)) < 3:
            return 0
        return self._levels.get(_step(lines[0].height), 0)

    def names(self, page: int, line: Line) -> bool:
        """Say whether the line is a title that the outline has for the page."""
        return key(line.text) in self._outline.get(page, ())


def key(title: str) -> str:
    """Return what is the same in a title wherever it is printed: its letters, unnumbered."""
    return "".join(filter(str.isalnum, _NUMBERING.sub("", title).casefold()))


def blocks_of(page: int, lines: Sequence[Line], headings: Headings) -> tuple[Block, ...]:
    """Return the paragraphs and headings of a page."""
    return tuple(_block(page, group, headings) for group in _groups(page, lines, headings))


def _groups(page: int, lines: Sequence[Line], headings: Headings) -> Iterator[list[Line]]:
    distance = _usual_distance(lines)
    group: list[Line] = []
    for place, line in enumerate(lines):
        following = lines[place + 1] if place + 1 < len(lines) else None
        if group and (
            headings.names(page, line)
            or headings.names(page, group[-1])
            or _begins(group, line, following, distance)
        ):
            yield group
            group = []
        group.append(line)
    if group:
        yield group


def _usual_distance(lines: Sequence[Line]) -> float:
    distances = [
        below.baseline - above.baseline
        for above, below in pairwise(lines)
        if 0.5 * below.height < below.baseline - above.baseline < 2.5 * below.height
    ]
    return median(distances) if distances else 0.0


def _begins(group: Sequence[Line], line: Line, following: Line | None, distance: float) -> bool:
    above = group[-1]
    height = max(line.height, above.height)
    if above.is_divided:
        return False
    if _BULLET.match(line.text):
        return True
    step = line.baseline - above.baseline
    if step <= 0 or step > _FARTHER * max(distance, above.height):
        return True
    if abs(line.height - above.height) > _OTHER_SIZE * height:
        return True
    return _is_set_in(group, line, following) or _ends_short(group)


def _is_set_in(group: Sequence[Line], line: Line, following: Line | None) -> bool:
    """Say whether the line alone begins further right, as the first of a paragraph does."""
    above = group[-1]
    if following is None or _BULLET.match(group[0].text):
        return False
    inset = line.box[0] - above.box[0]
    if not _SET_IN * line.height < inset < _SET_IN_AT_MOST * line.height:
        return False
    back = following.box[0] - above.box[0]
    return len(group) > 1 and abs(back) < _SET_IN * line.height / 2


def _ends_short(group: Sequence[Line]) -> bool:
    """Say whether the last line ends a sentence well before the others end."""
    above = group[-1]
    if len(group) < 2 or not above.text.endswith(_SENTENCE_END):
        return False
    left = min(line.box[0] for line in group)
    right = max(line.box[2] for line in group)
    return above.box[2] - left < _SHORT * (right - left)


def _block(page: int, lines: Sequence[Line], headings: Headings) -> Block:
    text = lines[0].text
    for above, line in pairwise(lines):
        text += line.text if above.is_divided else "\n" + line.text
    boxes = (rounded(around(line.box for line in lines)),)
    level = headings.level(page, lines)
    if level:
        return Block(text=" ".join(text.split()), kind="title", level=level, boxes=boxes)
    if _BULLET.match(text):
        return Block(text=text, kind="list_item", level=1, gap="\n", boxes=boxes)
    return Block(text=text, boxes=boxes)


def _step(height: float) -> float:
    return round(height / _STEP) * _STEP
