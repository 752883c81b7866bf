"""The embedder that runs a model with sentence-transformers on torch."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ragflow.documents import Vector
from ragflow.embedding.batches import plan_batches
from ragflow.embedding.devices import best_device, token_budget
from ragflow.embedding.halves import to_vectors
from ragflow.embedding.model_spec import ModelSpec
from ragflow.embedding.tokenizer import ModelTokenizer
from ragflow.embedding.weights import TOKENIZER, check_weights
from ragflow.errors import ParameterError
from ragflow.interfaces.ingestion import EmbedKind

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Encoder:
    """A model on a device; opening it takes seconds, so open it once a process.

    Texts of one call are computed once each, longest first, in mini-batches of a padded
    token budget. What shares a batch with a text moves its vector by rounding alone: on a
    processor by 2.5e-7 at most (measured), after which one to seven components in a thousand
    differ, by one unit in the last place of half precision. Opens no connection.
    """

    def __init__(self, spec: ModelSpec, folder: Path, *, device: str | None = None) -> None:
        """Open the weights in `folder` on `device`, by default the best there is.

        Raises `ParameterError` when the weights are not those the spec means.
        """
        check_weights(spec, folder)
        #: Where it computes: ``cuda``, ``mps`` or ``cpu``.
        self.device = device or best_device()
        #: Components of a vector.
        self.dimension = spec.dimension
        self._prompts = spec.prompts
        self._tokenizer = ModelTokenizer(folder / TOKENIZER, limit=spec.limit)
        self._model = _open_model(folder, self.device)
        self._pad = int(self._model.tokenizer.pad_token_id or 0)
        self._lock = threading.Lock()
        found = self._forward(self._tokenizer.read(["a"])).shape[1]
        if found != spec.dimension:
            raise ParameterError(
                f"model {spec.name!r} gives vectors of dimension {found},"
                f" its spec says {spec.dimension}",
                hint="correct `dimension` in the spec",
            )

    def embed(self, texts: Sequence[str], *, kind: EmbedKind = "document") -> list[Vector]:
        """Return one vector a text, in order; see `Embedder`."""
        import numpy as np

        if not texts:
            return []
        unique = list(dict.fromkeys(texts))
        prompt = self._prompts.of(kind)
        rows = np.empty((len(unique), self.dimension), dtype=np.float32)
        ids = self._tokenizer.read([prompt + text for text in unique])
        budget = token_budget(self.device)
        with self._lock:
            for batch in plan_batches([len(each) for each in ids], budget=budget):
                rows[batch] = self._forward([ids[position] for position in batch])
        vectors = dict(zip(unique, to_vectors(rows), strict=True))
        return [vectors[text] for text in texts]

    def _forward(self, batch: list[list[int]]) -> "NDArray[np.float32]":
        import torch

        longest = max(map(len, batch))
        padded = [ids + [self._pad] * (longest - len(ids)) for ids in batch]
        mask = [[1] * len(ids) + [0] * (longest - len(ids)) for ids in batch]
        features = {
            "input_ids": torch.tensor(padded, device=self.device),
            "attention_mask": torch.tensor(mask, device=self.device),
        }
        with torch.inference_mode():
            output = self._model(features)["sentence_embedding"]
        rows: NDArray[np.float32] = output.float().cpu().numpy()
        return rows


def _open_model(folder: Path, device: str) -> Any:
    from sentence_transformers import SentenceTransformer

    with _quiet():
        model = SentenceTransformer(str(folder), device=device, local_files_only=True)
    return model.eval()


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the progress bar of loading off a terminal that is not ours."""
    from transformers.utils import logging as library

    logging: Any = library
    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()
