"""From the bytes of a document to its text and structure."""

from ragflow.core.items import Draft, Item, Part
from ragflow.core.task import task
from ragflow.documents import Content, Document, Scan
from ragflow.interfaces.ingestion import Ocr, ParseOptions


@task(version="1", retries=0)
def recognize(
    scan: Item[Scan], document: Document, *, languages: str = "eng", ocr: Ocr = True
) -> Content:
    """Read what is written on one page of a document.

    Remembered by what is drawn on the page alone: wherever else it is met, it was read. Raises
    `SkipDocument` when a program is missing, `ParseError` when the page cannot be read,
    `RetryTask` when that took too long.
    """
    from ragflow.parsing.reading import recognize as read_page

    options = ParseOptions(languages=languages, ocr=ocr)
    return read_page(document, scan.envelope["page"], options)


@task(version="1")
def assemble(content: Content, pages: list[Part[Content | None]]) -> Content:
    """Put what was read on pages into their document, and note which could not be read.

    Raises `SkipDocument` when there is no text at all.
    """
    from ragflow.parsing.scans import with_pages

    return with_pages(content, pages)


@task(version="4", parts=recognize, whole=assemble)
def extract(
    document: Document, *, languages: str = "eng", ocr: Ocr = True
) -> Content | Draft[Content, Scan]:
    """Read the text of a document, with page and position; OCR where there is none.

    Pages without text are read by themselves, by `recognize`: each is remembered, fails and is
    tried again alone, and the rest of the document is served without it.

    `ocr` names what recognizes text: ``"tesseract"``, which True stands for, or
    ``"rapidocr"``, an extra with models of its own; with False nothing does. `languages` are
    Tesseract's names joined by ``+``. Raises `SkipDocument` when there is
    nothing to read or a program is missing, `ParseError` when the bytes are damaged.
    """
    from ragflow.parsing.reading import draft

    return draft(document, ParseOptions(languages=languages, ocr=ocr))
