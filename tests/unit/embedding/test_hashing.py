import hashlib
import time

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragflow.documents import Vector
from ragflow.embedding.hashing import HashingEmbedder
from ragflow.embedding.model_spec import Prompts, load_spec
from ragflow.embedding.opening import open_embedder

EMBEDDER = HashingEmbedder(load_spec("hashing"))
TEXTS = st.lists(st.text(max_size=40), max_size=12)


def wide(vectors: list[Vector]) -> np.ndarray:
    return np.array([np.frombuffer(each.half, "<f2").astype(float) for each in vectors])


def test_the_vectors_are_these_bytes_on_every_machine(texts):
    # If this changes, so does the space: raise `revision` in models/hashing.toml.
    digest = hashlib.sha256(b"".join(each.half for each in EMBEDDER.embed(texts))).hexdigest()
    assert digest == "cc11e6e0c497749960cc97a0eb47eddf07b56c998337070e1f9d6ab93c3aaf3c"


@given(texts=TEXTS, at=st.integers(0, 12))
def test_a_vector_depends_on_its_text_alone(texts, at):
    whole = EMBEDDER.embed(texts)
    assert whole == EMBEDDER.embed(texts[:at]) + EMBEDDER.embed(texts[at:])
    assert whole == [EMBEDDER.embed([text])[0] for text in texts]


@given(text=st.text())
def test_vectors_have_length_one_in_half_precision(text):
    (vector,) = EMBEDDER.embed([text])
    assert vector.dimension == EMBEDDER.dimension == 256
    assert np.linalg.norm(wide([vector])) == pytest.approx(1, abs=2e-3)


def test_more_texts_than_are_computed_at_once_keep_their_order():
    texts = [f"text {number}" for number in range(600)]
    vectors = EMBEDDER.embed(texts)
    assert vectors[599] == EMBEDDER.embed(["text 599"])[0]
    assert len(set(vectors)) == 600


def test_similar_wording_is_near_and_case_does_not_count():
    one, two, other = wide(
        EMBEDDER.embed(
            ["how to reset a password", "resetting passwords, how to", "the sea is blue today"]
        )
    )
    assert one @ two > 0.4 > one @ other
    assert EMBEDDER.embed(["A Word"]) == EMBEDDER.embed(["a word"])


def test_a_text_beyond_the_limit_is_cut_at_its_end():
    assert EMBEDDER.embed(["word " * 256 + "more"]) == EMBEDDER.embed(["word " * 256])
    assert EMBEDDER.embed(["word " * 255 + "more"]) != EMBEDDER.embed(["word " * 256])


def test_a_text_without_words_has_a_vector_too():
    assert wide(EMBEDDER.embed([""]))[0].argmax() == 0
    assert EMBEDDER.embed([]) == []


def test_a_prompt_is_put_before_the_text():
    spec = msgspec.structs.replace(load_spec("hashing"), prompts=Prompts(query="find "))
    embedder = open_embedder(spec)
    assert embedder.embed(["it"], kind="query") == EMBEDDER.embed(["find it"])
    assert embedder.embed(["it"]) == EMBEDDER.embed(["it"])


def test_a_short_text_takes_a_few_microseconds():
    texts = [f"The quick brown fox {number} jumps over it" for number in range(512)]

    def once() -> float:
        start = time.process_time()
        EMBEDDER.embed(texts)
        return (time.process_time() - start) / len(texts)

    assert min(once() for _ in range(20)) < 15e-6
