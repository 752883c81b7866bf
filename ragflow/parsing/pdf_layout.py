"""What is on the pages of a PDF, in the order in which people read it?"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from ragflow.parsing.blocks import Block
from ragflow.parsing.hyphens import Hyphens
from ragflow.parsing.pdf_blocks import Headings, block_of, goes_over, groups_of, head_of
from ragflow.parsing.pdf_columns import columns
from ragflow.parsing.pdf_file import PageFacts
from ragflow.parsing.pdf_lines import Line, whole_lines
from ragflow.parsing.pdf_tables import rest, with_tables
from ragflow.parsing.running_heads import RunningHeads, running_heads


class _Group(NamedTuple):
    """The lines of a paragraph, a heading, a list item or a table."""

    page: int
    lines: list[Line]
    #: The level of the heading that it is, else 0.
    level: int
    #: Where the lines of its column end.
    right: float
    #: Whether a column begins and ends with it.
    is_first: bool
    is_last: bool


def laid_out(
    pages: Sequence[PageFacts],
    outline: Mapping[int, Mapping[str, int]],
    apart: Collection[int] = (),
) -> list[tuple[Block, ...]]:
    """Return the blocks of every page in reading order.

    `outline` gives for each page the levels of its titles; see `Headings`. What runs above and
    below the text of pages is kept beside the text, and steps aside from a paragraph or a table
    that goes on over the page: before where that begins, and after where it ends. One that has a
    whole page with such lines to itself ends there, so that they have a place. Nothing goes on to
    or from pages that are to stand `apart`.
    """
    hyphens = Hyphens(line for page in pages for line in page.lines)
    parts = [with_tables(page.lines, page.rules, hyphens) for page in pages]
    heads = running_heads(parts, [page.size[1] for page in pages], _body(parts))
    runs = [_runs(lines, heads.get(number, RunningHeads())) for number, lines in enumerate(parts)]
    headings = Headings([[line for run in page for line in run] for page in runs], outline)
    groups = [
        group
        for number, page in enumerate(runs)
        for run in page
        for group in _groups(number, run, headings)
    ]
    bodies = _joined(groups, hyphens, len(pages), apart=apart, headed=heads.keys())
    return [
        _page(body, parts[number], heads.get(number, RunningHeads()), bodies[number + 1 :][:1])
        for number, body in enumerate(bodies)
    ]


def _body(pages: Sequence[Sequence[Line]]) -> float:
    """Return the height of most print."""
    weights: Counter[float] = Counter()
    for lines in pages:
        for line in lines:
            weights[round(line.height, 1)] += len(line.text)
    return max(weights, key=lambda height: (weights[height], -height), default=0.0)


def _runs(lines: Sequence[Line], heads: RunningHeads) -> list[list[Line]]:
    """Return the whole lines of each column of a page, less what runs above and below."""
    aside = {place for row in heads.above + heads.below for place in row}
    body = [line for place, line in enumerate(lines) if place not in aside]
    return [run for column in columns(body) if (run := list(whole_lines(column)))]


def _groups(page: int, run: Sequence[Line], headings: Headings) -> list[_Group]:
    right = max(line.box[2] for line in run)
    found = list(groups_of(page, run, headings))
    last = len(found) - 1
    return [
        _Group(page, lines, headings.level(page, lines), right, place == 0, place == last)
        for place, lines in enumerate(found)
    ]


def _joined(
    groups: list[_Group],
    hyphens: Hyphens,
    count: int,
    *,
    apart: Collection[int],
    headed: Collection[int],
) -> list[list[Block]]:
    """Return the blocks of each page; one that is the rest of another has a joint.

    `headed` are the pages with lines that need a place beside them.
    """
    bodies: list[list[Block]] = [[] for _ in range(count)]
    joint: str | None = None
    for place, group in enumerate(groups):
        following = groups[place + 1] if place + 1 < len(groups) else None
        goes_on = following is not None and _goes_on(group, following, apart)
        if goes_on and following is not None and following.page != group.page in headed:
            # What is nothing but the rest of an earlier page leaves no place before it.
            rests = (joint, *(block.joint for block in bodies[group.page]))
            goes_on = None in rests
        if goes_on and following is not None and (above := group.lines[0].table):
            below = following.lines[0].table
            if below is not None:
                line = following.lines[0]._replace(table=rest(above, below))
                groups[place + 1] = following._replace(lines=[line])
        block, glue = block_of(
            group.lines,
            hyphens,
            level=group.level,
            joint=joint,
            below=following.lines[0] if goes_on and following is not None else None,
        )
        bodies[group.page].append(block)
        joint = glue if goes_on else None
    return bodies


def _goes_on(above: _Group, below: _Group, apart: Collection[int]) -> bool:
    if above.page != below.page and (above.page in apart or below.page in apart):
        return False
    if not (above.is_last and below.is_first) or below.page - above.page > 1:
        return False
    return goes_over(
        above.lines, below.lines, above.right, titles=above.level > 0 or below.level > 0
    )


def _page(
    body: list[Block], lines: Sequence[Line], heads: RunningHeads, following: list[list[Block]]
) -> tuple[Block, ...]:
    """Return what is on a page, with what runs above and below it where it disturbs nothing."""
    above = [head_of(_row(lines, row)) for row in heads.above]
    below = [head_of(_row(lines, row)) for row in heads.below]
    if not above and not below:
        return tuple(body)
    goes_on = bool(body and following and following[0] and following[0][0].joint is not None)
    rest_of_it = 0
    while rest_of_it < len(body) and body[rest_of_it].joint is not None:
        rest_of_it += 1
    last = len(body)
    if goes_on:
        last -= 1
        while body[last].joint is not None:
            last -= 1
    return (*body[:rest_of_it], *above, *body[rest_of_it:last], *below, *body[last:])


def _row(lines: Sequence[Line], places: Sequence[int]) -> list[Line]:
    return list(whole_lines(lines[place] for place in places))
