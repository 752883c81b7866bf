"""What is written on this page? Its paragraphs, with the place and confidence of each word."""

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from statistics import median

import msgspec
from PIL import Image

from ragflow.documents import Box, Content, Word
from ragflow.interfaces.ingestion import Recognizer, SeenWord
from ragflow.parsing.blocks import Block, Sheet, compose_pages
from ragflow.parsing.boxes import around, rounded
from ragflow.parsing.paragraphs import joined
from ragflow.parsing.skew import skew_of, turned, turned_back

#: Tesseract takes no image that is longer or broader, in pixels.
_LONGEST_SIDE = 32_000
#: Nor has an image so small anything to say.
_SHORTEST_SIDE = 8
#: A paragraph of less confidence is what a photograph or a line drawing looks like as text.
_LEAST_CONFIDENCE = 0.5
#: A page of less is looked at the other way up as well.
_DOUBTFUL = 0.6
#: And of less, where the recognizer reads lines that stand on their head as if they did not.
_TURNED = 0.9
#: Heights of words, in pixels: smaller and larger ones are read worse; and what is aimed at.
_SMALL, _FIT, _LARGE = 18, 30, 110
#: Words read with more confidence are not looked at larger or smaller.
_SURE = 0.95
#: The most that an image is enlarged, the least that is worth it, and the most pixels it then has.
_ENLARGED, _WORTH = 4.0, 1.3
_MOST_PIXELS = 25_000_000

#: Draws a page again, so many times as large, as near to that as can be; with its resolution.
Redraw = Callable[[float], tuple[Image.Image, float]]


class Seen(msgspec.Struct, frozen=True):
    """What was read in one look at a page, in points of the page as it lies there."""

    words: Sequence[SeenWord]
    #: Mean confidence of the words.
    confidence: float
    #: Typical height of a word in the image that was looked at, in pixels; 0 without words.
    height: float = 0.0


def recognized_page(
    image: Image.Image,
    recognizer: Recognizer,
    *,
    resolution: float,
    size: tuple[float, float] | None = None,
    redraw: Redraw | None = None,
) -> Content:
    """Return what `recognize` finds as the content of one page, of this size in points."""
    if size is None:
        size = (round(image.width * 72 / resolution, 2), round(image.height * 72 / resolution, 2))
    blocks = recognize(image, recognizer, resolution=resolution, redraw=redraw)
    composition = compose_pages([Sheet(number=1, size=size, blocks=blocks)])
    return Content(text=composition.text, elements=composition.elements, pages=composition.pages)


def recognize(
    image: Image.Image,
    recognizer: Recognizer,
    *,
    resolution: float,
    redraw: Redraw | None = None,
) -> tuple[Block, ...]:
    """Return the paragraphs of an image that has `resolution` pixels an inch, in reading order.

    It is looked at level and the right way up, and where its print is too small or too large for
    that, in another size; `redraw` gives it, else the image is enlarged. Boxes are in points of
    the image as it is. An image without writing, or with nothing but what only looks like
    it, has none. Raises what the recognizer raises.
    """
    image = image.convert("L")
    least, most = image.getextrema()
    if min(image.size) < _SHORTEST_SIDE or least == most:
        return ()
    if max(image.size) > _LONGEST_SIDE:
        image, resolution = _resized(image, resolution, _LONGEST_SIDE / max(image.size))
    degrees = skew_of(image)
    seen = _look(image, recognizer, resolution, degrees)
    times = _times(seen, image)
    if times != 1.0:
        again, fine = redraw(times) if redraw and times > 1 else _resized(image, resolution, times)
        other = _look(again.convert("L"), recognizer, fine, degrees)
        if other.confidence > seen.confidence:
            seen = other
    groups = (list(group) for _, group in groupby(seen.words, key=lambda word: word.paragraph))
    blocks = (_block(paragraph) for paragraph in groups)
    return tuple(block for block in blocks if _is_writing(block))


def _resized(image: Image.Image, resolution: float, times: float) -> tuple[Image.Image, float]:
    width, height = (max(1, round(side * times)) for side in image.size)
    return image.resize((width, height), Image.Resampling.LANCZOS), resolution * times


def _times(seen: Seen, image: Image.Image) -> float:
    """Return how many times as large the page should be looked at again; 1 for not at all."""
    if seen.confidence > _SURE or not (0 < seen.height < _SMALL or seen.height > _LARGE):
        return 1.0
    times = _FIT / seen.height
    if times < 1:
        return times
    times = min(times, _ENLARGED, (_MOST_PIXELS / (image.width * image.height)) ** 0.5)
    return times if times >= _WORTH else 1.0


def _look(image: Image.Image, recognizer: Recognizer, resolution: float, degrees: float) -> Seen:
    level = turned(image, degrees) if degrees else image
    words = list(recognizer.words(level, resolution=resolution))
    best = _confidence(words)
    ways: Sequence[Image.Transpose] = ()
    if best and not recognizer.turns and _is_lying(words):
        # Line by line it may be read all the same, but neither in order.
        ways, best = _ON_ITS_SIDE, 0.0
    elif best and best < (_DOUBTFUL if recognizer.turns else _TURNED):
        # A page of few words gives no hint that it stands on its head but words of no sense.
        ways = _ON_ITS_HEAD
    for way in ways:
        found = recognizer.words(level.transpose(way), resolution=resolution)
        if _confidence(found) > best:
            best = _confidence(found)
            words = [_upright(word, way, level.size) for word in found]
    long = [word.box for word in words if len(word.text) > 2]
    height = median(min(_height(box), box[2] - box[0]) for box in long) if long else 0.0
    if degrees:
        words = [_level(word, degrees, level.size, image.size) for word in words]
    points = [
        msgspec.structs.replace(word, box=rounded(word.box, scale=72 / resolution))
        for word in words
    ]
    return Seen(points, _confidence(words), height)


_ON_ITS_HEAD = (Image.Transpose.ROTATE_180,)
_ON_ITS_SIDE = (Image.Transpose.ROTATE_90, Image.Transpose.ROTATE_270)


def _is_lying(words: Sequence[SeenWord]) -> bool:
    long = [word.box for word in words if len(word.text) > 2]
    return 2 * sum(_height(box) > box[2] - box[0] for box in long) > len(long)


def _height(box: Box) -> float:
    return box[3] - box[1]


def _upright(word: SeenWord, method: Image.Transpose, size: tuple[int, int]) -> SeenWord:
    """Return a word of a turned image where it stands in the image of this size."""
    left, top, right, bottom = word.box
    width, height = size
    match method:
        case Image.Transpose.ROTATE_180:
            box = (width - right, height - bottom, width - left, height - top)
        case Image.Transpose.ROTATE_90:  # against the clock
            box = (width - bottom, left, width - top, right)
        case _:
            box = (top, height - right, bottom, height - left)
    return msgspec.structs.replace(word, box=box)


def _level(
    word: SeenWord, degrees: float, seen: tuple[int, int], image: tuple[int, int]
) -> SeenWord:
    return msgspec.structs.replace(word, box=turned_back(word.box, degrees, seen=seen, image=image))


def _confidence(words: Sequence[SeenWord]) -> float:
    """Return the mean confidence of words; 0 without any."""
    return sum(word.confidence for word in words) / len(words) if words else 0.0


def _block(words: Sequence[SeenWord]) -> Block:
    lines = groupby(words, key=lambda word: word.line)
    text = joined([" ".join(word.text for word in line) for _, line in lines])
    return Block(
        text=text,
        boxes=(around(word.box for word in words),),
        recognized=True,
        confidence=round(_confidence(words), 4),
        words=Word.packed(_placed(words, text)),
    )


def _placed(words: Sequence[SeenWord], text: str) -> Iterator[Word]:
    """Yield each word where it is in the text that its lines were joined to."""
    at = 0
    for word in words:
        # Of one that was divided at a line's end the hyphen is gone.
        for written in (word.text, word.text.removesuffix("-")):
            start = text.find(written, at)
            if 0 <= start <= at + 2:
                at = start + len(written)
                yield Word(start=start, end=at, box=word.box, confidence=word.confidence)
                break


def _is_writing(block: Block) -> bool:
    return (block.confidence or 0) >= _LEAST_CONFIDENCE and any(map(str.isalnum, block.text))
