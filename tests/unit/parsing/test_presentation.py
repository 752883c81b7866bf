import re

import pptx
from pptx.chart.data import CategoryChartData
from pptx.enum.chart import XL_CHART_TYPE
from pptx.util import Pt

from ragflow.parsing import packages
from tests.unit.parsing.packed import SLIDES, packed, parts_of, saved
from tests.unit.parsing.samples import kinds, outcome, read, texts

TITLE_AND_BODY, TITLE_ONLY, BLANK = 1, 5, 6


def show(*layouts: int):
    made = pptx.Presentation()
    return made, [made.slides.add_slide(made.slide_layouts[layout]) for layout in layouts]


def test_a_slide_is_a_page_with_its_title_first():
    made, (one, two) = show(TITLE_AND_BODY, TITLE_ONLY)
    one.placeholders[1].text_frame.text = "first"
    inner = one.placeholders[1].text_frame.add_paragraph()
    inner.text, inner.level = "deeper", 1
    one.shapes.title.text = "Why\vand how"
    two.shapes.title.text = "Then"
    content = read(saved(made), SLIDES)
    assert texts(content) == ["Why and how", "- first", "- deeper", "Then"]
    assert kinds(content) == [("title", 1), ("list_item", 1), ("list_item", 2), ("title", 1)]
    assert [element.page for element in content.elements] == [1, 1, 1, 2]
    assert [page.size for page in content.pages] == [(720.0, 540.0)] * 2


def test_shapes_have_boxes_in_points_and_groups_have_one():
    made, (slide,) = show(BLANK)
    slide.shapes.add_textbox(Pt(10), Pt(20), Pt(30), Pt(40)).text_frame.text = "alone"
    group = slide.shapes.add_group_shape()
    for place in (100, 200):
        box = group.shapes.add_textbox(Pt(place), Pt(place), Pt(50), Pt(50))
        box.text_frame.text = "grouped"
    content = read(saved(made), SLIDES)
    assert [element.boxes for element in content.elements] == [
        ((10.0, 20.0, 40.0, 60.0),),
        *[((100.0, 100.0, 250.0, 250.0),)] * 2,
    ]


def test_merged_cells_are_said_once_where_they_begin():
    made, (slide,) = show(BLANK)
    table = slide.shapes.add_table(2, 3, 0, 0, Pt(100), Pt(100)).table
    for row in range(2):
        for column in range(3):
            table.cell(row, column).text = f"{row}{column}"
    for column in (1, 2):
        table.cell(0, column).text = ""
    table.cell(0, 0).merge(table.cell(0, 2))
    (element,) = read(saved(made), SLIDES).elements
    assert element.cells == (("00", "", ""), ("10", "11", "12"))
    assert element.boxes


def test_a_chart_is_a_table_with_its_kind_and_title():
    made, (slide,) = show(BLANK)
    numbers = CategoryChartData()
    numbers.categories = ["2023", "2024"]
    numbers.add_series("Ducks", (1.5, 2))
    numbers.add_series("Geese", (3, None))
    chart = slide.shapes.add_chart(XL_CHART_TYPE.LINE, 0, 0, Pt(100), Pt(100), numbers).chart
    chart.has_title = True
    chart.chart_title.text_frame.text = "Birds"
    content = read(saved(made), SLIDES)
    assert texts(content)[0] == "Line chart: Birds"
    assert kinds(content) == [("caption", 0), ("table", 0)]
    assert content.elements[1].cells == (
        ("", "Ducks", "Geese"),
        ("2023", "1.5", "3"),
        ("2024", "2", ""),
    )


def test_notes_follow_their_slide():
    made, (one, two) = show(TITLE_ONLY, TITLE_ONLY)
    one.shapes.title.text, two.shapes.title.text = "One", "Two"
    one.notes_slide.notes_text_frame.text = "say this"
    content = read(saved(made), SLIDES)
    assert texts(content) == ["One", "say this", "Two"]


def test_comments_follow_their_slide_with_who_made_them():
    made, (slide,) = show(TITLE_ONLY)
    slide.shapes.title.text = "One"
    parts = parts_of(saved(made))
    names = 'xmlns:p="http://schemas.openxmlformats.org/presentationml/2006/main"'
    kind = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"

    def related(name: str, target: str, what: str) -> None:
        link = f'<Relationship Id="rId99" Target="{target}" Type="{kind}/{what}"/></Relationships>'
        parts[name] = parts[name].replace(b"</Relationships>", link.encode())

    parts["ppt/commentAuthors.xml"] = (
        f'<p:cmAuthorLst {names}><p:cmAuthor id="7" name="Ann"/></p:cmAuthorLst>'.encode()
    )
    parts["ppt/comments/comment1.xml"] = (
        f'<p:cmLst {names}><p:cm authorId="7" dt="2026-01-02T03:04:05"><p:text>Really?</p:text>'
        "</p:cm></p:cmLst>"
    ).encode()
    related("ppt/_rels/presentation.xml.rels", "commentAuthors.xml", "commentAuthors")
    related("ppt/slides/_rels/slide1.xml.rels", "../comments/comment1.xml", "comments")
    content = read(packed(parts), SLIDES)
    assert texts(content) == ["One", "Comment (Ann, 2026-01-02T03:04:05): Really?"]


def test_slides_without_words_say_so():
    made, _ = show(BLANK)
    assert outcome(saved(made), SLIDES) == "no_text"


def test_a_slide_that_is_listed_again_and_again_is_read_once():
    made, (one, two) = show(TITLE_ONLY, TITLE_ONLY)
    one.shapes.title.text, two.shapes.title.text = "One", "Two"
    parts = parts_of(saved(made))
    listed = re.compile(rb"<p:sldId [^>]*/>")
    parts["ppt/presentation.xml"] = listed.sub(
        lambda found: found[0] * 2_000, parts["ppt/presentation.xml"]
    )
    content = read(packed(parts), SLIDES)
    assert texts(content) == ["One", "Two"]
    assert [page.number for page in content.pages] == [1, 2]


def test_a_chart_that_is_shown_without_end_is_not_read_without_end(monkeypatch):
    made, (slide,) = show(BLANK)
    numbers = CategoryChartData()
    numbers.categories = ["2023"]
    numbers.add_series("Ducks", (1.5,))
    slide.shapes.add_chart(XL_CHART_TYPE.LINE, 0, 0, Pt(100), Pt(100), numbers)
    parts = parts_of(saved(made))
    frame = re.compile(rb"<p:graphicFrame>.*?</p:graphicFrame>", re.DOTALL)
    parts["ppt/slides/slide1.xml"] = frame.sub(
        lambda found: found[0] * 100, parts["ppt/slides/slide1.xml"]
    )
    data = packed(parts)
    assert read(data, SLIDES).text.count("Line chart") == 100
    monkeypatch.setattr(packages, "MOST_MARKUP", 20_000)
    parsed = []
    plain = packages.root_of
    monkeypatch.setattr(packages, "root_of", lambda data: parsed.append(len(data)) or plain(data))
    assert outcome(data, SLIDES) == "too_large"
    assert sum(parsed) < 5 * 20_000 < 100 * parsed[-1]
