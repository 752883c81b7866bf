import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ragflow.chunking.boundaries import cut, cut_whole
from ragflow.chunking.collapsed import Collapsed
from ragflow.chunking.headings import sections
from ragflow.documents import Content, Element
from tests.unit.chunking.written import content, structured


def collapsed(of: Content) -> list[str]:
    return [
        Collapsed(of.text, section.start, section.end, section.lined).text
        for section in sections(of)
    ]


def test_white_space_of_prose_is_one_blank():
    of = content("# A\n  title", "Wrapped\nprose,\t twice\n   over.", "* a\n  point")
    assert collapsed(of) == ["A title Wrapped prose, twice over. a point"]


def test_tables_and_code_are_as_they_are_and_set_off_by_line_ends():
    text = "Run  this:\n\n    if x:\n        y()\n\n\n    z()\n\nor  not."
    code = [text.index("if x"), text.index("y()") + 3, text.index("z()"), text.index("z()") + 3]
    elements = (
        Element(kind="paragraph", start=0, end=10),
        Element(kind="code", start=code[0], end=code[1]),
        Element(kind="code", start=code[2], end=code[3]),
        Element(kind="paragraph", start=text.index("or"), end=len(text)),
    )
    of = Content(text=text, elements=elements)
    assert collapsed(of) == ["Run this:\n    if x:\n        y()\n\n\n    z()\nor not."]


def test_a_text_of_nothing_but_code_is_itself():
    text = "def f():\n\n    return  1\n\n\ndef g(): ..."
    elements = tuple(
        Element(kind="code", start=text.index(part), end=text.index(part) + len(part))
        for part in ("def f():", "return  1", "def g(): ...")
    )
    assert collapsed(Content(text=text, elements=elements)) == [text]


@settings(max_examples=150, deadline=None)
@given(of=structured(), data=st.data())
def test_every_span_of_words_is_found_again_in_the_source(of, data):
    for section in sections(of):
        made = Collapsed(of.text, section.start, section.end, section.lined)
        words = [*made.words(), len(made.text)]
        first = data.draw(st.integers(0, len(words) - 2))
        last = data.draw(st.integers(first + 1, len(words) - 1))
        start, end = words[first], len(made.text[: words[last]].rstrip())
        span = made.source(start, end)
        assert of.text[slice(*span)].split() == made.text[start:end].split()
        assert made.place(span[0]) == start


def test_what_is_not_set_off_is_not_set_off_by_collapsing():
    of = Content(
        text="ab|cd", elements=(Element(kind="paragraph", start=0, end=2),
                                Element(kind="table", start=2, end=5)),
    )  # fmt: skip
    assert collapsed(of) == ["ab|cd"]


@pytest.mark.parametrize("way", [cut, cut_whole])
def test_a_chunk_knows_what_of_it_is_embedded(words, way):
    of = content("Two\nlines.", "| a  b\nc  d")
    (found,) = way(of, words)
    assert (found.start, found.end) == (0, len(of.text.rstrip()))
    assert found.text == "Two lines.\na  b\nc  d"
