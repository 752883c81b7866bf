import sys

import pytest

from ragflow.chunking.boundaries import cut
from ragflow.documents import Content
from ragflow.embedding.budget import LlmBudget
from ragflow.errors import NotFoundError, UsageError


def test_tokens_are_counted_as_tiktoken_does(vocabularies, monkeypatch, no_network):
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(vocabularies))
    budget = LlmBudget("cl100k_base")
    assert budget.count("hello world") == 2
    assert budget.count("") == 0
    assert budget.count("<|endoftext|>") == 7
    assert "llama_index" not in sys.modules


def test_a_missing_vocabulary_says_how_to_get_it_and_opens_no_connection(
    tmp_path, monkeypatch, no_network
):
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))
    with pytest.raises(UsageError, match=r"cl100k_base\.tiktoken") as raised:
        LlmBudget("cl100k_base")
    assert "TIKTOKEN_CACHE_DIR" in raised.value.hint
    assert "9b5ad71b2ce5302211f9c61530b329a4922fc6a4" in raised.value.hint


def test_an_unknown_encoding_names_the_known_ones():
    with pytest.raises(NotFoundError, match="gpt-99") as raised:
        LlmBudget("gpt-99")
    assert "cl100k_base" in raised.value.hint


def test_tiktoken_itself_is_left_as_it_was(cl100k):
    import tiktoken.load

    assert tiktoken.load.read_file.__module__ == "tiktoken.load"


def test_spans_are_of_characters_also_where_a_token_is_a_part_of_one(cl100k):
    text = "a 😀 b\ud800"
    spans = cl100k.spans(text)
    assert len(spans) == cl100k.count(text)
    assert spans[0] == (0, 1)
    assert all(start < end <= len(text) for start, end in spans)
    assert cl100k.spans("") == []


def test_chunks_are_measured_with_it(cl100k):
    of = Content(text="One two three four. " * 30)
    texts = [of.text[each.start : each.end] for each in cut(of, cl100k, size=20)]
    assert all(cl100k.count(text) <= 20 for text in texts)
    assert all(text.endswith(".") for text in texts)
