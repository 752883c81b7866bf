"""What does a document say? The one entry: bytes of any kind in, content or a reason out."""

import importlib
from collections.abc import Callable
from functools import cache
from typing import TypeVar, cast

from ragflow.core.drafts import lacking
from ragflow.core.items import Draft, Part
from ragflow.documents import Content, Document, Scan
from ragflow.errors import DocumentError, ParseError, RetryTask, SkipDocument
from ragflow.interfaces.ingestion import ParseOptions, Parser, Recognizing
from ragflow.parsing.descriptions import described
from ragflow.parsing.media_types import ENCRYPTED_OFFICE
from ragflow.parsing.reasons import Reason, skipped, unreadable
from ragflow.parsing.requirements import is_installed
from ragflow.parsing.scans import PAGE, with_pages

T = TypeVar("T")

#: The most bytes a document may have.
LARGEST = 512 * 1024 * 1024

_PLAIN_TEXT = "ragflow.parsing.plain_text:PlainTextParser"
_IMAGE = "ragflow.parsing.image:ImageParser"
_WORD = "ragflow.parsing.word_document:WordParser"
_SLIDES = "ragflow.parsing.presentation:PresentationParser"
_WORKBOOK = "ragflow.parsing.workbook:WorkbookParser"
_RTF = "ragflow.parsing.rich_text:RichTextParser"
_OUTLOOK = "ragflow.parsing.outlook:OutlookParser"
_MARKDOWN = "ragflow.parsing.markdown:MarkdownParser"
_DELIMITED = "ragflow.parsing.delimited:DelimitedParser"
_ARCHIVE = "ragflow.parsing.archive:ArchiveParser"
_OPEN_XML = "application/vnd.openxmlformats-officedocument"
#: Where the parser of a media type is; imported when the first document of the type comes.
#: Any other ``text/…`` is read as plain text.
PARSERS: dict[str, str] = {
    "application/pdf": "ragflow.parsing.pdf:PdfParser",
    "text/html": "ragflow.parsing.web_page:WebPageParser",
    "application/xhtml+xml": "ragflow.parsing.web_page:WebPageParser",
    "text/markdown": _MARKDOWN,
    "text/csv": _DELIMITED,
    "text/tab-separated-values": _DELIMITED,
    f"{_OPEN_XML}.wordprocessingml.document": _WORD,
    f"{_OPEN_XML}.presentationml.presentation": _SLIDES,
    f"{_OPEN_XML}.spreadsheetml.sheet": _WORKBOOK,
    "application/vnd.oasis.opendocument.text": "ragflow.parsing.open_document:OpenDocumentParser",
    "application/rtf": _RTF,
    "application/epub+zip": "ragflow.parsing.epub:EpubParser",
    "message/rfc822": "ragflow.parsing.mail:MailParser",
    "application/vnd.ms-outlook": _OUTLOOK,
    "application/x-ndjson": "ragflow.parsing.json_lines:JsonLinesParser",
    "application/json": _PLAIN_TEXT,
    "application/yaml": _PLAIN_TEXT,
    "application/toml": _PLAIN_TEXT,
    "application/xml": _PLAIN_TEXT,
    "application/zip": _ARCHIVE,
    "application/x-tar": _ARCHIVE,
    "application/x-compressed-tar": _ARCHIVE,
    "application/x-bzip2-compressed-tar": _ARCHIVE,
    "application/x-xz-compressed-tar": _ARCHIVE,
    "image/png": _IMAGE,
    "image/jpeg": _IMAGE,
    "image/tiff": _IMAGE,
    "image/webp": _IMAGE,
    "image/bmp": _IMAGE,
    "image/gif": _IMAGE,
}
#: What a parser imports beyond the base install: the module, and the extra that brings it.
EXTRAS: dict[str, tuple[str, str]] = {
    _WORD: ("docx", "office"),
    _SLIDES: ("pptx", "office"),
    _WORKBOOK: ("openpyxl", "office"),
    _RTF: ("striprtf", "office"),
    _OUTLOOK: ("oxmsg", "outlook"),
}


#: What is read by our own code and libraries in Python that build no more than they are given.
_PLAIN = (_PLAIN_TEXT, _MARKDOWN, _DELIMITED)


def is_plain(media_type: str) -> bool:
    """Tell whether documents of a type are texts that are read as they are."""
    return _place_of(media_type) in _PLAIN


def parse(document: Document, options: ParseOptions) -> Content:
    """Return what the document says: its text, in reading order, with its structure.

    Its scans are recognized one after another. Raises what `draft` and `recognize` raise; what
    the latter does, only where there is nothing without.
    """
    drafted = draft(document, options)
    if not isinstance(drafted, Draft):
        return drafted
    made: list[Part[Content | None]] = []
    failures: list[Exception] = []
    for part in drafted.parts:
        try:
            made.append(Part(recognize(document, part.envelope[PAGE], options), part.envelope))
        except (DocumentError, OSError) as failure:
            failures.append(failure)
            made.append(lacking(part, failure))
    try:
        return with_pages(drafted.value, made)
    except SkipDocument:
        if failures:
            raise failures[0] from None
        raise


def draft(document: Document, options: ParseOptions) -> Content | Draft[Content, Scan]:
    """Return what the document says as far as it need not be looked at, and its scans.

    Deterministic for equal bytes, media type and options. Safe to call from several threads.
    Raises `SkipDocument` when there is nothing to be done for the document (no parser, no
    text, a password, a missing program) and `ParseError` when its bytes could not be read;
    `code` of either is a `Reason`. An `OSError` is the document's own: its bytes could not be
    had. Nothing else is raised, whatever the bytes are.
    """
    parser, at_hand = _fetched(document)
    return _explained(document, lambda: parser.parse(at_hand, options))


def recognize(document: Document, page: int, options: ParseOptions) -> Content:
    """Return what is written on a page, from 1, of a document that `draft` said is a scan.

    Deterministic for the scan and the options, whatever document it is in. Raises as `draft`
    does, and `RetryTask` where it took too long.
    """
    parser, at_hand = _fetched(document)
    assert isinstance(parser, Recognizing)
    try:
        return _explained(document, lambda: parser.recognize(at_hand, page, options))
    except (ParseError, RetryTask) as error:
        named = f"page {page}: {error}"
        raise type(error)(named, code=error.code, hint=error.hint) from error


def _fetched(document: Document) -> tuple[Parser, Document]:
    """Return what reads a document, and the document with its bytes at hand."""
    parser = _parser_for(document.media_type)
    if document.size > LARGEST:
        raise skipped(
            Reason.TOO_LARGE,
            f"{described(document.media_type)} of {document.size >> 20} MiB is larger than"
            f" the {LARGEST >> 20} MiB that are read",
        )
    data = document.read()
    if not data:
        raise skipped(Reason.EMPTY, "the file is empty")
    return parser, Document(document.media_type, b"", len(data), lambda: data)


def _explained(document: Document, reading: Callable[[], T]) -> T:
    """Return what is read; what libraries raise on a document's bytes becomes its own error."""
    try:
        return reading()
    except DocumentError:
        raise
    except (MemoryError, RecursionError) as error:
        raise unreadable(
            Reason.EXHAUSTED,
            f"{described(document.media_type)} is too large or too deeply nested to be read here",
        ) from error
    except Exception as error:
        # The boundary to the libraries that read formats: what they raise on bytes made to
        # break them has no limit, and one document must not stop a run.
        raise unreadable(
            Reason.DAMAGED,
            f"{described(document.media_type)} could not be read: it is damaged",
            hint="open it with the program it was made with and save it again",
        ) from error


def can_parse(media_type: str) -> bool:
    """Tell whether there is a parser for documents of a type, installed or not."""
    return _place_of(media_type) is not None


def _place_of(media_type: str) -> str | None:
    return PARSERS.get(media_type) or (_PLAIN_TEXT if media_type.startswith("text/") else None)


def _parser_for(media_type: str) -> Parser:
    place = _place_of(media_type)
    if place is not None:
        module, extra = EXTRAS.get(place, ("", ""))
        if module and not is_installed(module):
            raise skipped(
                Reason.LIBRARY_MISSING,
                f"{described(media_type)} cannot be read without the extra {extra!r} of ragflow",
                requirement=f"library:{module}",
                hint=f"pip install 'ragflow[{extra}]'",
            )
        return _parser_at(place)
    if media_type == ENCRYPTED_OFFICE:
        raise skipped(
            Reason.ENCRYPTED,
            f"{described(media_type)} cannot be read",
            hint="save it without the password",
        )
    raise skipped(
        Reason.UNSUPPORTED_TYPE,
        f"{described(media_type)} cannot be read",
        hint="documents that can be read: PDF, Office, OpenDocument text, EPUB, RTF, e-mail,"
        " HTML, Markdown, text, CSV, JSON, images, and ZIP and tar archives of them",
    )


@cache
def _parser_at(place: str) -> Parser:
    module, _, name = place.partition(":")
    return cast(Parser, getattr(importlib.import_module(module), name)())
