"""What does the core know of each task before anything happens?"""

from collections.abc import Mapping

import msgspec

from ragflow.core.rates import Rate
from ragflow.core.retry import Retry


class TaskPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """One task as the core sees it: what it waits for, needs, and may try."""

    name: str
    #: Tasks of the same owner that are over before it; those that wait for it.
    above: tuple[int, ...] = ()
    below: tuple[int, ...] = ()
    #: What one assignment of it takes while it is open, all or nothing; slots included.
    needs: Mapping[str, float] = {}
    retry: Retry = Retry()
    #: Seconds it may wait for a slot; one attempt may last; all attempts together may take.
    queue_timeout: float | None = None
    attempt_timeout: float | None = None
    total_timeout: float | None = None
    #: Higher goes first; among equals the deeper, so that an owner is finished before another
    #: is begun.
    priority: int = 0
    depth: int = 0
    #: Cost that fills a batch; None for a task whose calls are called one by one.
    batch: float | None = None
    #: Seconds the first call of a batch waits for company, at most.
    linger: float = 1.0
    #: Whether calls that are over quickly may be carried many at a time.
    is_bundled: bool = False
    #: Whether a worker's death is known apart from the scheduler's.
    is_isolated: bool = False
    #: Names of the rates it is held to.
    rates: tuple[str, ...] = ()


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """Everything the core is told before the first event."""

    tasks: tuple[TaskPolicy, ...]
    #: The task that loads an owner; None where owners need no loading.
    load: TaskPolicy | None = None
    #: What there is of each resource.
    limits: Mapping[str, float] = {}
    #: Paces, by name.
    rates: Mapping[str, Rate] = {}
    #: Owners and weight (bytes) that may be on their way at the same time.
    window_owners: int = 1024
    window_weight: int = 64 << 20
    #: Rows or owners that fill a portion; seconds the first of them waits; portions that may
    #: be under way before finished owners hold the run back.
    portion: int = 500
    portion_linger: float = 1.0
    portions: int = 2
    #: Attempts to write a portion whose target cannot be reached for now.
    commit_retry: Retry = Retry()
    #: Owners that may fail before the run is stopped; None for any number.
    max_failed: int | None = None


#: How the names of resources begin that are executors' slots.
SLOTS = "slots of "
#: Deaths of a call's worker, with nothing else in it, that make the call fail.
DEATHS = 3
#: Seconds of work that calls carried together should come to, and how many at most.
BUNDLE_SECONDS = 0.02
BUNDLE = 64
#: Times a call may be passed over before what it needs is kept for it.
PATIENCE = 16
