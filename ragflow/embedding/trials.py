"""Try one way to compute a model after the other, and see which are exact and which is fast."""

import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from ragflow.clock import Clock
from ragflow.embedding.batches import plan_batches
from ragflow.embedding.computing import ComputingThreads, ran_out_of_memory
from ragflow.embedding.devices import half_precisions, kind_of, safe_way
from ragflow.embedding.engines import open_forward
from ragflow.embedding.forward import Engine, Forward, Precision, TorchForward, Way
from ragflow.embedding.model_spec import ModelSpec
from ragflow.embedding.self_check import Agreement, compare, held_texts
from ragflow.embedding.tokenizer import ModelTokenizer
from ragflow.embedding.weights import TOKENIZER
from ragflow.errors import LimitError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

#: Padded tokens of a mini-batch that are tried on a processor.
BUDGETS = (512, 1024, 2048, 4096)
#: The share of the time that the reference may take, one text of each kind at least.
_REFERENCE_SHARE = 0.15
#: Seconds that one mini-batch of a trial may take, about.
_PORTION = 0.05
#: Times that precisions are timed, in turns: on a busy machine any one time may be a bad one.
_ROUNDS = 3
#: How much faster another way must be: less is noise.
_MARGIN = 1.05


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """One way to compute that was tried, and what came of it."""

    engine: Engine
    precision: Precision
    #: Padded tokens of a mini-batch.
    budget: int
    #: Mini-batches computed at the same time, each on one core.
    threads: int
    #: Tokens a second, padding not counted; None where it was refused, or time was up.
    tokens_per_second: float | None = None
    #: Cosine to float32 over the held texts: the least and the mean; None where not compared.
    worst: float | None = None
    mean: float | None = None
    #: Why it may not be used; "" where it may.
    refused: str = ""

    @property
    def way(self) -> Way:
        """How it computes."""
        return Way(self.engine, self.precision, self.budget, self.threads)


class Trials:
    """Trials of one model on one device, within a time that opening models does not count in.

    Every way that passes stays open until the end, for ways are timed in turns: single and half
    precision are in memory together, beside the model of whoever asks.
    """

    def __init__(
        self, spec: ModelSpec, folder: Path, device: str, *, clock: Clock, seconds: float
    ) -> None:
        """Compute the reference: single precision, no layer replaced, each text alone."""
        self.device = device
        #: Everything tried, in order.
        self.done: list[Trial] = []
        #: Whether memory was short for a way: what was found then is true for this moment alone.
        self.was_short = False
        self._folder = folder
        self._clock = clock
        self._opening = 0.0
        self._begun = clock.elapsed()
        self._until = seconds
        self._open: dict[tuple[Engine, Precision], Forward] = {}
        tokenizer = ModelTokenizer(folder / TOKENIZER, limit=spec.limit)
        prompt = spec.prompts.document
        self._threads = ComputingThreads(safe_way(device).threads)
        self._ids = tokenizer.read([prompt + text for text in held_texts()])
        self._reference = self._compute_reference(seconds * _REFERENCE_SHARE)

    @property
    def seconds_taken(self) -> float:
        """Seconds since the begin, without those that opening took."""
        return self._clock.elapsed() - self._begun - self._opening

    @property
    def best(self) -> Way:
        """The fastest way that passed; single precision where none was timed."""
        timed = [t for t in self.done if not t.refused and t.tokens_per_second is not None]
        if not timed:
            return safe_way(self.device)
        best = timed[0]
        for trial in timed[1:]:
            # The processor computes in half precision: that one time it seemed no faster is noise.
            is_half = trial.precision != "float32" == best.precision
            margin = 1 / _MARGIN if is_half else _MARGIN
            if (trial.tokens_per_second or 0) > (best.tokens_per_second or 0) * margin:
                best = trial
        return best.way

    def try_precisions(self) -> None:
        """Try single precision and each half precision that the device computes in."""
        safe = safe_way(self.device)
        for precision in ("float32", *half_precisions(self.device)):
            self._try(msgspec.structs.replace(safe, precision=precision))
        self._time_again()

    def try_openvino(self) -> None:
        """Try OpenVINO, where it is installed and a processor computes."""
        if kind_of(self.device) != "cpu" or importlib.util.find_spec("openvino") is None:
            return
        safe = safe_way(self.device)
        for precision in ("float32", *half_precisions(self.device)):
            way = msgspec.structs.replace(safe, engine="openvino", precision=precision)
            self._try(way)
        self._time_again()

    def try_budgets(self) -> None:
        """Try smaller and larger mini-batches of the best way, as time permits."""
        best = self.best
        sizes = BUDGETS if kind_of(self.device) == "cpu" else (best.budget // 4, best.budget)
        # What was timed before may have been timed at a smaller size.
        for budget in (best.budget, *(size for size in sizes if size != best.budget)):
            self._try_size(msgspec.structs.replace(best, budget=budget))

    def try_threads(self) -> None:
        """Try half the threads of the best way: on some machines two share a core."""
        best = self.best
        if best.threads > 1:
            self._try_size(msgspec.structs.replace(best, threads=best.threads // 2))

    def close(self) -> None:
        """End the threads that computed."""
        self._threads.close()

    def _compute_reference(self, seconds: float) -> "NDArray[np.float32]":
        import numpy as np

        with self._uncounted():
            plain = TorchForward(self._folder, self.device, "float32", is_plain=True)
            self._threads.begin(plain, self._ids[:1], _as_it_is).result()
        rows: list[NDArray[np.float32]] = []
        begun = self._clock.elapsed()
        # Three at a time are one of each kind, however few there is time for.
        for first in range(0, len(self._ids), 3):
            waiting = [
                self._threads.begin(plain, [ids], _as_it_is) for ids in self._ids[first : first + 3]
            ]
            rows += [each.result() for each in waiting]
            if self._clock.elapsed() - begun > seconds:
                break
        self._ids = self._ids[: len(rows)]
        self._speed = sum(map(len, self._ids)) / max(1e-9, self._clock.elapsed() - begun)
        return np.concatenate(rows)

    def _try(self, way: Way) -> None:
        """Check a way, and time it where it passes."""
        trial = Trial(
            engine=way.engine, precision=way.precision, budget=way.budget, threads=way.threads
        )
        try:
            with self._uncounted():
                forward = open_forward(self._folder, self.device, way)
            agreement = self._agreement(forward)
            trial = msgspec.structs.replace(
                trial, worst=agreement.worst, mean=agreement.mean, refused=agreement.complaint
            )
            if not trial.refused:
                self._open[way.engine, way.precision] = forward
                speed = self._measure(way, self._size(way))
                trial = msgspec.structs.replace(trial, tokens_per_second=speed)
        except Exception as error:  # noqa: BLE001 - a way that fails is one that is refused
            trial = self._failed(trial, error)
        self.done.append(trial)

    def _failed(self, trial: Trial, error: Exception) -> Trial:
        """Return a trial as one of a way that is not used, for it failed."""
        self._open.pop((trial.engine, trial.precision), None)
        self.was_short |= isinstance(error, LimitError) or ran_out_of_memory(error)
        said = f"{type(error).__name__}: {error}".partition("\n")[0]
        return msgspec.structs.replace(trial, tokens_per_second=None, refused=f"it failed: {said}")

    def _time_again(self) -> None:
        """Time each way that passed again, in turns, and keep its best time."""
        for _ in range(1, _ROUNDS):
            for place, trial in enumerate(self.done):
                if trial.refused:
                    continue
                try:
                    speed = self._measure(trial.way, self._size(trial.way))
                except Exception as error:  # noqa: BLE001 - as when it was tried first
                    self.done[place] = self._failed(trial, error)
                    continue
                speed = max(speed, trial.tokens_per_second or 0)
                self.done[place] = msgspec.structs.replace(trial, tokens_per_second=speed)

    def _size(self, way: Way) -> int:
        """Return the size that ways are compared at; a slow model is given less."""
        return min(way.budget, max(64, int(self._speed / self._threads.count * _PORTION)))

    def _try_size(self, way: Way) -> None:
        """Time another budget, or number of threads, of a way that passed, if there is time."""
        if (way.engine, way.precision) not in self._open:
            return  # it failed, or nothing passed
        passed = next(
            t for t in self.done if (t.engine, t.precision) == (way.engine, way.precision)
        )
        takes = 2 * way.budget * self._threads.count / max(1.0, passed.tokens_per_second or 0)
        if self.seconds_taken + takes > self._until:
            return
        trial = msgspec.structs.replace(passed, budget=way.budget, threads=way.threads)
        try:
            speed = self._measure(way, way.budget)
            trial = msgspec.structs.replace(trial, tokens_per_second=speed)
        except Exception as error:  # noqa: BLE001 - as when it was tried first
            trial = self._failed(trial, error)
        self.done.append(trial)

    def _agreement(self, forward: Forward) -> Agreement:
        import numpy as np

        # Together and of unlike lengths, so that padding is checked as well.
        rows = np.empty_like(self._reference)
        lengths = list(map(len, self._ids))
        batches = plan_batches(lengths, budget=max(512, 2 * max(lengths)))
        waiting = [
            (batch, self._threads.begin(forward, [self._ids[i] for i in batch], _as_it_is))
            for batch in batches
        ]
        for batch, each in waiting:
            rows[batch] = each.result()
        return compare(rows, self._reference)

    def _measure(self, way: Way, size: int) -> float:
        """Return the tokens a second that mini-batches of a size are computed with."""
        forward = self._open[way.engine, way.precision]
        longest = max(self._ids, key=len)
        length = min(len(longest), size)
        batch = [longest[:length]] * max(1, size // length)
        threads = self._threads
        if way.threads != threads.count:
            threads = ComputingThreads(way.threads)
        begun = self._clock.elapsed()
        try:
            # Two each, so that a thread that was late does not count for all.
            waiting = [threads.begin(forward, batch, _as_it_is) for _ in range(2 * way.threads)]
            for each in waiting:
                each.result()
            taken = self._clock.elapsed() - begun
        finally:
            if threads is not self._threads:
                threads.close()
        return round(len(waiting) * len(batch) * length / max(1e-9, taken), 1)

    @contextmanager
    def _uncounted(self) -> Iterator[None]:
        begun = self._clock.elapsed()
        try:
            yield
        finally:
            self._opening += self._clock.elapsed() - begun


def _as_it_is(_: int) -> None:
    """Do without a budget to be learnt: a trial that does not fit goes on in halves."""
