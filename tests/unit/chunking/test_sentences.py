from itertools import pairwise

import pytest

from ragflow.chunking.sentences import sentence_ends


def ends(text: str) -> list[str]:
    """Return the sentences."""
    places = [0, *sentence_ends(text, 0, len(text) - 1), len(text)]
    return [text[start:end].strip() for start, end in pairwise(places)]


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("One is. Two is! Is three? Yes.", ["One is.", "Two is!", "Is three?", "Yes."]),
        ('He said "No." Then he left.', ['He said "No."', "Then he left."]),
        ("See Fig. 3 and Smith et al. for it. Then go.", None),
        ("Use e.g. this and i.e. that. Then go.", None),
        ("It was J. Smith. Then go.", None),
        ("It is 3.14 large. Then go.", None),
        ("Wait... what. Then go.", None),
        ("これは文です。次の文です。", ["これは文です。", "次の文です。"]),
    ],
)
def test_sentences_end_at_stops_that_end_them(text, sentences):
    if sentences is None:
        assert ends(text)[-1] == "Then go."
        assert len(ends(text)) == (3 if "..." in text else 2)
    else:
        assert ends(text) == sentences


def test_a_stop_outside_the_window_is_not_found():
    text = "One. Two. Three"
    assert list(sentence_ends(text, 4, 8)) == []
    assert list(sentence_ends(text, 0, 8)) == [4]
    assert list(sentence_ends(text, 0, 9)) == [4, 9]
