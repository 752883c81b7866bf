"""The signals by which a document that was read badly gives itself away."""

import msgspec
import pytest

from ragflow.documents import Content, Element, Page
from ragflow.errors import DocumentError, SkipDocument
from ragflow.parsing.quality import Quality, percent, signals
from ragflow.tasks import check
from tests.unit.parsing.samples import file_of, needs_tesseract, pdf, picture, prose, read

SENTENCE = "The desk is open from nine to five on every day."


def content(*texts, **facts):
    """A content of one paragraph for each text, which is an element or its words."""
    text, elements = "", []
    for each in texts:
        words, more = each if isinstance(each, tuple) else (each, {})
        elements.append(
            Element(**{"kind": "paragraph", **more}, start=len(text), end=len(text) + len(words))
        )
        text += words + "\n\n"
    return Content(text=text, elements=tuple(elements), **facts)


def test_a_page_without_text_is_empty():
    found = signals(read(pdf(prose("One."), [], prose("Three."), []), "application/pdf"))
    assert (found.pages, found.empty_pages) == (4, 0.5)
    assert signals(content("words")).empty_pages is None


def test_what_was_recognized_counts_by_its_letters():
    ocr = {"obtained": "ocr"}
    found = signals(
        content("abcd", ("efgh ij", {**ocr, "confidence": 0.5}), ("kl", {**ocr, "confidence": 0.9}))
    )
    assert found.recognized == pytest.approx(8 / 12, abs=1e-4)
    assert found.ocr_confidence == pytest.approx((6 * 0.5 + 2 * 0.9) / 8, abs=1e-4)
    assert signals(content("abcd")).ocr_confidence is None


@needs_tesseract
def test_a_picture_was_recognized_whole():
    found = signals(read(file_of(picture("Hello there"), "PNG"), "image/png"))
    assert (found.pages, found.empty_pages, found.recognized) == (1, 0.0, 1.0)
    assert found.ocr_confidence > 0.5


@pytest.mark.parametrize("odd", ["\ue001", "\ufffd", "\x02", "\uf0b7", "\U000f0001", "\uffff"])
def test_characters_without_meaning_are_odd(odd):
    assert signals(content(f"abc{odd}")).odd_characters == 0.25


def test_letters_of_any_writing_are_not_odd():
    written = "naïve 手紙 письмо رسالة 👍🏽 a\u0301 soft\u00adhyphen tab\tend\r\n\x85"
    assert signals(content(written)).odd_characters == 0


def test_only_paragraphs_of_some_length_are_duplicates():
    twice = signals(content(SENTENCE, "Yes.", "Yes.", SENTENCE.replace(" ", "\n")))
    letters = len("".join(SENTENCE.split()))
    assert twice.duplicates == pytest.approx(letters / (2 * letters + 8), abs=1e-4)
    running = {"kind": "header_footer"}
    assert signals(content((SENTENCE, running), (SENTENCE, running))).duplicates == 0
    assert signals(Content(text=f"{SENTENCE}\n\n{SENTENCE}")).duplicates == 0.5


def test_a_document_of_nothing_has_signals():
    assert signals(Content(text="")).odd_characters == 0
    assert signals(Content(text="", pages=(Page(number=1, start=0, end=0),))).empty_pages == 1


POOR = content(
    f"{SENTENCE}\ue001",
    SENTENCE,
    (SENTENCE, {"obtained": "ocr", "confidence": 0.4}),
    pages=(Page(number=1, start=0, end=160), Page(number=2, start=160, end=160)),
)


def test_what_is_worse_is_named_with_its_value():
    poor = Quality(empty_pages=0.4, odd_characters=0.001, ocr_confidence=0.6, duplicates=0.1)
    assert poor.faults(POOR) == [
        "50% of the pages are empty, more than empty_pages=0.4",
        "0.87% of the characters mean nothing, more than odd_characters=0.001",
        "33% of the text stands in it twice, more than duplicates=0.1",
        "its text was recognized with a confidence of 0.40, less than ocr_confidence=0.6",
    ]
    assert not poor.is_good(POOR)


def test_what_is_as_bad_as_allowed_is_good():
    exact = Quality(empty_pages=0.5, ocr_confidence=0.4)
    assert exact.is_good(POOR)
    assert Quality().is_good(POOR)
    assert Quality(ocr_confidence=1.0).is_good(content("not recognized"))


def test_check_lets_through_fails_or_skips():
    assert check(POOR, empty_pages=0.5) is POOR
    with pytest.raises(DocumentError, match="50% of the pages are empty") as failed:
        check(POOR, empty_pages=0.1)
    assert (failed.value.code, isinstance(failed.value, SkipDocument)) == ("poor_quality", False)
    with pytest.raises(SkipDocument, match="50% of the pages are empty") as skipped:
        check(POOR, empty_pages=0.1, otherwise="skip")
    assert skipped.value.code == "poor_quality"


def test_a_share_is_never_shown_as_nothing():
    assert [percent(each) for each in (0, 0.0001, 0.001, 0.1234, 1)] == [
        *("0%", "<0.1%", "0.1%", "12.3%", "100%"),
    ]


def test_signals_are_shares():
    found = msgspec.structs.asdict(signals(POOR))
    for name in ("empty_pages", "recognized", "ocr_confidence", "odd_characters", "duplicates"):
        assert 0 <= found[name] <= 1
