"""What is in an OpenDocument text? Its text in order, with headings, lists, tables and notes."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from ragflow.documents import Content, Document, ElementKind
from ragflow.interfaces.ingestion import ParseOptions
from ragflow.parsing.blocks import Block, compose
from ragflow.parsing.packages import Package
from ragflow.parsing.reasons import Reason, skipped
from ragflow.parsing.spanned_tables import SpannedTable

_NAMES = "{urn:oasis:names:tc:opendocument:xmlns:%s:1.0}"
_OFFICE, _TEXT, _TABLE, _STYLE, _DRAW, _SVG, _MANIFEST = (
    _NAMES % name
    for name in ("office", "text", "table", "style", "drawing", "svg-compatible", "manifest")
)
_META = "{http://purl.org/dc/elements/1.1/}"

#: Styles are based on styles; a chain that is longer runs in a circle.
_LONGEST_CHAIN = 20
#: Lists in lists beyond this depth are set in no further.
_DEEPEST_MARGIN = 8
#: A document may claim that a cell, a row or a blank comes a million times.
_MOST_REPEATED = 200
#: What cells that come again and again may add to a document: characters, and one for each cell.
_MOST_ADDED = 1_000_000

_NAMED: dict[str, tuple[ElementKind, int]] = {
    "Title": ("title", 1),
    "Subtitle": ("title", 2),
    "Caption": ("caption", 0),
    "Preformatted_20_Text": ("code", 0),
    "Header": ("header_footer", 0),
    "Footer": ("header_footer", 0),
}
#: What was deleted, what is said about the text, and what a program keeps in it.
_UNSHOWN = frozenset(
    (
        *(f"{_TEXT}tracked-changes", f"{_OFFICE}annotation", f"{_OFFICE}annotation-end"),
        *(
            f"{_OFFICE}forms",
            f"{_TEXT}sequence-decls",
            f"{_TEXT}ruby-text",
            f"{_OFFICE}event-listeners",
        ),
        *(f"{_TEXT}variable-decls", f"{_TEXT}user-field-decls", f"{_TEXT}bibliography-source"),
    )
)
_CONTENTS = frozenset(
    f"{_TEXT}{name}"
    for name in ("table-of-content", "alphabetical-index", "illustration-index", "table-index")
)


class OpenDocumentParser:
    """Reads OpenDocument texts (ODT).

    Headings have the level the document states; text boxes follow the paragraph they hang on,
    footnotes and endnotes the body. Headers, footers and tables of contents are marked as such;
    descriptions of pictures are captions; deleted text, comments and formulas are left out.
    """

    media_types: tuple[str, ...] = ("application/vnd.oasis.opendocument.text",)

    def parse(self, document: Document, options: ParseOptions) -> Content:
        """Return the text, a paragraph an element."""
        package = Package(document.read())
        _refuse_encrypted(package)
        reading = _Reading(package)
        composition = compose(reading.blocks())
        if not composition.elements:
            raise skipped(Reason.NO_TEXT, "there is no text in the OpenDocument text")
        title = language = None
        if "meta.xml" in package:
            stated = package.markup("meta.xml")
            title = " ".join((stated.findtext(f".//{_META}title") or "").split()) or None
            language = (stated.findtext(f".//{_META}language") or "").strip() or None
        return Content(
            text=composition.text,
            elements=composition.elements,
            title=title,
            language=language,
            notes=tuple(reading.notes()),
        )


def _refuse_encrypted(package: Package) -> None:
    name = "META-INF/manifest.xml"
    if name not in package:
        return
    if next(package.markup(name).iter(f"{_MANIFEST}encryption-data"), None) is not None:
        raise skipped(
            Reason.ENCRYPTED,
            "the OpenDocument text is encrypted and cannot be opened without its password",
            hint="save it without the password",
        )


class _Reading:
    """What is known of a document while it is read."""

    def __init__(self, package: Package) -> None:
        self._body = package.markup("content.xml")
        self._usual = package.markup("styles.xml") if "styles.xml" in package else None
        #: For each style of paragraphs the one it is based on.
        self._based_on: dict[str, str | None] = {}
        #: For each style of lists the depths at which items have numbers.
        self._numbered: dict[str, set[int]] = {}
        for root in (self._usual, self._body):
            if root is not None:
                self._take_styles(root)
        self._notes: list[Any] = []
        self._addable = _MOST_ADDED
        self._is_full = False

    def blocks(self) -> Iterator[Block]:
        """Yield headers, the body, the notes under it, and footers."""
        yield from self._aside("header")
        text = self._body.find(f"{_OFFICE}body/{_OFFICE}text")
        if text is not None:
            yield from self._inside(text)
        for note in self._notes:
            yield from self._inside(note)
        yield from self._aside("footer")

    def notes(self) -> Iterator[str]:
        """Yield what was left out, a sentence each."""
        if self._is_full:
            yield "Cells that are said to come again and again were not all repeated."

    def _take_styles(self, root: Any) -> None:
        for style in root.iter(f"{_STYLE}style"):
            name = style.get(f"{_STYLE}name", "")
            self._based_on[name] = style.get(f"{_STYLE}parent-style-name")
        for style in root.iter(f"{_TEXT}list-style"):
            self._numbered[style.get(f"{_STYLE}name", "")] = {
                _number(level.get(f"{_TEXT}level"), 1)
                for level in style.iterfind(f"{_TEXT}list-level-style-number")
            }

    def _aside(self, name: str) -> Iterator[Block]:
        seen = set()
        pages = () if self._usual is None else self._usual.iter(f"{_STYLE}master-page")
        for page in pages:
            for kind in (name, f"{name}-first", f"{name}-left"):
                for aside in page.iterfind(f"{_STYLE}{kind}"):
                    for block in self._inside(aside):
                        if block.text.strip() and block.text not in seen:
                            seen.add(block.text)
                            yield Block(text=block.text, kind="header_footer")

    def _inside(self, node: Any) -> Iterator[Block]:
        for child in node:
            tag = child.tag
            if tag in (f"{_TEXT}p", f"{_TEXT}h"):
                yield from self._paragraph(child)
            elif tag == f"{_TEXT}list":
                yield from self._list(child, style=None, depth=1)
            elif tag == f"{_TABLE}table":
                yield from self._table(child)
            elif tag in _CONTENTS:
                for block in self._inside(child):
                    yield Block(text=block.text, kind="header_footer", gap="\n")
            elif isinstance(tag, str) and tag not in _UNSHOWN:
                yield from self._inside(child)

    def _paragraph(self, node: Any) -> Iterator[Block]:
        found = _Found([], [], [], self._notes)
        _gather(node, found)
        kind, level = self._standing(node)
        yield Block(text="".join(found.words), kind=kind, level=level)
        for caption in dict.fromkeys(found.captions):
            yield Block(text=caption, kind="caption")
        for box in found.boxes:
            yield from self._inside(box)

    def _standing(self, node: Any) -> tuple[ElementKind, int]:
        if node.tag == f"{_TEXT}h":
            return "title", _number(node.get(f"{_TEXT}outline-level"), 1)
        style = node.get(f"{_TEXT}style-name")
        for _ in range(_LONGEST_CHAIN):
            if style in _NAMED:
                return _NAMED[style]
            style = self._based_on.get(style or "")
        return "paragraph", 0

    def _list(self, node: Any, *, style: str | None, depth: int) -> Iterator[Block]:
        style = node.get(f"{_TEXT}style-name") or style
        is_numbered = depth in self._numbered.get(style or "", ())
        margin = "\n" + "  " * min(depth - 1, _DEEPEST_MARGIN)
        count = 0
        for item in node:
            if item.tag not in (f"{_TEXT}list-item", f"{_TEXT}list-header"):
                continue
            mark = ""
            if item.tag == f"{_TEXT}list-item":
                count = _number(item.get(f"{_TEXT}start-value"), count + 1)
                mark = f"{count}. " if is_numbered else "- "
            for child in item:
                if child.tag == f"{_TEXT}list":
                    yield from self._list(child, style=style, depth=depth + 1)
                    continue
                for block in self._inside([child]):
                    if mark and block.kind == "paragraph" and block.text.strip():
                        text = mark + block.text.strip()
                        yield Block(text=text, kind="list_item", level=depth, gap=margin)
                        mark = ""
                    else:
                        yield block

    def _table(self, node: Any) -> Iterator[Block]:
        table = SpannedTable()
        for row in _rows(node):
            cells = [child for child in row if child.tag == f"{_TABLE}table-cell"]
            written = [[*self._inside(cell)] for cell in cells]
            times, columns = self._affordable(row, cells, written)
            for _ in range(times):
                table.begin_row()
                for cell, blocks, across in zip(cells, written, columns, strict=True):
                    for _ in range(across):
                        table.begin_cell(
                            columns=_number(cell.get(f"{_TABLE}number-columns-spanned"), 1),
                            rows=_number(cell.get(f"{_TABLE}number-rows-spanned"), 1),
                            heads=False,
                        )
                        for block in blocks:
                            if block.text.strip():
                                table.write(block)
                table.end_cell()
        yield from table.blocks()

    def _affordable(
        self, row: Any, cells: Sequence[Any], written: Sequence[Sequence[Block]]
    ) -> tuple[int, Sequence[int]]:
        """Return how often a row comes, and each cell in it: once where more would be too much."""
        is_empty = not any(block.text.strip() for blocks in written for block in blocks)
        times = 1 if is_empty else _repeated(row, "rows")
        columns = [_repeated(cell, "columns") for cell in cells]
        added = sum(
            (times * across - 1) * (1 + sum(len(block.text) for block in blocks))
            for across, blocks in zip(columns, written, strict=True)
        )
        if added > self._addable:
            self._is_full = True
            return 1, [1] * len(cells)
        self._addable -= added
        return times, columns


class _Found(NamedTuple):
    """What stands in one paragraph."""

    words: list[str]
    #: What is said of pictures by those who put them there.
    captions: list[str]
    boxes: list[Any]
    notes: list[Any]


def _gather(node: Any, found: _Found) -> None:
    found.words.append(" ".join((node.text or "").split("\n")))
    for child in node:
        tag = child.tag
        if tag == f"{_TEXT}s":
            blanks = min(_number(child.get(f"{_TEXT}c"), 1), _MOST_REPEATED)
            found.words.append(" " * blanks)
        elif tag == f"{_TEXT}tab":
            found.words.append("\t")
        elif tag == f"{_TEXT}line-break":
            found.words.append("\n")
        elif tag == f"{_TEXT}note":
            found.notes.extend(child.iterfind(f"{_TEXT}note-body"))
        elif tag in (f"{_SVG}title", f"{_SVG}desc"):
            found.captions.append(child.text or "")
        elif tag in (f"{_DRAW}text-box", f"{_TABLE}table"):
            found.boxes.append([child] if tag == f"{_TABLE}table" else child)
        elif isinstance(tag, str) and tag not in _UNSHOWN:
            _gather(child, found)
        found.words.append(" ".join((child.tail or "").split("\n")))


def _rows(node: Any) -> Iterator[Any]:
    for child in node:
        if child.tag == f"{_TABLE}table-row":
            yield child
        elif child.tag in (
            *(f"{_TABLE}table-header-rows", f"{_TABLE}table-rows"),
            f"{_TABLE}table-row-group",
        ):
            yield from _rows(child)


def _repeated(node: Any, what: str) -> int:
    return min(_number(node.get(f"{_TABLE}number-{what}-repeated"), 1), _MOST_REPEATED)


def _number(stated: str | None, otherwise: int) -> int:
    return int(stated) if stated and stated.isdecimal() and len(stated) < 8 else otherwise
