"""The embedder without a model: hashed words and character trigrams."""

import zlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ragflow.documents import Vector
from ragflow.embedding.halves import to_vectors
from ragflow.embedding.model_spec import ModelSpec
from ragflow.embedding.tokenizer import WordTokenizer
from ragflow.interfaces.ingestion import EmbedKind

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

#: A word says more than one of its trigrams.
WORD_WEIGHT = 3
#: Texts computed at once: what they take stays within the processor's own memory.
STRIDE = 256


class HashingEmbedder:
    """Texts that share words are near; for tests, demonstrations and simulations.

    Every word and every run of three characters adds +1 or -1 (words three times that) to
    one component, both chosen by a hash (Weinberger et al., Feature Hashing for Large Scale
    Multitask Learning, 2009). Sums are of whole numbers, so equal texts give equal bytes on
    every machine. Case does not count. A text without words is the first unit vector. Holds
    no state: safe to use from several threads at once.
    """

    #: It computes with NumPy.
    device = "cpu"

    def __init__(self, spec: ModelSpec) -> None:
        #: Components of a vector.
        self.dimension = spec.dimension
        self._prompts = spec.prompts
        self._tokenizer = WordTokenizer(limit=spec.limit)

    def embed(self, texts: Sequence[str], *, kind: EmbedKind = "document") -> list[Vector]:
        """Return one vector a text, in order; see `Embedder`."""
        prompt = self._prompts.of(kind)
        vectors: list[Vector] = []
        for start in range(0, len(texts), STRIDE):
            words = [self._words(prompt + text) for text in texts[start : start + STRIDE]]
            vectors.extend(to_vectors(_sums(words, self.dimension)))
        return vectors

    def _words(self, text: str) -> list[str]:
        return self._tokenizer.words(text.lower())[: self._tokenizer.limit]


def _sums(texts: list[list[str]], dimension: int) -> "NDArray[np.float64]":
    """Return the signed sum of the features of each text, as rows."""
    import numpy as np

    words = [word.encode("utf-8", "surrogatepass") for text in texts for word in text]
    word_hashes = np.fromiter(map(zlib.crc32, words), dtype=np.uint32, count=len(words))
    word_owners = np.repeat(np.arange(len(texts)), [len(text) for text in texts])

    joined = [f" {' '.join(text)} " for text in texts]
    lengths = np.array([len(text) for text in joined])
    letters = np.frombuffer("".join(joined).encode("utf-32-le", "surrogatepass"), dtype="<u4")
    owners = np.repeat(np.arange(len(texts)), lengths)
    # A run of three that begins in one text and ends in the next belongs to neither.
    inside = owners[:-2] == owners[2:]
    trigrams = (
        letters[:-2] * np.uint32(0x01000193)
        + letters[1:-1] * np.uint32(0x0001F1B3)
        + letters[2:] * np.uint32(0x9E3779B1)
    )[inside]

    hashes = _scatter(np.concatenate([word_hashes, trigrams]))
    rows = np.concatenate([word_owners, owners[:-2][inside]])
    signs = (hashes >> np.uint32(31)).astype(np.int64) * 2 - 1
    signs[: len(words)] *= WORD_WEIGHT
    places = rows * dimension + (hashes % np.uint32(dimension))
    flat = np.bincount(places, weights=signs, minlength=len(texts) * dimension)
    sums = flat.astype(np.float64, copy=False).reshape(len(texts), dimension)
    sums[~sums.any(axis=1), 0] = 1.0
    return sums


def _scatter(hashes: "NDArray[Any]") -> "NDArray[np.uint32]":
    """Spread every bit of a hash over all its bits (the finalizer of MurmurHash3)."""
    import numpy as np

    mixed = hashes.astype(np.uint32)
    mixed ^= mixed >> np.uint32(16)
    mixed *= np.uint32(0x85EBCA6B)
    mixed ^= mixed >> np.uint32(13)
    mixed *= np.uint32(0xC2B2AE35)
    mixed ^= mixed >> np.uint32(16)
    return mixed
