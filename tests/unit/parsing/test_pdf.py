import random
import shutil
from concurrent.futures import ThreadPoolExecutor

import pytest

from ragflow.errors import ParseError, RetryTask, SkipDocument
from ragflow.interfaces.ingestion import ParseOptions, Passwords
from ragflow.parsing.page_text_quality import is_better
from ragflow.parsing.requirements import satisfied
from tests.unit.parsing.samples import (
    encrypted,
    joined_pdfs,
    kinds,
    needs_tesseract,
    outcome,
    overlaid,
    pdf,
    picture,
    prose,
    read,
    scan,
    texts,
)

PDF = "application/pdf"
FIRST = prose("Each page of this document has text,", "and a paragraph has several lines.")


def without(monkeypatch, program):
    # Libraries that are imported meanwhile find the programs they look for.
    which = shutil.which
    monkeypatch.setattr(shutil, "which", lambda name: None if name == program else which(name))


def test_text_comes_page_by_page_and_paragraph_by_paragraph():
    second = prose("A second paragraph.", top=650)
    content = read(pdf([*FIRST, *second], prose("The last page."), title="On paper"), PDF)
    assert texts(content) == [
        "Each page of this document has text,\nand a paragraph has several lines.",
        "A second paragraph.",
        "The last page.",
    ]
    assert [element.page for element in content.elements] == [1, 1, 2]
    assert [(page.number, page.size) for page in content.pages] == [
        (1, (612.0, 792.0)),
        (2, (612.0, 792.0)),
    ]
    assert content.title == "On paper"
    assert content.notes == ()


def test_boxes_are_in_points_from_the_top_left_corner():
    (element,) = read(pdf([(100, 700, 10, "Box")]), PDF).elements
    ((left, top, right, bottom),) = element.boxes
    assert left == pytest.approx(100, abs=2)
    assert right == pytest.approx(118, abs=3)
    assert top == pytest.approx(792 - 700 - 8, abs=3)
    assert bottom == pytest.approx(792 - 700, abs=1)


def test_a_line_set_in_and_a_line_cut_short_part_paragraphs():
    lines = [
        *((72, 700, 11, "A paragraph runs over the whole of the line here,"),),
        *((72, 687, 11, "as it does over the whole of the second line, to"),),
        *((72, 674, 11, "its end."),),
        *((72, 661, 11, "The next one begins without any space, and it is"),),
        *((72, 648, 11, "as broad as the first was."),),
    ]
    assert [text.count("\n") for text in texts(read(pdf(lines), PDF))] == [2, 1]


def test_parts_of_a_line_side_by_side_are_one_line():
    row = [(72, 700, 11, "Vienna"), (200, 700, 11, "1.9"), (300, 700, 11, "German")]
    raised = [(72, 650, 11, "10 km"), (101, 654, 7, "2")]
    assert texts(read(pdf([*row, *raised]), PDF)) == ["Vienna 1.9 German", "10 km2"]


def test_bullets_begin_list_items():
    lines = prose("Three things:", "• one", "• two that goes on", "and on")
    assert texts(read(pdf(lines), PDF)) == ["Three things:", "• one", "• two that goes on\nand on"]
    assert [kind for kind, _ in kinds(read(pdf(lines), PDF))] == ["paragraph", *["list_item"] * 2]


def test_the_outline_names_headings_and_their_levels():
    page = [
        *prose("2 Methods", "We did this and that,", "and wrote it down."),
        *prose("Another line of the same size.", top=600),
    ]
    content = read(pdf(prose("Contents", "2 Methods 2"), page, outline=[("Methods", 1)]), PDF)
    assert kinds(content)[texts(content).index("2 Methods")] == ("title", 1)
    assert sum(kind == "title" for kind, _ in kinds(content)) == 1


def test_without_an_outline_larger_print_is_a_heading():
    page = [
        *prose("A large title", top=740, size=22),
        *prose("A section", top=700, size=15),
        *prose("Much text of a usual size follows here,", "line by line.", top=670),
    ]
    assert kinds(read(pdf(page), PDF)) == [("title", 1), ("title", 2), ("paragraph", 0)]


def test_a_page_without_anything_on_it_stays_a_page():
    content = read(pdf(FIRST, [], FIRST), PDF)
    assert [page.number for page in content.pages] == [1, 2, 3]
    assert content.pages[1].start == content.pages[1].end
    assert content.notes == ()


def test_a_document_of_empty_pages_has_no_text():
    with pytest.raises(SkipDocument) as skipped:
        read(pdf([], []), PDF)
    assert skipped.value.code == "no_text"


def test_a_password_is_needed_where_there_is_one():
    with pytest.raises(SkipDocument) as skipped:
        read(encrypted(pdf(FIRST), password="secret"), PDF)
    assert skipped.value.code == "encrypted"
    assert skipped.value.requirement is None
    assert "Secret(" in skipped.value.hint


def test_of_several_passwords_the_one_that_fits_opens_a_file():
    locked = encrypted(pdf(FIRST), password="the third")
    told = Passwords(("one", "zwei", "the third"))
    assert texts(read(locked, PDF, passwords=told)) == texts(read(pdf(FIRST), PDF))


def test_passwords_that_do_not_fit_are_tried_again_by_the_next_run_and_told_nobody():
    with pytest.raises(SkipDocument) as skipped:
        read(encrypted(pdf(FIRST), password="x"), PDF, passwords=Passwords(("hush", "quiet")))
    assert (skipped.value.code, skipped.value.requirement) == ("encrypted", "password:another")
    assert satisfied("password:another")
    assert not satisfied("password:")
    assert "hush" not in f"{skipped.value} {skipped.value.hint}"
    assert "hush" not in repr(ParseOptions(passwords=Passwords(("hush",))))


def test_passwords_stand_on_lines():
    assert Passwords.of("a b\r\n\n c\n").values == ("a b", " c")


def test_a_file_encrypted_without_a_password_is_read():
    assert texts(read(encrypted(pdf(FIRST), password=""), PDF)) == texts(read(pdf(FIRST), PDF))


@pytest.mark.parametrize("data", [b"%PDF-1.7\n", b"%PDF-1.4 \0\0 nothing", b"no pdf at all"])
def test_a_file_that_is_no_pdf_is_damaged(data):
    with pytest.raises(ParseError) as unreadable:
        read(data, PDF)
    assert unreadable.value.code == "damaged"
    assert unreadable.value.hint


def test_a_file_whose_index_is_lost_is_read_all_the_same():
    whole = pdf(FIRST)
    content = read(whole[: whole.index(b"xref")], PDF)
    assert texts(content) == texts(read(whole, PDF))


def test_what_other_threads_read_changes_nothing():
    files = [pdf(prose(f"Document {number} has this text.")) for number in range(12)]
    with ThreadPoolExecutor(8) as threads:
        read_together = list(threads.map(lambda file: read(file, PDF), files))
    assert read_together == [read(file, PDF) for file in files]


def test_any_damage_ends_with_content_or_a_reason():
    whole = pdf(FIRST, prose("Second page."), title="T", outline=[("Second page", 1)])
    chance = random.Random(20)
    for _ in range(150):
        file = bytearray(whole)
        for _ in range(chance.randint(1, 12)):
            file[chance.randrange(len(file))] = chance.randrange(256)
        damaged = bytes(file[: chance.randint(len(file) // 2, len(file))])
        assert outcome(damaged, PDF, ocr=False) in {
            *("content", "damaged", "no_text", "encrypted", "ocr_off")
        }


def test_scans_are_skipped_when_ocr_is_off():
    with pytest.raises(SkipDocument) as skipped:
        read(scan(picture("Hello")), PDF, ocr=False)
    assert skipped.value.code == "ocr_off"


def test_scans_are_skipped_when_tesseract_is_missing_and_say_what_they_wait_for(monkeypatch):
    without(monkeypatch, "tesseract")
    with pytest.raises(SkipDocument) as skipped:
        read(scan(picture("Hello")), PDF)
    assert (skipped.value.code, skipped.value.requirement) == ("ocr_missing", "program:tesseract")


def test_pages_with_text_are_kept_when_tesseract_is_missing(monkeypatch):
    without(monkeypatch, "tesseract")
    image = scan(picture("Hello"), picture("World"))
    content = read(joined_pdfs(pdf(FIRST), image, pdf(FIRST), scan(picture("Again"))), PDF)
    assert [element.page for element in content.elements] == [1, 4]
    (note,) = content.notes
    assert "not installed" in note
    assert note.endswith("pages 2-3, 5.")


@needs_tesseract
def test_a_page_without_text_goes_to_ocr():
    file = joined_pdfs(pdf(FIRST), scan(picture("Hello out there,", "this is a scan.")))
    content = read(file, PDF)
    assert [(element.page, element.obtained) for element in content.elements] == [
        (1, "text"),
        (2, "ocr"),
    ]
    assert " ".join(texts(content)[1].split()) == "Hello out there, this is a scan."
    recognized = content.elements[1]
    assert recognized.confidence > 0.8
    ((left, top, right, bottom),) = recognized.boxes
    assert (left, top) == pytest.approx((60 * 0.72, 60 * 0.72), abs=8)
    assert right < content.pages[1].size[0]
    assert bottom < content.pages[1].size[1]


def test_a_text_layer_that_looks_wrong_is_kept_where_nothing_better_is_read():
    content = read(pdf(prose(*["xkcd qrst bcdf ghjk lmnp wxz bcdg"] * 6)), PDF, ocr=False)
    assert content.notes[0].startswith("Not recognized, because")
    assert "xkcd qrst" in content.text


@needs_tesseract
def test_a_page_whose_text_layer_is_wrong_is_recognized():
    words = [
        "These are the words",
        "that people see here,",
        "and no other ones",
        "are on the page.",
    ]
    seen = scan(picture(*words, size=(1000, 400)))
    wrong = [
        (40, 40 + 30 * index, 9, "wkhvh duh wkh zrugv wkdw shrsoh vhh khuh dqg qr rwkhu")
        for index in range(4)
    ]
    content = read(overlaid(seen, pdf(wrong)), PDF)
    assert "words\nthat people see" in content.text
    assert {element.obtained for element in content.elements} == {"ocr"}


@needs_tesseract
def test_no_paragraph_goes_on_in_a_text_layer_that_is_not_taken():
    scanned = scan(picture("Words that are only a picture", "fill this page."))
    stamped = overlaid(scanned, pdf([(30, 700, 11, "and so on")]))
    unfinished = pdf(prose("This page has words that go on"))
    content = read(joined_pdfs(unfinished, stamped, pdf(prose("and on again"))), PDF)
    assert [(element.page, element.obtained) for element in content.elements] == [
        *((1, "text"), (2, "ocr"), (3, "text"))
    ]
    assert "and so on" not in content.text


FAX = "2024-05-03 12:44 From: Acme GmbH Berlin +49 30 1234567 To: Miller LLP Page 3/7"
EXHIBIT = [
    (30, 20 + 10 * n, 8, f"EXHIBIT {n} of the case Acme v. Miller, p. 3 / 7") for n in range(5)
]


@needs_tesseract
@pytest.mark.parametrize(
    ("stamp", "word"),
    [([(30, 20, 8, "p. 7")], "picture"), ([(30, 20, 8, FAX)], "Miller"), (EXHIBIT, "EXHIBIT")],
)
def test_a_scan_with_a_stamp_on_it_goes_to_ocr(stamp, word):
    page = scan(picture("Words that are only a picture", "fill this page."))
    content = read(overlaid(page, pdf(stamp)), PDF)
    assert "only a picture" in content.text
    assert word in content.text


@needs_tesseract
def test_text_over_a_picture_without_writing_is_kept_as_it_is():
    content = read(overlaid(scan(picture()), pdf([(30, 90, 14, FAX)])), PDF)
    assert texts(content) == [FAX]
    assert [element.obtained for element in content.elements] == ["text"]


def test_a_stamp_of_some_length_is_kept_when_ocr_is_off():
    page = scan(picture("Words that are only a picture"))
    content = read(overlaid(page, pdf([(30, 20, 8, FAX)])), PDF, ocr=False)
    assert texts(content) == [FAX]
    assert content.notes[0].endswith("page 1.")


@pytest.mark.parametrize(
    ("read", "text", "is_read_better"),
    [
        ("a word", "p. 7", True),
        ("", "p. 7", False),
        (f"{FAX} and a word", FAX, True),
        (FAX.replace("Acme", "Acne"), FAX, True),
        (FAX, FAX, False),
        (FAX[:60], FAX, False),
        ("\ue001" * 9 + FAX, FAX, False),
        ("These are the words of the page. " * 3, "wkhvh duh wkh zrugv ri wkh " * 5, True),
        ("word " * 60, "words " * 60, True),
        ("word " * 20, "words " * 60, False),
    ],
)
def test_what_is_recognized_is_taken_where_no_more_is_lost_than_won(read, text, is_read_better):
    assert is_better(read, text) is is_read_better


@needs_tesseract
def test_a_language_that_tesseract_lacks_is_named():
    with pytest.raises(SkipDocument) as skipped:
        read(scan(picture("Hello")), PDF, languages="eng+xyz")
    assert (skipped.value.code, skipped.value.requirement) == ("language_missing", "tesseract:xyz")
    assert "xyz" in str(skipped.value)


@needs_tesseract
def test_a_drawing_without_writing_has_no_text():
    with pytest.raises(SkipDocument) as skipped:
        read(scan(picture()), PDF)
    assert skipped.value.code == "no_text"


@needs_tesseract
def test_a_page_that_cannot_be_recognized_costs_no_other_page(monkeypatch):
    monkeypatch.setattr("ragflow.parsing.tesseract._PATIENCE", 0.001)
    monkeypatch.setattr("ragflow.parsing.tesseract.installed_languages", lambda: {"eng"})
    content = read(joined_pdfs(pdf(FIRST), scan(picture("Hello"))), PDF)
    assert [element.page for element in content.elements] == [1]
    assert content.notes[0].endswith("page 2.")
    with pytest.raises(RetryTask, match="page 1: recognizing") as failed:
        read(scan(picture("Hello")), PDF)
    assert failed.value.code == "ocr_slow"
