"""Pages are looked at level, the right way up, and in a size that fits their print."""

import itertools
from difflib import SequenceMatcher
from typing import Any

import pytest
from PIL import Image, ImageDraw, ImageFont

from ragflow.documents import Content, Document, Element, Word
from ragflow.errors import SkipDocument
from ragflow.interfaces.ingestion import ParseOptions, SeenWord
from ragflow.parsing import recognizers
from ragflow.parsing.ocr import recognize, recognized_page
from ragflow.parsing.reading import parse
from ragflow.parsing.requirements import is_installed
from ragflow.parsing.skew import skew_of, turned, turned_back
from ragflow.parsing.tesseract import Tesseract
from tests.unit.parsing.samples import assert_whole, file_of, needs_tesseract, picture

needs_rapidocr = pytest.mark.skipif(
    not (is_installed("rapidocr") and is_installed("onnxruntime")),
    reason="the extra rapidocr is not installed",
)
LINES = (
    *("A page that was laid on the glass", "a little out of the level is read"),
    *("as it would have been read when", "somebody had looked more closely,"),
    *("and no word of it is lost, for the", "machine turns it before it looks, and"),
    *("what it saw is told of the page as", "it lay there, with all its corners."),
)
TEXT = " ".join(LINES)


@pytest.fixture(scope="module")
def page() -> Image.Image:
    paper = Image.new("L", (1000, 900), "white")
    draw = ImageDraw.Draw(paper)
    for number, line in enumerate(LINES):
        draw.text((90, 90 + 60 * number), line, font=ImageFont.load_default(40), fill=0)
    return paper


def read(image: Image.Image, **options: Any) -> Content:
    data = file_of(image, "PNG", dpi=(200, 200))
    content = parse(Document.of(data, "image/png"), ParseOptions(**options))
    assert_whole(content)
    return content


def agreement(content: Content) -> float:
    return SequenceMatcher(None, " ".join(content.text.split()), TEXT, autojunk=False).ratio()


# --- Skew -------------------------------------------------------------------------------------


@pytest.mark.parametrize("degrees", [-12, -3, 0, 2, 7, 90, 93, 180])
def test_the_skew_of_a_page_is_found(page, degrees):
    lies = (degrees + 45) % 90 - 45
    assert skew_of(turned(page, degrees)) == pytest.approx(-lies, abs=0.6)


def test_what_has_no_lines_is_not_turned():
    assert skew_of(Image.new("L", (600, 400), "white")) == 0
    noise = Image.effect_noise((600, 400), 80)
    assert skew_of(noise) == 0


@pytest.mark.parametrize("degrees", [-15, -1, 0, 4, 15])
def test_a_box_is_turned_back_to_where_it_was(degrees):
    dot = Image.new("L", (400, 300), "white")
    dot.paste(0, (100, 200, 110, 208))
    seen = turned(dot, degrees)
    box = seen.point(lambda shade: 255 * (shade < 128)).getbbox()
    left, top, right, bottom = turned_back(box, degrees, seen=seen.size, image=dot.size)
    assert (left + right) / 2 == pytest.approx(105, abs=1.5)
    assert (top + bottom) / 2 == pytest.approx(204, abs=1.5)
    assert right - left < 16


@needs_tesseract
@pytest.mark.parametrize("degrees", [-9, 3, 97])
def test_a_page_out_of_the_level_is_read_and_boxed_where_it_lies(page, degrees):
    content = read(turned(page, degrees))
    assert agreement(content) > 0.99
    width, height = content.pages[0].size
    for element in content.elements:
        for left, top, right, bottom in element.boxes:
            assert 0 <= left < right <= width
            assert 0 <= top < bottom <= height
    # Its first word lies where it was turned to.
    first, at = content.elements[0].seen_words()[0], read(page).elements[0].seen_words()[0]
    assert content.text[first.start : first.end] == "A"
    pixels = tuple(side * 200 / 72 for side in at.box)
    size = turned(page, degrees).size
    wanted = turned_back(pixels, -degrees, seen=page.size, image=size)
    assert first.box == pytest.approx([side * 72 / 200 for side in wanted], abs=4)


# --- Size -------------------------------------------------------------------------------------


class Scripted:
    """Answers with words of a height that goes with the image, surer the better that fits."""

    turns = True

    def __init__(self, share: float) -> None:
        self.share = share
        self.looked: list[tuple[int, int]] = []

    def words(self, image: Any, *, resolution: float) -> list[SeenWord]:
        self.looked.append(image.size)
        height = image.height * self.share
        sure = 1 - min(0.4, abs(height - 30) / 30)
        return [SeenWord("words", (10, 10, 10 + 4 * height, 10 + height), sure)]


@pytest.mark.parametrize(
    ("share", "looked"),
    [(0.03, 1), (0.01, 2), (0.09, 1), (0.2, 2)],
)
def test_print_that_does_not_fit_is_looked_at_in_another_size(page, share, looked):
    page = page.resize((1000, 1000))
    scripted = Scripted(share)
    (block,) = recognize(page, scripted, resolution=100)
    assert len(scripted.looked) == looked
    if looked == 2:
        assert scripted.looked[1][1] * share == pytest.approx(30, abs=1)
    # Wherever it was looked at, the box is that of the page.
    points = 72 / 100
    (box,) = block.boxes
    assert box[3] - box[1] == pytest.approx(1000 * share * points, abs=0.5)


def test_a_page_is_drawn_anew_rather_than_enlarged(page):
    drawn = []

    def redraw(times):
        drawn.append(times)
        return page.resize((2500, 2500)), 250.0

    scripted = Scripted(0.01)
    recognize(page.resize((1000, 1000)), scripted, resolution=100, redraw=redraw)
    assert drawn == [pytest.approx(3)]
    assert scripted.looked == [(1000, 1000), (2500, 2500)]


@needs_tesseract
def test_small_print_is_read(page):
    content = read(page.resize((page.width // 4, page.height // 4), Image.Resampling.LANCZOS))
    assert agreement(content) > 0.98


# --- Words ------------------------------------------------------------------------------------


@needs_tesseract
def test_each_word_keeps_its_place_and_its_confidence(page):
    content = read(page)
    words = [word for element in content.elements for word in element.seen_words()]
    assert [content.text[word.start : word.end] for word in words] == TEXT.split()
    assert all(0.5 < word.confidence <= 1 for word in words)
    for element in content.elements:
        mine = [word.confidence for word in element.seen_words()]
        assert element.confidence == pytest.approx(sum(mine) / len(mine), abs=0.01)
        ((left, top, right, bottom),) = element.boxes
        for word in element.seen_words():
            assert left - 0.1 <= word.box[0] < word.box[2] <= right + 0.1
            assert top - 0.1 <= word.box[1] < word.box[3] <= bottom + 0.1


def test_words_of_a_divided_word_are_where_it_is_joined():
    seen = [
        SeenWord("Read-", (0, 0, 50, 10), 0.9, (1, 1), 1),
        SeenWord("ing", (0, 20, 30, 30), 0.8, (1, 1), 2),
        SeenWord("well-known", (40, 20, 90, 30), 1.0, (1, 1), 2),
    ]

    class Told:
        turns = True

        def words(self, image: Any, *, resolution: float) -> list[SeenWord]:
            return seen

    content = recognized_page(picture("any"), Told(), resolution=72)
    (element,) = content.elements
    assert content.text == "Reading well-known"
    words = element.seen_words()
    assert [content.text[word.start : word.end] for word in words] == ["Read", "ing", "well-known"]
    assert words[1].box == (0, 20, 30, 30)
    assert words[1].confidence == pytest.approx(0.8, abs=0.01)


def test_a_word_keeps_its_place_in_a_picture_of_any_size():
    box = (6_600.5, 20_000.0, 31_999.9, 80_000_000.0)
    words = [Word(start=0, end=4, box=box, confidence=1.0)]
    assert Element(kind="paragraph", start=0, end=4, words=Word.packed(words)).seen_words() == words


# --- Which engine -----------------------------------------------------------------------------


def test_an_engine_that_is_not_there_is_said_with_what_brings_it(monkeypatch):
    monkeypatch.setattr(recognizers, "is_installed", lambda name: name != "rapidocr")
    with pytest.raises(SkipDocument) as skipped:
        read(picture("Hello"), ocr="rapidocr")
    assert (skipped.value.code, skipped.value.requirement) == ("ocr_missing", "library:rapidocr")
    assert skipped.value.hint == "pip install 'ragflow[rapidocr]'"


@needs_tesseract
def test_tesseract_has_one_core_a_page():
    from pytesseract import pytesseract

    Tesseract("eng").words(picture("Hello"), resolution=200)
    assert pytesseract.environ["OMP_THREAD_LIMIT"] == "1"


@needs_rapidocr
@pytest.mark.parametrize("degrees", [0, 3, 90, 180, 270])
def test_the_second_engine_reads_pages_however_they_lie(page, degrees):
    content = read(turned(page, degrees), ocr="rapidocr")
    assert agreement(content) > 0.98
    words = list(itertools.chain(*(element.seen_words() for element in content.elements)))
    assert [content.text[word.start : word.end] for word in words][:3] == TEXT.split()[:3]
    assert {element.obtained for element in content.elements} == {"ocr"}
