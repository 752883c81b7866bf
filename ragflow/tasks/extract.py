"""From the bytes of a document to its text and structure."""

from ragflow.core.task import task
from ragflow.documents import Content, Document
from ragflow.interfaces.ingestion import ParseOptions


@task(version="4")
def extract(document: Document, *, languages: str = "eng", ocr: bool = True) -> Content:
    """Read the text of a document, with page and position; OCR where there is none.

    `languages` are Tesseract's names joined by ``+``. Raises `SkipDocument` when there is
    nothing to read or a program is missing, `ParseError` when the bytes are damaged.
    """
    from ragflow.parsing.reading import parse

    return parse(document, ParseOptions(languages=languages, ocr=ocr))
