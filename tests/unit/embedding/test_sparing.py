import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from ragflow.embedding.hashing import HashingEmbedder
from ragflow.embedding.model_spec import load_spec
from ragflow.embedding.sparing import FEW, SparingEncoder

SCRIPT = """
import sys
from ragflow.embedding.model_spec import load_spec
from ragflow.embedding.opening import open_embedder
embedder = open_embedder(load_spec("all-minilm-l6-v2"))
for n in range(49):
    embedder.embed([f"text {n}", f"text {n}"])
embedder.embed([f"question {n}" for n in range(9)], kind="query")
print({"torch", "transformers", "sentence_transformers", "huggingface_hub"} & set(sys.modules))
"""


class Opened:
    """Opens embedders and counts how many, and what they were given."""

    def __init__(self):
        self.count = 0
        self.texts = 0
        self.closed = 0

    def __call__(self):
        self.count += 1
        return self

    def embed(self, texts, *, kind="document"):
        self.texts += len(texts)
        return HashingEmbedder(load_spec("hashing")).embed(texts, kind=kind)

    def close(self):
        self.closed += 1


@pytest.fixture
def light():
    return Opened()


@pytest.fixture
def heavy():
    return Opened()


@pytest.fixture
def embedder(light, heavy):
    return SparingEncoder(256, light=light, heavy=heavy)


def texts(count):
    return [f"text {n}" for n in range(count)]


def test_nothing_is_opened_before_it_is_needed(embedder, light, heavy):
    assert (light.count, heavy.count) == (0, 0)
    assert embedder.device == "cpu"


def test_fewer_than_fifty_documents_never_load_torch(embedder, light, heavy):
    for text in texts(FEW - 1):
        embedder.embed([text])
    assert (light.count, heavy.count) == (1, 0)


@pytest.mark.parametrize("size", [1, 7, FEW])
def test_with_the_fiftieth_document_torch_is_loaded_once(embedder, light, heavy, size):
    for first in range(0, 2 * FEW, size):
        embedder.embed(texts(2 * FEW)[first : first + size])
    assert heavy.count == 1
    assert light.texts + heavy.texts == 2 * FEW
    assert light.texts < FEW


def test_queries_are_not_counted(embedder, light, heavy):
    for text in texts(2 * FEW):
        embedder.embed([text], kind="query")
    assert (light.texts, heavy.count) == (2 * FEW, 0)
    embedder.embed(texts(FEW), kind="query")
    assert (light.texts, heavy.count) == (3 * FEW, 0)


def test_equal_documents_of_a_call_are_counted_once(embedder, light, heavy):
    embedder.embed(["a"] * FEW)
    assert (light.count, heavy.count) == (1, 0)


def test_threads_open_it_once(embedder, heavy):
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(embedder.embed, [texts(FEW)] * 16))
    assert heavy.count == 1


def test_closing_ends_what_was_opened(embedder, light, heavy):
    embedder.embed(["a"])
    embedder.close()
    embedder.close()
    assert (light.closed, heavy.closed) == (1, 0)


@pytest.mark.slow
def test_a_few_texts_are_embedded_without_torch():
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True
    )
    assert done.stdout == "set()\n"
