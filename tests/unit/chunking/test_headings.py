from ragflow.chunking.headings import sections, trim
from ragflow.documents import Content, Element
from tests.unit.chunking.written import content


def test_a_heading_of_the_same_or_a_higher_level_closes_those_below():
    of = content("# A", "a", "## B", "b", "### C", "c", "## D", "d", "# E", "e")
    assert [each.headings for each in sections(of)] == [
        ("A",), ("A", "B"), ("A", "B", "C"), ("A", "D"), ("E",),
    ]  # fmt: skip


def test_levels_may_be_skipped_and_a_title_without_one_is_the_highest():
    text = "deep x top y"
    title = {"kind": "title"}
    elements = (
        Element(**title, start=0, end=4, level=3),
        Element(kind="paragraph", start=5, end=6),
        Element(**title, start=7, end=10),
        Element(kind="paragraph", start=11, end=12),
    )
    found = [each.headings for each in sections(Content(text=text, elements=elements))]
    assert found == [("deep",), ("top",)]


def test_the_words_of_a_heading_are_joined_by_single_blanks():
    (section,) = sections(content("# Two\n  lines", "text"))
    assert section.headings == ("Two lines",)


def test_text_between_elements_is_not_lost():
    of = Content(text="kept one lost", elements=(Element(kind="paragraph", start=5, end=8),))
    (section,) = sections(of)
    assert (section.start, section.end) == (0, 13)


def test_paragraphs_begin_at_elements_and_after_blank_lines_but_not_below_a_heading():
    of = content("# Title", "one", "two\n\nthree", "four")
    (section,) = sections(of)
    starts = [of.text[start:].split()[0] for start in section.paragraphs(of.text)]
    assert starts == ["two", "three", "four"]


def test_trim_finds_what_is_not_white_space():
    assert trim("  ab \n", 0, 6) == (2, 4)
    assert trim("  ab \n", 4, 6) is None
