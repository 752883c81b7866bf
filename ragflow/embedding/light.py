"""The embedder for a few texts: a BERT model in NumPy, open in a third of a second.

Importing torch and sentence-transformers takes five seconds, which a search should not wait
for. The model is computed as published (Devlin et al., BERT, 2019), from the same weights.
"""

import math
import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ragflow.documents import Vector
from ragflow.embedding.halves import to_vectors
from ragflow.embedding.model_spec import ModelSpec
from ragflow.embedding.tokenizer import ModelTokenizer
from ragflow.embedding.weights import TOKENIZER, WEIGHTS, check_weights, read_json, stated_pooling
from ragflow.errors import ParameterError
from ragflow.interfaces.ingestion import EmbedKind

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float32]

_MODULES = (["Transformer", "Pooling"], ["Transformer", "Pooling", "Normalize"])


def can_read(folder: Path) -> bool:
    """Tell whether the model in `folder` is one that `LightEncoder` computes exactly."""
    config = read_json(folder / "config.json")
    modules = [each["type"].rpartition(".")[2] for each in read_json(folder / "modules.json")]
    return (
        config.get("model_type") == "bert"
        and config.get("hidden_act") == "gelu"
        and config.get("position_embedding_type", "absolute") == "absolute"
        and modules in _MODULES
        and stated_pooling(folder) in ("mean", "cls")
        and (folder / WEIGHTS).is_file()
        and (folder / TOKENIZER).is_file()
    )


class LightEncoder:
    """A BERT model in NumPy, one text after the other.

    Gives the vectors of `Encoder` to about 1e-6 a component before they are rounded. A
    vector depends on its text alone, to the bit. Needs no torch and takes one core; callers
    in several threads take turns. For documents `Encoder` is several times faster.
    """

    #: It computes with NumPy.
    device = "cpu"

    def __init__(self, spec: ModelSpec, folder: Path) -> None:
        """Open the weights in `folder`, of which `can_read` must be true.

        Raises `ParameterError` when the weights are not those the spec means.
        """
        check_weights(spec, folder)
        config = read_json(folder / "config.json")
        if config["hidden_size"] != spec.dimension:
            raise ParameterError(
                f"model {spec.name!r} gives vectors of dimension {config['hidden_size']},"
                f" its spec says {spec.dimension}",
                hint="correct `dimension` in the spec",
            )
        #: Components of a vector.
        self.dimension = spec.dimension
        self._prompts = spec.prompts
        self._first_only = spec.pooling == "cls"
        self._heads = int(config["num_attention_heads"])
        self._epsilon = float(config["layer_norm_eps"])
        self._layers = int(config["num_hidden_layers"])
        self._tokenizer = ModelTokenizer(folder / TOKENIZER, limit=spec.limit)
        self._weights = _read_weights(folder / WEIGHTS, self._layers)
        self._one_core = _one_core()
        self._lock = threading.Lock()

    def embed(self, texts: Sequence[str], *, kind: EmbedKind = "document") -> list[Vector]:
        """Return one vector a text, in order; see `Embedder`."""
        import numpy as np

        if not texts:
            return []
        unique = list(dict.fromkeys(texts))
        prompt = self._prompts.of(kind)
        ids = self._tokenizer.read([prompt + text for text in unique])
        with self._lock, self._one_core():
            rows = np.stack([self._forward(each) for each in ids])
        vectors = dict(zip(unique, to_vectors(rows), strict=True))
        return [vectors[text] for text in texts]

    def _forward(self, ids: list[int]) -> "Array":
        """Return the pooled vector of one text."""
        weights = self._weights
        states = (
            weights["embeddings.word_embeddings.weight"][ids]
            + weights["embeddings.position_embeddings.weight"][: len(ids)]
            + weights["embeddings.token_type_embeddings.weight"][0]
        )
        states = self._norm(states, "embeddings")
        for layer in range(self._layers):
            name = f"encoder.layer.{layer}"
            mixed = self._linear(self._attend(states, name), f"{name}.attention.output.dense")
            states = self._norm(states + mixed, f"{name}.attention.output")
            inner = _gelu(self._linear(states, f"{name}.intermediate.dense"))
            states = self._norm(
                states + self._linear(inner, f"{name}.output.dense"), f"{name}.output"
            )
        pooled: Array = states[0] if self._first_only else states.mean(axis=0)
        return pooled

    def _attend(self, states: "Array", name: str) -> "Array":
        """Return multi-head self-attention over (tokens, components)."""
        import numpy as np

        tokens, components = states.shape
        size = components // self._heads
        joined = self._linear(states, f"{name}.attention.self")
        # Each is heads by tokens by size.
        query, key, value = joined.reshape(tokens, 3, self._heads, size).transpose(1, 2, 0, 3)
        scores = query @ key.transpose(0, 2, 1) / np.float32(math.sqrt(size))
        scores = np.exp(scores - scores.max(axis=-1, keepdims=True))
        scores /= scores.sum(axis=-1, keepdims=True)
        mixed: Array = (scores @ value).transpose(1, 0, 2).reshape(tokens, components)
        return mixed

    def _linear(self, states: "Array", name: str) -> "Array":
        product: Array = states @ self._weights[f"{name}.weight"].T + self._weights[f"{name}.bias"]
        return product

    def _norm(self, states: "Array", name: str) -> "Array":
        """Return each row with mean 0 and variance 1, scaled and shifted as learnt."""
        import numpy as np

        centred = states - states.mean(axis=-1, keepdims=True)
        variance = (centred * centred).mean(axis=-1, keepdims=True)
        weights = self._weights
        scaled = centred / np.sqrt(variance + np.float32(self._epsilon))
        learnt: Array = scaled * weights[f"{name}.LayerNorm.weight"]
        return learnt + weights[f"{name}.LayerNorm.bias"]


def _read_weights(file: Path, layers: int) -> "dict[str, Array]":
    """Return the tensors by name in single precision; query, key and value joined to one."""
    import numpy as np
    from safetensors.numpy import load_file

    weights = {
        name.removeprefix("bert."): tensor.astype(np.float32, copy=False)
        for name, tensor in load_file(file).items()
    }
    for layer in range(layers):
        name = f"encoder.layer.{layer}.attention.self"
        for part in ("weight", "bias"):
            each = [weights.pop(f"{name}.{which}.{part}") for which in ("query", "key", "value")]
            weights[f"{name}.{part}"] = np.concatenate(each)
    return weights


def _one_core() -> Callable[[], AbstractContextManager[Any]]:
    """Return what keeps NumPy from sharing a product out among threads.

    The threads of OpenBLAS wait for each other awake. Where embedding or OCR keep all cores
    busy, as they do during a refresh, that made a query take 80 to 700 ms instead of 20.
    """
    try:
        from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]
    except ImportError:
        return nullcontext
    libraries = ThreadpoolController().select(internal_api="openblas")
    return partial(libraries.limit, limits=1)


def _gelu(states: "Array") -> "Array":
    """Return x times the normal distribution function of x.

    The error function is Abramowitz and Stegun, Handbook of Mathematical Functions, 7.1.26:
    its error is at most 1.5e-7, the precision of the numbers themselves.
    """
    import numpy as np

    scaled = np.abs(states) * np.float32(math.sqrt(0.5))
    t = 1 / (1 + np.float32(0.3275911) * scaled)
    series = np.zeros_like(t)
    for coefficient in (1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592):
        series = (series + np.float32(coefficient)) * t
    erf = np.copysign(1 - series * np.exp(-scaled * scaled), states)
    halved: Array = states * (1 + erf) / 2
    return halved
