"""What is a document, what was read from it, and what is cut from it?

Every character span is a pair (start, end) into ``Content.text``; pages count from 1;
boxes are (left, top, right, bottom) in points from the page's top left corner.
"""

import struct
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator
from hashlib import blake2b
from typing import Literal

import msgspec

from ragflow.errors import ParameterError
from ragflow.replacements import Edit, Replacement, source_span

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
_PageOf = Callable[[int], int | None]


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

    def __plain__(self) -> tuple[str, bytes]:
        """Return what it is as plain data, for a worker that cannot fetch the bytes itself."""
        return self.media_type, self.read()

    @classmethod
    def __of_plain__(cls, plain: tuple[str, bytes]) -> "Document":
        media_type, data = plain
        return cls.of(data, media_type)

    def __repr__(self) -> str:
        return f"Document({self.media_type}, {self.size} bytes)"


def digest_of(data: bytes) -> bytes:
    """Return the digest that names these bytes (BLAKE2b, 20 bytes)."""
    digest = digest_hash()
    digest.update(data)
    return digest.digest()


def digest_hash() -> blake2b:
    """Return what makes the same digest of bytes that come a piece at a time."""
    return blake2b(digest_size=20, person=b"ragflow.bytes")


#: Begin and length in the element's text, box in tenths of a point, confidence of 255.
_WORD = struct.Struct("<IHIIIIB")


class Word(msgspec.Struct, frozen=True, kw_only=True):
    """A word that was recognized: ``content.text[start:end]``, where it stands, how sure it is."""

    start: int
    end: int
    box: Box
    #: From 0 to 1.
    confidence: float

    @staticmethod
    def packed(words: Iterable["Word"]) -> bytes:
        """Return words as `Element.words` keeps them, boxes to a tenth of a point."""
        return b"".join(
            _WORD.pack(
                word.start,
                min(word.end - word.start, _LONGEST),
                *(min(max(round(side * 10), 0), _FARTHEST) for side in word.box),
                round(word.confidence * 255),
            )
            for word in words
        )


#: The largest numbers that a length and a side may have.
_LONGEST, _FARTHEST = 0xFFFF, 0xFFFFFFFF


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
    #: Where it stands on its page or pages: a box around each printed line, where that is known.
    boxes: tuple[Box, ...] = ()
    #: Where what each box is around begins, counted from `start`; empty where each is around all
    #: of it. A box is on the page that its words stand on.
    offsets: tuple[int, ...] = ()
    #: BCP 47 tag, where known.
    language: str | None = None
    #: How the text was obtained.
    obtained: Literal["text", "ocr"] = "text"
    #: Mean confidence of OCR from 0 to 1; None for text that was not recognized.
    confidence: float | None = None
    #: Cells of a table, row by row.
    cells: tuple[tuple[str, ...], ...] = ()
    #: Of recognized text: each word's place and confidence, packed; see `seen_words`.
    words: bytes = b""

    def seen_words(self) -> list["Word"]:
        """Return the words that were recognized, in order; none where text was not."""
        return [
            Word(
                start=self.start + start,
                end=self.start + start + length,
                box=(left / 10, top / 10, right / 10, bottom / 10),
                confidence=confidence / 255,
            )
            for start, length, left, top, right, bottom, confidence in _WORD.iter_unpack(self.words)
        ]


class Page(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One page and the span of text that stands on it."""

    number: int
    start: int
    end: int
    #: Width and height in points, where known.
    size: tuple[float, float] | None = None


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
        place = bisect_right(self.pages, position, key=lambda page: page.start)
        return self.pages[place - 1].number if place else None

    def boxes_of(self, start: int, end: int) -> list[tuple[int | None, Box]]:
        """Return where ``text[start:end]`` stands: the page, from 1, and the box of each piece.

        The pieces are printed lines where those are known, else whole elements, in the order
        of the text.
        """
        found: list[tuple[int | None, Box]] = []
        first = bisect_right(self.elements, start, key=lambda element: element.end)
        for element in self.elements[first:]:
            if element.start >= end:
                break
            if not element.offsets:
                found += [(element.page, box) for box in element.boxes]
                continue
            offsets = element.offsets
            # The piece in which `start` is, of which there may be several boxes.
            before = bisect_right(offsets, max(start - element.start, 0)) - 1
            place = bisect_left(offsets, offsets[max(before, 0)])
            while place < len(offsets) and element.start + offsets[place] < end:
                page = self.page_of(element.start + offsets[place])
                found.append((page, element.boxes[place]))
                place += 1
        return found

    def elements_in(self, start: int, end: int) -> tuple[Element, ...]:
        """Return the elements that ``text[start:end]`` reaches into, in order."""
        first = bisect_right(self.elements, start, key=lambda element: element.end)
        last = bisect_left(self.elements, end, key=lambda element: element.start)
        return self.elements[first:last]

    def source_span(self, start: int, end: int) -> tuple[int, int]:
        """Return the span in the source's text of ``text[start:end]``.

        It is exact where nothing was replaced. Of what was put in, in whole or in part, it is
        all that stood there before.
        """
        return source_span(self.replaced, start, end)

    def replace(self, span: tuple[int, int], text: str) -> "Content":
        """Return the content with `text` in place of ``self.text[start:end]``.

        The span counts in this text, not in the source's. Elements, lines and pages move along,
        and `source_span` still says where in the source every character stands, so citations of
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
        edit = Edit(start, end, len(text))
        whole = self.text[:start] + text + self.text[end:]
        return msgspec.structs.replace(
            self,
            text=whole,
            elements=tuple(_elements(self, edit, whole)),
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


def _elements(before: Content, edit: Edit, text: str) -> Iterator[Element]:
    """Yield the elements of the `text` that an edit gives."""
    is_filled = bool(text[edit.start : edit.filled].strip())
    owner = _owner(before.elements, edit) if is_filled else None
    is_written = not is_filled or owner is not None
    page = before.page_of(edit.start)
    own = Element(kind="paragraph", start=edit.start, end=edit.filled, page=page)
    for element in before.elements:
        if not is_written and element.start >= edit.end:
            yield own
            is_written = True
        kept = _kept(element, edit, text, before.page_of, is_owner=element is owner)
        if kept is not None:
            yield kept
    if not is_written and before.elements:
        yield own


def _owner(elements: tuple[Element, ...], edit: Edit) -> Element | None:
    """Return the element that what was put in is part of: the first it touches."""
    touching = [each for each in elements if each.start <= edit.end and each.end >= edit.start]
    inside = (each for each in touching if each.start < edit.end and each.end > edit.start)
    return next(inside, touching[0] if touching else None)


def _kept(
    element: Element, edit: Edit, text: str, page_of: _PageOf, *, is_owner: bool
) -> Element | None:
    """Return what becomes of an element; None where nothing of it is left."""
    start, end = element.start, element.end
    if not is_owner and (start >= edit.end or end <= edit.start):
        by = edit.further if start >= edit.end else 0
        return msgspec.structs.replace(element, start=start + by, end=end + by)
    if start >= edit.start:
        start = edit.start if is_owner else edit.filled
    end = edit.moved(end) if end > edit.end or is_owner else edit.start
    if not text[start:end].strip():
        return None
    lines = list(_lines(element, edit, start, page_of, is_owner=is_owner))
    return msgspec.structs.replace(
        element,
        start=start,
        end=end,
        cells=(),
        words=b"",
        boxes=tuple(box for _, box in lines) or element.boxes,
        offsets=tuple(offset for offset, _ in lines),
    )


def _lines(
    element: Element, edit: Edit, start: int, page_of: _PageOf, *, is_owner: bool
) -> Iterator[tuple[int, Box]]:
    """Yield the lines that are left of an element which begins at `start` now.

    Each is where it begins in the element and its box. What was put in stands on the lines it
    was put in for, where it belongs to the element, as far as its first page goes: a line is on
    the page that its first character is on.
    """
    page = page_of(edit.start)
    for number, (offset, box) in enumerate(zip(element.offsets, element.boxes, strict=False)):
        begin = element.start + offset
        after = bisect_right(element.offsets, offset)
        rest = element.offsets[after : after + 1]
        until = element.start + rest[0] if rest else element.end
        stays = is_owner and page_of(begin) == page
        if begin >= edit.start and until <= edit.end and not stays:
            continue
        if begin >= edit.end and begin > edit.start:
            begin += edit.further
        elif begin > edit.start:
            begin = edit.start if page_of(begin) == page else edit.filled
        yield (0 if stays and not number else max(begin - start, 0)), box


class Scan(msgspec.Struct, frozen=True):
    """A page that has to be looked at to be read, named by what is drawn on it.

    Where it is, in which document and as which page, is no part of it.
    """

    digest: bytes


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
