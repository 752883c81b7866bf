"""What does a page look like, with some places on it marked? For people who follow a citation."""

import io
from collections.abc import Iterator, Mapping, Sequence

import pypdfium2
from PIL import Image, ImageDraw

from ragflow.documents import Box, Document
from ragflow.errors import DocumentError
from ragflow.parsing.descriptions import described
from ragflow.parsing.image import ImageParser, colored_frames
from ragflow.parsing.pdf_file import needs_too_much, opened
from ragflow.parsing.reasons import Reason, skipped, unreadable

#: Pixels an inch of a drawn page of a PDF.
_RESOLUTION = 144.0
_FILL = (255, 208, 0, 90)
_EDGE = (214, 120, 0, 255)
#: Points by which a box is drawn larger, so that its edge touches no letter.
_MARGIN = 1.5


def drawn_pages(
    document: Document, marked: Mapping[int, Sequence[Box]], passwords: Sequence[str] = ()
) -> dict[int, bytes]:
    """Return the pages that are named, from 1, as PNG images with their boxes drawn over them.

    Of `passwords` the first that fits opens an encrypted document. Pages of PDFs are drawn with
    144 pixels an inch, frames of pictures as they are. Raises `SkipDocument` for a document that
    cannot be drawn and `ParseError` for one that is damaged or does not have such a page.
    """
    draw = _pdf_pages if document.media_type == "application/pdf" else _frames
    if draw is _frames and document.media_type not in ImageParser.media_types:
        raise skipped(
            Reason.UNSUPPORTED_TYPE,
            f"{described(document.media_type)} has no pages that can be drawn",
            hint="leave the image out: the citation itself says where the text stands",
        )
    try:
        pages = {
            number: _marked(page, marked[number], resolution / 72)
            for number, page, resolution in draw(document.read(), sorted(marked), passwords)
        }
    except DocumentError:
        raise
    except Exception as error:
        # What the libraries raise on damaged bytes has no limit.
        raise unreadable(
            Reason.DAMAGED, f"{described(document.media_type)} could not be drawn: it is damaged"
        ) from error
    for number in marked:
        if number not in pages:
            raise unreadable(Reason.DAMAGED, f"the document has no page {number}")
    return pages


def _pdf_pages(
    data: bytes, numbers: Sequence[int], passwords: Sequence[str]
) -> Iterator[tuple[int, Image.Image, float]]:
    with opened(data, passwords) as file:
        for number in numbers:
            if not 0 < number <= file.page_count:
                continue
            facts = file.page(number - 1)
            if facts is None or needs_too_much(facts):
                raise skipped(
                    Reason.TOO_LARGE,
                    f"page {number} cannot be drawn: it is damaged, or takes too much memory",
                )
            try:
                yield number, *file.drawn(number - 1, resolution=_RESOLUTION, colored=True)
            except pypdfium2.PdfiumError as error:
                raise unreadable(Reason.DAMAGED, f"page {number} cannot be drawn") from error


def _frames(
    data: bytes, numbers: Sequence[int], _passwords: Sequence[str]
) -> Iterator[tuple[int, Image.Image, float]]:
    for number, (frame, resolution) in enumerate(colored_frames(data), start=1):
        if number in numbers:
            yield number, frame, resolution


def _marked(page: Image.Image, boxes: Sequence[Box], scale: float) -> bytes:
    """Return a page with `scale` pixels a point as a PNG image, boxes drawn over it."""
    paper = page.convert("RGBA")
    overlay = Image.new("RGBA", paper.size, (0, 0, 0, 0))
    pen = ImageDraw.Draw(overlay)
    width = max(1, round(scale))
    for left, top, right, bottom in boxes:
        place = (left - _MARGIN, top - _MARGIN, right + _MARGIN, bottom + _MARGIN)
        edges = [edge * scale for edge in place]
        pen.rectangle(edges, fill=_FILL, outline=_EDGE, width=width)
    written = io.BytesIO()
    Image.alpha_composite(paper, overlay).convert("RGB").save(written, "PNG")
    return written.getvalue()
