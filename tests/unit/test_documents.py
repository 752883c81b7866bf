"""What becomes of a content whose text is replaced piece by piece, and what still points home."""

from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragflow.documents import Content, Element, Page
from ragflow.errors import ParameterError

WORDS = st.text(alphabet="ab \n", min_size=1, max_size=8).filter(str.strip)
GAPS = st.sampled_from(["\n\n", "\n", " ", ""])


@st.composite
def contents(draw):
    """A content of paragraphs and tables on pages, some of which touch."""
    text, elements, pages = draw(st.sampled_from(["", " "])), [], []
    for number in range(1, draw(st.integers(1, 3)) + 1):
        begin = len(text)
        for _ in range(draw(st.integers(0, 3))):
            words = draw(WORDS)
            kind = draw(st.sampled_from(["paragraph", "table", "title"]))
            elements.append(
                Element(
                    kind=kind,
                    start=len(text),
                    end=len(text) + len(words),
                    page=number,
                    boxes=((0.0, 0.0, 1.0, 1.0),),
                    cells=((words,),) if kind == "table" else (),
                )
            )
            text += words + draw(GAPS)
        pages.append(Page(number=number, start=begin, end=len(text)))
    return Content(text=text, elements=tuple(elements), pages=tuple(pages))


def check_whole(content):
    """What `Content` guarantees."""
    reached = 0
    for element in content.elements:
        assert reached <= element.start < element.end <= len(content.text)
        assert not content.text[reached : element.start].strip()
        assert content.text[element.start : element.end].strip()
        reached = element.end
    if content.elements:
        assert not content.text[reached:].strip()
    for page, following in pairwise(content.pages):
        assert page.end <= following.start
    assert all(0 <= page.start <= page.end <= len(content.text) for page in content.pages)
    for one, following in pairwise(content.replaced):
        assert one.end < following.start
        assert one.source_end < following.source_start


@given(contents(), st.data())
def test_what_was_not_replaced_stands_where_it_stood_in_the_source(source, data):
    """However often, and also where replacements overlap."""
    content, origins = source, list(range(len(source.text)))
    for _ in range(data.draw(st.integers(1, 5))):
        start = data.draw(st.integers(0, len(content.text)))
        end = data.draw(st.integers(start, min(len(content.text), start + 12)))
        text = data.draw(st.text(alphabet="X \n", max_size=5))
        content = content.replace((start, end), text)
        origins[start:end] = [None] * len(text)
        check_whole(content)
        assert len(content.text) == len(origins)
    for place, origin in enumerate(origins):
        if origin is not None:
            assert content.text[place] == source.text[origin]
            assert content.source_span(place, place + 1) == (origin, origin + 1)
    if len(content.text) > 1:
        start = data.draw(st.integers(0, len(content.text) - 1))
        end = data.draw(st.integers(start + 1, len(content.text)))
        first, last = content.source_span(start, end)
        assert 0 <= first <= last <= len(source.text)
        kept = [origin for origin in origins[start:end] if origin is not None]
        if kept:
            assert first <= kept[0]
            assert kept[-1] < last
        if None not in origins[start:end] and kept == list(range(kept[0], kept[0] + len(kept))):
            assert source.text[first:last] == content.text[start:end]
        # What lies outside is outside there too: nothing is cited twice.
        assert all(origin < first for origin in origins[:start] if origin is not None)
        assert all(origin >= last for origin in origins[end:] if origin is not None)


@given(contents(), st.data())
def test_untouched_elements_keep_all_but_their_place(source, data):
    start = data.draw(st.integers(0, len(source.text)))
    end = data.draw(st.integers(start, len(source.text)))
    content = source.replace((start, end), data.draw(st.sampled_from(["", "X", "XX XX"])))
    before = [e for e in source.elements if e.end < start or e.start > end]
    kept = {content.source_span(e.start, e.end): e for e in content.elements}
    for element in before:
        now = kept[element.start, element.end]
        assert (now.kind, now.cells, now.boxes) == (element.kind, element.cells, element.boxes)
        assert content.text[now.start : now.end] == source.text[element.start : element.end]


def read():
    text = "Ann Lee called.\n\nCall Ann Lee back."
    return Content(
        text=text,
        elements=(
            Element(kind="paragraph", start=0, end=15, page=1, boxes=((1.0, 2.0, 3.0, 4.0),)),
            Element(kind="paragraph", start=17, end=35, page=2, boxes=((5.0, 6.0, 7.0, 8.0),)),
        ),
        pages=(Page(number=1, start=0, end=15), Page(number=2, start=17, end=35)),
    )


def test_a_replaced_name_moves_what_follows_and_leaves_its_citation():
    content = read().replace((0, 7), "[name removed]")
    place = content.text.index("Ann Lee")
    content = content.replace((place, place + 7), "X")
    assert content.text == "[name removed] called.\n\nCall X back."
    assert [content.text[e.start : e.end] for e in content.elements] == [
        "[name removed] called.",
        "Call X back.",
    ]
    back = content.text.index("back")
    assert content.source_span(back, back + 4) == (30, 34)
    assert content.boxes_of(back, back + 4) == [(2, (5.0, 6.0, 7.0, 8.0))]
    assert content.page_of(back) == 2
    # A part of what was put in stands for all that was there.
    assert content.source_span(1, 3) == (0, 7)
    assert content.source_span(*(content.text.index("X") + n for n in (0, 1))) == (22, 29)


def test_an_element_that_is_replaced_by_nothing_is_gone():
    content = read().replace((0, 15), "")
    assert [element.page for element in content.elements] == [2]
    assert content.source_span(0, len(content.text)) == (15, 35)


def test_text_over_two_elements_belongs_to_the_first():
    content = read().replace((11, 21), "X")
    assert [content.text[e.start : e.end] for e in content.elements] == [
        "Ann Lee calX",
        " Ann Lee back.",
    ]


def test_what_is_written_between_elements_is_a_paragraph():
    content = Content(
        text="a   b",
        elements=(
            Element(kind="paragraph", start=0, end=1),
            Element(kind="paragraph", start=4, end=5),
        ),
    ).replace((2, 3), "X")
    assert [(content.text[e.start : e.end], e.kind) for e in content.elements] == [
        ("a", "paragraph"),
        ("X", "paragraph"),
        ("b", "paragraph"),
    ]


def test_a_table_that_is_touched_keeps_no_cells_of_what_was_replaced():
    text = "| Ann | 12 |"
    content = Content(
        text=text, elements=(Element(kind="table", start=0, end=12, cells=(("Ann", "12"),)),)
    ).replace((2, 5), "X")
    (table,) = content.elements
    assert (table.kind, table.cells) == ("table", ())
    assert content.text == "| X | 12 |"


def test_nothing_for_nothing_is_the_same_content():
    assert read().replace((3, 3), "") == read()


@pytest.mark.parametrize("span", [(-1, 2), (5, 4), (0, 36)])
def test_a_span_beyond_the_text_is_refused(span):
    with pytest.raises(ParameterError, match="is not within a text of 35"):
        read().replace(span, "X")


TOPS = (0.0, 10.0, 20.0)


def lined():
    """A content of one paragraph, each line of which has a box; the last is on another page."""
    boxes = tuple((0.0, top, 9.0, top + 8) for top in TOPS)
    element = Element(kind="paragraph", start=2, end=15, page=1, boxes=boxes, offsets=(0, 4, 8))
    pages = (Page(number=1, start=0, end=10), Page(number=2, start=10, end=15))
    return Content(text="  one two three", elements=(element,), pages=pages)


def stands(content, words):
    """The pages and tops of the lines that words stand on."""
    start = content.text.index(words)
    return [(page, box[1]) for page, box in content.boxes_of(start, start + len(words))]


def test_lines_move_along_with_what_is_replaced():
    content = lined()
    assert stands(content, "wo th") == [(1, 10.0), (2, 20.0)]
    content = content.replace((2, 5), "a word much longer")
    assert stands(content, "much") == [(1, 0.0)]
    assert stands(content, "two") == [(1, 10.0)]
    assert stands(content, "three") == [(2, 20.0)]
    content = content.replace((0, 2), "")
    assert stands(content, "three") == [(2, 20.0)]


def test_what_was_put_in_for_whole_lines_stands_on_those_of_its_first_page():
    content = lined().replace((2, 10), "X ")
    assert content.text == "  X three"
    assert stands(content, "X") == [(1, 0.0), (1, 10.0)]
    content = lined().replace((6, 15), "X")
    assert content.text == "  one X"
    assert stands(content, "X") == [(1, 10.0)]
    assert [top for _, top in stands(content, "one")] == [0.0]
    content = lined().replace((6, 12), "")
    assert content.text == "  one ree"
    assert [top for _, top in stands(content, "ree")] == [20.0]


@given(st.integers(0, 15), st.integers(0, 15), st.sampled_from(["", "X", " ", "X Y longer"]))
def test_no_line_is_cited_on_another_page_than_its_own(one, other, text):
    source = lined()
    content = source.replace((min(one, other), max(one, other)), text)
    own = dict.fromkeys(TOPS[:2], 1) | {TOPS[2]: 2}
    for page, box in content.boxes_of(0, len(content.text)):
        assert own[box[1]] == page
    # A word that was left stands where it stood.
    for word, top in zip(("one", "two", "three"), TOPS, strict=True):
        place = source.text.index(word)
        if place >= max(one, other) or place + len(word) <= min(one, other):
            assert (own[top], top) in stands(content, word)


@given(contents(), st.data())
def test_lines_stay_in_order_and_within_their_element(source, data):
    elements = []
    for element in source.elements:
        length = element.end - element.start
        offsets = sorted({0, *data.draw(st.lists(st.integers(0, length - 1), max_size=3))})
        boxes = tuple((float(number), 0.0, 1.0, 1.0) for number in range(len(offsets)))
        elements.append(msgspec.structs.replace(element, boxes=boxes, offsets=tuple(offsets)))
    content = msgspec.structs.replace(source, elements=tuple(elements))
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(content.text)))
        end = data.draw(st.integers(start, len(content.text)))
        content = content.replace((start, end), data.draw(st.sampled_from(["", "X", " ", "X Y"])))
    for element in content.elements:
        if element.page is None or not element.boxes:
            continue  # a paragraph that was put in
        if not element.offsets:
            continue  # its lines were replaced from another page on: it stands where it stood
        assert len(element.offsets) == len(element.boxes)
        assert list(element.offsets) == sorted(element.offsets)
        assert element.offsets[-1] <= element.end - element.start
        assert [box[0] for box in element.boxes] == sorted(box[0] for box in element.boxes)
        assert all(offset >= 0 for offset in element.offsets)
