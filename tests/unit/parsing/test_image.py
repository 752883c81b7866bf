import random

import pytest
from PIL import Image

from ragflow.errors import ParseError, SkipDocument
from tests.unit.parsing.samples import file_of, needs_tesseract, picture, read, texts

HELLO = picture("Hello out there,", "this is a picture.")
WORDS = "Hello out there, this is a picture."


@needs_tesseract
@pytest.mark.parametrize(
    ("kind", "mode"),
    [
        *(("PNG", "L"), ("PNG", "1"), ("PNG", "RGBA"), ("PNG", "LA"), ("PNG", "P")),
        *(("PNG", "I;16"), ("JPEG", "RGB"), ("JPEG", "CMYK"), ("TIFF", "L"), ("TIFF", "F")),
        *(("WEBP", "RGB"), ("BMP", "RGB"), ("GIF", "P")),
    ],
)
def test_every_format_and_kind_of_colour_is_read(kind, mode):
    image = HELLO.convert("I").point(lambda v: v * 200) if mode == "I;16" else HELLO
    content = read(file_of(image.convert(mode), kind), f"image/{kind.lower()}")
    assert " ".join(content.text.split()) == WORDS
    width, height = content.pages[0].size
    assert width / height == pytest.approx(1000 / 260, rel=1e-3)
    assert {element.obtained for element in content.elements} == {"ocr"}


@needs_tesseract
def test_letters_on_nothing_are_letters_on_white():
    letters = Image.new("RGBA", HELLO.size, (0, 0, 0, 0))
    letters.putalpha(HELLO.point(lambda value: 255 - value))
    assert " ".join(read(file_of(letters, "PNG"), "image/png").text.split()) == WORDS


@needs_tesseract
def test_each_page_of_a_tiff_is_a_page():
    pages = [picture(f"This is page {number}") for number in ("one", "two", "three")]
    data = file_of(pages[0], "TIFF", save_all=True, append_images=pages[1:], dpi=(200, 200))
    content = read(data, "image/tiff")
    assert [element.page for element in content.elements] == [1, 2, 3]
    assert texts(content)[2] == "This is page three"
    assert content.pages[0].size == pytest.approx((360, 93.6))


@needs_tesseract
def test_only_the_first_frame_of_an_animation_is_read():
    frames = [picture("This is frame one"), picture("This is frame two")]
    data = file_of(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert texts(read(data, "image/gif")) == ["This is frame one"]


@needs_tesseract
@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_a_picture_is_read_whichever_way_up_it_is(degrees):
    turned = picture(
        *("There is enough of text in this picture", "to tell which way up it has to be,"),
        *("for which some forty or fifty letters", "will do in most of the cases."),
        size=(1100, 400),
    ).rotate(degrees, expand=True)
    content = read(file_of(turned, "PNG"), "image/png")
    assert "to tell which way up" in content.text
    for element in content.elements:
        left, top, right, bottom = element.boxes[0]
        assert 0 <= left < right <= turned.width
        assert 0 <= top < bottom <= turned.height


@needs_tesseract
def test_a_camera_that_was_held_sideways_is_believed():
    exif = Image.Exif()
    exif[0x0112] = 6
    data = file_of(HELLO.rotate(90, expand=True), "JPEG", exif=exif)
    assert " ".join(read(data, "image/jpeg").text.split()) == WORDS


@needs_tesseract
@pytest.mark.parametrize("image", [picture(), Image.new("L", (3, 3)), Image.new("L", (40, 1))])
def test_a_picture_without_writing_has_no_text(image):
    with pytest.raises(SkipDocument) as skipped:
        read(file_of(image, "PNG"), "image/png")
    assert skipped.value.code == "no_text"


@needs_tesseract
def test_noise_is_no_writing():
    noise = random.Random(1).randbytes(400 * 300)
    with pytest.raises(SkipDocument) as skipped:
        read(file_of(Image.frombytes("L", (400, 300), noise), "PNG"), "image/png")
    assert skipped.value.code == "no_text"


@pytest.mark.parametrize("side", [9200, 16_000])
def test_an_image_that_would_fill_the_memory_is_too_large(side):
    data = file_of(Image.new("1", (side, side)), "PNG")
    assert len(data) < 100_000
    with pytest.raises(SkipDocument) as skipped:
        read(data, "image/png")
    assert skipped.value.code == "too_large"


def test_pictures_are_skipped_when_ocr_is_off():
    with pytest.raises(SkipDocument) as skipped:
        read(file_of(HELLO, "PNG"), "image/png", ocr=False)
    assert skipped.value.code == "ocr_off"


@needs_tesseract
@pytest.mark.parametrize("data", [b"\x89PNG\r\n\x1a\n", file_of(HELLO, "PNG")[:400], b"GIF89a"])
def test_a_cut_image_is_damaged(data):
    with pytest.raises(ParseError) as unreadable:
        read(data, "image/png")
    assert unreadable.value.code == "damaged"
