import pytest

from ragflow.parsing import delimited
from tests.unit.parsing.samples import kinds, read, texts

CELLS = (("Name", "Remark"), ("Ann", "likes, tea"), ("Bob", "two lines"))


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("media_type", ["text/csv", "text/tab-separated-values"])
def test_rows_are_a_table_whatever_delimits_them(delimiter, media_type):
    text = 'Name,Remark\r\nAnn,"likes, tea"\r\n\r\nBob,"two\r\nlines"\r\n'
    text = text.replace("likes, tea", "likes; tea") if delimiter == ";" else text
    data = text.replace(",", delimiter).replace(f"likes{delimiter}", "likes,")
    content = read(data, media_type)
    assert kinds(content) == [("table", 0)]
    assert content.elements[0].cells[0] == CELLS[0]
    assert content.elements[0].cells[2] == CELLS[2]
    assert content.text.split("\n")[1] == "| --- | --- |"


def test_rows_of_another_length_are_filled_up():
    content = read("a,b,c\n1,2,3\n4,5\n6,7,8,9\n1,2,3\n", "text/csv")
    assert content.elements[0].cells[2:4] == (("4", "5", "", ""), ("6", "7", "8", "9"))


@pytest.mark.parametrize(
    "text",
    [
        "one\ntwo\nthree",
        "Dear Ann, I write\nto you.\nYours, as ever, and always, Bob\nP.S.",
        'a,b\n1,"' + "never closed " * 20_000,
    ],
)
def test_what_makes_no_table_is_read_as_text(text):
    content = read(text, "text/csv")
    assert content.text == text
    assert all(element.cells == () for element in content.elements)


def test_a_table_with_more_places_than_may_be_is_read_as_text(monkeypatch):
    monkeypatch.setattr(delimited, "_MOST_PLACES", 8)
    assert read("a,b\n1,2\n3,4\n", "text/csv").elements[0].cells
    assert read("a,b\n1,2\n3,4\n5,6\n7,8\n", "text/csv").elements[0].cells == ()


def test_any_encoding_is_read():
    content = read("a,ü\n1,é\n".encode("utf-16"), "text/csv")
    assert content.elements[0].cells == (("a", "ü"), ("1", "é"))
    assert texts(content) == ["| a | ü |\n| --- | --- |\n| 1 | é |"]


def test_a_table_beyond_the_limit_is_left_as_soon_as_it_is_known(monkeypatch):
    monkeypatch.setattr(delimited, "_MOST_PLACES", 20_000)
    seen = []

    def counted(text, lines=delimited._lines):
        for line in lines(text):
            seen.append(line)
            yield line

    monkeypatch.setattr(delimited, "_lines", counted)
    assert read("a,b\n" * 50_000, "text/csv").elements[0].cells == ()
    assert len(seen) < 15_000
