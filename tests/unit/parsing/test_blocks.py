import pytest

from ragflow.errors import SkipDocument
from ragflow.parsing import blocks
from ragflow.parsing.blocks import Block, Sheet, compose, compose_pages


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
