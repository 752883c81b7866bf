import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ragflow.documents import Vector
from ragflow.embedding import encoder as encoding
from ragflow.embedding.encoder import Encoder
from ragflow.embedding.opening import open_embedder
from ragflow.errors import DocumentError, LimitError, ParameterError
from tests.unit.embedding.conftest import TEXTS

# Importing torch and sentence-transformers takes five seconds and more.
pytestmark = pytest.mark.slow

SCRIPT = """
from ragflow.embedding.model_spec import load_spec
from ragflow.embedding.opening import open_embedder
embedder = open_embedder(load_spec("all-minilm-l6-v2"))
print(embedder.embed([f"text {n}" for n in range(50)])[0].dimension, embedder.device)
"""


def wide(vectors: list[Vector]) -> np.ndarray:
    return np.array([np.frombuffer(each.half, "<f2").astype(float) for each in vectors])


def units_apart(one: list[Vector], two: list[Vector]) -> np.ndarray:
    """Return by how many units in the last place of half precision the components differ.

    Where a component is smaller than 2^-10, the unit is that of 2^-10: 1e-6.
    """
    first, second = (np.array([np.frombuffer(v.half, "<f2") for v in each]) for each in (one, two))
    units = np.spacing(np.maximum(np.abs(first), np.float16(2**-10)))
    return np.abs(first.astype(float) - second.astype(float)) / units


def with_budget(encoder: Encoder, budget: int):
    return msgspec.structs.replace(encoder.way, budget=budget)


class Seen:
    """Stands before a forward and remembers what it is given."""

    def __init__(self, forward):
        self._forward = forward
        self.batches = []

    def rows(self, batch):
        self.batches.append([list(ids) for ids in batch])
        return self._forward.rows(batch)


@pytest.fixture
def seen(encoder, monkeypatch):
    seen = Seen(encoder._forward)
    monkeypatch.setattr(encoder, "_forward", seen)
    return seen


def test_vectors_are_those_of_sentence_transformers(folder, encoder, texts):
    from sentence_transformers import SentenceTransformer

    # Half of a surrogate pair is what no tokenizer takes.
    texts = [text.replace("\ud800", "\ufffd") for text in texts]
    model = SentenceTransformer(str(folder), device="cpu", local_files_only=True)
    expected = model.encode(texts, normalize_embeddings=True)
    assert np.abs(wide(encoder.embed(texts)) - expected).max() < 2.0**-12


def test_the_light_way_gives_the_same_vectors(encoder, light, texts):
    ids = light._tokenizer.read(texts)
    rows = np.array([light._forward(each) for each in ids])
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    expected = np.concatenate([encoder._forward.rows([each]) for each in ids])
    assert len(texts) == 20
    assert np.abs(rows - expected).max() < 1e-6
    assert units_apart(light.embed(texts), encoder.embed(texts)).max() <= 1


@settings(max_examples=10)
@given(
    texts=st.lists(st.sampled_from(TEXTS), max_size=16),
    at=st.integers(0, 16),
    budget=st.sampled_from([1, 300, 1024, 8192]),
    window=st.integers(1, 16),
)
def test_vectors_are_the_same_whatever_the_batch_order_and_neighbours(
    encoder, texts, at, budget, window
):
    expected = {text: encoder.embed([text])[0] for text in set(texts)}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(encoder, "way", with_budget(encoder, budget))
        patch.setattr(encoding, "WINDOW", window)
        whole = encoder.embed(texts)
        split = encoder.embed(texts[:at]) + encoder.embed(texts[at:])
        turned = encoder.embed(texts[::-1])[::-1]
    for found in (whole, split, turned):
        assert len(found) == len(texts)
        if texts:
            assert units_apart([expected[text] for text in texts], found).max() <= 1
    for text in texts:
        equal = {whole[n].half for n, each in enumerate(texts) if each == text}
        assert len(equal) == 1


def test_what_shares_a_batch_moves_few_components_by_one_unit(encoder, texts, monkeypatch):
    alone = [encoder.embed([text])[0] for text in texts]
    apart = []
    for budget in (256, 1024, 4096, 16384):
        monkeypatch.setattr(encoder, "way", with_budget(encoder, budget))
        apart.append(units_apart(alone, encoder.embed(texts)))
    assert np.max(apart) <= 1
    assert np.mean(np.array(apart) > 0) < 0.02


def test_equal_texts_of_one_call_are_computed_once(encoder, seen):
    vectors = encoder.embed(["a", "b", "a", "a"])
    assert sum(map(len, seen.batches)) == 2
    assert vectors[0] == vectors[2] == vectors[3] != vectors[1]


def test_equal_calls_give_equal_bytes(encoder, texts):
    assert encoder.embed(texts) == encoder.embed(texts)
    assert encoder.embed([]) == []


def test_threads_of_one_process_share_the_encoder(encoder, texts):
    expected = encoder.embed(texts)
    with ThreadPoolExecutor(3) as threads:
        for vectors in threads.map(encoder.embed, [texts] * 3):
            assert vectors == expected


def test_windows_are_tokenized_one_ahead_and_no_further(encoder, monkeypatch):
    events = []
    read, window_of = encoder._tokenizer.read, encoding._Window

    class Window(window_of):
        def rows(self, dimension):
            events.append("rows")
            return super().rows(dimension)

    monkeypatch.setattr(encoding, "WINDOW", 2)
    monkeypatch.setattr(encoding, "_Window", Window)
    monkeypatch.setattr(
        encoder._tokenizer, "read", lambda texts: events.append("read") or read(texts)
    )
    assert len(encoder.embed([f"text {n}" for n in range(8)])) == 8
    assert events == ["read", "read", "rows", "read", "rows", "read", "rows", "rows"]


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
    assert done.stdout.split()[0] == "384"
    assert done.stderr == ""


# --- Memory, and rows without direction --------------------------------------------------------


class Small:
    """A forward on a device with room for so many padded tokens."""

    def __init__(self, forward, room, error):
        self._forward, self._room, self._error = forward, room, error
        self.refused = 0

    def rows(self, batch):
        if len(batch) * max(map(len, batch)) > self._room:
            self.refused += 1
            raise self._error
        return self._forward.rows(batch)


def out_of_memory() -> list[Exception]:
    import torch

    told = "[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory: you tried"
    return [torch.OutOfMemoryError("CUDA out of memory"), RuntimeError(told), MemoryError()]


@pytest.mark.parametrize("number", range(3))
def test_a_batch_that_does_not_fit_is_halved_and_the_budget_is_learnt(encoder, monkeypatch, number):
    texts = [f"text number {n}" for n in range(64)]
    expected = encoder.embed(texts)
    small = Small(encoder._forward, 100, out_of_memory()[number])
    monkeypatch.setattr(encoder, "_forward", small)
    monkeypatch.setattr(encoder, "way", with_budget(encoder, 512))
    assert units_apart(expected, encoder.embed(texts)).max() <= 1
    assert small.refused > 0
    assert encoder.way.budget <= 100
    small.refused = 0
    encoder.embed(texts)
    assert small.refused == 0


def test_one_text_that_does_not_fit_is_an_error_of_its_own(encoder, monkeypatch):
    monkeypatch.setattr(encoder, "way", encoder.way)
    monkeypatch.setattr(encoder, "_forward", Small(encoder._forward, 50, MemoryError()))
    assert len(encoder.embed(["short", "texts"])) == 2
    with pytest.raises(LimitError, match=r"a text of 1\d\d tokens does not fit"):
        encoder.embed(["short", "long " * 150])


def test_another_error_is_not_taken_for_short_memory(encoder, monkeypatch):
    monkeypatch.setattr(encoder, "_forward", Small(encoder._forward, 0, RuntimeError("broken")))
    with pytest.raises(RuntimeError, match="broken"):
        encoder.embed(["a", "b"])


@pytest.mark.parametrize("value", [0.0, np.nan, np.inf])
def test_a_row_without_direction_is_an_error_of_its_text(encoder, monkeypatch, value):
    class Broken:
        def rows(self, batch):
            return np.full((len(batch), 384), value, dtype=np.float32)

    monkeypatch.setattr(encoder, "_forward", Broken())
    with pytest.raises(DocumentError, match="zero or not a number"):
        encoder.embed(["a"])


@pytest.mark.gpu
def test_an_accelerator_is_used_and_gives_the_same_vectors(spec, folder, encoder, texts):
    embedder = Encoder(spec, folder)
    assert embedder.device == "cuda"
    assert (wide(embedder.embed(texts)) * wide(encoder.embed(texts))).sum(axis=1).min() > 0.9998
