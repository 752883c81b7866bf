import pytest

from ragflow.views.rendering import Table, printable, render, wrap

TABLE = Table(("name", "n", "why"), [("a", "1", "x y"), ("longer", "12", "")], frozenset({"n"}))


def test_columns_are_aligned_and_numbers_stand_on_the_right():
    assert render(TABLE).splitlines() == ["name     n  why", "a        1  x y", "longer  12"]


def test_a_row_is_one_line_where_no_width_is_given():
    table = Table(("a", "b"), [("x", "word " * 100)])
    assert len(render(table).splitlines()) == 2


def test_the_last_column_is_wrapped_to_the_width():
    table = Table(("a", "b"), [("x", "one two three four five six")])
    lines = render(table, width=24).splitlines()
    assert lines[1:] == ["x  one two three four", "   five six"]
    assert max(map(len, lines)) <= 24


def test_headings_that_are_all_empty_are_not_shown():
    assert render(Table(("", ""), [("model", "hashing")])) == "model  hashing"


def test_wide_letters_take_two_columns_and_accents_none():
    table = Table(("key", "n"), [("文書", "1"), ("e\u0301e", "2")])
    assert render(table).splitlines() == ["key   n", "文書  1", "e\u0301e    2"]


@pytest.mark.parametrize("text", ["", "word", "one two", "a" * 50, "x " + "é" * 33])
def test_wrapping_loses_no_letter(text):
    lines = wrap(text, 10)
    assert "".join("".join(lines).split()) == "".join(text.split())
    assert all(len(line) <= 10 for line in lines)


def test_what_would_drive_the_terminal_is_spelled_out():
    assert printable("a\x1b[31mb\nc") == "a\\x1b[31mb\\nc"
    assert printable("grün 文") == "grün 文"
