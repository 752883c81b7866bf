import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ragflow.documents import Vector
from ragflow.embedding import devices
from ragflow.embedding.encoder import Encoder
from ragflow.embedding.opening import open_embedder
from ragflow.errors import ParameterError
from tests.unit.embedding.conftest import TEXTS

# Importing torch and sentence-transformers takes five seconds and more.
pytestmark = pytest.mark.slow

SCRIPT = """
from ragflow.embedding.model_spec import load_spec
from ragflow.embedding.opening import open_embedder
embedder = open_embedder(load_spec("all-minilm-l6-v2"))
print(embedder.device, embedder.embed(["a text"])[0].dimension)
"""


def wide(vectors: list[Vector]) -> np.ndarray:
    return np.array([np.frombuffer(each.half, "<f2").astype(float) for each in vectors])


def units_apart(one: list[Vector], two: list[Vector]) -> np.ndarray:
    """Return by how many units in the last place of half precision the components differ."""
    first, second = (np.array([np.frombuffer(v.half, "<f2") for v in each]) for each in (one, two))
    return np.abs(first.astype(float) - second.astype(float)) / np.spacing(np.abs(first))


def test_vectors_are_those_of_sentence_transformers(encoder, texts):
    # Half of a surrogate pair is what no tokenizer takes.
    texts = [text.replace("\ud800", "\ufffd") for text in texts]
    expected = encoder._model.encode(texts, normalize_embeddings=True)
    assert np.abs(wide(encoder.embed(texts)) - expected).max() < 2.0**-12


def test_the_light_way_gives_the_same_vectors(encoder, light, texts):
    ids = light._tokenizer.read(texts)
    rows = np.array([light._forward(each) for each in ids])
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    expected = np.concatenate([encoder._forward([each]) for each in ids])
    assert len(texts) == 20
    assert np.abs(rows - expected).max() < 1e-6
    assert units_apart(light.embed(texts), encoder.embed(texts)).max() <= 1


@settings(max_examples=10)
@given(texts=st.lists(st.sampled_from(TEXTS), max_size=16), at=st.integers(0, 16))
def test_batches_split_anywhere_give_the_same_vectors_in_order(encoder, texts, at):
    whole = encoder.embed(texts)
    split = encoder.embed(texts[:at]) + encoder.embed(texts[at:])
    assert len(whole) == len(texts)
    if texts:
        assert units_apart(whole, split).max() <= 1


def test_what_shares_a_batch_moves_few_components_by_one_unit(encoder, texts, monkeypatch):
    alone = [encoder.embed([text])[0] for text in texts]
    apart = []
    for budget in (256, 1024, 4096, 16384):
        monkeypatch.setitem(devices.BUDGETS, "cpu", budget)
        apart.append(units_apart(alone, encoder.embed(texts)))
    assert np.max(apart) <= 1
    assert np.mean(np.array(apart) > 0) < 0.02


def test_equal_texts_of_one_call_are_computed_once(encoder, monkeypatch):
    seen = []
    forward = encoder._forward
    monkeypatch.setattr(encoder, "_forward", lambda batch: seen.extend(batch) or forward(batch))
    vectors = encoder.embed(["a", "b", "a", "a"])
    assert len(seen) == 2
    assert vectors[0] == vectors[2] == vectors[3] != vectors[1]


def test_equal_calls_give_equal_bytes(encoder, texts):
    assert encoder.embed(texts) == encoder.embed(texts)
    assert encoder.embed([]) == []


def test_several_threads_take_turns(encoder, texts):
    expected = encoder.embed(texts)
    with ThreadPoolExecutor(3) as threads:
        for vectors in threads.map(encoder.embed, [texts] * 3):
            assert vectors == expected


def test_a_spec_of_another_dimension_is_refused(spec, folder):
    with pytest.raises(ParameterError, match="dimension 384, its spec says 512"):
        Encoder(msgspec.structs.replace(spec, dimension=512), folder, device="cpu")


def test_opening_prints_nothing_and_opens_no_connection(spec, no_network, capfd):
    embedder = open_embedder(spec, device="cpu")
    assert embedder.embed(["a"])[0].dimension == 384
    assert capfd.readouterr() == ("", "")


def test_a_fresh_process_prints_nothing_of_its_own():
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True
    )
    assert done.stdout.split()[1] == "384"
    assert done.stderr == ""


@pytest.mark.gpu
def test_an_accelerator_is_used_and_gives_the_same_vectors(spec, encoder, texts):
    embedder = open_embedder(spec)
    assert embedder.device == "cuda"
    assert (wide(embedder.embed(texts)) * wide(encoder.embed(texts))).sum(axis=1).min() > 0.9999
