from ragflow.parsing import packages
from tests.unit.parsing.packed import EPUB, epub, packed, parts_of
from tests.unit.parsing.samples import kinds, outcome, read, texts


def test_chapters_are_read_in_order_as_web_pages():
    content = read(epub("<h1>One</h1><p>first", "<h2>Two</h2><nav>x</nav><li>last"), EPUB)
    assert texts(content)[:3] == ["One", "first", "Two"]
    assert kinds(content)[:3] == [("title", 1), ("paragraph", 0), ("title", 2)]
    assert (content.title, content.language) == ("A book", "de")


def test_a_chapter_that_is_missing_is_named_and_the_others_are_read():
    content = read(epub("<p>first", missing="gone.xhtml"), EPUB)
    assert texts(content) == ["first"]
    assert content.notes == ("Chapters that are not in the file: OEBPS/gone.xhtml.",)


def test_a_chapter_cannot_be_outside_of_the_book():
    content = read(epub("<p>first", missing="../../../../etc/passwd"), EPUB)
    assert texts(content) == ["first"]


def test_an_encrypted_chapter_says_so_and_an_encrypted_font_does_not():
    assert outcome(epub("<p>x", encrypted="OEBPS/c0%201.xhtml"), EPUB) == "encrypted"
    assert outcome(epub("<p>x", encrypted="OEBPS/a.otf"), EPUB) == "content"


def test_a_book_without_words_says_so():
    assert outcome(epub("<img>"), EPUB) == "no_text"


def test_one_chapter_under_a_thousand_names_is_not_read_without_end(monkeypatch):
    whole = epub("<p>" + "word " * 1_000)
    parts = parts_of(whole)
    book = parts["OEBPS/b.opf"].decode()
    items = "".join(
        f'<item id="x{n}" href="c0%201.xhtml" media-type="text/html"/>' for n in range(1_000)
    )
    spine = "".join(f'<itemref idref="x{n}"/>' for n in range(1_000))
    book = book.replace("</manifest>", f"{items}</manifest>").replace(
        "</spine>", f"{spine}</spine>"
    )
    monkeypatch.setattr(packages, "_MOST_READINGS", 0.1)
    assert outcome(whole, EPUB) == "content"
    assert outcome(packed({**parts, "OEBPS/b.opf": book}), EPUB) == "too_large"
