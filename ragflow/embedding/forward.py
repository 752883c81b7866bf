"""From token ids to rows: one model at one precision, computed by torch."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

import msgspec

from ragflow.embedding.self_check import ROUNDING, compare

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Engine = Literal["torch", "openvino"]
Precision = Literal["float32", "bfloat16", "float16"]
Ids = Sequence[Sequence[int]]

#: For forwards that show what a model does with its layers.
_PROBE = [[*range(1, 20)], [*range(5, 12)], [1, 2]]


class Way(msgspec.Struct, frozen=True):
    """How a model is computed."""

    engine: Engine
    precision: Precision
    #: Padded tokens of a mini-batch.
    budget: int
    #: Mini-batches computed at the same time, each on one core.
    threads: int


class Forward(Protocol):
    """Computes rows of token ids; safe for threads."""

    def rows(self, batch: Ids) -> "NDArray[np.float32]":
        """Return one pooled row a text, in order, in single precision."""


class TorchForward:
    """A model that sentence-transformers loaded.

    In half precision the transformer alone is computed: pooling, normalizing and what else
    follows it are in single precision. On a processor its linear layers are prepacked unless
    `is_plain`, where this torch can.
    """

    def __init__(
        self, folder: Path, device: str, precision: Precision, *, is_plain: bool = False
    ) -> None:
        """Load the weights; takes seconds the first time in a process."""
        from ragflow.embedding import prepacked

        self.device = device
        self.model = _open_model(folder, device, precision)
        self._pad = int(getattr(self.model.tokenizer, "pad_token_id", 0) or 0)
        #: Linear layers that were prepacked.
        self.packed = 0
        if device != "cpu" or is_plain or not prepacked.is_available():
            return
        if not self._prepack():
            self.packed = 0
            self.model = _open_model(folder, device, precision)

    def _prepack(self) -> bool:
        """Tell whether the model still gives what it gave, its layers prepacked."""
        from ragflow.embedding.prepacked import prepack

        before = self.rows(_PROBE)
        try:
            self.packed = prepack(self.model[0], lambda: self.rows(_PROBE))
            return compare(self.rows(_PROBE), before).worst >= ROUNDING
        except (AttributeError, RuntimeError, TypeError):
            # It looks into its layers, or does with them what the operators cannot.
            return False

    def rows(self, batch: Ids) -> "NDArray[np.float32]":
        """Return one pooled row a text, in order, in single precision."""
        import torch

        padded, mask = pad(batch, self._pad)
        with torch.inference_mode():
            features: dict[str, Any] = {
                "input_ids": torch.from_numpy(padded).to(self.device),
                "attention_mask": torch.from_numpy(mask).to(self.device),
            }
            first, *others = self.model
            features = first(features)
            features["token_embeddings"] = features["token_embeddings"].float()
            for module in others:
                features = module(features)
            rows: NDArray[np.float32] = features["sentence_embedding"].float().cpu().numpy()
        return rows


def pad(batch: Ids, filling: int) -> "tuple[NDArray[np.int64], NDArray[np.int64]]":
    """Return ids filled up to the longest of the batch, and a mask of those that count."""
    import numpy as np

    longest = max(map(len, batch))
    ids = np.full((len(batch), longest), filling, dtype=np.int64)
    mask = np.zeros((len(batch), longest), dtype=np.int64)
    for row, each in enumerate(batch):
        ids[row, : len(each)] = each
        mask[row, : len(each)] = 1
    return ids, mask


def _open_model(folder: Path, device: str, precision: Precision) -> Any:
    import torch
    from sentence_transformers import SentenceTransformer

    with quiet():
        model = SentenceTransformer(str(folder), device=device, local_files_only=True)
    # The weights may be stored in half precision, and the reference is never in less than single.
    model.float()
    model[0].to(getattr(torch, precision))
    return model.eval()


@contextmanager
def quiet() -> Iterator[None]:
    """Keep progress bars and remarks of loading off a terminal that is not ours."""
    from transformers.utils import logging as library

    logging: Any = library
    shown, level = logging.is_progress_bar_enabled(), logging.get_verbosity()
    logging.disable_progress_bar()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if shown:
            logging.enable_progress_bar()
