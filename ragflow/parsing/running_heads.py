"""Which lines of a paged document come again on page after page, above or below its text?"""

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ragflow.parsing.pdf_blocks import Distances
from ragflow.parsing.pdf_lines import Line

#: Parts of a page's height at its top and at its bottom in which such lines stand, and how many
#: lines are looked at in either.
_ZONE = 0.25
_DEEPEST = 3
#: In points: lines on two pages are in one place if they are off by less.
_NEAR = 3.0
#: Such a line comes again at most so many pages further on: left and right pages may differ.
_CLOSE = 2
#: Where so many are in one place, whatever else is there is one too.
_SURE = 4
_LARGER = 1.2
#: In the page's usual distance between lines, or in the height of its print: a line that stands no
#: further above text of its size is the first line of that text.
_NO_SPACE = 1.2
_SAME_SIZE = 0.05

_NUMBERS = re.compile(r"\d+|\b[ivxlcdm]+\b", re.IGNORECASE)
_ROMAN = {"i": 1, "v": 5, "x": 10, "l": 50, "c": 100, "d": 500, "m": 1000}


class _Row(NamedTuple):
    """What stands on one height of a page."""

    page: int
    at: float
    height: float
    members: tuple[int, ...]
    words: str
    #: The numbers in it, as they are printed.
    numbers: tuple[str, ...]


class RunningHeads(NamedTuple):
    """Places of lines on one page, from the top and from the bottom of it."""

    above: tuple[tuple[int, ...], ...] = ()
    below: tuple[tuple[int, ...], ...] = ()


def running_heads(
    pages: Sequence[Sequence[Line]], heights: Sequence[float], body: float
) -> Mapping[int, RunningHeads]:
    """Return for each page the lines that only say where in the document it is.

    `heights` are the heights of the pages; `body` is the height of most print: what is larger
    is a title, however often it comes.
    """
    tops: list[_Row] = []
    bottoms: list[_Row] = []
    for page, (lines, height) in enumerate(zip(pages, heights, strict=True)):
        rows = _rows(page, lines, height)
        tops += [row for row in rows if row.at < height * _ZONE][:_DEEPEST]
        below = [row for row in rows if row.at > height * (1 - _ZONE)]
        # Pages differ in height; feet stand where they stand from below.
        bottoms += [row._replace(at=height - row.at) for row in below[: -_DEEPEST - 1 : -1]]
    above, under = _repeated(tops, body), _repeated(bottoms, body)
    found = {}
    for page in above.keys() | under.keys():
        head, foot = _set_off(above.get(page, []), pages[page]), under.get(page, [])
        if len({place for row in head + foot for place in row.members}) == len(pages[page]):
            # Words that stand alone on a page are its text.
            head, foot = ([r for r in rows if not _has_words(r)] for rows in (head, foot))
        taken = {row.members for row in head}
        found[page] = RunningHeads(
            tuple(row.members for row in sorted(head, key=lambda row: row.at)),
            tuple(
                row.members
                for row in sorted(foot, key=lambda row: -row.at)
                if row.members not in taken
            ),
        )
    return found


def _set_off(head: Sequence[_Row], lines: Sequence[Line]) -> list[_Row]:
    """Return the rows above a page's text less those that stand on it without space between."""
    rows = sorted(head, key=lambda row: row.at)
    taken = {place for row in rows for place in row.members}
    text = [line for place, line in enumerate(lines) if place not in taken]
    distances = Distances(text)
    while rows:
        row = rows[-1]
        below = min(
            (line for line in text if line.baseline > row.at + _NEAR),
            key=lambda line: line.baseline,
            default=None,
        )
        if (
            below is None
            or below.table
            or below.baseline - row.at > _NO_SPACE * max(distances.at(row.height), row.height)
        ):
            break
        if abs(below.height - row.height) > _SAME_SIZE * row.height:
            break
        text += (lines[place] for place in rows.pop().members)
    return rows


def _rows(page: int, lines: Sequence[Line], height: float) -> list[_Row]:
    """Return what stands at the top and at the bottom of a page, row by row, from above."""
    outer = sorted(
        (line.baseline, line.box[0], place)
        for place, line in enumerate(lines)
        if line.table is None and not height * _ZONE <= line.baseline <= height * (1 - _ZONE)
    )
    rows: list[list[int]] = []
    at = float("-inf")
    for baseline, _, place in outer:
        if baseline - at > _NEAR:
            rows.append([])
            at = baseline
        rows[-1].append(place)
    found = []
    for members in rows:
        members.sort(key=lambda place: lines[place].box[0])
        text = " ".join(" ".join(lines[place].text.split()) for place in members)
        found.append(
            _Row(
                page,
                max(lines[place].baseline for place in members),
                max(lines[place].height for place in members),
                tuple(members),
                _NUMBERS.sub("#", text).casefold(),
                tuple(_NUMBERS.findall(text)),
            )
        )
    return found


def _repeated(rows: Sequence[_Row], body: float) -> dict[int, list[_Row]]:
    """Return the rows that come again on pages close by, and what stands in their places.

    `rows` are those of each page from without; behind one that is none, there is none.
    """
    alike: dict[str, list[_Row]] = defaultdict(list)
    for row in rows:
        if row.height < _LARGER * body:
            alike[row.words].append(row)
    sure = {
        id(row)
        for group in alike.values()
        for place, row in enumerate(group)
        if any(
            _comes_again(row, group[other])
            for other in range(max(0, place - _CLOSE), min(len(group), place + _CLOSE + 1))
            if other != place
        )
    }
    places = Counter(round(row.at / _NEAR) for row in rows if id(row) in sure)
    sizes = {round(row.height, 1) for row in rows if id(row) in sure}
    outermost: dict[int, float] = {}
    for row in rows:
        outermost[row.page] = min(row.at, outermost.get(row.page, row.at))
    found: dict[int, list[_Row]] = defaultdict(list)
    inner: set[int] = set()
    for row in rows:
        if row.page in inner:
            continue
        here = round(row.at / _NEAR)
        is_usual = sum(places[here + off] for off in (-1, 0, 1)) >= _SURE
        stands_there = row.at == outermost[row.page] and round(row.height, 1) in sizes
        if id(row) in sure or (is_usual and stands_there):
            found[row.page].append(row)
        else:
            inner.add(row.page)
    return found


def _comes_again(row: _Row, other: _Row) -> bool:
    """Say whether two rows of the same words are one head on two pages."""
    further = other.page - row.page
    if not 0 < abs(further) <= _CLOSE or abs(row.at - other.at) > _NEAR:
        return False
    steps = [
        _value(there) - _value(here)
        for here, there in zip(row.numbers, other.numbers, strict=True)
        if here != there
    ]
    if any(step != further for step in steps):
        return False
    # Numbers alone are a head where they count the pages.
    return bool(steps) or _has_words(row)


def _has_words(row: _Row) -> bool:
    return any(map(str.isalpha, row.words))


def _value(number: str) -> int:
    """Return the value of a number in Arabic or Roman figures."""
    if number.isdecimal():
        return int(number[:9])
    values = [_ROMAN[letter] for letter in number[:30].lower()]
    return sum(
        -value if value < max(values[place:]) else value for place, value in enumerate(values)
    )
