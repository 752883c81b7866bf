from ragflow.chunking.tokens import REACH, Ruler, fits


def test_a_ruler_finds_where_tokens_end(words):
    text = "one two three four"
    ruler = Ruler(text, 0, len(text), tokenizer=words, size=8)
    assert text[: ruler.reach(0, 2)] == "one two "
    assert ruler.reach(0, 9) == len(text)
    assert text[ruler.before_end(2) :] == "three four"
    assert ruler.before_end(0) == len(text)
    assert ruler.before_end(9) == 0
    assert ruler.excess(0, len(text)) == 4 - 8


def test_a_ruler_tokenizes_long_text_in_blocks_without_losing_a_token(words):
    text = "word " * 50_000
    ruler = Ruler(text, 0, len(text), tokenizer=words, size=8)
    assert ruler.reach(0, 40_000) == REACH * 8
    assert ruler.before_end(50_000) == 0
    assert ruler.before_end(40_000) == 50_000


def test_a_stretch_far_beyond_the_size_is_not_even_counted():
    assert not fits("x" * 1000, 0, 1000, tokenizer=None, size=8)
