import json

from hypothesis import given
from hypothesis import strategies as st

from ragflow.chunking.boundaries import cut
from ragflow.chunking.tokens import REACH, Ruler, fits
from ragflow.documents import Content
from ragflow.embedding.model_spec import load_spec
from ragflow.embedding.tokenizer import ModelTokenizer
from ragflow.embedding.weights import TOKENIZER, find_weights


def test_a_ruler_finds_where_tokens_end(words):
    text = "one two three four"
    ruler = Ruler(text, tokenizer=words)
    assert text[: ruler.after(0, 2)] == "one two "
    assert ruler.after(0, 9) == len(text)
    assert text[ruler.before(len(text), 2) :] == "three four"
    assert ruler.before(len(text), 0) == len(text)
    assert ruler.before(len(text), 9) == 0
    assert ruler.tokens(0, len(text)) == 4
    assert ruler.tokens(4, 8) == 1


def test_a_ruler_tokenizes_long_text_in_blocks_without_losing_a_token(words):
    text = "word " * 50_000
    ruler = Ruler(text, tokenizer=words)
    assert ruler.tokens(0, len(text)) == 50_000
    assert ruler.after(0, 40_000) == 200_000
    assert ruler.before(len(text), 40_000) == 50_000


def test_where_a_text_has_no_tokens_its_characters_count(words):
    assert Ruler("x" * REACH * 10, tokenizer=words).tokens(0, REACH * 10) == 10
    assert Ruler("\0" * REACH * 10 + "end", tokenizer=words).tokens(0, REACH * 10) >= 10
    assert Ruler("", tokenizer=words).tokens(0, 0) == 0


@given(
    st.lists(
        st.one_of(
            st.text(min_size=1, max_size=12),
            st.sampled_from(
                ["[MASK]", "x[SEP]y", "naïve", "漢字", "e\u0301", "a\x1cb", "ΟΔΟΣ", "-"]
            ),
        ),
        max_size=40,
    ),
    st.sampled_from([" ", "\n", "\t", " \r\n"]),
    st.data(),
)
def test_whole_words_have_as_many_tokens_alone_as_among_others(minilm, words, parts, blank, data):
    text = blank.join(parts)
    places = [0, *(at for at, mark in enumerate(text) if mark in " \n\t\r"), len(text)]
    start, end = sorted((data.draw(st.sampled_from(places)), data.draw(st.sampled_from(places))))
    start += start < end and text[start] in " \n\t\r"
    for tokenizer in (minilm, words):
        ruler = Ruler(text, tokenizer=tokenizer)
        size = data.draw(st.integers(8, 60))
        alone = fits(text[start:end], tokenizer=tokenizer, size=size)
        is_whole = (start, end) == (0, len(text))
        assert ruler.fits(start, end, size) == (
            alone and (is_whole or ruler.tokens(start, end) <= size)
        )


def test_what_a_ruler_knows_is_not_counted_again(minilm, monkeypatch):
    counted = []
    count = ModelTokenizer.count
    monkeypatch.setattr(
        ModelTokenizer, "count", lambda self, text: counted.append(text) or count(self, text)
    )
    text = " ".join(f"Sentence {number} says something of its own." for number in range(900))
    assert len(cut(Content(text=text), minilm)) > 20
    assert counted == []


def test_a_token_that_reaches_out_of_its_word_makes_no_tokenizer_by_words(minilm, tmp_path):
    assert minilm.by_words
    file = find_weights(load_spec("all-minilm-l6-v2")) / TOKENIZER
    said = json.loads(file.read_text(encoding="utf-8"))
    said["added_tokens"][-1]["lstrip"] = True  # as the mask of other models takes its blank
    (tmp_path / TOKENIZER).write_text(json.dumps(said), encoding="utf-8")
    assert not ModelTokenizer(tmp_path / TOKENIZER, limit=256).by_words


def test_a_stretch_far_beyond_the_size_is_not_even_counted():
    assert not fits("x" * 1000, tokenizer=None, size=8)
