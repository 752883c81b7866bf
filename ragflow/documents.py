"""What is a document, what was read from it, and what is cut from it?

Every character span is a pair (start, end) into ``Content.text``; pages count from 1;
boxes are (left, top, right, bottom) in points from the page's top left corner.
"""

import struct
from collections.abc import Callable, Iterable
from hashlib import blake2b
from typing import Literal

import msgspec

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


#: Begin and length in the element's text, box in tenths of a point, confidence of 255.
_WORD = struct.Struct("<IHHHHHB")


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
                *(min(max(round(side * 10), 0), _LONGEST) for side in word.box),
                round(word.confidence * 255),
            )
            for word in words
        )


#: The largest number that a length or a side may have.
_LONGEST = 0xFFFF


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

    def page_of(self, position: int) -> int | None:
        """Return the page that character `position` stands on, or None without pages."""
        found = None
        for page in self.pages:
            if page.start > position:
                break
            found = page.number
        return found


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
