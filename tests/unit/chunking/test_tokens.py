from ragflow.chunking.tokens import REACH, Ruler, fits


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


def test_a_stretch_far_beyond_the_size_is_not_even_counted():
    assert not fits("x" * 1000, tokenizer=None, size=8)
