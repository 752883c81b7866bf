"""What is written in this image? Its paragraphs, with the place and confidence of each."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

from PIL import Image

from ragflow.documents import Box, Content
from ragflow.parsing.blocks import Block, Sheet, compose_pages
from ragflow.parsing.boxes import around, rounded
from ragflow.parsing.paragraphs import joined
from ragflow.parsing.tesseract import Tesseract

#: Tesseract takes no image that is longer or broader, in pixels.
_LONGEST_SIDE = 32_000
#: Nor has an image so small anything to say.
_SHORTEST_SIDE = 8
#: A paragraph of less confidence is what a photograph or a line drawing looks like as text.
_LEAST_CONFIDENCE = 0.5
#: A page of less is looked at the other way up as well.
_DOUBTFUL = 0.6


class _Word(NamedTuple):
    """A row of Tesseract's table that holds a word; the numbers count from the page down."""

    paragraph: tuple[int, int]
    line: int
    box: Box
    confidence: float
    text: str

    def turned(self, width: int, height: int) -> "_Word":
        """Return the word as it stands on the page turned upside down."""
        left, top, right, bottom = self.box
        return self._replace(box=(width - right, height - bottom, width - left, height - top))


def recognize(image: Image.Image, tesseract: Tesseract, *, resolution: float) -> tuple[Block, ...]:
    """Return the paragraphs of an image that has `resolution` pixels an inch, in reading order.

    Boxes are in points. An image without writing, or with nothing but what only looks like
    it, has none. Raises `ParseError` when Tesseract fails.
    """
    image = image.convert("L")
    least, most = image.getextrema()
    if min(image.size) < _SHORTEST_SIDE or least == most:
        return ()
    if max(image.size) > _LONGEST_SIDE:
        shrinking = _LONGEST_SIDE / max(image.size)
        resolution *= shrinking
        width, height = (max(1, round(side * shrinking)) for side in image.size)
        image = image.resize((width, height))
    words = _read(image, tesseract, resolution)
    if words and _confidence(words) < _DOUBTFUL:
        # A page of few words gives no hint that it stands on its head but words of no sense.
        turned = _read(image.transpose(Image.Transpose.ROTATE_180), tesseract, resolution)
        if turned and _confidence(turned) > _confidence(words):
            words = [word.turned(*image.size) for word in turned]
    paragraphs = (list(group) for _, group in groupby(words, key=lambda word: word.paragraph))
    blocks = (_block(paragraph, 72 / resolution) for paragraph in paragraphs)
    return tuple(block for block in blocks if _is_writing(block))


def recognized_page(
    image: Image.Image,
    tesseract: Tesseract,
    *,
    resolution: float,
    size: tuple[float, float] | None = None,
) -> Content:
    """Return what `recognize` finds as the content of one page, of this size in points."""
    if size is None:
        size = (round(image.width * 72 / resolution, 2), round(image.height * 72 / resolution, 2))
    blocks = recognize(image, tesseract, resolution=resolution)
    composition = compose_pages([Sheet(number=1, size=size, blocks=blocks)])
    return Content(text=composition.text, elements=composition.elements, pages=composition.pages)


def _read(image: Image.Image, tesseract: Tesseract, resolution: float) -> list[_Word]:
    return list(_words(tesseract.table(image, resolution=round(resolution))))


def _confidence(words: Sequence[_Word]) -> float:
    return sum(word.confidence for word in words) / len(words)


def _words(table: str) -> Iterator[_Word]:
    for row in table.split("\n")[1:]:
        fields = row.split("\t", 11)
        if len(fields) < 12 or not fields[11].strip() or float(fields[10]) < 0:
            continue
        _, _, block, paragraph, line, _, left, top, width, height = map(int, fields[:10])
        yield _Word(
            (block, paragraph),
            line,
            (left, top, left + width, top + height),
            float(fields[10]) / 100,
            fields[11].strip(),
        )


def _block(words: Sequence[_Word], points: float) -> Block:
    lines = groupby(words, key=lambda word: word.line)
    return Block(
        text=joined([" ".join(word.text for word in line) for _, line in lines]),
        boxes=(rounded(around(word.box for word in words), scale=points),),
        recognized=True,
        confidence=round(_confidence(words), 4),
    )


def _is_writing(block: Block) -> bool:
    return (block.confidence or 0) >= _LEAST_CONFIDENCE and any(map(str.isalnum, block.text))
