"""What is in a Markdown text? The source itself, with its headings, lists, tables and code.

What surrounds the running text (front matter, rules, comments, link definitions) stays in the
text as elements of kind ``header_footer``.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from markdown_it import MarkdownIt
from markdown_it.token import Token

from ragflow.documents import Content, Document, Element, ElementKind
from ragflow.interfaces.ingestion import ParseOptions
from ragflow.parsing.decoding import cleaned, decode
from ragflow.parsing.paragraphs import trimmed_end
from ragflow.parsing.reasons import Reason, skipped
from ragflow.parsing.tables import Cells, squared

_FRONT_MATTER = re.compile(
    r"\A\s*(?:---[ \t]*\n(?P<yaml>(?:[^\n]*\n)*?)(?:---|\.\.\.)"
    r"|\+\+\+[ \t]*\n(?P<toml>(?:[^\n]*\n)*?)\+\+\+)[ \t]*(?:\n|\Z)"
)
#: A line that YAML or TOML may have and that a paragraph between two rules has not.
_SETTING = re.compile(r"\s*(?:$|#|[\w-]+\s*[:=]|- |[\s\]}\[{])")
_STATED = re.compile(
    r"""^(?P<key>title|lang|language)\s*[:=]\s*(?P<quote>["']?)(?P<value>.*?)(?P=quote)\s*$""",
    re.MULTILINE | re.IGNORECASE,
)
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]+)*")
_COMMENT = re.compile(r"\s*<!--.*-->\s*", re.DOTALL)
#: Lines outside of every block that carry no prose: marks of empty items and quotes, definitions.
_MARK = re.compile(r"[\s>]*")
_DEFINITION = re.compile(r"\s*(?:\[[^\]]*\]:|[-+*>]\s*$|\d+[.)]\s*$)")


class _Leaf(NamedTuple):
    """Lines that hold one block, from `first` up to but without `last`."""

    first: int
    last: int
    kind: ElementKind
    level: int = 0
    cells: Cells = ()


class MarkdownParser:
    """Reads Markdown (CommonMark with tables) without changing it.

    A list item is the first block of the item with its mark; further blocks of the item are
    elements of their own. The title is that of the front matter, else the first heading of
    level 1.
    """

    media_types: tuple[str, ...] = ("text/markdown",)

    def __init__(self) -> None:
        # Only blocks are wanted: what is inside them stays as it is written.
        self._blocks = MarkdownIt("commonmark", {"maxNesting": 50}).enable("table")
        self._blocks.core.ruler.enableOnly(["normalize", "block"])

    def parse(self, document: Document, options: ParseOptions) -> Content:
        """Return the source, a block an element."""
        decoded = decode(document.read())
        text = cleaned(decoded.text)
        if not text.strip():
            raise skipped(Reason.EMPTY, "the text has nothing but white space")
        front = _front_matter(text)
        tokens = self._blocks.parse(text[front:])
        spans = list(_elements(text, front, list(_leaves(tokens))))
        elements = list(_without_gaps(text, spans))
        stated = {
            found["key"].lower(): found["value"] for found in _STATED.finditer(text, 0, front)
        }
        language = stated.get("lang") or stated.get("language") or ""
        return Content(
            text=text,
            elements=tuple(elements),
            title=stated.get("title") or self._first_heading(tokens),
            language=language.replace("_", "-") if _LANGUAGE.fullmatch(language) else None,
            notes=decoded.notes,
        )

    def _first_heading(self, tokens: Sequence[Token]) -> str | None:
        for opening, inline in pairwise(tokens):
            if opening.type == "heading_open" and opening.tag == "h1":
                pieces: list[Token] = []
                self._blocks.inline.parse(inline.content, self._blocks, {}, pieces)
                return " ".join("".join(_words(pieces)).split()) or None
        return None


def _words(pieces: Sequence[Token]) -> Iterator[str]:
    for piece in pieces:
        if piece.type in ("text", "code_inline", "text_special"):
            yield piece.content
        elif piece.type in ("softbreak", "hardbreak"):
            yield " "


def _front_matter(text: str) -> int:
    """Return where the text goes on after its front matter, 0 if it has none."""
    found = _FRONT_MATTER.match(text)
    if found is None:
        return 0
    settings = found["yaml"] if found["toml"] is None else found["toml"]
    return found.end() if all(map(_SETTING.match, settings.split("\n"))) else 0


def _leaves(tokens: Sequence[Token]) -> Iterator[_Leaf]:
    depth = 0
    item_begins = False
    for place, token in enumerate(tokens):
        depth += _DEEPER.get(token.type, 0)
        if token.type in ("list_item_open", "list_item_close"):
            item_begins = token.type == "list_item_open"
        leaf = _leaf(tokens, place, item_level=depth if item_begins else 0)
        if leaf is not None:
            yield leaf
            item_begins = False


_DEEPER = {
    "bullet_list_open": 1,
    "ordered_list_open": 1,
    "bullet_list_close": -1,
    "ordered_list_close": -1,
}


def _leaf(tokens: Sequence[Token], place: int, *, item_level: int) -> _Leaf | None:
    token = tokens[place]
    first, last = token.map or (0, 0)
    match token.type:
        case "heading_open":
            return _Leaf(first, last, "title", int(token.tag[1:]))
        case "paragraph_open" if item_level:
            return _Leaf(first, last, "list_item", item_level)
        case "paragraph_open":
            return _Leaf(first, last, "paragraph")
        case "fence" | "code_block":
            return _Leaf(first, last, "code")
        case "html_block" if not _COMMENT.fullmatch(token.content):
            return _Leaf(first, last, "paragraph")
        case "html_block" | "hr":
            return _Leaf(first, last, "header_footer")
        case "table_open":
            return _Leaf(first, last, "table", cells=_cells(tokens, place))
    return None


def _cells(tokens: Sequence[Token], place: int) -> Cells:
    rows: list[list[str]] = []
    while tokens[place].type != "table_close":
        if tokens[place].type == "tr_open":
            rows.append([])
        elif tokens[place].type == "inline":
            rows[-1].append(tokens[place].content)
        place += 1
    return squared(rows)


def _elements(text: str, front: int, leaves: Sequence[_Leaf]) -> Iterator[Element]:
    starts = _line_starts(text, front)
    done = trimmed_end(text, 0, front)
    if done:
        yield Element(kind="header_footer", start=len(text) - len(text.lstrip()), end=done)
    for leaf in leaves:
        start = max(starts[leaf.first], done)
        end = trimmed_end(text, start, starts[min(leaf.last, len(starts) - 1)])
        while start < end and text[start].isspace():
            # The indentation of code is part of it; other margins are not.
            if leaf.kind == "code" and text[start] != "\n":
                break
            start += 1
        if start < end:
            yield Element(kind=leaf.kind, start=start, end=end, level=leaf.level, cells=leaf.cells)
            done = end


def _line_starts(text: str, front: int) -> list[int]:
    starts = [front]
    place = text.find("\n", front)
    while place >= 0:
        starts.append(place + 1)
        place = text.find("\n", place + 1)
    starts.append(len(text))
    return starts


def _without_gaps(text: str, elements: Sequence[Element]) -> Iterator[Element]:
    """Yield `elements` and, for text that stands in none of them, elements of its own."""
    done = 0
    for element in elements:
        yield from _stray(text, done, element.start)
        yield element
        done = element.end
    yield from _stray(text, done, len(text))


def _stray(text: str, start: int, end: int) -> Iterator[Element]:
    while start < end and text[start].isspace():
        start += 1
    end = trimmed_end(text, start, end)
    if start < end:
        lines = text[start:end].split("\n")
        aside = all(_MARK.fullmatch(line) or _DEFINITION.match(line) for line in lines)
        yield Element(kind="header_footer" if aside else "paragraph", start=start, end=end)
