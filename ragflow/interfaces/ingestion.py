"""The contracts about documents: Parser, Tokenizer, Embedder, VectorStore."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Literal, Protocol, runtime_checkable

import msgspec

from ragflow.core.items import Draft
from ragflow.documents import Box, Content, Document, Scan, Vector

#: What recognizes text in images; True for what is usual, False for nothing.
Ocr = bool | Literal["tesseract", "rapidocr"]
EmbedKind = Literal["document", "query"]


class Passwords(msgspec.Struct, frozen=True):
    """Passwords that may open a document; what is printed of them is how many there are."""

    values: tuple[str, ...] = ()

    @classmethod
    def of(cls, text: str) -> "Passwords":
        """Take one a line; empty lines are none."""
        return cls(tuple(filter(None, text.splitlines())))

    def __repr__(self) -> str:
        return f"Passwords({len(self.values)})"


class ParseOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What a caller of `extract` may ask of every parser."""

    #: Languages for OCR, as Tesseract names them, joined by ``+``.
    languages: str = "eng"
    #: Whether pages without text are recognized, and by what; True for Tesseract.
    ocr: Ocr = True
    #: Tried one after the other on a document that is encrypted.
    passwords: Passwords = Passwords()


class Parser(Protocol):
    """Turns the bytes of one family of media types into content.

    One file a format. Stateless and safe to call from several threads at once; a library
    that is not gets its own lock inside.
    """

    #: Media types it reads, e.g. ``("application/pdf",)``.
    media_types: tuple[str, ...]

    def parse(self, document: Document, options: ParseOptions) -> Content | Draft[Content, Scan]:
        """Return the content; or what there is of it before its scans are recognized.

        A draft's content has every page, those that are scans too, and each scan's envelope
        says on which ``page`` it is, from 1. Only a parser that is `Recognizing` drafts.

        Deterministic for equal bytes, media type and options. Raises `ParseError` when the
        bytes are not what they claim and `SkipDocument` when there is nothing to read or a
        program is missing; every other exception is a bug of the parser.
        """


class SeenWord(msgspec.Struct, frozen=True):
    """A word, or what was read in one piece, in an image."""

    text: str
    #: In pixels, of the image as it was given.
    box: Box
    #: From 0 to 1.
    confidence: float
    #: Words of one paragraph, and of one line in it, follow each other and have equal numbers.
    paragraph: tuple[int, ...] = ()
    line: int = 0


class Recognizer(Protocol):
    """Reads what is written in an image; made once a page, for its languages.

    It works on one core, so that pages can share a machine.
    """

    #: Whether it finds out by itself which way up an image is.
    turns: bool

    def words(self, image: Any, *, resolution: float) -> Sequence[SeenWord]:
        """Return the words of a grey image of so many pixels an inch, in reading order.

        `image` is one of Pillow's. Deterministic. Raises `ParseError` when it fails, `RetryTask`
        when that took too long.
        """


@runtime_checkable
class Recognizing(Protocol):
    """A parser of documents whose pages may have to be looked at."""

    def recognize(self, document: Document, page: int, options: ParseOptions) -> Content:
        """Return what is written on a page, counted from 1: a content of one page.

        Deterministic for the scan that the page is and the options; without elements where
        nothing is written. Raises `SkipDocument` when a program is missing, `ParseError` when
        the page cannot be read, `RetryTask` when that took too long.
        """


class Tokenizer(Protocol):
    """Counts and places tokens the way a model does."""

    #: The most tokens the model reads, special tokens included.
    limit: int
    #: Special tokens the model adds to every text.
    special: int
    #: Whether blanks part its tokens: whole words have as many alone as among others.
    by_words: bool

    def spans(self, text: str) -> Sequence[tuple[int, int]]:
        """Return the character span of each token of `text`, in order, no special tokens."""

    def count(self, text: str) -> int:
        """Return how many tokens `text` has, without special tokens."""


class Embedder(Protocol):
    """Turns texts into unit vectors of one space."""

    #: Components of a vector.
    dimension: int

    def embed(self, texts: Sequence[str], *, kind: EmbedKind = "document") -> list[Vector]:
        """Return one vector a text, in order; vector i depends on text i alone.

        Vectors have length 1 before they are rounded to half precision. A text longer than
        the model reads is cut at its end. Safe to call from several threads, one at a time.
        """


class StoredRow(msgspec.Struct, frozen=True, kw_only=True):
    """One row of a vector store: an id, named vectors, text and payload."""

    id: str
    text: str
    payload: Mapping[str, Any]
    #: By name; the default vector is named ``""``. Empty where vectors were not asked for.
    vectors: Mapping[str, Vector] = {}


class Match(msgspec.Struct, frozen=True, kw_only=True):
    """One row found by a query: `score` is cosine similarity, higher is better."""

    row: StoredRow
    score: float


#: What of a stored row searches go by, and may be damaged beside it.
Fault = Literal["payload", "vector"]


class Inspected(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What really stands at one id of a place."""

    id: str
    #: With its vectors; None where it is no row of ours, or one that cannot be read any more.
    row: StoredRow | None
    #: What searches go by and that is not what the row says.
    faults: tuple[Fault, ...] = ()


class VectorStore(Protocol):
    """Holds rows at places; a place is the physical name of one generation.

    All methods are safe while other processes use the same store: a method sees every
    change completed before it began, by whatever process, and never a row whose deletion
    had completed. Methods raise `BusyError` after waiting in vain.
    """

    def create(self, place: str, *, dimension: int, label: str) -> None:
        """Make the place if it is not there; `label` is for people who look at the store."""

    def places(self) -> list[str]:
        """Return every place there is, sorted."""

    def apply(self, place: str, upserts: Sequence[StoredRow], deletes: Sequence[str]) -> None:
        """Write `upserts`, then delete `deletes`; idempotent.

        A row is replaced whole: neither an old vector nor an old key of its payload stays.
        Ids in `deletes` that are not there are no error. Interrupted half-way, any prefix of
        the work may be done.
        """

    def scrub(self) -> None:
        """Leave nothing of the text of rows that were deleted in any file."""

    def query(
        self, place: str, vector: Sequence[float], *, k: int, where: Mapping[str, Any] | None
    ) -> list[Match]:
        """Return the `k` nearest rows that satisfy `where`, best first, ties by id."""

    def rows(self, place: str, *, vectors: bool = False) -> Iterator[StoredRow]:
        """Yield every row, sorted by id, as the store holds it."""

    def get(self, place: str, ids: Sequence[str]) -> list[StoredRow]:
        """Return the rows of these ids that are there, with vectors, in the order asked."""

    def dimension(self, place: str) -> int | None:
        """Return how long the vectors of a place are, None where there is no such place."""

    def inspect(self, place: str) -> Iterator[Inspected]:
        """Yield what stands at every id, sorted by id, whoever wrote it.

        `rows`, `get` and `query` pass over what no store of ours wrote; this does not. It also
        compares what searches go by with what the row says.
        """

    def rewrite(self, place: str, rows: Sequence[StoredRow]) -> None:
        """Write rows as `apply` does, and all of each, even where it seems to be there as given."""

    def count(self, place: str) -> int:
        """Return how many ids are taken, by whomever."""

    def drop(self, place: str) -> None:
        """Remove the place and all it holds; no error if it is not there."""

    def writing(
        self, *, owner: str, wait: bool, check: Callable[[], None] | None = None
    ) -> AbstractContextManager[None]:
        """Hold the store for a run that writes; readers are never kept out by it.

        Raises `BusyError` naming who holds it and since when, unless `wait`. The hold ends
        with the process at the latest. `check` is called before every change, where nobody
        else can change anything: what it raises keeps the change from being made.
        """

    def close(self) -> None:
        """Let go of everything; may be called twice."""


class Entry(msgspec.Struct, frozen=True):
    """What `upsert` hands a collection for one part: its text and vectors by name."""

    text: str
    vectors: Mapping[str, Vector]
