"""What is in a Word document? Its text in order, with headings, lists, tables and notes."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from docx.opc.constants import RELATIONSHIP_TYPE
from docx.package import Package as WordPackage

from ragflow.documents import Content, Document, ElementKind
from ragflow.interfaces.ingestion import ParseOptions
from ragflow.parsing.blocks import Block, compose
from ragflow.parsing.charts import chart_blocks
from ragflow.parsing.comments import comment_blocks
from ragflow.parsing.formulas import MATH, formula
from ragflow.parsing.packages import Package, Readings, title_and_language
from ragflow.parsing.reasons import Reason, skipped
from ragflow.parsing.spanned_tables import SpannedTable
from ragflow.parsing.word_styles import WORD, Numbering, Standing, Styles, value

_MAIN = b"application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"
#: Documents with macros and templates are read as documents.
_RENAMED = {
    b"application/vnd.ms-word.document.macroEnabled.main+xml": _MAIN,
    b"application/vnd.ms-word.template.macroEnabledTemplate.main+xml": _MAIN,
    b"application/vnd.openxmlformats-officedocument.wordprocessingml.template.main+xml": _MAIN,
}
_COMPATIBLE = "{http://schemas.openxmlformats.org/markup-compatibility/2006}"
_WORD_2010 = "{http://schemas.microsoft.com/office/word/2010/wordml}"
_RELATION = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}"
_CHART = "{http://schemas.openxmlformats.org/drawingml/2006/chart}chart"

#: Lists in lists beyond this depth are set in no further.
_DEEPEST_MARGIN = 8
#: What was deleted, what tells a program what to do, and what is said about text.
_UNSHOWN = frozenset(
    WORD + name
    for name in (
        *("del", "moveFrom", "delText", "instrText", "delInstrText", "pPr", "rPr", "sdtPr"),
        *("footnoteRef", "endnoteRef", "annotationRef", "softHyphen", "fldData", "sectPr"),
    )
)
_SIGNS = {
    f"{WORD}tab": "\t",
    f"{WORD}ptab": "\t",
    f"{WORD}cr": "\n",
    f"{WORD}noBreakHyphen": "-",
}
_NOTES = (
    (f"{WORD}footnote", RELATIONSHIP_TYPE.FOOTNOTES),
    (f"{WORD}endnote", RELATIONSHIP_TYPE.ENDNOTES),
)


class WordParser:
    """Reads Word documents (DOCX), the strict dialect and those with macros too.

    Headings and lists are told by style and numbering; numbers that Word writes by itself are
    in the text. Text boxes follow the paragraph they hang on, footnotes, endnotes and comments
    the body. Headers, footers and tables of contents are marked as such; deleted and hidden
    text is left out. Formulas come as LaTeX, charts as tables, boxes to tick as ``[x]``.
    """

    media_types: tuple[str, ...] = (
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    )

    def parse(self, document: Document, options: ParseOptions) -> Content:
        """Return the text, a paragraph an element."""
        package = Package(document.read())
        file = package.for_office(_RENAMED)
        main: Any = WordPackage.open(file).main_document_part
        reading = _Reading(main)
        composition = compose(_code_joined(reading.blocks()))
        if not composition.elements:
            raise skipped(Reason.NO_TEXT, "there is no text in the Word document")
        title, language = title_and_language(package)
        return Content(
            text=composition.text,
            elements=composition.elements,
            title=title,
            language=language,
        )


class _Found(NamedTuple):
    """What stands in one paragraph."""

    words: list[str]
    #: Formulas that have a line of their own.
    formulas: list[str]
    boxes: list[Any]
    charts: list[str]


class _Reading:
    """What is known of a document while it is read."""

    def __init__(self, main: Any) -> None:
        self._main = main
        #: What the document at hand refers to: that of its body, or of a header.
        self._related = main
        self._readings = Readings()
        self._styles = Styles(main.styles.element)
        numbering = _related(main, RELATIONSHIP_TYPE.NUMBERING)
        self._numbering = Numbering(numbering[0].element if numbering else None)

    def blocks(self) -> Iterator[Block]:
        """Yield headers, the body, the notes under it, remarks on it, and footers."""
        yield from self._aside(RELATIONSHIP_TYPE.HEADER)
        self._related = self._main
        yield from self._inside(self._main.element.find(f"{WORD}body"))
        for tag, kind in _NOTES:
            for part in _related(self._main, kind):
                self._related = part
                for note in self._readings.root(part).findall(tag):
                    if note.get(f"{WORD}type", "normal") == "normal":
                        yield from self._inside(note)
        for part in _related(self._main, RELATIONSHIP_TYPE.COMMENTS):
            yield from comment_blocks(self._readings.root(part), {})
        yield from self._aside(RELATIONSHIP_TYPE.FOOTER)

    def _aside(self, kind: str) -> Iterator[Block]:
        seen = set()
        for part in _related(self._main, kind):
            self._related = part
            for block in self._inside(part.element):
                if block.text.strip() and block.text not in seen:
                    seen.add(block.text)
                    yield Block(text=block.text, kind="header_footer", cells=block.cells)

    def _inside(self, node: Any) -> Iterator[Block]:
        for child in node if node is not None else ():
            if child.tag == f"{WORD}p":
                yield from self._paragraph(child)
            elif child.tag == f"{WORD}tbl":
                yield from self._table(child)
            elif child.tag == f"{WORD}sdt" and _is_table_of_contents(child):
                for block in self._inside(child.find(f"{WORD}sdtContent")):
                    yield Block(text=block.text, kind="header_footer", gap="\n")
            elif child.tag == f"{_COMPATIBLE}AlternateContent":
                yield from self._inside(_chosen(child))
            elif isinstance(child.tag, str) and child.tag not in _UNSHOWN:
                yield from self._inside(child)

    def _paragraph(self, node: Any) -> Iterator[Block]:
        found = _Found([], [], [], [])
        _gather(node, found)
        text = "".join(found.words)
        standing = self._styles.standing(node.find(f"{WORD}pPr"))
        if text.strip():
            yield self._written(text, standing)
        for words in found.formulas:
            yield Block(text=words, kind="formula")
        for box in found.boxes:
            yield from self._inside(box)
        for chart in found.charts:
            part = self._related.related_parts.get(chart)
            if part is not None:
                yield from chart_blocks(self._readings.root(part))

    def _written(self, text: str, standing: Standing) -> Block:
        kind: ElementKind = standing.kind
        level, gap = standing.level, "\n\n"
        if standing.number is not None and kind in ("paragraph", "title"):
            mark = self._numbering.mark(standing.number, standing.depth)
            if kind == "title":
                text = ("" if mark == "- " else mark) + text.strip()
            else:
                kind, level = "list_item", standing.depth + 1
                gap = "\n" + "  " * min(standing.depth, _DEEPEST_MARGIN)
                text = mark + text.strip()
        return Block(text=text, kind=kind, level=level, gap=gap)

    def _table(self, node: Any) -> Iterator[Block]:
        rows = [list(_cells(row)) for row in _children(node, "tr")]
        reaching = _reaching(rows)
        table = SpannedTable()
        for number, row in enumerate(rows):
            table.begin_row()
            for cell in row:
                if cell.goes_on:
                    continue
                table.begin_cell(
                    columns=cell.columns, rows=reaching[number, cell.column], heads=False
                )
                for block in self._inside(cell.node) if cell.node is not None else ():
                    table.write(block)
            table.end_cell()
        yield from table.blocks()


class _Cell(NamedTuple):
    column: int
    columns: int
    #: Whether it is the rest of the one above it.
    goes_on: bool
    #: None for places without a cell.
    node: Any


def _cells(row: Any) -> Iterator[_Cell]:
    column = _span(value(row.find(f"{WORD}trPr"), "gridBefore"), 0)
    if column:
        yield _Cell(0, column, goes_on=False, node=None)
    for node in _children(row, "tc"):
        properties = node.find(f"{WORD}tcPr")
        columns = max(1, _span(value(properties, "gridSpan"), 1))
        merged = None if properties is None else properties.find(f"{WORD}vMerge")
        goes_on = merged is not None and merged.get(f"{WORD}val", "continue") == "continue"
        yield _Cell(column, columns, goes_on, node)
        column += columns


def _span(stated: str | None, otherwise: int) -> int:
    return min(int(stated), 1000) if stated and stated.isdecimal() else otherwise


def _reaching(rows: Sequence[Sequence[_Cell]]) -> dict[tuple[int, int], int]:
    """Return how many rows the cell that begins at a row and column reaches over."""
    reaching: dict[tuple[int, int], int] = {}
    begun: dict[int, tuple[int, int]] = {}
    for number, row in enumerate(rows):
        here = {}
        for cell in row:
            place = begun.get(cell.column) if cell.goes_on else None
            here[cell.column] = place or (number, cell.column)
            reaching[here[cell.column]] = reaching.get(here[cell.column], 0) + 1
        begun = here
    return reaching


def _children(node: Any, name: str) -> Iterator[Any]:
    """Yield the rows or cells in `node`, those in content controls and revisions too."""
    for child in node:
        if child.tag == WORD + name:
            yield child
        elif child.tag in (f"{WORD}sdt", f"{WORD}sdtContent", f"{WORD}customXml", f"{WORD}ins"):
            yield from _children(child, name)


def _gather(node: Any, found: _Found) -> None:
    for child in node:
        tag = child.tag
        if tag == f"{WORD}t":
            found.words.append(child.text or "")
        elif tag in _SIGNS:
            found.words.append(_SIGNS[tag])
        elif tag == f"{WORD}br":
            found.words.append("\n" if child.get(f"{WORD}type", "textWrapping") != "page" else " ")
        elif tag == f"{MATH}oMathPara":
            found.formulas.extend(formula(each) for each in child.iter(f"{MATH}oMath"))
        elif tag == f"{MATH}oMath":
            found.words.append(f"${formula(child)}$")
        elif tag == f"{WORD}txbxContent":
            found.boxes.append(child)
        elif tag == _CHART:
            found.charts.append(child.get(f"{_RELATION}id", ""))
        elif (
            tag == f"{WORD}sdt"
            and (box := child.find(f"{WORD}sdtPr/{_WORD_2010}checkbox")) is not None
        ):
            found.words.append("[x]" if _is_ticked(box) else "[ ]")
        elif tag == f"{_COMPATIBLE}AlternateContent":
            _gather(_chosen(child), found)
        elif isinstance(tag, str) and tag not in _UNSHOWN and not _is_hidden(child):
            _gather(child, found)


def _chosen(node: Any) -> Any:
    """Return which of several ways to say the same is read."""
    choice = node.find(f"{_COMPATIBLE}Choice")
    if choice is None:
        choice = node.find(f"{_COMPATIBLE}Fallback")
    return () if choice is None else choice


def _is_ticked(box: Any) -> bool:
    state = box.find(f"{_WORD_2010}checked")
    return state is not None and state.get(f"{_WORD_2010}val", "1") in ("1", "true", "on")


def _is_hidden(node: Any) -> bool:
    hidden = node.find(f"{WORD}rPr/{WORD}vanish") if node.tag == f"{WORD}r" else None
    return hidden is not None and hidden.get(f"{WORD}val", "1") not in ("0", "false", "off")


def _is_table_of_contents(node: Any) -> bool:
    gallery = node.find(f"{WORD}sdtPr/{WORD}docPartObj/{WORD}docPartGallery")
    return gallery is not None and gallery.get(f"{WORD}val") == "Table of Contents"


def _related(part: Any, kind: str) -> list[Any]:
    return [
        relation.target_part
        for relation in part.rels.values()
        if relation.reltype == kind and not relation.is_external
    ]


def _code_joined(blocks: Iterable[Block]) -> Iterator[Block]:
    """Yield the blocks, with lines of code that follow each other as one."""
    lines: list[str] = []
    for block in blocks:
        if block.kind == "code":
            lines.append(block.text)
            continue
        if lines:
            yield Block(text="\n".join(lines), kind="code")
            lines.clear()
        yield block
    if lines:
        yield Block(text="\n".join(lines), kind="code")
