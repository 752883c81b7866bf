"""How does an owner go from task to task?

Readiness costs the same whatever the size of the graph: each task of an owner counts those
before it that are not over, and is asked for when the count comes to nothing.
"""

from collections.abc import Hashable

from ragflow.core.states import RunState, TaskState, check_move
from ragflow.errors import ImpossibleEventError
from ragflow.scheduling.transitions.commands import Answer, Arrive, Command, Drop, Expand
from ragflow.scheduling.transitions.events import (
    Arrived,
    Begin,
    Entered,
    Placed,
    Preferred,
    Restarted,
)
from ragflow.scheduling.transitions.policy import DEATHS
from ragflow.scheduling.transitions.queues import begin_call, prefer
from ragflow.scheduling.transitions.state import LOAD, Mark, OwnerRun, Phase, State

_PENDING = TaskState.PENDING


def entered(state: State, event: Entered, out: list[Command]) -> None:
    """Take an owner in and begin with it."""
    if event.owner in state.owners:
        raise ImpossibleEventError(f"owner {event.owner} entered twice")
    if state.phase not in (RunState.RUNNING, RunState.PAUSED):
        out.append(Drop(event.owner))
        return
    owner = _blank(state, event.owner, event.weight)
    state.owners[event.owner] = owner
    state.on_way += 1
    state.weight += event.weight
    match event.begin:
        case Begin.LOAD if event.suspect is not None and event.suspect >= DEATHS:
            waiter = (owner.number, owner.round, LOAD, 0)
            out.append(Answer(_load_key(owner), TaskState.FAILED, (waiter,), "deaths"))
            arrive(state, owner, out, is_unread=True)
        case Begin.LOAD:
            _load(state, owner, event.suspect)
        case Begin.WALK:
            _walk(state, owner, out)
        case Begin.FINISH:
            _finish(state, owner)


def _blank(state: State, number: int, weight: int, round_: int = 0) -> OwnerRun:
    tasks = len(state.above)
    return OwnerRun(
        number,
        weight,
        Phase.LOADING,
        round_,
        state.above.copy(),
        [0] * tasks,
        [_PENDING] * tasks,
        [0] * tasks,
        tasks,
    )


def _load(state: State, owner: OwnerRun, suspect: int | None = None) -> None:
    owner.phase = Phase.LOADING
    waiter = (owner.number, owner.round, LOAD, 0)
    begin_call(state, _load_key(owner), LOAD, waiter, suspect=suspect)


def _load_key(owner: OwnerRun) -> Hashable:
    return LOAD, owner.number, owner.round


def placed(state: State, event: Placed, out: list[Command]) -> None:
    """Go on with an owner whose content is known now."""
    owner = _answered(state, event.owner, Phase.PLACING, "was placed")
    if owner is None:
        return
    state.weight += event.weight - owner.weight
    owner.weight = event.weight
    if event.is_walked:
        _walk(state, owner, out)
    else:
        arrive(state, owner, out)


def _answered(state: State, number: int, phase: Phase, told: str) -> OwnerRun | None:
    """Take an answer that was asked for; return the owner, None, and counted, where it is gone."""
    owner = state.owners.get(number)
    if owner is None:
        state.dropped += 1
        return None
    if owner.phase is not phase:
        raise ImpossibleEventError(f"owner {number} {told} while {owner.phase}")
    state.asking -= 1
    return owner


def _walk(state: State, owner: OwnerRun, out: list[Command]) -> None:
    owner.phase = Phase.WALKING
    if not owner.open:
        arrive(state, owner, out)
        return
    state.asking += len(state.roots)
    out.extend(Expand(owner.number, owner.round, task) for task in state.roots)


def over(state: State, owner: OwnerRun, task: int, out: list[Command]) -> None:
    """Record that a task of an owner is over, and ask for those that waited for it alone."""
    verdict = verdict_of(owner.marks[task])
    check_move(owner.states[task], verdict)
    owner.states[task] = verdict
    owner.open -= 1
    waiting = owner.waiting
    for below in state.policy.tasks[task].below:
        waiting[below] -= 1
        if not waiting[below]:
            state.asking += 1
            out.append(Expand(owner.number, owner.round, below))
    if not owner.open:
        arrive(state, owner, out)


def verdict_of(marks: int) -> TaskState:
    """Return what a task over an owner came to, given what its parts came to."""
    if marks & Mark.FAILED:
        return TaskState.FAILED
    if marks & Mark.BLOCKED:
        return TaskState.BLOCKED
    if marks & Mark.SUCCEEDED:
        return TaskState.SUCCEEDED
    if marks & Mark.MEMOIZED:
        return TaskState.MEMOIZED
    # A task that had no part to be called for has done all there is to do.
    return TaskState.SKIPPED if marks & Mark.SKIPPED else TaskState.SUCCEEDED


def arrive(state: State, owner: OwnerRun, out: list[Command], *, is_unread: bool = False) -> None:
    """Ask for the rows of an owner that nothing more is called for; unread, nothing ever was."""
    owner.phase = Phase.ARRIVING
    state.asking += 1
    out.append(Arrive(owner.number, is_unread=is_unread))


def arrived(state: State, event: Arrived, out: list[Command]) -> None:
    """Let an owner wait for its portion."""
    del out
    owner = _answered(state, event.owner, Phase.ARRIVING, "arrived")
    if owner is None:
        return
    owner.rows, owner.has_failed = event.rows, event.has_failed
    _finish(state, owner)


def preferred(state: State, event: Preferred, out: list[Command]) -> None:
    """Let the calls of an owner go before those of others, unless it is finished.

    Told again, also those of others' calls that it joined since.
    """
    del out
    owner = state.owners.get(event.owner)
    if owner is None:
        state.dropped += 1
    elif owner.phase is not Phase.FINISHED:
        prefer(state, event.owner)


def _finish(state: State, owner: OwnerRun) -> None:
    owner.phase = Phase.FINISHED
    state.preferred.discard(owner.number)
    state.on_way -= 1
    state.weight -= owner.weight
    state.failed_owners += owner.has_failed
    if not state.finished:
        state.finished_since = state.now
    state.finished.append(owner.number)
    state.finished_rows += owner.rows


def restarted(state: State, event: Restarted, out: list[Command]) -> None:
    """Load and walk an owner anew; what its old calls come to is no longer its."""
    del out
    old = state.owners.get(event.owner)
    if old is None or old.round != event.round:
        state.dropped += 1
        return
    if old.phase not in (Phase.WALKING, Phase.ARRIVING):
        raise ImpossibleEventError(f"owner {event.owner} began again while {old.phase}")
    if old.phase is Phase.ARRIVING:
        state.asking -= 1
    else:
        state.asking -= sum(
            not waiting and old.states[task] is _PENDING for task, waiting in enumerate(old.waiting)
        )
    new = _blank(state, old.number, old.weight, old.round + 1)
    state.owners[old.number] = new
    _load(state, new)
