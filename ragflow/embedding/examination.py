"""Is a model on this machine what its spec says, and does it give vectors?"""

import math
from collections.abc import Iterator
from pathlib import Path

import msgspec

from ragflow.embedding.model_spec import ModelSpec
from ragflow.embedding.opening import open_embedder, open_tokenizer
from ragflow.embedding.weights import (
    digest_of,
    find_weights,
    how_to_get,
    read_json,
    stated_pooling,
)
from ragflow.errors import NotFoundError, RagflowError
from ragflow.interfaces.ingestion import Embedder

#: What a model is tried with; one is not the other.
TEXTS = ("The harbour was frozen over.", "Interest rates are set by the central bank.")


class Finding(msgspec.Struct, frozen=True):
    """One thing that was looked at."""

    #: What: ``weights``, ``digest``, ``dimension``, ``vectors``, …
    name: str
    #: Whether it is as the spec says; None where nobody can tell.
    is_right: bool | None
    #: What was found, one line.
    found: str


def examine(spec: ModelSpec, *, key: str | None = None) -> Iterator[Finding]:
    """Yield what is found of a model, in the order looked at; ends where nothing more can be.

    Files are compared, and two texts embedded as a query would be. A remote model is asked
    only where its `key` is given ("" for one that needs none).
    """
    if spec.is_remote:
        yield from _examine_remote(spec, key)
        return
    if spec.kind == "sentence-transformers":
        try:
            folder = find_weights(spec)
        except NotFoundError as error:
            yield Finding("weights", False, f"{error}; {how_to_get(spec)}")
            return
        yield Finding("weights", True, str(folder))
        yield from _compare_files(spec, folder)
        yield _try_tokenizer(spec)
    yield _try_vectors(spec, "")


def _compare_files(spec: ModelSpec, folder: Path) -> Iterator[Finding]:
    found = digest_of(folder)
    if spec.digest:
        said = found if found == spec.digest else f"{found}, the spec says {spec.digest}"
        yield Finding("digest", found == spec.digest, said)
    else:
        yield Finding("digest", None, f"{found}, the spec says none")
    if spec.revision and folder.parent.name == "snapshots":
        yield Finding("revision", folder.name == spec.revision, folder.name)
    config = read_json(folder / "config.json")
    yield _compared("dimension", spec.dimension, config.get("hidden_size"))
    yield _compared("pooling", spec.pooling, stated_pooling(folder) or None)
    positions = config.get("max_position_embeddings")
    said = "the files say nothing" if positions is None else f"{positions} positions"
    is_right = None if positions is None else spec.limit <= positions
    yield Finding("limit", is_right, f"{spec.limit} of {said}" if positions else said)


def _compared(name: str, said: object, found: object) -> Finding:
    if found is None:
        return Finding(name, None, "the files say nothing")
    is_right = said == found
    return Finding(name, is_right, f"{found}" if is_right else f"{found}, the spec says {said}")


def _try_tokenizer(spec: ModelSpec) -> Finding:
    try:
        tokenizer = open_tokenizer(spec)
    except RagflowError as error:
        return Finding("tokenizer", False, _told(error))
    return Finding("tokenizer", True, f"reads {tokenizer.count(TEXTS[0])} tokens in a sentence")


def _examine_remote(spec: ModelSpec, key: str | None) -> Iterator[Finding]:
    yield _try_tokenizer(spec)
    assert spec.endpoint is not None
    if key is None:
        said = f"{spec.endpoint.url} was not asked"
        yield Finding("endpoint", None, said)
        return
    yield _try_vectors(spec, key)


def _try_vectors(spec: ModelSpec, key: str) -> Finding:
    try:
        embedder = open_embedder(spec, light=True, key=key)
        try:
            return _of_two_texts(spec, embedder)
        finally:
            if hasattr(embedder, "close"):  # one that keeps connections
                embedder.close()
    except (RagflowError, OSError) as error:
        return Finding("vectors", False, _told(error))


def _of_two_texts(spec: ModelSpec, embedder: Embedder) -> Finding:
    one, other = (vector.floats() for vector in embedder.embed(TEXTS))
    cosine = sum(a * b for a, b in zip(one, other, strict=True))
    length = math.sqrt(sum(a * a for a in one))
    said = f"{len(one)} components of length {length:.3f}, two texts at cosine {cosine:.3f}"
    is_right = len(one) == spec.dimension and abs(length - 1) < 0.01 and cosine < 0.99
    return Finding("vectors", is_right, said)


def _told(error: Exception) -> str:
    hint = getattr(error, "hint", None)
    return f"{error}; {hint}" if hint else str(error)
