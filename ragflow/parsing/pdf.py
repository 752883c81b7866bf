"""What does a PDF say? Page by page: its text, or what OCR reads where it has none."""

from collections.abc import Iterator, Mapping, Sequence

import pypdfium2

from ragflow.core.items import Draft
from ragflow.documents import Content, Document, Scan
from ragflow.interfaces.ingestion import ParseOptions
from ragflow.parsing.blocks import Sheet, compose_pages
from ragflow.parsing.ocr import recognized_page
from ragflow.parsing.page_text_quality import (
    FEW_LETTERS,
    LITTLE_TEXT,
    has_meaning,
    is_doubtful,
    letters,
)
from ragflow.parsing.pdf_blocks import key
from ragflow.parsing.pdf_file import MOST_PAGES, PageFacts, PdfFile, needs_too_much, opened
from ragflow.parsing.pdf_layout import laid_out
from ragflow.parsing.pdf_objects import page_digests
from ragflow.parsing.reasons import Reason, skipped, unreadable
from ragflow.parsing.recognizers import recognizer
from ragflow.parsing.scans import digests_in, page_numbers, scan_parts

#: A page with little text that is mostly picture may be a scan with a stamp on it.
_MOSTLY_PICTURE = 0.5

_UNREADABLE_PAGE = PageFacts((0.0, 0.0), (), is_drawn_on=False, covered=0.0, picture_bytes=0)


class PdfParser:
    """Reads PDFs as far as they can be read, with pages, boxes and headings.

    A page without meaningful text is recognized. What of a document could not be read while
    the rest could is said in the notes.
    """

    media_types: tuple[str, ...] = ("application/pdf",)

    def parse(self, document: Document, options: ParseOptions) -> Content | Draft[Content, Scan]:
        """Return the text of all pages, a paragraph an element, and the pages that are scans."""
        data = document.read()
        with opened(data, options.passwords.values) as file:
            reading = _Reading(file)
            scans = reading.scans(options)
            composition = compose_pages(list(reading.sheets()))
            if not composition.elements and not scans:
                raise reading.nothing_read()
            content = Content(
                text=composition.text,
                elements=composition.elements,
                pages=composition.pages,
                title=file.title,
                language=file.language,
                notes=tuple(reading.notes),
            )
        if not scans:
            return content
        found = None
        if not file.was_repaired:
            found = page_digests(data, scans, count=file.page_count)
        digests = found or digests_in(data, scans)
        return Draft(content, scan_parts(zip(scans, digests, strict=True)))

    def recognize(self, document: Document, page: int, options: ParseOptions) -> Content:
        """Return what is written on a page, a paragraph an element."""
        reader = recognizer(options)
        with opened(document.read(), options.passwords.values) as file:
            facts = file.page(page - 1)
            if facts is None:
                raise unreadable(Reason.DAMAGED, "it could not be drawn")
            if needs_too_much(facts):
                raise unreadable(Reason.OCR_FAILED, "the picture on it is too large")
            try:
                image, resolution = file.drawn(page - 1)
            except pypdfium2.PdfiumError as error:
                raise unreadable(Reason.DAMAGED, "it could not be drawn") from error
            return recognized_page(
                image,
                reader,
                resolution=resolution,
                size=facts.size,
                redraw=lambda times: file.drawn(page - 1, times=times),
            )


class _Reading:
    """What is known of a document's pages while they are read."""

    def __init__(self, file: PdfFile) -> None:
        self.notes: list[str] = []
        self._file = file
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

    def scans(self, options: ParseOptions) -> list[int]:
        """Return the pages that are pictures, or whose text may be wrong.

        Raises `SkipDocument` if there is nothing but pictures, and they are not to be recognized.
        """
        if not self._scans or options.ocr:
            return self._scans
        reason = skipped(
            Reason.OCR_OFF, "text in images is not recognized because OCR is switched off"
        )
        if not any(page.lines for page in self._pages if not _is_picture(page, FEW_LETTERS)):
            raise reason
        self._note(self._scans, f"Not recognized, because {reason}")
        return []

    def sheets(self) -> Iterator[Sheet]:
        """Yield each page with its blocks."""
        blocks = laid_out(self._pages, _titles(self._file), apart=set(self._scans))
        for index, page in enumerate(self._pages):
            yield Sheet(
                number=index + 1,
                size=page.size if index not in self._unread else None,
                blocks=blocks[index],
            )

    def nothing_read(self) -> Exception:
        """Return the reason for which there is no text at all."""
        if len(self._unread) == len(self._pages):
            return unreadable(Reason.DAMAGED, "no page of the PDF could be read: it is damaged")
        return skipped(Reason.NO_TEXT, "there is no text in the PDF and no writing on its pages")

    def _note(self, pages: Sequence[int], what: str) -> None:
        if pages:
            self.notes.append(f"{what}: {page_numbers([index + 1 for index in pages])}.")


def _meaningful(page: PageFacts) -> PageFacts:
    """Return the page, without its text if that only makes sense to a printer."""
    return page if has_meaning(page.lines) else page._replace(lines=())


def _is_picture(page: PageFacts, least: int = LITTLE_TEXT) -> bool:
    """Say whether a page is, but for fewer than `least` letters, mostly picture."""
    found = sum(letters(line.text) for line in page.lines)
    if found == 0:
        return page.is_drawn_on
    return found < least and page.covered >= _MOSTLY_PICTURE


def _titles(file: PdfFile) -> Mapping[int, Mapping[str, int]]:
    """Return for each page the levels of the outline's titles, by what is the same in them."""
    titles: dict[int, dict[str, int]] = {}
    for entry in file.outline():
        title = key(entry.title)
        if title:
            titles.setdefault(entry.page, {}).setdefault(title, entry.level)
    return titles
