"""For which instant was this pipeline fired?"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime

from ragflow.core.handles import recording
from ragflow.errors import PipelineError

_FIRED: ContextVar[datetime | None] = ContextVar("fired", default=None)


def fire_date(by_hand: datetime | None = None) -> datetime:
    """Return the instant that a schedule fired this run for, in the schedule's zone.

    It is the instant the schedule names, whenever the run begins, and stays the same when the run
    is taken up. Called in the body of a pipeline; what a task is to know of it is given to the
    task. In a run that no schedule fired it returns `by_hand`, and raises `PipelineError` where
    that is not given.
    """
    if recording.get() is None:
        raise PipelineError(
            "fire_date() was called outside of a pipeline's function",
            hint="call it there, and give its value to the task: load(day=fire_date())",
        )
    found = _FIRED.get() or by_hand
    if found is None:
        raise PipelineError(
            "this run has no fire_date(): it was begun by hand and not by a schedule",
            hint="fire it: `ragflow schedules fire NAME --at 2026-05-04T06:30`; "
            "or say what holds for such runs: fire_date(by_hand=...)",
        )
    return found


@contextmanager
def firing(instant: datetime | None) -> Iterator[None]:
    """Let pipelines that are recorded in the context be fired for an instant, or by hand."""
    token = _FIRED.set(instant)
    try:
        yield
    finally:
        _FIRED.reset(token)


def is_firing() -> bool:
    """Tell whether an instant is set."""
    return _FIRED.get() is not None
