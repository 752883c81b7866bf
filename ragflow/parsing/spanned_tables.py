"""Which tables of a document hold data, and which only arrange things on it?"""

from collections.abc import Iterator

from ragflow.parsing.blocks import Block
from ragflow.parsing.tables import as_markdown, squared

#: A cell with more text than this is a column of a page rather than a fact of a table.
_LONGEST_CELL = 2000

#: A large table has a cell for at least one in so many places of its grid.
_SPARSEST = 4
_SMALL = 10_000


class _Cell:
    __slots__ = ("blocks", "columns", "heads", "rows")

    def __init__(self, *, columns: int, rows: int, heads: bool) -> None:
        self.columns = columns
        self.rows = rows
        self.heads = heads
        self.blocks: list[Block] = []

    @property
    def text(self) -> str:
        return " ".join(block.text for block in self.blocks)


class SpannedTable:
    """A table while it is read: cells row by row, and what stands outside of any cell."""

    def __init__(self, *, arranges: bool = False) -> None:
        self._arranges = arranges
        self._outside: list[Block] = []
        self._rows: list[list[_Cell]] = []
        self._cell: _Cell | None = None

    def begin_row(self) -> None:
        """Go on with the next row."""
        self._rows.append([])
        self._cell = None

    def begin_cell(self, *, columns: int, rows: int, heads: bool) -> None:
        """Go on with the next cell, which covers so many columns and rows."""
        if not self._rows:
            self._rows.append([])
        self._cell = _Cell(columns=columns, rows=rows, heads=heads)
        self._rows[-1].append(self._cell)

    def end_cell(self) -> None:
        """Leave the cell."""
        self._cell = None

    def write(self, block: Block) -> None:
        """Put a block into the cell that is open, else before the table."""
        (self._outside if self._cell is None else self._cell.blocks).append(block)

    def blocks(self) -> Iterator[Block]:
        """Yield what was outside of cells, then one table, or what is in it if it is none."""
        yield from self._outside
        rows = [row for row in self._rows if any(cell.blocks for cell in row)]
        if rows and self._holds_data(rows):
            cells = squared(_spread(self._rows))
            yield Block(text=as_markdown(cells), kind="table", cells=cells)
        else:
            yield from (block for row in rows for cell in row for block in cell.blocks)

    def _holds_data(self, rows: list[list[_Cell]]) -> bool:
        if self._arranges or max(map(len, rows)) < 2:
            return False
        if len(rows) == 1 and not any(cell.heads for cell in rows[0]):
            return False
        cells = sum(map(len, rows))
        if len(rows) * max(map(len, rows)) > _SPARSEST * cells + _SMALL:
            return False
        return not any(
            block.kind in ("table", "title", "code") or len(block.text) > _LONGEST_CELL
            for row in rows
            for cell in row
            for block in cell.blocks
        )


def _spread(rows: list[list[_Cell]]) -> list[list[str]]:
    """Return the texts with an empty one wherever a cell reaches from the left or from above.

    Rows and last columns without any text are left out.
    """
    # A document may claim a million columns; spans count up to twice what some row has of cells.
    limit = 2 * max(map(len, rows))
    reaching: dict[int, int] = {}
    grid = []
    for row in rows:
        texts: list[str] = []
        for cell in row:
            _skip_covered(texts, reaching, limit)
            columns = max(1, min(cell.columns, limit - len(texts)))
            if cell.rows > 1:
                reaching.update(dict.fromkeys(range(len(texts), len(texts) + columns), cell.rows))
            texts += [cell.text] + [""] * (columns - 1)
        reaching = {column: left - 1 for column, left in reaching.items() if left > 1}
        if any(texts):
            grid.append(texts)
    width = max(map(_filled, grid))
    return [texts[:width] for texts in grid]


def _skip_covered(texts: list[str], reaching: dict[int, int], limit: int) -> None:
    while len(texts) < limit and reaching.get(len(texts), 0) > 0:
        texts.append("")


def _filled(texts: list[str]) -> int:
    return max((place + 1 for place, text in enumerate(texts) if text), default=0)
