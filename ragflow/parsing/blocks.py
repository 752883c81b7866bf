"""What do parsers that compose a text make first, and how does it become content?"""

from collections.abc import Iterable

import msgspec

from ragflow.documents import Box, Element, ElementKind, Page
from ragflow.parsing.decoding import cleaned
from ragflow.parsing.reasons import Reason, skipped

#: The most characters of a text that is composed. A document may refer to the same words without
#: end, so that few bytes of it are many.
MOST_TEXT = 64 * 1024 * 1024

#: White space between two blocks.
PARAGRAPH_GAP = "\n\n"


class Block(msgspec.Struct, frozen=True, kw_only=True):
    """A piece of text that has no place in a document's text yet; see `Element`."""

    text: str
    kind: ElementKind = "paragraph"
    level: int = 0
    #: White space between the block before and this one.
    gap: str = PARAGRAPH_GAP
    boxes: tuple[Box, ...] = ()
    #: Where in `text` what each box is around begins; empty where each is around all of it.
    offsets: tuple[int, ...] = ()
    #: What stands between the block before and this one, which is the rest of it; None for a
    #: block of its own.
    joint: str | None = None
    language: str | None = None
    recognized: bool = False
    confidence: float | None = None
    cells: tuple[tuple[str, ...], ...] = ()
    #: As `Element.words`, counted in `text`, which begins with the first.
    words: bytes = b""


class Sheet(msgspec.Struct, frozen=True, kw_only=True):
    """The blocks of one page, in reading order."""

    number: int
    size: tuple[float, float] | None = None
    blocks: tuple[Block, ...] = ()


class Composition(msgspec.Struct, frozen=True):
    """A text and what stands where in it."""

    text: str
    elements: tuple[Element, ...]
    pages: tuple[Page, ...] = ()


def compose(blocks: Iterable[Block]) -> Composition:
    """Return the text of `blocks`, one after the other, each an element.

    Raises `SkipDocument` at the first block that goes beyond `MOST_TEXT`.
    """
    writer = _Writer()
    for block in blocks:
        writer.write(block, page=None)
    writer.end()
    return Composition(writer.text, tuple(writer.elements))


def too_much_text() -> Exception:
    """Return the error that says a document's text is longer than `MOST_TEXT`."""
    return skipped(
        Reason.TOO_LARGE,
        f"the text of the document is longer than the {MOST_TEXT >> 20} million characters that"
        " are read",
    )


def compose_pages(sheets: Iterable[Sheet]) -> Composition:
    """Return the text of `sheets`, one after the other, with the span of each page.

    Raises `SkipDocument` at the first block that goes beyond `MOST_TEXT`.
    """
    writer = _Writer()
    pages = []
    for sheet in sheets:
        starts = [writer.write(block, page=sheet.number) for block in sheet.blocks]
        start = next((each for each in starts if each is not None), writer.length)
        pages.append(Page(number=sheet.number, start=start, end=writer.length, size=sheet.size))
    writer.end()
    return Composition(writer.text, tuple(writer.elements), tuple(pages))


class _Writer:
    def __init__(self) -> None:
        self.elements: list[Element] = []
        self.length = 0
        self._parts: list[str] = []
        #: The blocks of the last element.
        self._last: list[tuple[Block, int]] = []

    @property
    def text(self) -> str:
        return "".join(self._parts)

    def write(self, block: Block, *, page: int | None) -> int | None:
        """Return where the block begins, None for one without words."""
        text = cleaned(block.text)
        # The indentation of code is part of it; other margins are not.
        text = text.rstrip().lstrip("\n") if block.kind == "code" else text.strip()
        if not text.strip():
            return None
        goes_on = block.joint is not None and bool(self.elements)
        if not goes_on:
            self.end()
        gap = (block.joint or "") if goes_on else block.gap
        start = self.length + len(gap if self._parts else "")
        if start + len(text) > MOST_TEXT:
            raise too_much_text()
        self._parts += (gap if self._parts else "", text)
        self.length = start + len(text)
        if goes_on:
            self._last.append((block, start))
            return start
        self._last = [(block, start)]
        self.elements.append(
            Element(
                kind=block.kind,
                start=start,
                end=self.length,
                level=block.level,
                page=page,
                boxes=block.boxes,
                offsets=block.offsets,
                language=block.language,
                obtained="ocr" if block.recognized else "text",
                confidence=block.confidence,
                cells=block.cells,
                words=block.words,
            )
        )
        return start

    def end(self) -> None:
        """Make one of an element and what went on from it: once for all, since it may be long."""
        if len(self._last) > 1:
            first = self.elements[-1]
            self.elements[-1] = msgspec.structs.replace(
                first,
                end=self.length,
                boxes=tuple(box for block, _ in self._last for box in block.boxes),
                offsets=tuple(
                    start - first.start + offset
                    for block, start in self._last
                    for offset in block.offsets or (0,) * len(block.boxes)
                ),
                cells=tuple(row for block, _ in self._last for row in block.cells),
            )
        self._last = []
