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
#: With pictures.
_MOST_WITH_PICTURES = 256 * 1024 * 1024
#: Pictures are digits without end; the library looks at each. A match begins where digits do, so
#: that each is looked at a few times and not once for every digit before it.
_PICTURE = re.compile(
    rb"(?<![0-9a-fA-F])(?:(?:[0-9a-fA-F]{60,}+\s{1,2}+){4,}+|[0-9a-fA-F]{1000,}+)"
)
#: So many bytes that are no text, or a backslash that is.
_BINARY = re.compile(r"\\\\|\\bin(\d{1,9}) ?")
#: The control word for pictures, or a backslash that is text; with ``pict`` after it, the library
#: takes that for the control word.
_PICTURE_WORD = re.compile(r"\\\\(pict)?|\\pict")
#: A link and where it leads; every part has an end, so that a match takes few steps.
_LINK = re.compile(
    r"\{\\field\{\s{0,4}\\\*\\fldinst\{[^{}]{0,200}?HYPERLINK\s(\"[^\"{}]{1,2000}\")\}\}"
    r"\s{0,4}\{(?:[^{}]{0,2000}|[^{}]{0,2000}\{[^{}]{0,2000}\})\}\}",
    re.IGNORECASE,
)
#: What the library looks for the rest of a link behind, to the end of the line each time.
_LINK_BEGINNING = re.compile(r"(\\fldinst)(?=\{)", re.IGNORECASE)
_FONTS = re.compile(r"\{[^{}]*\\fonttbl")
_BRACE = re.compile(r"\\[\\{}]|[{}]")
_FONT = re.compile(r"\\f(\d{1,5})(?!\d)|\\fcharset(\d{1,3})(?!\d)")
#: What the library ends each cell of a table with.
_CELL_END = "|"


class RichTextParser:
    """Reads RTF: its paragraphs, and rows of cells as tables.

    Pictures and what is embedded are left out.
    """

    media_types: tuple[str, ...] = ("application/rtf",)

    def parse(self, document: Document, options: ParseOptions) -> Content:
        """Return the text, a paragraph an element."""
        data = document.read()
        if len(data) > _MOST_WITH_PICTURES:
            raise _too_large(_MOST_WITH_PICTURES)
        data = _PICTURE.sub(b" ", data)
        if len(data) > _MOST_BYTES:
            raise _too_large(_MOST_BYTES)
        # RTF is ASCII; what is beyond it is written as escapes, of which the library knows the
        # code page.
        source = _made_quick(data.decode("latin-1"))
        text: str = rtf_to_text(source, encoding="cp1252", errors="replace")  # type: ignore[no-untyped-call]
        composition = compose(_blocks(text))
        if not composition.elements:
            raise skipped(Reason.NO_TEXT, "there is no text in the RTF document")
        return Content(text=composition.text, elements=composition.elements)


def _too_large(most: int) -> Exception:
    return skipped(
        Reason.TOO_LARGE, f"the RTF document has more than the {most >> 20} MiB that are read"
    )


def _made_quick(source: str) -> str:
    """Return `source` without what the library takes more than one look at.

    Its patterns for links and fonts try every way to match: a kilobyte made for it takes years.
    """
    source = _without_binary(source)
    # The library finds no picture and takes nothing away: what it would put together by that,
    # nobody would have looked at.
    source = _PICTURE_WORD.sub(_without_picture_word, source)
    source = _LINK.sub(r"\g<0>(\1)", source)
    source = _LINK_BEGINNING.sub(r"\1 ", source)
    return _with_plain_fonts(source)


def _without_binary(source: str) -> str:
    parts = []
    place = 0
    while found := _BINARY.search(source, place):
        end = found.start() if found[1] else found.end()
        parts.append(source[place:end])
        place = found.end() + int(found[1] or 0)
    return "".join(parts) + source[place:]


def _without_picture_word(found: re.Match[str]) -> str:
    if found[0] == r"\pict":
        # The library leaves out either.
        return r"\shppict"
    return r"\'5cpict" if found[1] else found[0]


def _with_plain_fonts(source: str) -> str:
    """Return `source` with a table of fonts that has nothing but the character set of each."""
    table = _FONTS.search(source)
    if table is None:
        return source
    end, depth = len(source), 1
    for brace in _BRACE.finditer(source, table.end()):
        depth += {"{": 1, "}": -1}.get(brace[0], 0)
        if depth == 0:
            end = brace.start()
            break
    sets: dict[str, str] = {}
    font = None
    for found in _FONT.finditer(source, table.end(), end):
        font = found[1] or font
        if found[2] and font is not None:
            sets[font] = found[2]
    listed = "\n".join(f"{{\\f{font}\\fcharset{number} a;}}" for font, number in sets.items())
    # In braces of its own: the library also looks at what is before it in the same ones.
    before = source[: table.end()].removesuffix(r"\fonttbl")
    return f"{before}{{\\fonttbl{listed}}}{source[end:]}"


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
