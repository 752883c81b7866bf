"""What does a run give its scheduler to work with?"""

from collections.abc import Callable, Collection, Mapping, Sequence

import msgspec

from ragflow.clock import Clock
from ragflow.core.items import Fingerprint
from ragflow.core.rates import Bucket
from ragflow.core.records import Instance
from ragflow.core.run_records import Request
from ragflow.core.states import RunState
from ragflow.interfaces.durability import Assignments
from ragflow.interfaces.execution import Executor
from ragflow.interfaces.orchestration import Memos
from ragflow.scheduling.calls import Stop
from ragflow.scheduling.commits import Served, Written
from ragflow.scheduling.elsewhere import Elsewhere
from ragflow.scheduling.policies import Room
from ragflow.scheduling.printing import Logged, Masks, unheard
from ragflow.scheduling.reckoning import Reckoning
from ragflow.scheduling.resources import OpenResources
from ragflow.scheduling.totals import Totals


class Attempt(msgspec.Struct, frozen=True):
    """One attempt of a call that failed."""

    #: Counted from one.
    number: int
    #: ``error``, ``timeout``, ``died`` or ``limit``.
    outcome: str
    seconds: float | None = None


class HandedOn:
    """What one stage of a run hands on to the next."""

    def __init__(self) -> None:
        #: The highest number given to an assignment: none is given twice in a run.
        self.given = 0
        #: What is left of each rate, and pauses that services asked for.
        self.buckets: dict[str, Bucket] = {}
        #: Owners that failed so far.
        self.failed_owners = 0


class Surroundings(msgspec.Struct, frozen=True, kw_only=True):
    """Everything outside the graph that streaming owners through it needs."""

    instance: Instance
    #: The run's number; None for a plan, which leaves no trace but memos.
    run: int | None = None
    memos: Memos
    #: Where open assignments are written down; None for a plan.
    assignments: Assignments | None = None
    #: By name; each opened when it is first needed.
    executors: Mapping[str, Executor]
    resources: OpenResources
    clock: Clock
    totals: Totals
    room: Room = Room(slots={})
    #: Writes a portion; None for a plan, which writes no target and no ledger.
    serve: Callable[[Sequence[Served]], Written] | None
    #: Counts what a plan does not do; None for a run.
    reckoning: Reckoning | None = None
    #: Called about ten times a second with the calls that wait, by task.
    progress: Callable[[Mapping[str, int]], None]
    #: Called with each failed attempt: owner key and why.
    failed: Callable[[str, Stop, Attempt], None]
    #: Says something to people.
    noted: Callable[[str], None] = lambda _: None
    #: What other processes ask of the run.
    asked: Callable[[], Request | None] = lambda: None
    #: Keys of owners that other processes wait for.
    awaited: Callable[[], Collection[str]] = lambda: ()
    #: Told that the run is paused, goes on or is being cancelled.
    entered: Callable[[RunState], None] = lambda _: None
    #: Calls that were open when something died, with their deaths alone.
    suspects: dict[Fingerprint, int] = {}
    #: Tasks whose memos are not asked.
    fresh: frozenset[str] = frozenset()
    handed_on: HandedOn = msgspec.field(default_factory=HandedOn)
    #: Told what calls print and log, on whatever thread they do; with what is masked in it.
    logged: Logged = unheard
    masks: Masks = msgspec.field(default_factory=Masks)
    #: What workers in other processes are sent.
    elsewhere: Elsewhere = msgspec.field(default_factory=Elsewhere)
