import pytest

from ragflow.documents import Content
from ragflow.parsing.pdf_lines import Line, whole_lines
from tests.unit.parsing.samples import pdf, prose, read, ruled, texts

PDF = "application/pdf"
LEFT = [
    "The left column of this page begins with",
    "a paragraph that is read before anything",
    "which stands to the right of it, and the",
    "paragraph ends down here in a short line.",
    "Its second paragraph is cut by the column,",
    "because there is no more room for it down",
]
RIGHT = [
    "here, so it goes on at the top of the next.",
    "What follows is a paragraph of the right",
    "column, which has words for several lines",
    "and which is not read across the gap that",
    "parts the two of them, even though they",
    "were written row by row into this file.",
]


def elements(content: Content) -> list[tuple[str, str]]:
    return [(e.kind, " ".join(content.text[e.start : e.end].split())) for e in content.elements]


def row_by_row():
    return [
        print_
        for index, (left, right) in enumerate(zip(LEFT, RIGHT, strict=True))
        for print_ in ((72, 650 - 13 * index, 10, left), (320, 650 - 13 * index, 10, right))
    ]


def test_columns_are_read_one_after_the_other_however_they_were_written():
    over = "A line over both of the columns, as broad as the page is, says what it is about."
    content = read(pdf([*prose(over), *row_by_row()]), PDF)
    text = " ".join(content.text.split())
    assert text.index("ends down here") < text.index("Its second paragraph")
    assert text.index("no more room") < text.index("What follows")
    assert texts(content)[0].startswith("A line over both")
    assert any(
        text.startswith("The left column") and "next.\nWhat follows" in text
        for text in texts(content)
    ), "a paragraph that a column cuts goes on in the next"


def test_a_table_of_short_entries_is_no_pair_of_columns():
    rows = [("Vienna", "1.9"), ("Graz", "0.3"), ("Linz", "0.2"), ("Salzburg", "0.2")]
    page = [
        print_
        for index, (left, right) in enumerate(rows)
        for print_ in ((72, 650 - 13 * index, 10, left), (320, 650 - 13 * index, 10, right))
    ]
    assert texts(read(pdf(page), PDF)) == ["Vienna 1.9\nGraz 0.3\nLinz 0.2\nSalzburg 0.2"]


def test_small_print_on_a_page_does_not_part_the_lines_of_its_prose():
    words = [f"a line of prose that says {word} and goes on" for word in WORDS[:5]]
    page = [(72, 700 - 17 * at, 10, line) for at, line in enumerate(words)]
    page += [(72, 580 - 9 * at, 8, f"Note {at} in small print") for at in range(12)]
    prose_of_it, notes = texts(read(pdf(page), PDF))
    assert prose_of_it.splitlines() == words
    assert len(notes.splitlines()) == 12


def test_words_divided_at_the_end_of_a_line_are_made_whole():
    lines = prose(
        "This long paragraph has a word that is hy-",
        "phenated, and a well-known one that is well-",
        "known, and Jean-",
        "Pierre knows pre-",
        "and postwar times from 1918-",
        "1945 in it.",
    )
    (text,) = texts(read(pdf(lines), PDF))
    assert " ".join(text.split()) == (
        "This long paragraph has a word that is hyphenated, and a well-known one that is"
        " well-known, and Jean-Pierre knows pre- and postwar times from 1918- 1945 in it."
    )


def test_a_bullet_of_a_symbol_font_is_one_wherever_its_words_begin():
    bullet = Line("\x84", (72, 100, 78, 110), 108, 10)
    words = Line("Words  of it", (90, 100, 150, 110), 108, 10)
    (line,) = whole_lines([bullet, words])
    assert line.text == "• Words of it"
    assert line.parts == ((0, bullet.box), (2, words.box))


@pytest.mark.parametrize("sizes", [(14, 10), (10, 14), (6, 10)])
def test_a_line_is_of_the_size_of_most_of_it(sizes):
    bullet, size = sizes
    parts = [
        Line("o", (72, 110 - bullet, 76, 110), 111, bullet),
        Line("Words of it", (80, 110 - size, 140, 110), 110, size),
        Line("2", (140, 100, 144, 106), 106, 6),
    ]
    (line,) = whole_lines(parts)
    assert (line.text, line.height, line.baseline) == ("o Words of it2", size, 110)


def test_bullets_of_larger_print_make_no_headings():
    page = [
        part
        for at, words in enumerate(["First comes one", "of two lines", "Then another", "The last"])
        for part in (
            *([] if at == 1 else [(72, 700 - 13 * at, 15, "•")]),
            (90, 700 - 13 * at, 10, words),
        )
    ]
    assert elements(read(pdf(page), PDF)) == [
        ("list_item", "• First comes one of two lines"),
        ("list_item", "• Then another"),
        ("list_item", "• The last"),
    ]


WORDS = ["Nothing", "Something", "This", "That", "More", "All"]


def with_heads(*bodies):
    return [
        [
            (72, 760, 9, f"{number} The Long Book of Everything"),
            *body,
            (300, 30, 9, f"- {number} -"),
        ]
        for number, body in enumerate(bodies, start=11)
    ]


def test_running_heads_and_page_numbers_are_no_prose():
    bodies = [prose(f"Page {word} says this.", f"And {word} that.") for word in ("one", "two")]
    assert elements(read(pdf(*with_heads(*bodies)), PDF)) == [
        ("header_footer", "11 The Long Book of Everything"),
        ("paragraph", "Page one says this. And one that."),
        ("header_footer", "- 11 -"),
        ("header_footer", "12 The Long Book of Everything"),
        ("paragraph", "Page two says this. And two that."),
        ("header_footer", "- 12 -"),
    ]


def test_heads_of_left_and_right_pages_may_differ():
    def page(number, head):
        return [(72, 760, 9, head), *prose(f"{WORDS[number]} is said."), (300, 30, 9, f"{number}")]

    content = read(pdf(*(page(n, f"Head {'odd' if n % 2 else 'even'}") for n in range(1, 6))), PDF)
    assert [text for kind, text in elements(content) if kind == "header_footer"] == [
        text for n in range(1, 6) for text in (f"Head {'odd' if n % 2 else 'even'}", str(n))
    ]


def test_letters_that_begin_alike_are_letters():
    letters = [
        prose("Dear customer,", f"your invoice over {euro} euro is due in May.", "Kind regards")
        for euro in (7, 20, 33)
    ]
    assert elements(read(pdf(*letters), PDF)) == [
        ("paragraph", " ".join(words for *_, words in letter)) for letter in letters
    ]


@pytest.mark.parametrize("numbers", [("7", "3"), ("1900", "2100")])
def test_numbers_that_count_no_pages_are_text(numbers):
    pages = [[*prose(f"Over {number}."), (72, 60, 11, number)] for number in numbers]
    assert {kind for kind, _ in elements(read(pdf(*pages), PDF))} == {"paragraph"}


def test_a_title_that_comes_twice_stays_a_title():
    pages = [
        [(72, 740, 20, "Results"), *prose("These are words of a usual size,", "and more.")]
        for _ in range(3)
    ]
    assert [kind for kind, _ in elements(read(pdf(*pages), PDF))] == ["title", "paragraph"] * 3


def test_a_paragraph_goes_on_over_a_page_and_heads_step_aside():
    first = prose("The paragraph begins on this page, and it", "has to go on over the end of the")
    second = prose("page until it ends here, on the next one.", "It has two lines there, too.")
    third = prose("Another page with another paragraph.")
    content = read(pdf(*with_heads([*prose("Before.", top=745), *first], second, third)), PDF)
    joined = (
        "The paragraph begins on this page, and it has to go on over the end of the page"
        " until it ends here, on the next one. It has two lines there, too."
    )
    assert elements(content)[1:5] == [
        ("paragraph", "Before."),
        ("header_footer", "- 11 -"),
        ("paragraph", joined),
        ("header_footer", "12 The Long Book of Everything"),
    ]
    whole = content.elements[3]
    assert whole.page == 1
    places = content.boxes_of(whole.start, whole.end)
    assert [page for page, _ in places] == [1, 1, 2, 2]
    at = content.text.index("until")
    assert [page for page, _ in content.boxes_of(at, at + 5)] == [2]


def test_heads_of_a_page_that_one_paragraph_fills_are_kept():
    count = 5
    pages = with_heads(
        *(
            prose(f"and so the words {word} go on from page", "to page without an end, as it is")
            for word in WORDS[:count]
        )
    )
    content = read(pdf(*pages), PDF)
    found = elements(content)
    for number in range(11, 11 + count):
        for head in (f"{number} The Long Book of Everything", f"- {number} -"):
            assert found.count(("header_footer", head)) == 1
            at = content.text.index(head)
            assert [page for page, _ in content.boxes_of(at, at + 2)] == [number - 10]
    # Every other page has to be ended for that.
    assert [kind for kind, _ in found].count("paragraph") == 3
    assert " ".join(text for kind, text in found if kind == "paragraph") == " ".join(
        f"and so the words {word} go on from page to page without an end, as it is"
        for word in WORDS[:count]
    )


def test_heads_of_a_page_that_a_table_fills_are_kept():
    bodies = [
        rows_of(*((f"Item {page}{row}", f"Value {word}") for row in "abc"), top=720)
        for page, word in enumerate(WORDS[:4])
    ]
    pages = with_heads(*bodies)
    content = read(pdf(*pages, drawn=dict.fromkeys(range(4), grid(3, 720))), PDF)
    assert [(e.kind, e.page) for e in content.elements] == [
        *(("header_footer", 1), ("header_footer", 1), ("table", 1)),
        *(("header_footer", 2), ("header_footer", 2), ("header_footer", 3), ("header_footer", 3)),
        *(("table", 3), ("header_footer", 4), ("header_footer", 4)),
    ]
    assert [len(e.cells) for e in content.elements if e.kind == "table"] == [6, 6]


def test_a_sentence_that_ends_with_the_page_ends_its_paragraph():
    pages = with_heads(
        prose("A paragraph of this page", "ends with it."), prose("The next begins", "here.")
    )
    assert [kind for kind, _ in elements(read(pdf(*pages), PDF))] == [
        *("header_footer", "paragraph", "header_footer") * 2
    ]


XS = [72, 200, 300]


def rows_of(*rows, top):
    return [
        (x + 4, top - 20 * index - 14, 10, cell)
        for index, row in enumerate(rows)
        for x, cell in zip(XS, row, strict=False)
    ]


def grid(count, top):
    return ruled(XS, [top - 20 * index for index in range(count + 1)])


def test_a_ruled_table_is_kept_as_a_table():
    cells = (("City", "People"), ("Vienna", "1.9"), ("Graz | north", "0.3"))
    page = [*prose("Before."), *rows_of(*cells, top=700), *prose("After.", top=600)]
    content = read(pdf(page, drawn={0: grid(3, 700)}), PDF)
    assert [e.kind for e in content.elements] == ["paragraph", "table", "paragraph"]
    table = content.elements[1]
    assert table.cells == cells
    text = content.text[table.start : table.end]
    assert text == ("| City | People |\n| --- | --- |\n| Vienna | 1.9 |\n| Graz \\| north | 0.3 |")
    at = content.text.index("0.3")
    ((page_number, (left, top, _, bottom)),) = content.boxes_of(at, at + 3)
    assert page_number == 1
    assert left == pytest.approx(204, abs=1)
    assert 792 - 660 < top < bottom < 792 - 640


def test_a_table_is_no_heading_however_high_it_is():
    page = [(72, 740, 20, "Results"), *rows_of(("City", "People"), ("Graz", "0.3"), top=700)]
    page += prose("These are words of a usual size,", "and more.", top=600)
    content = read(pdf(page, drawn={0: grid(2, 700)}), PDF)
    assert [(e.kind, e.level) for e in content.elements] == [
        *(("title", 1), ("table", 0), ("paragraph", 0))
    ]


def test_a_table_over_a_page_break_is_one_table():
    heads = ("City", "People")
    first = [
        *prose("A table:", top=745),
        *rows_of(heads, ("Vienna", "1.9"), ("Graz", "0.3"), top=140),
    ]
    second = [*rows_of(heads, ("Linz", "0.2"), ("Wels", "0.1"), top=720), *prose("After.", top=600)]
    content = read(pdf(*with_heads(first, second), drawn={0: grid(3, 140), 1: grid(3, 720)}), PDF)
    assert [e.kind for e in content.elements] == [
        *("header_footer", "paragraph", "header_footer", "table"),
        *("header_footer", "paragraph", "header_footer"),
    ]
    table = content.elements[3]
    assert table.cells == (
        heads,
        ("Vienna", "1.9"),
        ("Graz", "0.3"),
        ("Linz", "0.2"),
        ("Wels", "0.1"),
    )
    at = content.text.index("Linz")
    assert [page for page, _ in content.boxes_of(at, at + 4)] == [2]
    assert content.text.count("City") == 1


def test_a_grid_with_words_that_fill_no_cells_is_a_drawing():
    page = [*prose("x y", top=730), (80, 690, 8, "0"), (290, 690, 8, "1")]
    content = read(pdf(page, drawn={0: grid(8, 710)}), PDF)
    assert {e.kind for e in content.elements} == {"paragraph"}


def test_a_page_that_is_nothing_but_rules_costs_little():
    lines = "\n".join(f"{x} 0 m {x} 792 l S" for x in range(1, 612))
    content = read(pdf(prose("Words."), drawn={0: lines + lines.replace(" 792 l", " 700 l")}), PDF)
    assert texts(content) == ["Words."]


def test_a_document_with_all_of_it_gives_its_elements_in_order():
    heads = ("City", "People")
    over = "An introduction that goes over both of the columns of this page and says what it is."
    left = [*LEFT[:5], "because there is no more room for it on this si-"]
    right = ["de, so it goes on at the top of the next.", *RIGHT[1:]]
    beside = [
        part
        for index, (one, other) in enumerate(zip(left, right, strict=True))
        for part in (
            (72, 640 - 13 * index - 9 * (index > 3), 10, one),
            (320, 640 - 13 * index - 9 * (index > 0), 10, other),
        )
    ]
    first = [(72, 720, 16, "1 Cities"), *prose(over, top=680, size=10), *beside]
    first += [(72, 400, 16, "2 Figures"), *rows_of(heads, ("Vienna", "1.9"), top=120)]
    second = [*rows_of(("Linz", "0.2"), ("Wels", "0.1"), top=720), *prose("The end.", top=600)]
    content = read(
        pdf(
            *with_heads(first, second),
            outline=[("Cities", 0), ("Figures", 0)],
            drawn={0: grid(2, 120), 1: grid(2, 720)},
        ),
        PDF,
    )
    cut = (
        "Its second paragraph is cut by the column, because there is no more room for it on"
        " this side, so it goes on at the top of the next."
    )
    assert elements(content) == [
        ("header_footer", "11 The Long Book of Everything"),
        ("title", "1 Cities"),
        ("paragraph", over),
        ("paragraph", " ".join(LEFT[:4])),
        ("paragraph", cut),
        ("paragraph", " ".join(RIGHT[1:])),
        ("title", "2 Figures"),
        ("header_footer", "- 11 -"),
        (
            "table",
            "| City | People | | --- | --- | | Vienna | 1.9 | | Linz | 0.2 | | Wels | 0.1 |",
        ),
        ("header_footer", "12 The Long Book of Everything"),
        ("paragraph", "The end."),
        ("header_footer", "- 12 -"),
    ]
