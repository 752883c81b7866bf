from collections.abc import Iterator
from pathlib import Path

import pytest

from ragflow.embedding.encoder import Encoder
from ragflow.embedding.light import LightEncoder
from ragflow.embedding.model_spec import ModelSpec, load_spec
from ragflow.embedding.opening import open_embedder
from ragflow.embedding.weights import find_weights
from tests.unit.embedding.endpoint import KEY, Endpoint

#: Twenty texts unlike each other: in length, script, and what a tokenizer stumbles over.
TEXTS = [
    "hello world",
    "A deficiency of vitamin B12 increases blood levels of homocysteine.",
    "a",
    "",
    " \n\t ",
    "한국어 텍스트",
    "naïve café résumé",
    "日本語の文です。",
    "😀 👩‍👩‍👧 🇩🇪",
    "half a pair \ud800 here",
    "[CLS] a [SEP] b [MASK]",
    "x" * 500,
    "1,000 genomes; 3.14; 2026-01-01T00:00:00Z",
    "def f(x): return x ** 2  # code",
    "The quick brown fox jumps over the lazy dog. " * 3,
    "The mitochondrion is the powerhouse of the cell. " * 12,
    "Longer than the model reads, this text is cut at its end. " * 60,
    "\x00\u200b\u00ad invisible",
    "UPPER CASE AND lower case",
    "| a | b |\n|---|---|\n| 1 | 2 |",
]


@pytest.fixture(scope="session")
def spec() -> ModelSpec:
    return load_spec("all-minilm-l6-v2")


@pytest.fixture(scope="session")
def folder(spec: ModelSpec) -> Path:
    return find_weights(spec)


@pytest.fixture(scope="session")
def light(spec: ModelSpec, folder: Path) -> LightEncoder:
    return LightEncoder(spec, folder)


@pytest.fixture(scope="session")
def encoder(spec: ModelSpec, folder: Path) -> Iterator[Encoder]:
    encoder = Encoder(spec, folder, device="cpu", precision="float32")
    yield encoder
    encoder.close()


@pytest.fixture
def texts() -> list[str]:
    return list(TEXTS)


@pytest.fixture
def copied(folder: Path, tmp_path: Path) -> Path:
    """A folder with the model's files, free to be changed; the weights are a link."""
    copy = tmp_path / "model"
    for file in folder.rglob("*.json"):
        place = copy / file.relative_to(folder)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(file.read_bytes())
    (copy / "model.safetensors").symlink_to(folder / "model.safetensors")
    return copy


@pytest.fixture
def endpoint():
    with Endpoint() as opened:
        yield opened


@pytest.fixture
def remote(endpoint):
    """Open the embedder of the endpoint, with changes to its spec; closed with the test."""
    opened = []

    def open_it(*, key=KEY, **changes):
        opened.append(open_embedder(endpoint.spec(**changes), key=key))
        return opened[-1]

    yield open_it
    for each in opened:
        each.close()
