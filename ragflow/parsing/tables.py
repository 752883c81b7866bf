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


def _line(row: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |"
