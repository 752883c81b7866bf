"""What is in a file of delimited values? A table, where its rows make one."""

import csv
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from ragflow.documents import Content, Document
from ragflow.interfaces.ingestion import ParseOptions
from ragflow.parsing.blocks import Block, compose
from ragflow.parsing.decoding import cleaned, decode
from ragflow.parsing.plain_text import PlainTextParser
from ragflow.parsing.tables import as_markdown, squared

_DELIMITERS = {"text/csv": ",;\t|", "text/tab-separated-values": "\t,;|"}
#: How much of a file is looked at to find out what delimits its values.
_SAMPLE_LINES = 200
#: So many rows at least have as many values as most of them.
_MOST_AGREE = 0.6
#: The most places in the grid of a table.
_MOST_PLACES = 2_000_000


class DelimitedParser:
    """Reads CSV and TSV as a table, whatever delimits the values in it.

    Its first row is taken for the heads of its columns. A file whose rows make no table (one
    column, rows that differ, more than two million values) is read as text.
    """

    media_types: tuple[str, ...] = ("text/csv", "text/tab-separated-values")

    def parse(self, document: Document, options: ParseOptions) -> Content:
        """Return one table, or the text as it is."""
        decoded = decode(document.read())
        rows = _rows(cleaned(decoded.text), _DELIMITERS[document.media_type])
        if rows is None:
            return PlainTextParser().parse(document, options)
        cells = squared(rows)
        composition = compose([Block(text=as_markdown(cells), kind="table", cells=cells)])
        return Content(text=composition.text, elements=composition.elements, notes=decoded.notes)


def _rows(text: str, delimiters: str) -> list[list[str]] | None:
    """Return the rows of a table, None where the text is none."""
    try:
        sample = {each: _split(islice(_lines(text), _SAMPLE_LINES), each) for each in delimiters}
        fitness = {each: _fitness(rows or ()) for each, rows in sample.items()}
        # Of those that fit as well as each other, the first.
        delimiter = max(fitness, key=lambda each: fitness[each])
        return None if fitness[delimiter] == (0.0, 0) else _split(_lines(text), delimiter)
    except csv.Error:
        # A value beyond all measure: a quotation mark that is never closed.
        return None


def _lines(text: str) -> Iterator[str]:
    """Yield the lines one at a time: a copy of all would take several times as much memory."""
    start = 0
    while start < len(text):
        end = text.find("\n", start) + 1 or len(text)
        yield text[start:end]
        start = end


def _split(lines: Iterable[str], delimiter: str) -> list[list[str]] | None:
    """Return the rows that are not empty, None where their grid has too many places."""
    rows = []
    width = 0
    for row in csv.reader(lines, delimiter=delimiter, skipinitialspace=True):
        if any(value.strip() for value in row):
            rows.append(row)
            width = max(width, len(row))
            if len(rows) * width > _MOST_PLACES:
                return None
    return rows


def _fitness(rows: Sequence[Sequence[str]]) -> tuple[float, int]:
    """Return how large a part of the rows agrees on their width, and on which."""
    if not rows:
        return 0.0, 0
    (width, agreeing), *_ = sorted(
        Counter(map(len, rows)).items(), key=lambda counted: (-counted[1], -counted[0])
    )
    share = agreeing / len(rows)
    return (share, width) if width > 1 and share >= _MOST_AGREE else (0.0, 0)
