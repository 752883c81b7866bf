import pytest

from ragflow.documents import Content
from ragflow.errors import SkipDocument
from ragflow.parsing import blocks
from ragflow.parsing.blocks import Block, Sheet, compose, compose_pages
from tests.unit.parsing.samples import assert_whole, texts


def on_pages(written):
    return compose_pages(Sheet(number=1, blocks=(block,)) for block in written)


@pytest.mark.parametrize("composed", [compose, on_pages])
def test_a_text_composed_without_end_ends_at_the_limit(composed, monkeypatch):
    monkeypatch.setattr(blocks, "MOST_TEXT", 100)
    made = []

    def endless():
        while True:
            made.append(1)
            yield Block(text="0123456789")

    with pytest.raises(SkipDocument) as found:
        composed(endless())
    assert found.value.code == "too_large"
    # Ten characters each, and two between them.
    assert len(made) == 9


def test_what_goes_on_over_pages_is_one_element_with_a_box_for_each_piece():
    boxes = [(float(n), 0.0, n + 1.0, 1.0) for n in range(5)]
    first = Block(text="ab cd", boxes=(boxes[0], boxes[1]), offsets=(0, 3))
    rest = Block(text="uv wx", boxes=(boxes[2], boxes[3]), offsets=(0, 3), joint=" ")
    last = Block(text="ij", boxes=(boxes[4],), joint="")
    sheets = [
        Sheet(number=1, blocks=(Block(text="Before."), first)),
        Sheet(number=2, blocks=(rest,)),
        Sheet(number=3, blocks=(last, Block(text="After."))),
    ]
    made = compose_pages(sheets)
    content = Content(text=made.text, elements=made.elements, pages=made.pages)
    assert_whole(content)
    assert texts(content) == ["Before.", "ab cd uv wxij", "After."]
    whole = content.elements[1]
    assert [content.text[page.start : page.end] for page in content.pages] == [
        *("Before.\n\nab cd", "uv wx", "ij\n\nAfter.")
    ]
    places = [(1, boxes[0]), (1, boxes[1]), (2, boxes[2]), (2, boxes[3]), (3, boxes[4])]
    assert content.boxes_of(whole.start, whole.end) == places
    for at, word in enumerate(("ab", "cd", "uv", "wx", "ij")):
        start = content.text.index(word)
        assert content.boxes_of(start, start + 2) == places[at : at + 1]
    assert content.boxes_of(whole.start + 1, whole.start + 4) == places[:2]
    assert content.boxes_of(0, len(content.text)) == places


def test_boxes_without_places_are_those_of_the_whole_element():
    boxes = ((1.0, 1.0, 2.0, 2.0), (1.0, 3.0, 2.0, 4.0))
    made = compose_pages([Sheet(number=4, blocks=(Block(text="ab cd", boxes=boxes),))])
    content = Content(text=made.text, elements=made.elements, pages=made.pages)
    assert content.boxes_of(3, 5) == [(4, box) for box in boxes]
