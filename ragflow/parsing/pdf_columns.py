"""In which order are the lines of a PDF page read, where it has columns?"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from itertools import groupby
from statistics import median
from typing import NamedTuple

from ragflow.parsing.pdf_lines import Line

#: The space between two columns, in points and in parts of the print's height, at least.
_NARROWEST = 6.0
_NARROWEST_PART = 0.7
#: A column has so many lines, of so many characters, and is so many times as broad as the print is
#: high; so large a part of its lines fills so large a part of it.
_FEWEST = 3
_SHORTEST = 12
_BROADEST = 7.0
_FILLED = 0.7
_MOSTLY = 0.4
#: Columns are looked for in columns so often: twice makes four of them.
_DEPTH = 2
#: A line so many times its height above the one before, and right of it, begins another column.
_BACK_UP = 3.0


class _Gap(NamedTuple):
    """The space between two columns."""

    left: float
    right: float


def columns(lines: Sequence[Line], depth: int = _DEPTH) -> Iterator[list[Line]]:
    """Yield runs of lines in reading order; each is a column or goes over all of them.

    The order of the file stands within a run, and where there is only one.
    """
    gap = _gap(lines) if depth and len(lines) >= 2 * _FEWEST else None
    if gap is None:
        yield from _as_written(lines)
        return
    for beside, run in groupby(_banded(lines, gap), key=lambda placed: placed[0]):
        members = [line for _, line in run]
        if beside is None:
            yield from _as_written(members)
        else:
            yield from columns(members, depth - 1)


def _as_written(lines: Sequence[Line]) -> Iterator[list[Line]]:
    """Yield lines that the file has in order, parted where it goes on with another column."""
    run: list[Line] = []
    for line in lines:
        if run:
            above = run[-1]
            if (
                above.baseline - line.baseline > _BACK_UP * line.height
                and line.box[0] > above.box[0] + _BROADEST * line.height
            ):
                yield run
                run = []
        run.append(line)
    if run:
        yield run


def _banded(lines: Sequence[Line], gap: _Gap) -> list[tuple[tuple[int, int] | None, Line]]:
    """Return the lines in reading order, each with its band and side, None for one over both.

    A line over both columns ends the band above it, whose left side comes before its right.
    """
    sides = [_side(line, gap) for line in lines]
    over = sorted({_middle(line) for line, side in zip(lines, sides, strict=True) if not side})
    bands: dict[tuple[int, int], list[Line]] = {}
    for line, side in zip(lines, sides, strict=True):
        place = bisect_left(over, _middle(line))
        bands.setdefault((2 * place + (0 if side else 1), side), []).append(line)
    found: list[tuple[tuple[int, int] | None, Line]] = []
    for band, group in groupby(sorted(bands), key=lambda key: key[0]):
        keys = list(group)
        if len(keys) == 2 and min(len(bands[key]) for key in keys) >= _FEWEST:
            left, right = (bands[key] for key in keys)
            below = _below(left, right) or _below(right, left)
            aside = set(map(id, below))
            found += [
                ((band, key[1]), line)
                for key in keys
                for line in bands[key]
                if id(line) not in aside
            ]
            found += [(None, line) for line in below]
        else:
            members = [line for key in keys for line in bands[key]]
            if len(keys) == 2:
                members.sort(key=lambda line: (round(line.baseline), line.box[0]))
            found += [(None, line) for line in members]
    return found


def _below(one: Sequence[Line], other: Sequence[Line]) -> list[Line]:
    """Return the lines of a column that stand, after a gap, below the level where both end."""
    end = max(line.box[3] for line in other)
    tail = [line for line in one if line.box[1] > end]
    if not tail or len(tail) == len(one):
        return []
    height = median(line.height for line in one)
    last = max(line.box[3] for line in one if line.box[1] <= end)
    gap = min(line.box[1] for line in tail) - max(last, end)
    return tail if gap > height and abs(last - end) < height else []


def _side(line: Line, gap: _Gap) -> int:
    """Return 1 for a line left of the gap, 2 for one right of it, 0 for one over both."""
    if line.box[2] <= gap.left + 0.5:
        return 1
    return 2 if line.box[0] >= gap.right - 0.5 else 0


def _middle(line: Line) -> float:
    return (line.box[1] + line.box[3]) / 2


def _gap(lines: Sequence[Line]) -> _Gap | None:
    """Return the space that parts the page in two columns of prose, None where there is none."""
    height = median(line.height for line in lines)
    least = max(_NARROWEST, _NARROWEST_PART * height)
    lefts = sorted(line.box[0] for line in lines)
    rights = sorted(line.box[2] for line in lines)
    # Of gaps that end at one place, the one that the fewest lines go over.
    candidates: dict[float, tuple[int, _Gap]] = {}
    for before, left in enumerate(rights, start=1):
        if before < len(rights) and rights[before] == left:
            continue
        place = bisect_left(lefts, left)
        after = len(lefts) - place
        if before >= _FEWEST and after >= _FEWEST and lefts[place] - left >= least:
            candidates[lefts[place]] = (min(before, after), _Gap(left, lefts[place]))
    # The best gaps have most lines on their lesser side; a few are enough to look at.
    best = sorted(candidates.values(), reverse=True)[:8]
    return next((gap for _, gap in best if _parts_columns(lines, gap, height)), None)


def _parts_columns(lines: Sequence[Line], gap: _Gap, height: float) -> bool:
    placed = _banded(lines, gap)
    left = [line for key, line in placed if key is not None and key[1] == 1]
    right = [line for key, line in placed if key is not None and key[1] == 2]
    if min(len(left), len(right)) < _FEWEST:
        return False
    # Columns stand side by side.
    if not _beside(left, right):
        return False
    return _is_prose(left, height) and _is_prose(right, height)


def _beside(left: Sequence[Line], right: Sequence[Line]) -> bool:
    top = max(min(line.box[1] for line in left), min(line.box[1] for line in right))
    bottom = min(max(line.box[3] for line in left), max(line.box[3] for line in right))
    return bottom > top


def _is_prose(lines: Sequence[Line], height: float) -> bool:
    """Say whether these are lines of prose that fill a column, not the entries of a list."""
    lefts = sorted(line.box[0] for line in lines)
    rights = sorted(line.box[2] for line in lines)
    # What sticks out is not what a column is as broad as.
    breadth = rights[(len(rights) - 1) * 9 // 10] - lefts[len(lefts) // 10]
    if breadth < _BROADEST * height or median(len(line.text) for line in lines) < _SHORTEST:
        return False
    widths = sorted(line.box[2] - line.box[0] for line in lines)
    filled = len(widths) - bisect_right(widths, _FILLED * breadth)
    return filled >= _MOSTLY * len(widths)
