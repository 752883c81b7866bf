import itertools
import json
import re

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from ragflow.embedding.model_spec import Prompts, load_spec
from ragflow.embedding.opening import open_tokenizer
from ragflow.embedding.tokenizer import ModelTokenizer, WordTokenizer

WORDS = WordTokenizer(limit=16)


def test_a_model_states_its_limit_and_special_tokens(spec):
    tokenizer = open_tokenizer(spec)
    assert (tokenizer.limit, tokenizer.special) == (256, 2)


def test_spans_point_at_the_characters_of_each_token(spec):
    text = "Unaffordable naïve  things"
    spans = open_tokenizer(spec).spans(text)
    assert [text[start:end] for start, end in spans] == [
        "Una", "ff", "ord", "able", "naïve", "things",
    ]  # fmt: skip


def test_nothing_is_truncated_or_padded_though_the_file_asks_for_it(spec, folder):
    asked = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    assert asked["truncation"]
    assert asked["padding"]
    tokenizer = open_tokenizer(spec)
    assert tokenizer.count("word " * 1000) == 1000
    assert tokenizer.count("word") == 1
    assert tokenizer.count("") == 0


def test_a_lone_surrogate_takes_its_place_but_has_no_token(spec):
    tokenizer = open_tokenizer(spec)
    assert tokenizer.spans("ab \ud800 c") == [(0, 2), (5, 6)]
    assert tokenizer.count("\ud800") == 0


@given(text=st.text())
def test_as_many_spans_as_tokens_in_order(text):
    spans = WORDS.spans(text)
    assert len(spans) == WORDS.count(text)
    assert all(0 <= start < end <= len(text) for start, end in spans)
    assert all(first[1] <= second[0] for first, second in itertools.pairwise(spans))
    assert re.sub(r"\s", "", text) == "".join(text[start:end] for start, end in spans)


def test_what_the_model_reads_is_cut_with_its_special_tokens_kept(spec, folder):
    tokenizer = ModelTokenizer(folder / "tokenizer.json", limit=8)
    assert tokenizer.read(["one two", "word " * 20]) == [
        [101, 2028, 2048, 102],
        [101, 2773, 2773, 2773, 2773, 2773, 2773, 102],
    ]


def test_the_prompt_for_documents_takes_room_like_special_tokens(spec):
    prompted = msgspec.structs.replace(spec, prompts=Prompts(document="passage: ", query="q"))
    assert open_tokenizer(prompted).special == 2 + 2


def test_words_and_single_marks_are_the_tokens_of_the_hashing_embedder():
    tokenizer = open_tokenizer(load_spec("hashing"))
    assert (tokenizer.limit, tokenizer.special) == (256, 0)
    text = "It's 3.5 km, naïve…"
    assert [text[start:end] for start, end in tokenizer.spans(text)] == [
        "It", "'", "s", "3", ".", "5", "km", ",", "naïve", "…",
    ]  # fmt: skip
