"""What is written in a picture? Each frame of it is a page."""

import io
from collections.abc import Iterator
from typing import cast

from PIL import Image, ImageOps

from ragflow.documents import Content, Document
from ragflow.interfaces.ingestion import ParseOptions
from ragflow.parsing.blocks import Sheet, compose_pages
from ragflow.parsing.ocr import recognize
from ragflow.parsing.reasons import Reason, skipped
from ragflow.parsing.tesseract import Tesseract

#: The most pixels a frame may have. Below the number at which Pillow itself warns.
MOST_PIXELS = 80_000_000
#: The most frames of one file that are read.
MOST_FRAMES = 1000

_FORMATS = ("PNG", "JPEG", "TIFF", "WEBP", "BMP", "GIF")
#: Formats whose frames are pages rather than moments of an animation.
_PAGED = frozenset({"TIFF"})
#: Pixels an inch where the file states none: one pixel is one point.
_UNSTATED = 72.0


class ImageParser:
    """Reads pictures by OCR: every page of a TIFF, the first frame of any other."""

    media_types: tuple[str, ...] = (
        "image/png",
        "image/jpeg",
        "image/tiff",
        "image/webp",
        "image/bmp",
        "image/gif",
    )

    def parse(self, document: Document, options: ParseOptions) -> Content:
        """Return the recognized text, a paragraph an element."""
        if not options.ocr:
            raise skipped(
                Reason.OCR_OFF, "text in images is not recognized because OCR is switched off"
            )
        data = document.read()
        notes: list[str] = []
        sheets: list[Sheet] = []
        with _opened(data) as image:
            tesseract = Tesseract(options.languages)
            for number, frame in enumerate(_frames(image, notes), start=1):
                resolution = _resolution(frame)
                upright = _upright(frame)
                width, height = (round(side * 72 / resolution, 2) for side in upright.size)
                blocks = recognize(upright, tesseract, resolution=resolution)
                sheets.append(Sheet(number=number, size=(width, height), blocks=blocks))
        composition = compose_pages(sheets)
        if not composition.elements:
            raise skipped(Reason.NO_TEXT, "there is no writing in the image")
        return Content(
            text=composition.text,
            elements=composition.elements,
            pages=composition.pages,
            notes=tuple(notes),
        )


def colored_frames(data: bytes) -> Iterator[tuple[Image.Image, float]]:
    """Yield each frame that is read, turned as it is meant to be seen, and its pixels an inch."""
    with _opened(data) as image:
        for frame in _frames(image, []):
            yield ImageOps.exif_transpose(_scaled(frame)).convert("RGBA"), _resolution(frame)


def _opened(data: bytes) -> Image.Image:
    try:
        image = Image.open(io.BytesIO(data), formats=_FORMATS)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _too_large() from error
    _check_size(image)
    return image


def _frames(image: Image.Image, notes: list[str]) -> Iterator[Image.Image]:
    yield image
    if image.format not in _PAGED:
        return
    count = getattr(image, "n_frames", 1)
    if count > MOST_FRAMES:
        notes.append(f"Only the first {MOST_FRAMES} of {count} pages were read.")
    for number in range(1, min(count, MOST_FRAMES)):
        image.seek(number)
        _check_size(image)
        yield image


def _check_size(image: Image.Image) -> None:
    if image.width * image.height > MOST_PIXELS:
        raise _too_large()


def _too_large() -> Exception:
    return skipped(
        Reason.TOO_LARGE,
        f"the image has more than the {MOST_PIXELS // 1_000_000} million pixels that are read",
        hint="save it at a lower resolution",
    )


def _resolution(image: Image.Image) -> float:
    stated = image.info.get("dpi")
    try:
        resolution = float(stated[0]) if stated else _UNSTATED
    except (TypeError, ValueError, ZeroDivisionError):
        return _UNSTATED
    return resolution if 10 <= resolution <= 10_000 else _UNSTATED


def _upright(image: Image.Image) -> Image.Image:
    """Return the frame as it is meant to be seen: turned, opaque, in shades of grey."""
    image = _scaled(image)
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        image = image.convert("RGBA")
        paper = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(paper, image)
    return ImageOps.exif_transpose(image.convert("L"))


def _scaled(image: Image.Image) -> Image.Image:
    """Return a frame of sixteen bits a pixel with eight, which `convert` would cut off."""
    if not image.mode.startswith(("I", "F")):
        return image
    image = image.convert("F")
    least, most = cast(tuple[float, float], image.getextrema())
    spread = (most - least) or 1.0
    return image.point(lambda value: value * (255 / spread) - least * (255 / spread)).convert("L")
