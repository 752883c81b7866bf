"""How does a table become lines of text that read well with and without a terminal?

Own and small: a table is aligned columns, so it needs neither colour nor the tenth of a second
that a library for it takes to import.
"""

import unicodedata
from collections.abc import Iterator, Sequence

import msgspec

_GAP = "  "
#: Columns of a terminal below which wrapping helps nobody.
_NARROWEST = 20


class Table(msgspec.Struct, frozen=True):
    """Rows of text under headings; headings that are all empty are not shown."""

    headings: Sequence[str]
    rows: Sequence[Sequence[str]]
    #: Headings of the columns that hold numbers, which are aligned on the right.
    numbers: frozenset[str] = frozenset()


def render(table: Table, *, width: int | None = None) -> str:
    """Return the table as lines; with a width the last column is wrapped to it.

    Without a width, as for a pipe or a file, a row is one line whatever its length.
    """
    rows = [[printable(cell) for cell in row] for row in table.rows]
    widths = [
        max(_width(text) for text in column) for column in zip(table.headings, *rows, strict=True)
    ]
    room = None if width is None else width - sum(widths[:-1]) - len(_GAP) * (len(widths) - 1)
    lines = []
    for row in [list(table.headings), *rows] if any(table.headings) else rows:
        last = [row[-1]] if room is None else wrap(row[-1], max(room, _NARROWEST))
        for number, text in enumerate(last):
            cells = [*(row[:-1] if not number else [""] * (len(row) - 1)), text]
            placed = [
                _place(cell, size, right=heading in table.numbers)
                for cell, size, heading in zip(cells, widths, table.headings, strict=True)
            ]
            lines.append(_GAP.join(placed).rstrip())
    return "\n".join(lines)


def pairs(facts: Sequence[tuple[str, str]]) -> Table:
    """Return names with their values, without headings."""
    return Table(("", ""), facts)


def lines_of(text: str) -> str:
    """Return a text of several lines, as a traceback, with nothing else that drives a terminal."""
    return "\n".join(printable(line) for line in text.expandtabs().splitlines())


def wrap(text: str, width: int) -> list[str]:
    """Cut a text into lines of at most `width` columns, between words where it can."""
    if _width(text) <= width:
        return [text]
    lines, line = [], ""
    for word in _pieces(text, width):
        joined = f"{line} {word}" if line else word
        if _width(joined) > width and line:
            lines.append(line)
            line = word
        else:
            line = joined
    return [*lines, line]


def _pieces(text: str, width: int) -> Iterator[str]:
    for word in text.split():
        piece = ""
        for letter in word:
            if _width(piece) + _width(letter) > width:
                yield piece
                piece = ""
            piece += letter
        yield piece


def printable(text: str) -> str:
    """Return the text with control characters spelled out, so that no name drives a terminal."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _place(text: str, width: int, *, right: bool) -> str:
    padding = " " * (width - _width(text))
    return padding + text if right else text + padding


def _width(text: str) -> int:
    """Return the columns a terminal needs for the text."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1
        for c in text
    )
