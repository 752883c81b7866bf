"""From token ids to rows with OpenVINO: an extra, checked like every other way to compute."""

import hashlib
import tempfile
import threading
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ragflow.embedding.forward import Ids, Precision, TorchForward, pad, quiet
from ragflow.embedding.keeping import user_folder
from ragflow.embedding.weights import WEIGHTS, read_json

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_HINTS = {"float32": "f32", "bfloat16": "bf16", "float16": "f16"}


class OpenvinoForward:
    """A model that OpenVINO compiled for this processor.

    What it was converted to is kept in the user's folder, so that torch is needed once a
    model. `threads` mini-batches are computed at the same time, each on one core.
    """

    def __init__(self, folder: Path, precision: Precision, *, threads: int) -> None:
        """Convert the model, or read what is kept of it, and compile it; takes seconds."""
        import openvino  # type: ignore[import-not-found,unused-ignore]

        core = openvino.Core()
        told = {
            "INFERENCE_PRECISION_HINT": _HINTS[precision],
            "NUM_STREAMS": threads,
            "INFERENCE_NUM_THREADS": threads,
        }
        self._compiled: Any = core.compile_model(_converted(folder, core), "CPU", told)
        self._pad = _filling(folder)
        # A request computes one mini-batch at a time and is one thread's own.
        self._local = threading.local()

    def rows(self, batch: Ids) -> "NDArray[np.float32]":
        """Return one pooled row a text, in order, in single precision."""
        import numpy as np

        if not hasattr(self._local, "request"):
            self._local.request = self._compiled.create_infer_request()
        ids, mask = pad(batch, self._pad)
        found = self._local.request.infer({0: ids, 1: mask})
        # The request gives the same memory again with the next mini-batch.
        rows: NDArray[np.float32] = np.array(found[0], dtype=np.float32)
        return rows


def _converted(folder: Path, core: Any) -> Any:
    import openvino

    place = _place(folder, openvino.__version__)
    if place.is_file():
        return core.read_model(place)
    model = _convert(folder)
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        # The description is written last, so one that is there has its weights beside it.
        with tempfile.TemporaryDirectory(dir=place.parent) as drafts:
            draft = Path(drafts) / place.name
            openvino.save_model(model, draft, compress_to_fp16=False)
            draft.with_suffix(".bin").replace(place.with_suffix(".bin"))
            draft.replace(place)
    except (OSError, RuntimeError):
        pass  # it cannot be kept, and is converted again next time
    return model


def _convert(folder: Path) -> Any:
    import openvino
    import torch

    inner = TorchForward(folder, "cpu", "float32", is_plain=True).model

    class Whole(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = inner

        def forward(self, input_ids: Any, attention_mask: Any) -> Any:
            given = {"input_ids": input_ids, "attention_mask": attention_mask}
            return self.model(given)["sentence_embedding"]

    # Of unlike lengths: what is not padded would leave the mask out of what is recorded.
    ids, mask = pad([[1, 2, 3, 4], [1, 2]], 0)
    example = {"input_ids": torch.from_numpy(ids), "attention_mask": torch.from_numpy(mask)}
    with warnings.catch_warnings(), quiet(), torch.inference_mode():
        warnings.simplefilter("ignore")
        return openvino.convert_model(Whole(), example_input=example)


def _place(folder: Path, version: str) -> Path:
    """Return the file for all that is converted: every module, pooling and what follows it too."""
    digest = hashlib.sha256(version.encode())
    for file in sorted([*folder.glob(WEIGHTS), *folder.glob(f"*/{WEIGHTS}")]):
        found = file.stat()
        name = f"{file.resolve()}\0{found.st_size}\0{found.st_mtime_ns}"
        digest.update(f"\0{name}".encode())
    for file in sorted(
        [folder / "config.json", folder / "modules.json", *folder.glob("*/config.json")]
    ):
        if file.is_file():
            said = hashlib.sha256(file.read_bytes()).hexdigest()
            digest.update(f"\0{file.relative_to(folder)}\0{said}".encode())
    return user_folder() / "openvino" / f"{digest.hexdigest()[:16]}.xml"


def _filling(folder: Path) -> int:
    """Return the id that fills up a mini-batch; the mask hides it, whatever it is."""
    return int(read_json(folder / "config.json").get("pad_token_id") or 0)
