"""What is written in a picture? Each frame of it is a page."""

import io
from collections.abc import Iterator
from typing import cast

from PIL import ExifTags, Image, ImageOps
from PIL.TiffImagePlugin import TiffImageFile

from ragflow.core.items import Draft
from ragflow.documents import Content, Document, Page, Scan, digest_of
from ragflow.interfaces.ingestion import ParseOptions
from ragflow.parsing.ocr import recognized_page
from ragflow.parsing.reasons import Reason, skipped
from ragflow.parsing.recognizers import recognizer
from ragflow.parsing.scans import scan_parts

#: The most pixels a frame may have. Below the number at which Pillow itself warns.
MOST_PIXELS = 80_000_000
#: The most frames of one file that are read.
MOST_FRAMES = 1000

_FORMATS = ("PNG", "JPEG", "TIFF", "WEBP", "BMP", "GIF")
#: Formats whose frames are pages rather than moments of an animation.
_PAGED = frozenset({"TIFF"})
#: Tags of a TIFF that say where the stretches of a frame begin, and how long they are.
_STRIPS, _TILES = (273, 279), (324, 325)
_PLACES = frozenset((*_STRIPS, *_TILES, 330, 34665, 34853))
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

    def parse(self, document: Document, options: ParseOptions) -> Content | Draft[Content, Scan]:
        """Return the frames, each a scan."""
        if not options.ocr:
            raise skipped(
                Reason.OCR_OFF, "text in images is not recognized because OCR is switched off"
            )
        data = document.read()
        notes: list[str] = []
        pages: list[Page] = []
        digests: list[bytes] = []
        with _opened(data) as image:
            for number, frame in enumerate(_frames(image, notes), start=1):
                points = 72 / _resolution(frame)
                width, height = (round(side * points, 2) for side in _upright_size(frame))
                pages.append(Page(number=number, start=0, end=0, size=(width, height)))
                digests.append(_digest(frame, data))
        content = Content(text="", pages=tuple(pages), notes=tuple(notes))
        return Draft(content, scan_parts(enumerate(digests)))

    def recognize(self, document: Document, page: int, options: ParseOptions) -> Content:
        """Return what is written on a frame, a paragraph an element."""
        reader = recognizer(options)
        with _opened(document.read()) as image:
            if page > 1:
                image.seek(page - 1)
                _check_size(image)
            resolution, upright = _resolution(image), _upright(image)
        return recognized_page(upright, reader, resolution=resolution)


def _digest(frame: Image.Image, data: bytes) -> bytes:
    """Return the digest of a frame by its own bytes in the file, and all it says of itself."""
    if frame.format not in _PAGED or getattr(frame, "n_frames", 1) == 1:
        return digest_of(data)
    tags = cast(TiffImageFile, frame).tag_v2
    told = sorted((tag, repr(tags[tag])) for tag in tags if tag not in _PLACES)
    parts = [repr(told).encode("utf-8", "surrogatepass")]
    try:
        for places, sizes in (_STRIPS, _TILES):
            where, lengths = tags.get(places, ()), tags.get(sizes, ())
            parts += [data[at : at + size] for at, size in zip(where, lengths, strict=True)]
    except (TypeError, ValueError):  # the file does not say where its frames are as it should
        parts += [data, str(frame.tell()).encode()]
    return digest_of(b"".join(digest_of(part) for part in parts))


def _upright_size(frame: Image.Image) -> tuple[int, int]:
    """Return width and height as the frame is meant to be seen."""
    lies = frame.getexif().get(ExifTags.Base.Orientation, 1) in (5, 6, 7, 8)
    return (frame.height, frame.width) if lies else (frame.width, frame.height)


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
