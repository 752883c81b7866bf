"""What is in an Excel workbook? Sheet by sheet, each stretch of filled cells as a table."""

import datetime
import re
import threading
import warnings
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

import openpyxl

from ragflow.documents import Content, Document
from ragflow.interfaces.ingestion import ParseOptions
from ragflow.parsing.blocks import Block, compose
from ragflow.parsing.charts import chart_caption
from ragflow.parsing.comments import comment_blocks, people_of
from ragflow.parsing.packages import Package, title_and_language
from ragflow.parsing.reasons import Reason, skipped
from ragflow.parsing.tables import as_markdown, squared

#: Sheets are read as a stream, so that there may be more markup than in other documents.
_MOST_MARKUP = 64 * 1024 * 1024
#: The most filled cells that are read of a workbook, and places looked at for them.
_MOST_CELLS = 400_000
_MOST_PLACES = 4_000_000
#: The most characters of them: many cells may share one long text.
_MOST_CHARACTERS = 16_000_000
#: A large table has a cell for at least one in so many places of its grid.
_SPARSEST = 4
_SMALL = 10_000
#: Stretches in stretches beyond this depth are not taken apart.
_DEEPEST = 20

#: What a workbook with macros or a template is read as.
_MAIN = b"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"
_RENAMED = {
    b"application/vnd.ms-excel.sheet.macroEnabled.main+xml": _MAIN,
    b"application/vnd.openxmlformats-officedocument.spreadsheetml.template.main+xml": _MAIN,
}
#: Python keeps which warnings are shown once for all threads.
_ONE_AT_A_TIME = threading.Lock()

_CHART = re.compile(r"xl/charts/chart\d*\.xml")
_COMMENTS = re.compile(r"xl/(?:threadedComments/threadedComment|comments/?(?:comment)?)\d*\.xml")

#: The filled cells of a row, by column.
Row = Mapping[int, str]


class WorkbookParser:
    """Reads Excel workbooks (XLSX): the values that cells show, never formulas.

    The name of a sheet is a heading. An empty row parts tables, and so do two empty columns.
    Comments and the titles of charts come after all sheets. Hidden sheets and formats of
    numbers are left out.
    """

    media_types: tuple[str, ...] = (
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    )

    def parse(self, document: Document, options: ParseOptions) -> Content:
        """Return the text of all sheets, a table an element."""
        package = Package(document.read(), most_markup=_MOST_MARKUP)
        file = package.for_office(_RENAMED)
        reading = _Reading()
        with _ONE_AT_A_TIME, warnings.catch_warnings():
            # About extensions of the format that only change how cells look.
            warnings.simplefilter("ignore")
            book = openpyxl.load_workbook(file, read_only=True, data_only=True, keep_links=False)
            sheets = [(sheet.title, reading.rows(sheet)) for sheet in book.worksheets]
        composition = compose(chain(_of_sheets(sheets), _beside_cells(package)))
        if not composition.elements:
            raise skipped(Reason.NO_TEXT, "there is nothing in the cells of the workbook")
        title, language = title_and_language(package)
        return Content(
            text=composition.text,
            elements=composition.elements,
            title=title,
            language=language,
            notes=tuple(reading.notes()),
        )


def _of_sheets(sheets: Iterable[tuple[str, Sequence[tuple[int, Row]]]]) -> Iterator[Block]:
    """Yield the name of each sheet and what is in it; nothing for one without values."""
    for title, rows in sheets:
        if rows:
            yield Block(text=title, kind="title", level=1)
        for stretch in _stretches(rows, depth=0):
            yield _block(stretch)


def _beside_cells(package: Package) -> Iterator[Block]:
    """Yield comments, and what charts are called; what charts show is in the cells."""
    parts = sorted(package.parts, key=_in_order)
    for name in parts:
        if _CHART.fullmatch(name):
            yield from chart_caption(package.markup(name))
    people = people_of(package.markup(name) for name in parts if name.startswith("xl/persons/"))
    for name in parts:
        if _COMMENTS.fullmatch(name):
            yield from comment_blocks(package.markup(name), people)


def _in_order(name: str) -> tuple[int, str]:
    return len(name), name


class _Reading:
    """How much of a workbook has been read."""

    def __init__(self) -> None:
        self._hidden: list[str] = []
        self._cells = 0
        self._places = 0
        self._characters = 0

    def rows(self, sheet: Any) -> Sequence[tuple[int, Row]]:
        """Return the rows of a sheet that have values; none of one that is hidden."""
        if sheet.sheet_state != "visible":
            self._hidden.append(sheet.title)
            return ()
        return list(self._rows(sheet))

    def notes(self) -> Iterator[str]:
        """Yield what was left out, a sentence each."""
        if self._hidden:
            yield f"Hidden sheets were not read: {', '.join(self._hidden)}."
        if self._is_full():
            yield f"Only about the first {self._cells} cells were read."

    def _is_full(self) -> bool:
        return (
            self._cells >= _MOST_CELLS
            or self._places >= _MOST_PLACES
            or self._characters >= _MOST_CHARACTERS
        )

    def _rows(self, sheet: Any) -> Iterator[tuple[int, Row]]:
        # What a sheet says of its size may be a million rows more than it has.
        sheet.reset_dimensions()
        for number, values in enumerate(sheet.iter_rows(values_only=True)):
            row = {}
            for place, value in enumerate(values):
                shown = _shown(value)
                if shown and self._characters < _MOST_CHARACTERS:
                    row[place] = shown
                    self._characters += len(shown)
            self._cells += len(row)
            self._places += 1 + len(values)
            if row:
                yield number, row
            if self._is_full():
                return


def _shown(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if isinstance(value, datetime.datetime) and value.time() == datetime.time():
        return str(value.date())
    return str(value).strip()


def _stretches(
    rows: Sequence[tuple[int, Row]], *, depth: int
) -> Iterator[Sequence[tuple[int, Row]]]:
    """Yield the stretches of cells that empty rows and columns set apart."""
    if not rows:
        return
    bands = _runs([number for number, _ in rows], reach=1)
    # One empty column is how people set columns of a table apart.
    columns = _runs(sorted({column for _, row in rows for column in row}), reach=2)
    if (len(bands) == 1 and len(columns) == 1) or depth == _DEEPEST:
        yield rows
    elif len(bands) > 1:
        place = 0
        for first, last in bands:
            begin = place
            while place < len(rows) and first <= rows[place][0] <= last:
                place += 1
            yield from _stretches(rows[begin:place], depth=depth + 1)
    else:
        for part in _parted(rows, [first for first, _ in columns]):
            yield from _stretches(part, depth=depth + 1)


def _parted(
    rows: Sequence[tuple[int, Row]], firsts: Sequence[int]
) -> Sequence[Sequence[tuple[int, Row]]]:
    """Return the rows parted before each of these columns, without rows that have nothing."""
    parts: list[list[tuple[int, Row]]] = [[] for _ in firsts]
    for number, row in rows:
        cells: dict[int, dict[int, str]] = {}
        for column, text in row.items():
            cells.setdefault(bisect_right(firsts, column) - 1, {})[column] = text
        for place, part in cells.items():
            parts[place].append((number, part))
    return parts


def _runs(numbers: Sequence[int], *, reach: int) -> list[tuple[int, int]]:
    """Return the first and last of each run of numbers, none farther than `reach` from the next."""
    runs: list[tuple[int, int]] = []
    for number in numbers:
        if runs and number <= runs[-1][1] + reach:
            runs[-1] = (runs[-1][0], number)
        else:
            runs.append((number, number))
    return runs


def _block(rows: Sequence[tuple[int, Row]]) -> Block:
    columns = sorted({column for _, row in rows for column in row})
    filled = sum(len(row) for _, row in rows)
    if (
        len(columns) == 1
        or len(rows) == 1
        or len(rows) * len(columns) > _SPARSEST * filled + _SMALL
    ):
        # One cell, row or column, or a scatter of cells that has no grid.
        lines = (" ".join(row[column] for column in sorted(row)) for _, row in rows)
        return Block(text="\n".join(lines))
    cells = squared([[row.get(column, "") for column in columns] for _, row in rows])
    return Block(text=as_markdown(cells), kind="table", cells=cells)
