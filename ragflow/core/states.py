"""The closed lists: what an owner, a task and a run may be, and how an owner changed."""

from enum import StrEnum

from ragflow.errors import IllegalMoveError


class RunState(StrEnum):
    """What became of a run."""

    QUEUED = "queued"  #: asked for, not begun
    RUNNING = "running"  #: at work, or cut off by a crash
    PAUSED = "paused"  #: stands still on request
    CANCELLING = "cancelling"  #: finishes what it holds, begins nothing
    SUCCEEDED = "succeeded"  #: every document is served
    SUCCEEDED_WITH_FAILURES = "succeeded_with_failures"  #: some documents failed
    FAILED = "failed"  #: stopped before its end
    CANCELLED = "cancelled"  #: stopped on request


class OwnerState(StrEnum):
    """How an owner stands at an end."""

    SUCCEEDED = "succeeded"  #: served from its present content
    SKIPPED = "skipped"  #: nothing to serve, for a reason of the closed list
    FAILED = "failed"  #: tried in vain; the next run tries again
    HELD_BACK = "held_back"  #: tried in vain; waits for what would release it


class TaskState(StrEnum):
    """How a task stands: for one owner, for one call, or, a step, for the run."""

    PENDING = "pending"  #: waits for tasks before it
    READY = "ready"  #: waits for a slot and what else it needs
    RUNNING = "running"  #: a worker holds it
    RETRYING = "retrying"  #: failed; waits for the instant of its next attempt
    SUCCEEDED = "succeeded"  #: ran, and something came out
    MEMOIZED = "memoized"  #: remembered, or an equal call was under way
    SKIPPED = "skipped"  #: nothing to do, for a reason
    FAILED = "failed"  #: its attempts are used up, or its error will not pass
    BLOCKED = "blocked"  #: something before it failed
    HELD_BACK = "held_back"  #: failed before; waits for what would release it
    CANCELLED = "cancelled"  #: stopped on request

    @property
    def is_over(self) -> bool:
        """Whether it enters no further state."""
        return not MOVES[self]


_S = TaskState
#: From each state, the states it may enter. Those that enter none are over.
MOVES: dict[TaskState, frozenset[TaskState]] = {
    # PENDING -> any end at once: memos, rules and ledgers decide without a worker.
    _S.PENDING: frozenset(set(_S) - {_S.PENDING, _S.RUNNING, _S.RETRYING}),
    # READY -> FAILED: it waited longer than it may. READY -> the other ends: a task over an
    # owner has come to what its calls came to.
    _S.READY: frozenset(set(_S) - {_S.PENDING, _S.READY, _S.RETRYING, _S.HELD_BACK}),
    # RUNNING -> READY: its worker died, or its batch was halved.
    _S.RUNNING: frozenset(
        {_S.SUCCEEDED, _S.SKIPPED, _S.FAILED, _S.RETRYING, _S.READY, _S.CANCELLED}
    ),
    # RETRYING -> FAILED: no time is left for another attempt.
    _S.RETRYING: frozenset({_S.READY, _S.FAILED, _S.CANCELLED}),
    _S.SUCCEEDED: frozenset(),
    _S.MEMOIZED: frozenset(),
    _S.SKIPPED: frozenset(),
    _S.FAILED: frozenset(),
    _S.BLOCKED: frozenset(),
    _S.HELD_BACK: frozenset(),
    _S.CANCELLED: frozenset(),
}


def check_move(now: TaskState, then: TaskState) -> None:
    """Raise `IllegalMoveError` unless `now` may become `then`."""
    if then not in MOVES[now]:
        allowed = ", ".join(sorted(MOVES[now])) or "nothing: it is over"
        raise IllegalMoveError(f"{now} cannot become {then}; it may become {allowed}")


#: From each state of a run, the states it may enter.
RUN_MOVES: dict[RunState, frozenset[RunState]] = {
    RunState.QUEUED: frozenset({RunState.RUNNING, RunState.CANCELLED}),
    RunState.RUNNING: frozenset(set(RunState) - {RunState.QUEUED, RunState.RUNNING}),
    RunState.PAUSED: frozenset({RunState.RUNNING, RunState.CANCELLING, RunState.FAILED}),
    RunState.CANCELLING: frozenset({RunState.CANCELLED, RunState.FAILED}),
    RunState.SUCCEEDED: frozenset(),
    RunState.SUCCEEDED_WITH_FAILURES: frozenset(),
    # A run that was cut off, stopped or failed is taken up again under its own number.
    RunState.FAILED: frozenset({RunState.RUNNING}),
    RunState.CANCELLED: frozenset({RunState.RUNNING}),
}


class Change(StrEnum):
    """How a listed owner differs from what the ledger knows of it."""

    ADDED = "added"  #: a key never served
    MODIFIED = "modified"  #: its content or metadata changed
    STALE = "stale"  #: same content, but the definition changed, or it was not served
    MOVED = "moved"  #: content known under a key that is gone
    UNCHANGED = "unchanged"  #: nothing to do
    DELETED = "deleted"  #: known, no longer listed


class GenerationState(StrEnum):
    """How a generation of a collection stands."""

    BUILDING = "building"  #: being filled; readers do not see it
    PUBLISHED = "published"  #: what readers see
    RETIRED = "retired"  #: replaced
