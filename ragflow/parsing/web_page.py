"""What does an HTML page show? Its text in reading order, with headings, lists and tables.

The page is read as a stream of tags, never as a tree, so that no nesting is too deep for it.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

from lxml import etree

from ragflow.documents import Content, Document, ElementKind
from ragflow.interfaces.ingestion import ParseOptions
from ragflow.parsing.blocks import Block, compose
from ragflow.parsing.decoding import cleaned, decode
from ragflow.parsing.reasons import Reason, skipped
from ragflow.parsing.spanned_tables import SpannedTable

#: How far into a page a declaration of its encoding is looked for.
_DECLARATION_REACH = 4096
_CHARSET = re.compile(
    rb"""<meta[^>]+?charset\s*=\s*["']?\s*([\w.:-]+)|<\?xml[^>]+?encoding\s*=\s*["']([\w.:-]+)""",
    re.IGNORECASE,
)
_COMMENT = re.compile(rb"<!--.*?-->", re.DOTALL)

#: Never shown, or shown as something other than text.
_UNSHOWN = frozenset(
    "script style noscript template iframe object embed applet canvas"  # noqa: SIM905 - words
    " audio video svg annotation annotation-xml datalist select textarea map".split()
)
_BLOCKS = frozenset(
    "address article aside blockquote body caption center dd details"  # noqa: SIM905 - words
    " dialog dir div dl dt fieldset figcaption figure footer form h1 h2 h3 h4 h5 h6 header"
    " hgroup hr html legend li listing main menu nav ol optgroup option p plaintext pre"
    " search section summary table tbody td tfoot th thead tr ul xmp".split()
)
_PREFORMATTED = frozenset({"pre", "listing", "xmp", "plaintext"})
_KINDS: dict[str, tuple[ElementKind, int]] = {
    **{f"h{level}": ("title", level) for level in range(1, 7)},
    **dict.fromkeys(("caption", "figcaption"), ("caption", 0)),
    **dict.fromkeys(_PREFORMATTED, ("code", 0)),
    **dict.fromkeys(("dt", "dd"), ("list_item", 1)),
    **dict.fromkeys(("li", "td", "th"), ("paragraph", 0)),
}
#: Tables in tables beyond this depth are part of the one around them.
_DEEPEST_TABLE = 16
#: Lists in lists beyond this depth are set in no further.
_DEEPEST_MARGIN = 8
_LISTS = frozenset({"ul", "ol", "menu", "dir"})
_BODY = frozenset({"main", "article", "section"})
_HIDING_STYLE = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
_SPACE = re.compile(r"[ \t\n\r\f\xa0]+")
_SPACE_RUN = re.compile(r" {2,}")
_AROUND_BREAK = re.compile(r" *\n *")
#: Shown only where a word is divided, if at all.
_INVISIBLE = dict.fromkeys(map(ord, "\u00ad\u200b\u2060"))


class WebPageParser:
    """Reads HTML as a browser without a screen would: visible text only, in reading order.

    Scripts, styles, hidden parts and navigation are left out (navigation stays if there is
    nothing else); what stands in a page's header or footer is marked as such. A table with
    more than one column becomes a Markdown table, one that only arranges things does not.
    """

    media_types: tuple[str, ...] = ("text/html", "application/xhtml+xml")

    def parse(self, document: Document, options: ParseOptions) -> Content:
        """Return the visible text, a block an element."""
        page = shown(document.read())
        composition = compose(page.blocks)
        if not composition.elements:
            raise skipped(Reason.NO_TEXT, "the HTML page shows no text")
        return Content(
            text=composition.text,
            elements=composition.elements,
            title=page.title,
            language=page.language,
            notes=page.notes,
        )


class WebPage(NamedTuple):
    """What a page shows, and what it says about itself."""

    blocks: Sequence[Block]
    title: str | None
    language: str | None
    notes: tuple[str, ...]


def shown(data: bytes, *, declared: str | None = None) -> WebPage:
    """Return what a page shows; `declared` is the encoding that what it came in states."""
    decoded = decode(data, declared=declared or _declared_encoding(data))
    text = cleaned(decoded.text)
    page = _read(text, navigation=False)
    if not page.blocks:
        page = _read(text, navigation=True)
    return WebPage(page.blocks, page.title, page.language, decoded.notes)


def _declared_encoding(data: bytes) -> str | None:
    found = _CHARSET.search(_COMMENT.sub(b"", data[:_DECLARATION_REACH]))
    return (found[1] or found[2]).decode("ascii") if found else None


def _read(text: str, *, navigation: bool) -> "_Page":
    page = _Page(navigation=navigation)
    # The declared encoding is no longer true of these bytes, so the parser is told.
    parser = etree.HTMLParser(target=page, encoding="utf-8")
    if text.strip():
        parser.feed(text.encode())
        parser.close()
    return page


_NO_ATTRIBUTES: dict[str, str] = {}


class _Open(NamedTuple):
    """A tag that has not been closed yet, and what it changed."""

    tag: str
    kind: ElementKind
    level: int
    language: str | None


class _Page:
    """The target of the parser: is told of each tag and text in turn and keeps blocks."""

    def __init__(self, *, navigation: bool) -> None:
        self.blocks: list[Block] = []
        self.title: str | None = None
        self.language: str | None = None
        self._navigation = navigation
        #: How many open tags hide what is in them; the first of them hid it.
        self._hidden = 0
        self._open = [_Open("", "paragraph", 0, None)]
        self._parts: list[str] = []
        self._title_parts: list[str] | None = None
        #: For each open list the number of its next item, None where they have no numbers.
        self._lists: list[int | None] = []
        self._mark: str | None = None
        self._tables: list[SpannedTable] = []
        self._table_depth = 0
        self._aside = 0
        self._in_body = 0
        self._preformatted = 0

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        """Take in an opening tag."""
        if self._hidden:
            self._hidden += 1
            return
        # What the parser hands over is slow to look into, and mostly empty.
        attributes = dict(attributes) if attributes else _NO_ATTRIBUTES
        if tag in _UNSHOWN or self._is_hidden(tag, attributes):
            self._hidden = 1
            return
        if tag == "title" and self.title is None:
            self._title_parts = []
        outer = self._open[-1]
        language = attributes.get("lang") or attributes.get("xml:lang")
        if tag == "html":
            self.language, language = language or self.language, None
        if tag in _BLOCKS:
            self._flush()
            self._enter(tag, attributes)
        elif tag == "br":
            self._parts.append("\n")
        elif tag == "meta":
            self._take_meta(attributes)
        kind, level = _KINDS.get(tag, (outer.kind, outer.level))
        self._open.append(_Open(tag, kind, level, language or outer.language))

    def end(self, tag: str) -> None:
        """Take in a closing tag; the parser closes what the page forgot to close."""
        if self._hidden:
            self._hidden -= 1
            return
        if tag == "title" and self._title_parts is not None:
            self.title = " ".join("".join(self._title_parts).split()) or None
            self._title_parts = None
        if tag in _BLOCKS:
            self._flush()
            self._leave(tag)
        if len(self._open) > 1:
            self._open.pop()

    def data(self, text: str) -> None:
        """Take in text between two tags."""
        if self._title_parts is not None:
            self._title_parts.append(text)
        elif not self._hidden:
            self._parts.append(text if self._preformatted else _SPACE.sub(" ", text))

    def close(self) -> None:
        """Take in the end of the page."""
        self._flush()
        while self._tables:
            self._leave_table()

    def _is_hidden(self, tag: str, attributes: dict[str, str]) -> bool:
        if not self._navigation and (tag == "nav" or attributes.get("role") == "navigation"):
            return True
        return "hidden" in attributes or bool(_HIDING_STYLE.search(attributes.get("style", "")))

    def _take_meta(self, attributes: dict[str, str]) -> None:
        if attributes.get("http-equiv", "").lower() == "content-language":
            self.language = self.language or attributes.get("content") or None

    def _enter(self, tag: str, attributes: dict[str, str]) -> None:
        if tag in _LISTS:
            self._lists.append(_number(attributes.get("start"), 1) if tag == "ol" else None)
        elif tag == "li":
            self._mark = self._next_mark(attributes)
        elif tag == "table":
            self._table_depth += 1
            if self._table_depth <= _DEEPEST_TABLE:
                arranges = attributes.get("role") in ("presentation", "none")
                self._tables.append(SpannedTable(arranges=arranges))
        elif tag == "tr" and self._tables:
            self._tables[-1].begin_row()
        elif tag in ("td", "th") and self._tables:
            self._tables[-1].begin_cell(
                columns=_number(attributes.get("colspan"), 1),
                rows=_number(attributes.get("rowspan"), 1),
                heads=tag == "th",
            )
        elif tag in _BODY:
            self._in_body += 1
        elif tag in ("header", "footer") and not self._in_body:
            self._aside += 1
        elif tag in _PREFORMATTED:
            self._preformatted += 1

    def _leave(self, tag: str) -> None:
        if tag in _LISTS and self._lists:
            self._lists.pop()
            self._mark = None
        elif tag == "li":
            self._mark = None
        elif tag == "table":
            if self._tables and self._table_depth <= _DEEPEST_TABLE:
                self._leave_table()
            self._table_depth -= 1
        elif tag in ("td", "th") and self._tables:
            self._tables[-1].end_cell()
        elif tag in _BODY:
            self._in_body = max(0, self._in_body - 1)
        elif tag in ("header", "footer") and not self._in_body:
            self._aside = max(0, self._aside - 1)
        elif tag in _PREFORMATTED:
            self._preformatted = max(0, self._preformatted - 1)

    def _leave_table(self) -> None:
        for block in self._tables.pop().blocks():
            self._write(block)

    def _next_mark(self, attributes: dict[str, str]) -> str:
        number = self._lists[-1] if self._lists else None
        if number is None:
            return "- "
        number = _number(attributes.get("value"), number)
        self._lists[-1] = number + 1
        return f"{number}. "

    def _flush(self) -> None:
        """Make a block of the text since the last one."""
        if not self._parts:
            return
        text = "".join(self._parts).translate(_INVISIBLE)
        self._parts.clear()
        inner = self._open[-1]
        kind, level, gap = inner.kind, inner.level, "\n\n"
        if kind != "code":
            text = _AROUND_BREAK.sub("\n", _SPACE_RUN.sub(" ", text)).strip()
        if not text.strip():
            return
        if kind == "list_item":
            gap = "\n"
        elif self._mark is not None and kind == "paragraph":
            depth = max(1, len(self._lists))
            kind, level, gap = "list_item", depth, "\n" + "  " * min(depth - 1, _DEEPEST_MARGIN)
            text = self._mark + text
        if self._aside and kind in ("paragraph", "list_item"):
            kind, level = "header_footer", 0
        self._mark = None
        self._write(Block(text=text, kind=kind, level=level, gap=gap, language=inner.language))

    def _write(self, block: Block) -> None:
        if self._tables:
            self._tables[-1].write(block)
        else:
            self.blocks.append(block)


def _number(stated: str | None, otherwise: int) -> int:
    return int(stated) if stated and stated.isdecimal() and len(stated) < 8 else otherwise
