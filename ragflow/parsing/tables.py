"""How does a table read as text?"""

from collections.abc import Sequence

Cells = tuple[tuple[str, ...], ...]


def squared(rows: Sequence[Sequence[str]]) -> Cells:
    """Return `rows` made equally long with empty cells, white space in each cell collapsed."""
    width = max(map(len, rows), default=0)
    return tuple(
        tuple(" ".join(cell.split()) for cell in row) + ("",) * (width - len(row)) for row in rows
    )


def as_markdown(cells: Cells) -> str:
    """Return the table as Markdown; its first row is taken for the heads of its columns."""
    lines = [_line(row) for row in cells]
    lines.insert(1, _line(("---",) * len(cells[0])))
    return "\n".join(lines)


def as_rows(cells: Cells) -> str:
    """Return rows of a table as Markdown, without heads: what can be put below others."""
    return "\n".join(map(_line, cells))


def offsets(cells: Cells, *, heads: bool) -> list[list[int]]:
    """Return where each cell begins in the Markdown of the table, with heads or without."""
    found: list[list[int]] = []
    length = 0
    for number, row in enumerate(cells):
        found.append([])
        for cell in row:
            found[-1].append(length + len("| "))
            length += len("| ") + len(_escaped(cell)) + len(" ")
        length += len("|\n")
        if heads and number == 0:
            length += len(_line(("---",) * len(row))) + len("\n")
    return found


def _line(row: Sequence[str]) -> str:
    return "| " + " | ".join(map(_escaped, row)) + " |"


def _escaped(cell: str) -> str:
    return cell.replace("|", "\\|")
