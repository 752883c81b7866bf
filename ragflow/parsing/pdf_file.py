"""What does the PDF library know about a file, a page, a line?"""

import ctypes
import io
import re
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any, NamedTuple

import pypdfium2
import pypdfium2.raw as pdfium
from PIL import Image

from ragflow.documents import Box
from ragflow.parsing.boxes import around
from ragflow.parsing.page_text_quality import LITTLE_TEXT, letters
from ragflow.parsing.pdf_lines import Frame, Line, parts_of
from ragflow.parsing.pdf_rules import Rules, rules_on
from ragflow.parsing.reasons import encrypted

#: PDFium may be in use by one thread at a time, whatever documents the threads work on.
_ONE_AT_A_TIME = threading.Lock()

#: The most entries of an outline, and pages of a file, that are read.
MOST_ENTRIES = 20_000
MOST_PAGES = 20_000
#: A page is drawn with so many pixels an inch for OCR, or fewer where it would have more pixels
#: than this.
_RESOLUTION = 300.0
_MOST_PIXELS = 25_000_000
#: Pictures on a page that need more memory than this to be drawn are not.
_MOST_PICTURE_BYTES = 1 << 29

_CATALOG = re.compile(rb"/Type\s*/Catalog\b")
_OBJECT = re.compile(rb"(\d{1,10} \d{1,5})\s+obj\b")


class Entry(NamedTuple):
    """An entry of the outline: a title, its level from 1, and the page it leads to, from 0."""

    title: str
    level: int
    page: int


class PageFacts(NamedTuple):
    """What stands on a page, and whether anything but text is drawn on it."""

    size: tuple[float, float]
    #: The parts of its lines, in the order of the file.
    lines: tuple[Line, ...]
    is_drawn_on: bool
    #: How much of the page its pictures cover, from 0 to 1; looked at where there is little text.
    covered: float
    #: The memory its largest picture takes; looked at where there is little text.
    picture_bytes: int
    #: The straight lines that are drawn on it.
    rules: Rules = Rules()


class PdfFile:
    """An open PDF. Safe to use from several threads, each with its own."""

    def __init__(self, opened: Any, *, was_repaired: bool) -> None:
        self._file = opened
        #: Whether the file had to be rebuilt before it could be read.
        self.was_repaired = was_repaired
        with _ONE_AT_A_TIME:
            self.page_count = min(len(opened), MOST_PAGES)
            self.title = " ".join(opened.get_metadata_value("Title").split()) or None
            self.language = _language(opened)

    def outline(self) -> list[Entry]:
        """Return the outline's entries that lead to a page, in order."""
        found = []
        with _ONE_AT_A_TIME:
            for count, bookmark in enumerate(self._file.get_toc()):
                if count >= MOST_ENTRIES:
                    break
                destination = bookmark.get_dest()
                page = None if destination is None else destination.get_index()
                if page is not None:
                    found.append(Entry(bookmark.get_title(), bookmark.level + 1, page))
        return found

    def page(self, index: int) -> PageFacts | None:
        """Return what stands on a page, or None for a page that cannot be read."""
        with _ONE_AT_A_TIME:
            try:
                with closing(self._file[index]) as page:
                    return _facts(page)
            except pypdfium2.PdfiumError:
                return None

    def drawn(
        self,
        index: int,
        *,
        times: float = 1.0,
        resolution: float = _RESOLUTION,
        colored: bool = False,
    ) -> tuple[Image.Image, float]:
        """Return a page drawn in shades of grey or colors, and its number of pixels an inch.

        `times` as large as `resolution` says, as far as that does not take too many pixels.
        """
        with _ONE_AT_A_TIME, closing(self._file[index]) as page:
            area = max(1.0, page.get_width() * page.get_height())
            scale = min(times * resolution / 72, (_MOST_PIXELS / area) ** 0.5)
            with closing(page.render(scale=scale, grayscale=not colored)) as bitmap:
                # The image looks into memory that goes with the bitmap.
                return bitmap.to_pil().copy(), scale * 72

    def close(self) -> None:
        """Let go of the file."""
        with _ONE_AT_A_TIME:
            self._file.close()


@contextmanager
def opened(data: bytes, passwords: Sequence[str] = ()) -> Iterator[PdfFile]:
    """Open a PDF for as long as the context lasts, rebuilt from its parts if it is damaged.

    Of `passwords` the first that fits is used, where one is needed. Raises `SkipDocument` for a
    file that none opens, and an error of the library for one that is beyond repair.
    """
    file = _open(data, passwords)
    try:
        yield file
    finally:
        file.close()


def needs_too_much(facts: PageFacts) -> bool:
    """Say whether drawing the page would take more memory than a page may."""
    return facts.picture_bytes > _MOST_PICTURE_BYTES


def _open(data: bytes, passwords: Sequence[str]) -> PdfFile:
    try:
        return PdfFile(_load(data), was_repaired=False)
    except pypdfium2.PdfiumError as error:
        locked = error.err_code in (pdfium.FPDF_ERR_PASSWORD, pdfium.FPDF_ERR_SECURITY)
        if locked or b"/Encrypt" in data:
            unlocked = _unlocked(data, passwords)
            if unlocked is None:
                raise encrypted("the PDF", told=len(passwords)) from error
            return PdfFile(unlocked, was_repaired=False)
    return PdfFile(_repaired(data), was_repaired=True)


def _load(data: bytes, password: str | None = None) -> Any:
    with _ONE_AT_A_TIME:
        return pypdfium2.PdfDocument(data, password=password)


def _unlocked(data: bytes, passwords: Sequence[str]) -> Any | None:
    """Return the open file, None where no password fits."""
    for password in passwords:
        try:
            return _load(data, password)
        except pypdfium2.PdfiumError:
            continue
    # pypdf knows ways of spelling a password, and of encrypting, that PDFium does not.
    from pypdf import PdfReader, PdfWriter

    for password in ("", *passwords):
        try:
            reader = PdfReader(io.BytesIO(data), strict=False, password=password)
            plain = io.BytesIO()
            PdfWriter(clone_from=reader).write(plain)
            return _load(plain.getvalue())
        except Exception:  # noqa: BLE001, S112 - it raises anything on a file that stays locked
            continue
    return None


def _repaired(data: bytes) -> Any:
    """Open a file whose end is lost, or that only another reader than PDFium can make sense of.

    Raises whatever that reader raises on a file that is beyond repair.
    """
    catalog = _catalog(data)
    if catalog is not None and b"endobj" in data:
        try:
            # Told where to begin, PDFium finds the objects by itself.
            objects = data[: data.rindex(b"endobj") + len(b"endobj")]
            return _load(objects + b"\ntrailer\n<</Root %b R>>\n%%%%EOF\n" % catalog)
        except pypdfium2.PdfiumError:
            pass
    from pypdf import PdfReader, PdfWriter

    rebuilt = io.BytesIO()
    PdfWriter(clone_from=PdfReader(io.BytesIO(data), strict=False)).write(rebuilt)
    return _load(rebuilt.getvalue())


def _catalog(data: bytes) -> bytes | None:
    """Return the number of the object that a reader begins with, or None if it is lost too."""
    for stated in reversed(list(_CATALOG.finditer(data))):
        number = _OBJECT.search(data, max(0, data.rfind(b"obj", 0, stated.start()) - 20))
        if number is not None and number.start() < stated.start():
            return number[1]
    return None


def _language(file: Any) -> str | None:
    size = pdfium.FPDFCatalog_GetLanguage(file, None, 0)
    if size <= 2 or size > 100:
        return None
    buffer = (ctypes.c_ushort * (size // 2))()
    pdfium.FPDFCatalog_GetLanguage(file, buffer, size)
    return "".join(map(chr, buffer)).strip("\0 ") or None


def _facts(page: Any) -> PageFacts:
    frame = Frame(page.get_bbox(), page.get_rotation())
    rules = rules_on(page.raw, frame)
    with closing(page.get_textpage()) as text:
        lines = tuple(parts_of(_PageGlyphs(text.raw, frame), rules.cuts))
    is_drawn_on = pdfium.FPDFPage_CountObjects(page) > 0 or pdfium.FPDFPage_GetAnnotCount(page) > 0
    covered, needed = 0.0, 0
    if is_drawn_on and sum(letters(line.text) for line in lines) < LITTLE_TEXT:
        covered, needed = _pictures(page, frame)
    return PageFacts(frame.size, lines, is_drawn_on, covered, needed, rules)


def _pictures(page: Any, frame: Frame) -> tuple[float, int]:
    """Return the share of the page that pictures cover, and the bytes the largest one takes."""
    area = max(1.0, frame.size[0] * frame.size[1])
    covered, needed = 0.0, 0
    for picture in page.get_objects(filter=[pdfium.FPDF_PAGEOBJ_IMAGE], max_depth=3):
        try:
            width, height = picture.get_px_size()
            bits = picture.get_metadata().bits_per_pixel or 24
            left, bottom, right, top = picture.get_bounds()
        except pypdfium2.PdfiumError:
            continue
        needed = max(needed, width * height * bits // 8)
        covered += abs(right - left) * abs(top - bottom) / area
    return min(1.0, covered), needed


class _PageGlyphs:
    """The characters of a text page; see `Glyphs`."""

    def __init__(self, raw: Any, frame: Frame) -> None:
        self._raw = raw
        self._frame = frame
        self._edges = [ctypes.c_double() for _ in range(4)]
        self._loose = pdfium.FS_RECTF()
        count = max(0, pdfium.FPDFText_CountChars(raw))
        self.codes: Sequence[int] = [
            pdfium.FPDFText_GetUnicode(raw, index) for index in range(count)
        ]

    def box(self, start: int, end: int) -> Box | None:
        left, top, right, bottom = self._edges
        boxes = [
            self._frame.placed(left.value, bottom.value, right.value, top.value)
            for index in range(pdfium.FPDFText_CountRects(self._raw, start, end - start))
            if pdfium.FPDFText_GetRect(self._raw, index, left, top, right, bottom)
        ]
        return around(boxes) if boxes else None

    def edges(self, index: int) -> tuple[float, float]:
        left, top, right, bottom = self._edges
        if not pdfium.FPDFText_GetCharBox(self._raw, index, left, right, bottom, top):
            return 0.0, 0.0
        placed = self._frame.placed(left.value, bottom.value, right.value, top.value)
        return placed[0], placed[2]

    def height(self, index: int) -> float:
        loose = self._loose
        if not pdfium.FPDFText_GetLooseCharBox(self._raw, index, loose):
            return 0.0
        _, top, _, bottom = self._frame.placed(loose.left, loose.bottom, loose.right, loose.top)
        return bottom - top

    def baseline(self, index: int) -> float:
        x, y, _, _ = self._edges
        if not pdfium.FPDFText_GetCharOrigin(self._raw, index, x, y):
            return 0.0
        return self._frame.placed(x.value, y.value, x.value, y.value)[1]
