"""Which lines of a PDF page belong together, and which of them are headings?"""

import math
import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise, zip_longest
from statistics import median

from ragflow.documents import Box, ElementKind
from ragflow.parsing.blocks import PARAGRAPH_GAP, Block
from ragflow.parsing.boxes import rounded
from ragflow.parsing.hyphens import Hyphens, shown
from ragflow.parsing.pdf_lines import Line, Table
from ragflow.parsing.pdf_tables import goes_on as continues
from ragflow.parsing.tables import as_markdown, as_rows
from ragflow.parsing.tables import offsets as offsets_of

#: In parts of the print's height, or of the page's usual distance between lines: a line further
#: below the one before begins a paragraph, as does print of another size, a line that is set in,
#: and one after a line that ends so much short of the others.
_FARTHER = 1.3
_OTHER_SIZE = 0.15
_SET_IN = 0.8
_SET_IN_AT_MOST = 4.0
_SHORT = 0.75
#: As broad as the paragraph is what so many of its last lines are.
_NEAR_LINES = 40
#: A line ends where its column does if less of the column's breadth is left free.
_FULL = 0.04

#: Print so much larger than most of a document is a heading, if it is as short as one.
_LARGER = 1.2
_LONGEST_HEADING = 150
_MOST_LINES = 3
#: Sizes of print that differ by less are one.
_STEP = 0.5
_DEEPEST = 6

_BULLET = re.compile(r"[•▪◦‣●○■□∙⁃–—-]\s+\S")
_CAPTION = re.compile(r"(?:fig|tab|abb|figure|table|tabelle|abbildung)\b\.?\s*\d", re.IGNORECASE)
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
                if line.table is None:
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


def groups_of(page: int, lines: Sequence[Line], headings: Headings) -> Iterator[list[Line]]:
    """Yield the lines of each paragraph, heading, list item and table of a page's column."""
    distances = Distances(lines)
    group: list[Line] = []
    for place, line in enumerate(lines):
        following = lines[place + 1] if place + 1 < len(lines) else None
        if group and (
            headings.names(page, line)
            or headings.names(page, group[-1])
            or _begins(group, line, following, distances.at(line.height))
        ):
            yield group
            group = []
        group.append(line)
    if group:
        yield group


class Distances:
    """How far below one another the lines of a column mostly stand, by the height of the print."""

    def __init__(self, lines: Sequence[Line]) -> None:
        """Take the lines in reading order."""
        pairs = [
            (above, below, below.baseline - above.baseline)
            for above, below in pairwise(lines)
            if 0.5 * below.height < below.baseline - above.baseline < 2.5 * below.height
        ]
        #: Where two lines are of one print: its height and the distance.
        self._steps = sorted(
            (below.height, step)
            for above, below, step in pairs
            if abs(below.height - above.height) <= _OTHER_SIZE * below.height
        )
        self._all = median(step for *_, step in pairs) if pairs else 0.0
        self._usual: dict[float, float] = {}

    def at(self, height: float) -> float:
        """Return what is usual in print of about a height, or in all where that is not known.

        0.0 where no line stands below another.
        """
        height = _step(height)
        if height not in self._usual:
            first = bisect_left(self._steps, (height * (1 - _OTHER_SIZE), 0.0))
            last = bisect_left(self._steps, (height * (1 + _OTHER_SIZE), math.inf))
            near = [step for _, step in self._steps[first:last]]
            self._usual[height] = median(near) if near else self._all
        return self._usual[height]


def _begins(group: Sequence[Line], line: Line, following: Line | None, distance: float) -> bool:
    above = group[-1]
    height = max(line.height, above.height)
    if above.table or line.table:
        return True
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
    near = group[-_NEAR_LINES:]
    left = min(line.box[0] for line in near)
    right = max(line.box[2] for line in near)
    return above.box[2] - left < _SHORT * (right - left)


def goes_over(above: Sequence[Line], below: Sequence[Line], right: float, *, titles: bool) -> bool:
    """Say whether a paragraph goes on at the top of the next column, or of the next page.

    `right` is where the lines of the column end; `titles` says that either is a heading.
    """
    last, first = above[-1], below[0]
    if last.table or first.table:
        return bool(last.table and first.table and continues(last.table, first.table))
    height = max(last.height, first.height)
    if titles or abs(last.height - first.height) > _OTHER_SIZE * height:
        return False
    if last.is_divided:
        return True
    if _BULLET.match(first.text) or _CAPTION.match(first.text):
        return False
    if last.text.rstrip("\"'”“’»«)]").endswith(_SENTENCE_END):
        return False
    if first.text[:1].islower():
        return True
    is_set_in = len(below) > 1 and first.box[0] - below[1].box[0] > _SET_IN * first.height
    is_full = len(above) > 1 and right - last.box[2] < _FULL * (right - last.box[0])
    return is_full and first.text[:1].isalpha() and not is_set_in


def block_of(
    lines: Sequence[Line],
    hyphens: Hyphens,
    *,
    level: int,
    joint: str | None = None,
    below: Line | None = None,
) -> tuple[Block, str]:
    """Return what the lines say as a block, and what stands between it and what goes on from it.

    `level` is that of the heading that they are, `below` the line with which the block goes on.
    """
    if lines[0].table:
        return _table(lines[0].table, joint), "\n"
    between = " " if level else "\n"
    text, glue = "", ""
    boxes: list[Box] = []
    offsets: list[int] = []
    for line, following in zip_longest(lines, [*lines[1:], *([below] if below else [])]):
        text += glue
        offsets += [len(text) + offset for offset, _ in line.parts]
        boxes += [rounded(box) for _, box in line.parts]
        words, glue = hyphens.glue(line, following, between) if following else (shown(line), "")
        text += words
    kind: ElementKind = "paragraph"
    gap = PARAGRAPH_GAP
    if level:
        kind = "title"
    elif _BULLET.match(text):
        kind, gap, level = "list_item", "\n", 1
    block = Block(
        text=text,
        kind=kind,
        level=level,
        gap=gap,
        boxes=tuple(boxes),
        offsets=tuple(offsets),
        joint=joint,
    )
    return block, glue


def head_of(rows: Sequence[Line]) -> Block:
    """Return a line above or below the text of a page as a block."""
    text = ""
    boxes: list[Box] = []
    offsets: list[int] = []
    for line in rows:
        text += " " if text else ""
        offsets += [len(text) + offset for offset, _ in line.parts]
        boxes += [rounded(box) for _, box in line.parts]
        text += shown(line)
    return Block(text=text, kind="header_footer", boxes=tuple(boxes), offsets=tuple(offsets))


def _table(table: Table, joint: str | None) -> Block:
    places = offsets_of(table.cells, heads=joint is None)
    return Block(
        text=as_rows(table.cells) if joint is not None else as_markdown(table.cells),
        kind="table",
        cells=table.cells,
        boxes=tuple(rounded(box) for _, _, box in table.parts),
        offsets=tuple(places[row][column] for row, column, _ in table.parts),
        joint=joint,
    )


def _step(height: float) -> float:
    return round(height / _STEP) * _STEP
