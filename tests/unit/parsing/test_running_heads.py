import pytest

from ragflow.parsing.hyphens import Hyphens
from ragflow.parsing.pdf_lines import Line
from ragflow.parsing.running_heads import RunningHeads, running_heads


def line(text, y, *, x=72.0, size=10.0):
    return Line(text, (x, y - 8, x + 5 * len(text), y), y, size, False, ((0, (x, y, x, y)),))


def found(*pages):
    """The texts of what runs above and below each page."""
    heads = running_heads(pages, [800.0] * len(pages), 10.0)
    texts = []
    for number, lines in enumerate(pages):
        above, below = heads.get(number, RunningHeads())
        texts.append([lines[place].text for row in (*above, *below) for place in row])
    return texts


def body(number):
    return line(["Some words.", "Others.", "More of it.", "The last."][number], 300)


@pytest.mark.parametrize(
    "numbers", [("i", "ii", "iii", "iv"), ("ix", "x", "xi", "xii"), ("XCVIII", "XCIX", "C", "CI")]
)
def test_roman_figures_count_pages(numbers):
    pages = [[line(number, 780), body(place)] for place, number in enumerate(numbers)]
    assert found(*pages) == [[number] for number in numbers]


def test_a_head_that_changes_stands_where_others_do():
    heads = ["One", "One", "One", "One", "Only here"]
    pages = [[line(head, 30), line(f"word {'abcde'[at]}", 300)] for at, head in enumerate(heads)]
    assert found(*pages) == [[head] for head in heads]


def test_what_is_behind_text_is_text():
    pages = [[line(f"word {'abc'[at]}", 30), line("again", 60)] for at in range(3)]
    assert found(*pages) == [[], [], []]


@pytest.mark.parametrize(("below", "is_head"), [(12, False), (14, False), (20, True)])
def test_a_line_without_space_to_the_text_below_it_is_text(below, is_head):
    def page(number):
        lines = [line(f"word {'abc'[number]} {'xyz'[at]}", 60 + below + 12 * at) for at in range(3)]
        return [line("Company", 30), line("again", 60), *lines]

    heads = ["Company", "again"] if is_head else ["Company"]
    assert found(*map(page, range(3))) == [heads] * 3


def test_a_line_of_another_size_is_a_head_however_near_the_text_is():
    pages = [[line("again", 60, size=8.0), line(f"word {'abc'[at]}", 70)] for at in range(3)]
    assert found(*pages) == [["again"]] * 3


def test_lines_without_space_between_are_text_together():
    pages = [
        [line("Madam,", 40), line("Sir,", 52), *(line(f"word {'abc'[at]}", 64), body(at))]
        for at in range(3)
    ]
    assert found(*pages) == [[]] * 3


def test_words_that_have_a_page_to_themselves_are_its_text():
    assert found(*[[line("Left blank", 60), line(str(n), 780)] for n in range(3)]) == [
        [str(n)] for n in range(3)
    ]


def test_a_head_in_two_parts_is_one_row():
    pages = [[line("Title", 30), line(str(n), 30, x=500), body(n)] for n in range(3)]
    assert found(*pages) == [["Title", str(n)] for n in range(3)]


def test_a_line_of_nothing_but_letters_is_looked_at_once():
    endless = "a" * 400_000
    hyphens = Hyphens([line(f"{endless} -", 10)])
    divided = Line(f"{endless}1", (0, 0, 1, 1), 1, 10, is_divided=True)
    assert hyphens.glue(divided, line("b", 20), "\n") == (f"{endless}1", "")
