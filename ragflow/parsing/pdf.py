"""What does a PDF say? Page by page: its text, or what OCR reads where it has none."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

import pypdfium2

from ragflow.documents import Content, Document
from ragflow.errors import ParseError, SkipDocument
from ragflow.interfaces.ingestion import ParseOptions
from ragflow.parsing.blocks import Block, Sheet, compose_pages
from ragflow.parsing.ocr import recognize
from ragflow.parsing.page_text_quality import has_meaning, is_better, is_doubtful
from ragflow.parsing.pdf_blocks import key
from ragflow.parsing.pdf_file import MOST_PAGES, PageFacts, PdfFile, needs_too_much, opened
from ragflow.parsing.pdf_layout import laid_out
from ragflow.parsing.reasons import Reason, skipped, unreadable
from ragflow.parsing.tesseract import Tesseract

#: A page with fewer letters that is mostly picture is a scan with a stamp on it.
_FEW_LETTERS = 40
_MOSTLY_PICTURE = 0.5

_UNREADABLE_PAGE = PageFacts((0.0, 0.0), (), is_drawn_on=False, covered=0.0, picture_bytes=0)


class PdfParser:
    """Reads PDFs as far as they can be read, with pages, boxes and headings.

    A page without meaningful text is recognized. What of a document could not be read while
    the rest could is said in the notes.
    """

    media_types: tuple[str, ...] = ("application/pdf",)

    def parse(self, document: Document, options: ParseOptions) -> Content:
        """Return the text of all pages, a paragraph an element."""
        with opened(document.read(), options.passwords.values) as file:
            reading = _Reading(file)
            reading.recognize_scans(options)
            composition = compose_pages(list(reading.sheets()))
            if not composition.elements:
                raise reading.nothing_read()
            return Content(
                text=composition.text,
                elements=composition.elements,
                pages=composition.pages,
                title=file.title,
                language=file.language,
                notes=tuple(reading.notes),
            )


class _Reading:
    """What is known of a document's pages while they are read."""

    def __init__(self, file: PdfFile) -> None:
        self.notes: list[str] = []
        self._file = file
        self._recognized: dict[int, tuple[Block, ...]] = {}
        self._failure: ParseError | None = None
        if file.was_repaired:
            self.notes.append("The file is damaged and was repaired.")
        if file.page_count == MOST_PAGES:
            self.notes.append(f"Only the first {MOST_PAGES} pages were read.")
        facts = [file.page(index) for index in range(file.page_count)]
        self._unread = [index for index, page in enumerate(facts) if page is None]
        self._note(self._unread, "Not read, because the file is damaged there")
        self._pages = [_meaningful(page or _UNREADABLE_PAGE) for page in facts]
        self._scans = [
            index
            for index, page in enumerate(self._pages)
            if _is_picture(page) or is_doubtful(page.lines)
        ]

    def recognize_scans(self, options: ParseOptions) -> None:
        """Recognize the pages that are pictures; raise `SkipDocument` if that is all there is."""
        if not self._scans:
            return
        try:
            if not options.ocr:
                raise skipped(
                    Reason.OCR_OFF, "text in images is not recognized because OCR is switched off"
                )
            tesseract = Tesseract(options.languages)
        except SkipDocument as reason:
            if not any(page.lines for page in self._pages if not _is_picture(page)):
                raise
            self._note(self._scans, f"Not recognized, because {reason}")
            return
        failed = []
        for index in self._scans:
            try:
                self._recognized[index] = self._recognize(index, tesseract)
            except ParseError as failure:
                self._failure = self._failure or failure
                failed.append(index)
        if failed:
            self._note(failed, f"Not recognized, because {self._failure}")

    def _recognize(self, index: int, tesseract: Tesseract) -> tuple[Block, ...]:
        if needs_too_much(self._pages[index]):
            raise unreadable(Reason.OCR_FAILED, "the picture on it is too large")
        try:
            image, resolution = self._file.drawn(index)
        except pypdfium2.PdfiumError as error:
            raise unreadable(Reason.DAMAGED, "it could not be drawn") from error
        return recognize(image, tesseract, resolution=resolution)

    def sheets(self) -> Iterator[Sheet]:
        """Yield each page with its blocks: what was recognized, else the text that is there."""
        recognized = {
            index: blocks
            for index, blocks in self._recognized.items()
            if is_better(blocks, self._pages[index].lines)
        }
        # No text goes on from a text layer that is not taken, nor into one.
        printed = [
            page._replace(lines=()) if index in recognized else page
            for index, page in enumerate(self._pages)
        ]
        blocks = laid_out(printed, _titles(self._file))
        for index, page in enumerate(self._pages):
            yield Sheet(
                number=index + 1,
                size=page.size if index not in self._unread else None,
                blocks=recognized.get(index, blocks[index]),
            )

    def nothing_read(self) -> Exception:
        """Return the reason for which there is no text at all."""
        if self._failure is not None:
            return self._failure
        if len(self._unread) == len(self._pages):
            return unreadable(Reason.DAMAGED, "no page of the PDF could be read: it is damaged")
        return skipped(Reason.NO_TEXT, "there is no text in the PDF and no writing on its pages")

    def _note(self, pages: Sequence[int], what: str) -> None:
        if pages:
            self.notes.append(f"{what}: {_page_numbers(pages)}.")


def _meaningful(page: PageFacts) -> PageFacts:
    """Return the page, without its text if that only makes sense to a printer."""
    return page if has_meaning(page.lines) else page._replace(lines=())


def _is_picture(page: PageFacts) -> bool:
    letters = sum(sum(map(str.isalnum, line.text)) for line in page.lines)
    if letters == 0:
        return page.is_drawn_on
    return letters < _FEW_LETTERS and page.covered >= _MOSTLY_PICTURE


def _titles(file: PdfFile) -> Mapping[int, Mapping[str, int]]:
    """Return for each page the levels of the outline's titles, by what is the same in them."""
    titles: dict[int, dict[str, int]] = {}
    for entry in file.outline():
        title = key(entry.title)
        if title:
            titles.setdefault(entry.page, {}).setdefault(title, entry.level)
    return titles


def _page_numbers(pages: Sequence[int]) -> str:
    """Return page indices as people write page numbers: ``page 3``, ``pages 1-4, 7``."""
    runs = []
    for _, run in groupby(enumerate(pages), key=lambda numbered: numbered[1] - numbered[0]):
        numbers = [page + 1 for _, page in run]
        runs.append(str(numbers[0]) if len(numbers) == 1 else f"{numbers[0]}-{numbers[-1]}")
    return ("page " if len(pages) == 1 else "pages ") + ", ".join(runs)
