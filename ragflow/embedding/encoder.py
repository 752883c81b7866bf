"""The embedder that runs a model on a device: token ids in, vectors out."""

import threading
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from ragflow.documents import Vector
from ragflow.embedding.batches import plan_batches
from ragflow.embedding.calibration import (
    Calibration,
    calibrate,
    choose_precision,
    recall_calibration,
)
from ragflow.embedding.computing import ComputingThreads
from ragflow.embedding.devices import best_device, half_precisions, safe_way
from ragflow.embedding.engines import open_forward
from ragflow.embedding.forward import Engine, Forward, Precision, Way
from ragflow.embedding.halves import to_vectors
from ragflow.embedding.model_spec import ModelSpec
from ragflow.embedding.tokenizer import ModelTokenizer
from ragflow.embedding.weights import TOKENIZER, check_weights
from ragflow.errors import LimitError, ParameterError
from ragflow.interfaces.ingestion import EmbedKind

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

#: Texts that are tokenized, sorted by length and cut into mini-batches together.
WINDOW = 1024
#: Windows that are tokenized ahead of the one that is computed.
AHEAD = 1
#: Texts after which it pays to find out whether half precision is exact enough here: that takes
#: about a second, and half precision saves it within some hundred texts.
MANY = 500


class Encoder:
    """A model on a device; opening it takes seconds, so open it once a process.

    Texts of one call are computed once each. While a window of them is computed the next is
    tokenized by the caller's thread. What shares a mini-batch with a text moves its vector by
    rounding alone: in single precision by 2.5e-7 at most (measured), after which one to seven
    components in a thousand differ, by one unit in the last place of half precision. In half
    precision vectors have a cosine of 0.9998 and more to those of single precision.

    Precision, budget and threads are those of the kept calibration; without one it begins in
    single precision and after 500 texts tries whether half precision passes the self-check
    here. Opens no connection. Safe for threads, which share its own.
    """

    def __init__(
        self,
        spec: ModelSpec,
        folder: Path,
        *,
        device: str | None = None,
        precision: Precision | None = None,
        engine: Engine = "torch",
    ) -> None:
        """Open the weights in `folder` on `device`, by default the best there is.

        With a `precision` nothing is chosen: it is computed that way, by that `engine`. Raises
        `ParameterError` when the weights are not those the spec means, and for a way that does
        not pass the self-check on this machine.
        """
        check_weights(spec, folder)
        #: Where it computes: ``cuda``, ``mps`` or ``cpu``.
        self.device = device or best_device()
        #: Components of a vector.
        self.dimension = spec.dimension
        self._spec = spec
        self._folder = folder
        self._tokenizer = ModelTokenizer(folder / TOKENIZER, limit=spec.limit)
        self._lock = threading.Lock()
        kept = recall_calibration(spec, folder, self.device)
        self._is_settled = bool(precision or kept) or not half_precisions(self.device)
        #: How it computes now.
        self.way = kept.way if kept else safe_way(self.device)
        if precision and (engine, precision) != (self.way.engine, self.way.precision):
            self.way = msgspec.structs.replace(
                safe_way(self.device), engine=engine, precision=precision
            )
            if (engine, precision) != ("torch", "float32"):
                _check(self._proof(kept), self.way)
        self._forward = self._opened()
        self._threads = ComputingThreads(self.way.threads)
        self._embedded = 0

    def embed(self, texts: Sequence[str], *, kind: EmbedKind = "document") -> list[Vector]:
        """Return one vector a text, in order; see `Embedder`.

        Raises `DocumentError` for a text whose vector is zero or not a number, and
        `LimitError` for one that does not fit in memory alone.
        """
        unique = list(dict.fromkeys(texts))
        self._settle(len(unique))
        vectors = dict(zip(unique, self._vectors(unique, kind), strict=True))
        return [vectors[text] for text in texts]

    def close(self) -> None:
        """End its threads; may be called twice."""
        self._threads.close()

    def _vectors(self, texts: list[str], kind: EmbedKind) -> Iterator[Vector]:
        prompt = self._spec.prompts.of(kind)
        windows: deque[_Window] = deque()
        try:
            for first in range(0, len(texts), WINDOW):
                window = [prompt + text for text in texts[first : first + WINDOW]]
                windows.append(self._begin(self._tokenizer.read(window)))
                if len(windows) > AHEAD:
                    yield from to_vectors(windows.popleft().rows(self.dimension))
            while windows:
                yield from to_vectors(windows.popleft().rows(self.dimension))
        finally:
            for left in windows:
                left.cancel()

    def _begin(self, ids: list[list[int]]) -> "_Window":
        forward = self._forward
        batches = plan_batches(list(map(len, ids)), budget=self.way.budget)
        return _Window(
            [
                (batch, self._threads.begin(forward, [ids[each] for each in batch], self._shrink))
                for batch in batches
            ]
        )

    def _shrink(self, budget: int) -> None:
        """Remember that more did not fit in memory; other models in this process are not asked."""
        with self._lock:
            if budget < self.way.budget:
                self.way = msgspec.structs.replace(self.way, budget=max(1, budget))

    def _settle(self, coming: int) -> None:
        """Find out, once there are many texts, which precision is best here."""
        with self._lock:
            self._embedded += coming
            if self._is_settled or self._embedded < MANY:
                return
            self._is_settled = True
            way = self.way
        try:
            found = choose_precision(self._spec, self._folder, self.device)
            way = msgspec.structs.replace(way, precision=found.precision)
            tried = found.of(way)
            # What is kept may have been chosen for another engine.
            if way.precision == self.way.precision or tried is None or tried.refused:
                return
            forward = open_forward(self._folder, self.device, way)
        except (LimitError, MemoryError, RuntimeError, OSError):
            return  # there is no room for the models of the trial; this one goes on
        with self._lock:
            self.way = msgspec.structs.replace(self.way, precision=way.precision)
            self._forward = forward

    def _proof(self, kept: Calibration | None) -> Calibration:
        """Return a calibration that tried the way asked for, if any does."""
        if kept is not None and kept.of(self.way) is not None:
            return kept
        if self.way.engine == "torch":
            return choose_precision(self._spec, self._folder, self.device)
        return calibrate(self._spec, device=self.device)

    def _opened(self) -> Forward:
        forward = open_forward(self._folder, self.device, self.way)
        found = forward.rows(self._tokenizer.read(["a"])).shape[1]
        if found != self.dimension:
            raise ParameterError(
                f"model {self._spec.name!r} gives vectors of dimension {found},"
                f" its spec says {self.dimension}",
                hint="correct `dimension` in the spec",
            )
        return forward


class _Window:
    """Mini-batches under way: the places of their texts, and what will be their rows."""

    def __init__(self, batches: "list[tuple[list[int], Future[NDArray[np.float32]]]]") -> None:
        self._batches = batches

    def rows(self, dimension: int) -> "NDArray[np.float32]":
        """Wait, and return one row a text in order."""
        import numpy as np

        count = sum(len(batch) for batch, _ in self._batches)
        rows = np.empty((count, dimension), dtype=np.float32)
        try:
            for batch, future in self._batches:
                rows[batch] = future.result()
        finally:
            self.cancel()
        return rows

    def cancel(self) -> None:
        """Leave undone what was not begun; nothing where all is done."""
        for _, future in self._batches:
            future.cancel()


def _check(calibration: Calibration, way: Way) -> None:
    """Raise `ParameterError` unless a way passed the self-check."""
    tried = calibration.of(way)
    if tried is not None and not tried.refused:
        return
    why = tried.refused if tried else f"{way.engine} does not compute in it on this machine"
    raise ParameterError(
        f"precision {way.precision!r} cannot be used for model {calibration.model!r}: {why}",
        hint="leave the precision out: the best that passes the self-check is used",
    )
