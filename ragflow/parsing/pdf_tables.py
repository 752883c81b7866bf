"""Which words of a PDF page stand in a table that rules draw, and in which cell?"""

from bisect import bisect_right
from collections.abc import Collection, Iterator, Sequence
from itertools import islice, pairwise

from ragflow.parsing.boxes import around
from ragflow.parsing.hyphens import Hyphens
from ragflow.parsing.pdf_lines import Line, Table, whole_lines
from ragflow.parsing.pdf_rules import Rule, Rules
from ragflow.parsing.tables import squared

#: In points: rules that end so near to another meet it; edges of columns that are off by less
#: are the same on two pages.
_NEAR = 3.0
#: The rules at the top and at the bottom are so long a part of what is between the sides.
_WHOLE = 0.9
#: A grid in which fewer of the places hold words is a drawing, and so is one with more places.
_FULLEST = 0.4
#: Rules that are less far apart are one.
_DOUBLE = 8.0
#: A table with more than this part of its cells scattered is one, too.
_SCATTERED = 0.25
_MOST_TABLES = 20
_MOST_CELLS = 20_000


def with_tables(lines: Sequence[Line], rules: Rules, hyphens: Hyphens) -> list[Line]:
    """Return the parts of a page's lines with each table in the place of the first in it."""
    if len(rules.across) < 2 or len(rules.down) < 2:
        return list(lines)
    grids = list(islice(_grids(rules), _MOST_TABLES))
    inside: dict[int, list[Line]] = {}
    where = []
    for line in lines:
        left, top, right, bottom = line.box
        x, y = (left + right) / 2, (top + bottom) / 2
        found = next(
            (
                number
                for number, (xs, ys) in enumerate(grids)
                if xs[0] - _NEAR <= x <= xs[-1] + _NEAR and ys[0] - _NEAR <= y <= ys[-1] + _NEAR
            ),
            None,
        )
        where.append(found)
        if found is not None:
            inside.setdefault(found, []).append(line)
    tables = {number: _table(within, *grids[number], hyphens) for number, within in inside.items()}
    result = []
    for line, found in zip(lines, where, strict=True):
        table = None if found is None else tables[found]
        if table is None:
            result.append(line)
        elif found in inside:
            del inside[found]
            result.append(table)
    return result


def goes_on(above: Table, below: Table) -> bool:
    """Say whether one table has the columns of the other, as it has on the next page."""
    return len(above.edges) == len(below.edges) and all(
        abs(one - other) <= _NEAR for one, other in zip(above.edges, below.edges, strict=True)
    )


def rest(above: Table, below: Table) -> Table:
    """Return the table that goes on, without the heads of its columns where they come again."""
    if below.cells[0] != above.cells[0] or len(below.cells) == 1:
        return below
    parts = tuple((row - 1, column, box) for row, column, box in below.parts if row)
    return below._replace(cells=below.cells[1:], parts=parts)


def _grids(rules: Rules) -> Iterator[tuple[list[float], list[float]]]:
    """Yield the edges of columns and of rows for rules that meet, directly or by others."""
    nets: list[tuple[list[Rule], list[Rule]]] = []
    across, down = list(rules.across), list(rules.down)
    while across:
        net: tuple[list[Rule], list[Rule]] = ([across.pop()], [])
        waiting = [(net[0][0], True)]
        while waiting:
            rule, is_across = waiting.pop()
            others = down if is_across else across
            met: list[Rule] = []
            apart: list[Rule] = []
            for other in others:
                (met if _meet(rule, other) else apart).append(other)
            others[:] = apart
            net[1 if is_across else 0].extend(met)
            waiting.extend((each, not is_across) for each in met)
        nets.append(net)
    for level, upright in nets:
        xs = _places([*(rule.at for rule in upright), *_ends(level)])
        ys = _places([*(rule.at for rule in level), *_ends(upright)])
        if (
            len(xs) >= 3
            and len(ys) >= 3
            and (len(xs) - 1) * (len(ys) - 1) <= _MOST_CELLS
            and all(_ruled(level, y) >= _WHOLE * (xs[-1] - xs[0]) for y in (ys[0], ys[-1]))
        ):
            yield xs, ys


def _ends(rules: Sequence[Rule]) -> tuple[float, ...]:
    """Return where rules begin and end: a table may have none at its sides."""
    return (min(r.start for r in rules), max(r.end for r in rules)) if rules else ()


def _ruled(rules: Sequence[Rule], at: float) -> float:
    return sum(rule.end - rule.start for rule in rules if abs(rule.at - at) <= _NEAR)


def _meet(one: Rule, other: Rule) -> bool:
    return (
        one.start - _NEAR <= other.at <= one.end + _NEAR
        and other.start - _NEAR <= one.at <= other.end + _NEAR
    )


def _places(edges: Sequence[float]) -> list[float]:
    found: list[float] = []
    for at in sorted(edges):
        if not found or at - found[-1] > _NEAR:
            found.append(at)
    return found


def _table(
    lines: Sequence[Line], xs: list[float], ys: list[float], hyphens: Hyphens
) -> Line | None:
    places: dict[tuple[int, int], list[Line]] = {}
    for line in lines:
        left, top, right, bottom = line.box
        # What is wider than its column belongs where it begins.
        x = min((left + right) / 2, left + 2 * _NEAR)
        row = _between(ys, (top + bottom) / 2)
        places.setdefault((row, _between(xs, x)), []).append(line)
    # Two rules side by side have no row or column between them, but a column may be empty.
    taken = {column for _, column in places}
    wide = (place for place in range(len(xs) - 1) if xs[place + 1] - xs[place] > _DOUBLE)
    columns = {column: place for place, column in enumerate(sorted(taken.union(wide)))}
    rows = {row: place for place, row in enumerate(sorted({row for row, _ in places}))}
    if min(len(rows), len(taken)) < 2 or not _is_filled(places.values(), len(rows) * len(taken)):
        return None
    grid = [[""] * len(columns) for _ in rows]
    parts = []
    for (row, column), within in sorted(places.items()):
        whole = list(whole_lines(sorted(within, key=lambda line: (round(line.baseline), line.box))))
        grid[rows[row]][columns[column]] = hyphens.joined(whole, " ")
        parts += [(rows[row], columns[column], each.box) for each in whole]
    table = Table(squared(grid), tuple(round(x, 1) for x in xs), tuple(parts))
    box = around([(xs[0], ys[0], xs[-1], ys[-1]), *(line.box for line in lines)])
    return Line("", box, box[3], box[3] - box[1], table=table)


def _is_filled(cells: Collection[Sequence[Line]], places: int) -> bool:
    """Say whether cells with words are what a table has in so many places, not a drawing."""
    told = sum(any(any(map(str.isalnum, line.text)) for line in cell) for cell in cells)
    scattered = sum(map(_is_scattered, cells))
    count = len(cells)
    return count >= _FULLEST * places and told * 2 > count and scattered <= _SCATTERED * count


def _is_scattered(lines: Sequence[Line]) -> bool:
    """Say whether words stand apart on one line, as they do at the axes of a drawing."""
    ordered = sorted(lines, key=lambda line: (round(line.baseline), line.box[0]))
    return any(
        round(one.baseline) == round(other.baseline) and other.box[0] - one.box[2] > one.height
        for one, other in pairwise(ordered)
    )


def _between(edges: list[float], position: float) -> int:
    return min(max(bisect_right(edges, position) - 1, 0), len(edges) - 2)
