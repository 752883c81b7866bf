"""What does an RTF document say? Its text and tables; RTF has no headings."""

import re
from collections.abc import Iterator

from striprtf.striprtf import rtf_to_text

from ragflow.documents import Content, Document
from ragflow.interfaces.ingestion import ParseOptions
from ragflow.parsing.blocks import Block, compose
from ragflow.parsing.reasons import Reason, skipped
from ragflow.parsing.tables import as_markdown, squared

#: Pictures apart. More would take minutes.
_MOST_BYTES = 24 * 1024 * 1024
#: Pictures are digits without end; the library looks at each.
_PICTURE = re.compile(rb"(?:[0-9a-fA-F]{60,}+\s{1,2}+){4,}+|[0-9a-fA-F]{1000,}+")
#: What the library ends each cell of a table with.
_CELL_END = "|"


class RichTextParser:
    """Reads RTF: its paragraphs, and rows of cells as tables.

    Pictures and what is embedded are left out.
    """

    media_types: tuple[str, ...] = ("application/rtf",)

    def parse(self, document: Document, options: ParseOptions) -> Content:
        """Return the text, a paragraph an element."""
        data = _PICTURE.sub(b" ", document.read())
        if len(data) > _MOST_BYTES:
            raise skipped(
                Reason.TOO_LARGE,
                f"the RTF document has more than the {_MOST_BYTES >> 20} MiB of text that are read",
            )
        # RTF is ASCII; what is beyond it is written as escapes, of which the library knows the
        # code page.
        source = data.decode("latin-1")
        text: str = rtf_to_text(source, encoding="cp1252", errors="replace")  # type: ignore[no-untyped-call]
        composition = compose(_blocks(text))
        if not composition.elements:
            raise skipped(Reason.NO_TEXT, "there is no text in the RTF document")
        return Content(text=composition.text, elements=composition.elements)


def _blocks(text: str) -> Iterator[Block]:
    rows: list[list[str]] = []
    for line in text.split("\n"):
        if line.rstrip().endswith(_CELL_END):
            rows.append(line.rstrip()[: -len(_CELL_END)].split(_CELL_END))
            continue
        yield from _table(rows)
        rows.clear()
        yield Block(text=line)
    yield from _table(rows)


def _table(rows: list[list[str]]) -> Iterator[Block]:
    if max(map(len, rows), default=0) > 1:
        cells = squared(rows)
        yield Block(text=as_markdown(cells), kind="table", cells=cells)
    else:
        for row in rows:
            yield Block(text=" ".join(row))
