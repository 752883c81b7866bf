"""Everything the core knows while a run goes on.

The state handed to `step` is used up by it: it is changed in place, because a copy of a
window of a thousand owners for each of a million events is what no run could pay.
"""

from collections import deque
from collections.abc import Hashable
from enum import IntFlag, StrEnum

import msgspec

from ragflow.core.rates import Bucket
from ragflow.core.states import RunState, TaskState
from ragflow.scheduling.transitions.commands import Waiter
from ragflow.scheduling.transitions.policy import Policy, TaskPolicy

#: Calls that go together: a half of a batch, a batch that is tried again, or one call.
Unit = tuple[Hashable, ...]
#: The place of the loading task among tasks.
LOAD = -1


class Phase(StrEnum):
    """How far an owner has come."""

    LOADING = "loading"  #: its value is being fetched
    PLACING = "placing"  #: the shell finds out what it is
    WALKING = "walking"  #: its tasks are called
    ARRIVING = "arriving"  #: the shell finds its rows
    FINISHED = "finished"  #: waits for its portion to be written


class Mark(IntFlag):
    """What became of some part of a task over an owner."""

    SUCCEEDED = 1
    MEMOIZED = 2
    SKIPPED = 4
    FAILED = 8
    BLOCKED = 16


class OwnerRun(msgspec.Struct, gc=False):
    """One owner on its way."""

    number: int
    weight: int
    phase: Phase
    #: Counts beginnings: answers to an earlier round are dropped.
    round: int
    #: By task: tasks before it that are not over.
    waiting: list[int]
    #: By task: calls not answered; those of tasks that were not asked for are 0.
    left: list[int]
    states: list[TaskState]
    #: By task: what became of its parts, as `Mark`s together.
    marks: list[int]
    #: Tasks that are not over.
    open: int
    rows: int = 0
    has_failed: bool = False


class CallRun(msgspec.Struct, gc=False):
    """One call that is not over."""

    key: Hashable
    task: int
    state: TaskState
    waiters: list[Waiter]
    cost: float
    #: When it was asked for first, and when it began to wait for a slot.
    first_at: float
    since: float
    attempts: int = 0
    #: Deaths of a worker that held nothing else.
    deaths: int = 0
    #: Something died while a worker held it: it goes in a unit of its own.
    is_suspect: bool = False
    #: A scheduler may have died of it: nothing else is under way beside it.
    is_lone: bool = False
    #: Its batch was parted to find what fails in it: it joins no other again.
    is_parted: bool = False
    #: When a worker gave it back last, in a pause.
    held_until: float = 0.0
    #: The instant of its next attempt, while it waits for that.
    due: float = 0.0


class Assignment(msgspec.Struct, gc=False):
    """What one worker holds."""

    number: int
    task: int
    keys: tuple[Hashable, ...]
    opened_at: float
    deadline: float | None
    is_alone: bool


class Portion(msgspec.Struct, gc=False):
    """Owners that are committed together."""

    number: int
    owners: tuple[int, ...]
    attempts: int
    first_at: float
    #: When it is written again; None while it is being written.
    due: float | None = None


class TaskCount(msgspec.Struct):
    """What became of a task's parts so far."""

    succeeded: int = 0
    memoized: int = 0
    skipped: int = 0
    failed: int = 0
    blocked: int = 0
    cancelled: int = 0


class Queue(msgspec.Struct):
    """The calls of one task that wait for a slot."""

    #: Units that go as they are, first.
    bound: deque[Unit]
    #: Calls that may go with others.
    loose: deque[Hashable]
    #: Cost of what is loose.
    cost: float = 0.0
    #: Times it was passed over because something it needs was taken.
    passed_over: int = 0
    #: Seconds a call takes, as seen lately; 0 before the first came back.
    pace: float = 0.0


class State(msgspec.Struct):
    """One run, or one stage of it, as the core sees it."""

    policy: Policy
    now: float
    phase: RunState = RunState.RUNNING
    #: When it was paused last.
    paused_at: float = 0.0
    owners: dict[int, OwnerRun] = {}
    #: Those of them that somebody waits for.
    preferred: set[int] = set()
    #: Owners that are not finished, and what they weigh.
    on_way: int = 0
    weight: int = 0
    is_exhausted: bool = False
    calls: dict[Hashable, CallRun] = {}
    assignments: dict[int, Assignment] = {}
    next_assignment: int = 1
    #: Assignments stopped in the last turn, and those that go on all the same: their tasks.
    stopped: dict[int, int] = {}
    fenced: dict[int, int] = {}
    queues: list[Queue] = []
    #: Tasks with calls that wait for a slot; an ordered set.
    waiting_tasks: dict[int, None] = {}
    #: Calls to be tried alone before anything else.
    suspects: deque[Hashable] = msgspec.field(default_factory=deque)
    #: Instants and what falls due then; entries of what is over meanwhile are skipped.
    retries: list[tuple[float, int, Unit]] = []
    deadlines: list[tuple[float, int, str, Hashable]] = []
    ticks: int = 0
    buckets: dict[str, Bucket] = {}
    #: Rates that something waits for, each until when.
    rate_waits: dict[str, float] = {}
    #: Finished owners that are in no portion yet.
    finished: list[int] = []
    finished_rows: int = 0
    finished_since: float = 0.0
    portions: dict[int, Portion] = {}
    next_portion: int = 1
    counts: list[TaskCount] = []
    failed_owners: int = 0
    #: Events that told of what was over already.
    dropped: int = 0
    #: Owners and their tasks that the shell was asked about and has not answered.
    asking: int = 0
    #: By task, how many are before it; tasks with none before them.
    above: list[int] = []
    roots: tuple[int, ...] = ()

    def task(self, number: int) -> TaskPolicy:
        """Return the policy of a task; the loading task's for `LOAD`."""
        if number == LOAD:
            assert self.policy.load is not None
            return self.policy.load
        return self.policy.tasks[number]


def new_state(
    policy: Policy,
    now: float,
    *,
    buckets: dict[str, Bucket] | None = None,
    failed_owners: int = 0,
) -> State:
    """Return the state in which nothing has happened yet.

    Rates and failures are of a run: a stage goes on with the buckets of the one before, which
    it changes, and counts the owners that failed in all of them.
    """
    tasks = len(policy.tasks) + 1  # the last place, -1, is the loading task's
    return State(
        policy,
        now,
        owners={},
        preferred=set(),
        calls={},
        assignments={},
        stopped={},
        fenced={},
        queues=[Queue(deque(), deque()) for _ in range(tasks)],
        waiting_tasks={},
        suspects=deque(),
        retries=[],
        deadlines=[],
        buckets={} if buckets is None else buckets,
        rate_waits={},
        finished=[],
        portions={},
        counts=[TaskCount() for _ in range(tasks)],
        failed_owners=failed_owners,
        above=[len(task.above) for task in policy.tasks],
        roots=tuple(n for n, task in enumerate(policy.tasks) if not task.above),
    )
