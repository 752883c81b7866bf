"""Which precision, budget and number of threads are best for a model on this machine?"""

from contextlib import closing
from pathlib import Path

import msgspec

from ragflow.clock import Clock, SystemClock
from ragflow.embedding.devices import best_device, kind_of
from ragflow.embedding.forward import Engine, Precision, Way
from ragflow.embedding.keeping import keep, machine_of, place_of, recall
from ragflow.embedding.model_spec import ModelSpec
from ragflow.embedding.trials import Trial, Trials
from ragflow.embedding.weights import check_weights, find_weights
from ragflow.errors import ParameterError

__all__ = ["Calibration", "Engine", "Precision", "Trial", "calibrate", "kept_calibration"]

#: Seconds that a calibration may take, opening models not counted.
LONGEST = 3.0
#: Where a calibration was kept for no device in particular, the first of these is meant.
_KINDS = ("cuda", "mps", "cpu")


class Calibration(msgspec.Struct, frozen=True, kw_only=True):
    """What is used for a model on a machine, and all that was tried to find it."""

    #: Name of the model.
    model: str
    #: What computes: ``cpu``, ``cuda``, ``mps``.
    device: str
    #: The machine and libraries it holds for, one line for people.
    machine: str
    engine: Engine
    precision: Precision
    #: Padded tokens of a mini-batch.
    budget: int
    #: Mini-batches computed at the same time, each on one core.
    threads: int
    #: Everything tried, in the order tried; the one chosen is among them.
    trials: tuple[Trial, ...]
    #: Seconds it took, opening the model not counted.
    seconds: float
    #: The file that keeps it; "" where no file could be written, or memory was short for
    #: something that was tried: another time it may not be.
    kept_at: str

    @property
    def way(self) -> Way:
        """What was chosen."""
        return Way(self.engine, self.precision, self.budget, self.threads)

    def of(self, way: Way) -> Trial | None:
        """Return the first trial of the engine and precision of a way, None without one."""
        wanted = (way.engine, way.precision)
        return next((t for t in self.trials if (t.engine, t.precision) == wanted), None)


def calibrate(
    spec: ModelSpec, *, device: str | None = None, clock: Clock | None = None
) -> Calibration:
    """Try what this machine can do with the model, keep what is best, and return it.

    Every precision the device computes in, OpenVINO where it is installed, then budgets and
    threads as time permits: 3 s on an idle machine, opening models not counted. What does not
    pass the self-check is never chosen. Raises `NotFoundError` when the weights are not on
    this machine and `ParameterError` when they are not those the spec means, for a model
    without weights (``hashing``), or for a device that is not there.
    """
    folder, device = _folder_of(spec), _there(device or best_device())
    check_weights(spec, folder)
    trials = Trials(spec, folder, device, clock=clock or SystemClock(), seconds=LONGEST)
    with closing(trials):
        trials.try_precisions()
        trials.try_openvino()
        trials.try_budgets()
        trials.try_threads()
    return _kept(spec, folder, trials)


def choose_precision(
    spec: ModelSpec, folder: Path, device: str, clock: Clock | None = None
) -> Calibration:
    """Try the precisions alone, keep which is best, and return it; about a second.

    For an encoder that has many texts to compute and no calibration. What is kept already, by
    somebody who was quicker, is returned and stays. Never raises because of what was tried;
    raises `LimitError`, `MemoryError` or `RuntimeError` where there is no room for the
    reference that ways are compared with.
    """
    kept = recall_calibration(spec, folder, device)
    if kept is not None:
        return kept
    trials = Trials(spec, folder, device, clock=clock or SystemClock(), seconds=LONGEST / 2)
    with closing(trials):
        trials.try_precisions()
    # Somebody may have calibrated meanwhile, and tried more.
    return recall_calibration(spec, folder, device) or _kept(spec, folder, trials)


def kept_calibration(spec: ModelSpec, device: str | None = None) -> Calibration | None:
    """Return what is kept for this model on this machine, None where nothing is.

    It is kept by `calibrate`, or by an encoder that had many texts to compute: trials of the
    latter are of precisions alone. Imports no torch; nothing is kept for a model whose weights
    are not here.
    """
    folder = _folder_of(spec)
    kinds = [kind_of(device)] if device else _KINDS
    found = (recall_calibration(spec, folder, kind) for kind in kinds)
    return next(filter(None, found), None)


def recall_calibration(spec: ModelSpec, folder: Path, device: str) -> Calibration | None:
    """Return what is kept for the weights in a folder, None where nothing is."""
    return recall(place_of(spec, folder, kind_of(device)), Calibration)


def _kept(spec: ModelSpec, folder: Path, trials: Trials) -> Calibration:
    kind = kind_of(trials.device)
    best = trials.best
    place = place_of(spec, folder, kind)
    calibration = Calibration(
        model=spec.name,
        device=kind,
        machine=machine_of(kind),
        engine=best.engine,
        precision=best.precision,
        budget=best.budget,
        threads=best.threads,
        trials=tuple(trials.done),
        seconds=round(trials.seconds_taken, 3),
        kept_at=str(place),
    )
    is_kept = not trials.was_short and keep(place, calibration)
    return calibration if is_kept else msgspec.structs.replace(calibration, kept_at="")


def _folder_of(spec: ModelSpec) -> Path:
    if spec.kind != "sentence-transformers":
        raise ParameterError(
            f"model {spec.name!r} has nothing to calibrate: it has no weights here",
            hint="calibrate a model of kind sentence-transformers",
        )
    return find_weights(spec)


def _there(device: str) -> str:
    import torch

    try:
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise ParameterError(
            f"device {device!r} is not there", hint=f"the best there is here is {best_device()!r}"
        ) from error
    return device
