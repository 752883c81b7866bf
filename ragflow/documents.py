"""What is a document, what was read from it, and what is cut from it?

Every character span is a pair (start, end) into ``Content.text``; pages count from 1;
boxes are (left, top, right, bottom) in points from the page's top left corner.
"""

import struct
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from hashlib import blake2b
from typing import Literal

import msgspec

from ragflow.errors import ParameterError

ElementKind = Literal[
    "title",
    "paragraph",
    "list_item",
    "table",
    "code",
    "caption",
    "header_footer",
    "formula",
    "image_text",
]
Box = tuple[float, float, float, float]


class Document:
    """The bytes of one document and what kind of bytes they are.

    The value of a document is its media type and its bytes; its name, place and times are
    not part of it. Bytes are fetched when first asked for.
    """

    __slots__ = ("_digest", "_load", "media_type", "size")

    def __init__(
        self, media_type: str, digest: bytes, size: int, load: Callable[[], bytes]
    ) -> None:
        self.media_type = media_type
        self.size = size
        self._digest = digest
        self._load = load

    @classmethod
    def of(cls, data: bytes, media_type: str) -> "Document":
        """Make a document of bytes at hand; for tests, notebooks and sources that fetch."""
        return cls(media_type, digest_of(data), len(data), lambda: data)

    def read(self) -> bytes:
        """Return the bytes; raise `OSError` when they cannot be had."""
        return self._load()

    def __fingerprint__(self) -> bytes:
        """Return the bytes that identify the value: media type and digest."""
        return self.media_type.encode() + b"\0" + self._digest

    def __repr__(self) -> str:
        return f"Document({self.media_type}, {self.size} bytes)"


def digest_of(data: bytes) -> bytes:
    """Return the digest that names these bytes (BLAKE2b, 20 bytes)."""
    return blake2b(data, digest_size=20, person=b"ragflow.bytes").digest()


class Element(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One piece of a document's structure: ``content.text[start:end]`` is its text."""

    #: What it is.
    kind: ElementKind
    #: First character in the document's text.
    start: int
    #: One past its last character.
    end: int
    #: Heading level from 1 for a title, nesting depth from 1 for a list item, else 0.
    level: int = 0
    #: Page it begins on, from 1; None where the format has no pages.
    page: int | None = None
    #: Where it stands on its page or pages.
    boxes: tuple[Box, ...] = ()
    #: The page of each box, where they do not all stand on `page`; else empty.
    box_pages: tuple[int, ...] = ()
    #: BCP 47 tag, where known.
    language: str | None = None
    #: How the text was obtained.
    obtained: Literal["text", "ocr"] = "text"
    #: Mean confidence of OCR from 0 to 1; None for text that was not recognized.
    confidence: float | None = None
    #: Cells of a table, row by row.
    cells: tuple[tuple[str, ...], ...] = ()


class Page(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One page and the span of text that stands on it."""

    number: int
    start: int
    end: int
    #: Width and height in points, where known.
    size: tuple[float, float] | None = None


class Replacement(msgspec.Struct, frozen=True, array_like=True):
    """A stretch of a text that stands in the place of another one in the source's text."""

    start: int
    end: int
    #: What it stands for, in the text that the source gave.
    source_start: int
    source_end: int


class Content(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """The text of a document, in reading order, with its structure.

    Guarantees: elements are in order and do not overlap; what lies between two elements is
    white space; pages, where there are any, are in order and do not overlap.
    """

    text: str
    elements: tuple[Element, ...] = ()
    pages: tuple[Page, ...] = ()
    #: Title of the document as its format states it.
    title: str | None = None
    language: str | None = None
    #: What was lost or odd while reading, one sentence each.
    notes: tuple[str, ...] = ()
    #: What `replace` put in, in order; all between is the source's own, only moved.
    replaced: tuple[Replacement, ...] = ()

    def page_of(self, position: int) -> int | None:
        """Return the page that character `position` stands on, or None without pages."""
        found = None
        for page in self.pages:
            if page.start > position:
                break
            found = page.number
        return found

    def replace(self, span: tuple[int, int], text: str) -> "Content":
        """Return the content with `text` in place of ``self.text[start:end]``.

        The span counts in this text, not in the source's. Elements and pages move along, and
        `source_span` still says where in the source every character stands, so citations of
        what was left stay right. What is written into white space between elements is a
        paragraph of its own. An element of which nothing is left goes; a table that is touched
        loses its `cells`, which would still hold what was replaced. Title and notes stay.
        Raises `ParameterError` for a span that is not within the text.
        """
        start, end = span
        if not 0 <= start <= end <= len(self.text):
            raise ParameterError(
                f"the span {start}-{end} is not within a text of {len(self.text)} characters",
                hint="a span is (first, one past the last) in the text of this content",
            )
        if start == end and not text:
            return self
        edit = _Edit(start, end, len(text))
        whole = self.text[:start] + text + self.text[end:]
        return msgspec.structs.replace(
            self,
            text=whole,
            elements=tuple(edit.elements(self, whole)),
            pages=tuple(
                msgspec.structs.replace(
                    page,
                    start=page.start if page.start <= start else edit.moved(page.start),
                    end=page.end if page.end <= start else edit.moved(page.end),
                )
                for page in self.pages
            ),
            replaced=edit.composed(self.replaced),
        )

    def source_span(self, start: int, end: int) -> tuple[int, int]:
        """Return the span in the source's text of ``self.text[start:end]``.

        It is exact where nothing was replaced. Of what was put in, in whole or in part, it is
        all that stood there before.
        """
        first, last = self._source_of(start), self._source_until(end)
        return min(first, last), max(first, last)

    def elements_in(self, start: int, end: int) -> tuple[Element, ...]:
        """Return the elements that ``self.text[start:end]`` reaches into, in order."""
        first = bisect_right(self.elements, start, key=lambda element: element.end)
        last = bisect_left(self.elements, end, key=lambda element: element.start)
        return self.elements[first:last]

    def places(self, start: int, end: int) -> tuple[tuple[int, Box], ...]:
        """Return where ``self.text[start:end]`` stands: pages and boxes, in reading order.

        Of an element with a box a line only the boxes of these lines, of another all boxes.
        """
        return tuple(
            place
            for element in self.elements_in(start, end)
            for place in _placed(element, self.text, start, end)
        )

    def _source_of(self, position: int) -> int:
        """Return where in the source the character at `position` stands."""
        passed = bisect_right(self.replaced, position, key=lambda each: each.end)
        if passed < len(self.replaced) and self.replaced[passed].start <= position:
            return self.replaced[passed].source_start
        return position + self._shift(passed)

    def _source_until(self, position: int) -> int:
        """Return where in the source the text before `position` ends."""
        passed = bisect_left(self.replaced, position, key=lambda each: each.start)
        if passed and self.replaced[passed - 1].end > position:
            return self.replaced[passed - 1].source_end
        return position + self._shift(passed)

    def _shift(self, passed: int) -> int:
        if not passed:
            return 0
        return self.replaced[passed - 1].source_end - self.replaced[passed - 1].end


def _placed(element: Element, text: str, start: int, end: int) -> Iterator[tuple[int, Box]]:
    if element.page is None or not element.boxes:
        return
    pages = element.box_pages or (element.page,) * len(element.boxes)
    places = list(zip(pages, element.boxes, strict=True))
    lines = text[element.start : element.end].split("\n")
    if len(lines) != len(places):
        yield from places
        return
    reached = element.start
    for line, place in zip(lines, places, strict=True):
        if reached < end and reached + len(line) > start:
            yield place
        reached += len(line) + 1


class _Edit:
    """One replacement in a text, and where it moves everything else."""

    def __init__(self, start: int, end: int, length: int) -> None:
        self._start = start
        self._end = end
        #: Where what was put in ends.
        self._filled = start + length
        self._further = start + length - end

    def moved(self, position: int) -> int:
        """Return where a position after the start of the span is now."""
        return max(position, self._end) + self._further

    def elements(self, before: Content, text: str) -> Iterator[Element]:
        """Yield the elements of the new `text`."""
        filled = text[self._start : self._filled].strip()
        owner = self._owner(before.elements) if filled else None
        is_written = not filled or owner is not None
        for element in before.elements:
            if not is_written and element.start >= self._end:
                yield self._own_paragraph(before)
                is_written = True
            kept = self._kept(element, text, is_owner=element is owner)
            if kept is not None:
                yield kept
        if not is_written and before.elements:
            yield self._own_paragraph(before)

    def _owner(self, elements: tuple[Element, ...]) -> Element | None:
        """Return the element that what was put in is part of: the first it touches."""
        touching = [
            element
            for element in elements
            if element.start <= self._end and element.end >= self._start
        ]
        inside = (each for each in touching if each.start < self._end and each.end > self._start)
        return next(inside, touching[0] if touching else None)

    def _kept(self, element: Element, text: str, *, is_owner: bool) -> Element | None:
        is_cut = element.start < self._end and element.end > self._start
        if not is_cut and not is_owner:
            by = self._further if element.start >= self._end else 0
            return msgspec.structs.replace(element, start=element.start + by, end=element.end + by)
        start, end = element.start, element.end
        if start >= self._start:
            start = self._start if is_owner else self._filled
        end = self.moved(end) if end > self._end or is_owner else self._start
        if not text[start:end].strip():
            return None
        return msgspec.structs.replace(element, start=start, end=end, cells=())

    def _own_paragraph(self, before: Content) -> Element:
        page = before.page_of(self._start)
        return Element(kind="paragraph", start=self._start, end=self._filled, page=page)

    def composed(self, before: tuple[Replacement, ...]) -> tuple[Replacement, ...]:
        """Return what was put in so far and now; what touches is one."""
        first = bisect_left(before, self._start, key=lambda each: each.end)
        last = bisect_right(before, self._end, key=lambda each: each.start)
        touched = before[first:last]
        shift = before[first - 1].source_end - before[first - 1].end if first else 0
        start, source_start = self._start, self._start + shift
        end, source_end = self._end, self._end + shift
        if touched and touched[0].start <= start:
            start, source_start = touched[0].start, touched[0].source_start
        if touched:
            furthest = touched[-1]
            source_end = max(end - furthest.end, 0) + furthest.source_end
            end = max(end, furthest.end)
        return (
            *before[:first],
            Replacement(start, end + self._further, source_start, source_end),
            *(
                msgspec.structs.replace(
                    each, start=each.start + self._further, end=each.end + self._further
                )
                for each in before[last:]
            ),
        )


class Chunk(msgspec.Struct, frozen=True, omit_defaults=True):
    """A stretch of text small enough to embed.

    Where it stands (page, span, headings) travels beside it as its envelope, so that text
    which only moved is neither embedded nor given another id. So does the exact slice, as
    ``text``, where it is another than this one: prose that is only wrapped anew is the same
    chunk.
    """

    #: The slice of the document's text with white space of prose collapsed to single blanks;
    #: tables and code as they are.
    text: str
    #: The string to embed where it differs from `text`.
    embed: str | None = None

    @property
    def embedded(self) -> str:
        """The string an embedder is given."""
        return self.text if self.embed is None else self.embed


class Vector(msgspec.Struct, frozen=True):
    """A vector in half precision: little-endian IEEE 754 binary16, one after the other.

    Kept as bytes, so that a vector computed now and one remembered are the same bytes.
    """

    half: bytes

    @property
    def dimension(self) -> int:
        """The number of components."""
        return len(self.half) // 2

    def floats(self) -> list[float]:
        """Return the components as Python floats."""
        return list(struct.unpack(f"<{self.dimension}e", self.half))
