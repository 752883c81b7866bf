"""Which finished owners are committed together, and when?"""

from ragflow.core.retry import Fault, next_attempt
from ragflow.core.states import RunState
from ragflow.errors import ImpossibleEventError
from ragflow.scheduling.transitions.commands import Command, Commit, Drop
from ragflow.scheduling.transitions.control import end_early
from ragflow.scheduling.transitions.events import Committed, NotCommitted
from ragflow.scheduling.transitions.room import is_full
from ragflow.scheduling.transitions.state import Portion, State


def let_go(state: State, out: list[Command]) -> None:
    """Commit what is finished, when it is full, late, or there is nothing else to wait for."""
    for portion in state.portions.values():
        if portion.due is not None and portion.due <= state.now:
            portion.due = None
            out.append(Commit(portion.number, portion.owners))
    while state.finished and len(state.portions) < state.policy.portions:
        # Compared as `next_instant` adds it up, or a turn at that very instant would do nothing.
        waited = state.finished_since + state.policy.portion_linger <= state.now
        is_late = waited and not state.portions
        if not (is_full(state) or is_late or is_idle(state)):
            return
        number = state.next_portion
        state.next_portion += 1
        owners = _cut(state)
        state.portions[number] = Portion(number, owners, 0, state.now)
        out.append(Commit(number, owners))


def _cut(state: State) -> tuple[int, ...]:
    """Take the owners that fill a portion, the oldest first; all of them if they are fewer."""
    most = state.policy.portion
    count = rows = 0
    for number in state.finished:
        if count >= most or rows >= most:
            break
        count += 1
        rows += state.owners[number].rows
    owners = tuple(state.finished[:count])
    del state.finished[:count]
    state.finished_rows -= rows
    return owners


def is_idle(state: State) -> bool:
    """Tell whether no worker holds anything and the shell owes no answer."""
    return not (state.assignments or state.asking)


def committed(state: State, event: Committed, out: list[Command]) -> None:
    """Let go of owners that are served."""
    del out
    portion = _over(state, event.portion)
    if portion is None:
        return
    for owner in portion.owners:
        del state.owners[owner]


def not_committed(state: State, event: NotCommitted, out: list[Command]) -> None:
    """Write a portion again later, or end the run."""
    portion = _over(state, event.portion)
    if portion is None:
        return
    instant = None
    if state.phase in (RunState.RUNNING, RunState.PAUSED):
        instant = _again(state, portion, event.fault)
    if instant is not None:
        portion.attempts += 1
        portion.due = instant
        state.portions[portion.number] = portion
        return
    for owner in portion.owners:
        del state.owners[owner]
        out.append(Drop(owner))
    end_early(state, RunState.FAILED, out)


def _again(state: State, portion: Portion, fault: Fault) -> float | None:
    return next_attempt(
        state.policy.commit_retry,
        f"portion {portion.number}",
        attempt=portion.attempts + 1,
        first_at=portion.first_at,
        now=state.now,
        fault=fault,
    )


def _over(state: State, number: int) -> Portion | None:
    portion = state.portions.get(number)
    if portion is None or portion.due is not None:
        if not 0 < number < state.next_portion:
            raise ImpossibleEventError(f"portion {number} was never to be written")
        state.dropped += 1
        return None
    return state.portions.pop(number)
