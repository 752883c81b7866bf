"""One event in, commands out."""

from collections.abc import Callable
from typing import Any

from ragflow.core.states import RunState
from ragflow.scheduling.transitions import calls, control, owners, portions
from ragflow.scheduling.transitions.admission import admit
from ragflow.scheduling.transitions.commands import Command
from ragflow.scheduling.transitions.events import (
    Arrived,
    Asked,
    Asking,
    Committed,
    Died,
    Ended,
    Entered,
    Event,
    Exhausted,
    Fenced,
    Lost,
    NotCommitted,
    Placed,
    Preferred,
    Restarted,
    Turn,
)
from ragflow.scheduling.transitions.state import State
from ragflow.scheduling.transitions.timers import fall_due


def step(state: State, event: Event) -> tuple[State, list[Command]]:
    """Return the state after an event, and what is to be done.

    The state handed in is used up: it is the one that is returned, changed. What an event
    tells of that is over already changes nothing and is counted in `State.dropped`. Nothing
    begins but in a `Turn`. Raises `ImpossibleEventError` for what no correct shell tells; the
    state is then worth nothing.
    """
    # A clock that is put back neither ends nor lengthens anything.
    state.now = max(state.now, event.at)
    out: list[Command] = []
    _TAKE[type(event)](state, event, out)
    return state, out


def _turn(state: State, event: Turn, out: list[Command]) -> None:
    del event
    state.stopped.clear()
    fall_due(state, out)
    _check_failures(state, out)
    admit(state, out)
    portions.let_go(state, out)


def _check_failures(state: State, out: list[Command]) -> None:
    most = state.policy.max_failed
    if most is not None and state.failed_owners > most and state.phase in _AT_WORK:
        control.end_early(state, RunState.FAILED, out)


def _exhausted(state: State, event: Exhausted, out: list[Command]) -> None:
    del event, out
    state.dropped += state.is_exhausted
    state.is_exhausted = True


_AT_WORK = (RunState.RUNNING, RunState.PAUSED)

_TAKE: dict[type, Callable[[State, Any, list[Command]], None]] = {
    Entered: owners.entered,
    Exhausted: _exhausted,
    Placed: owners.placed,
    Asked: calls.asked,
    Ended: calls.ended,
    Died: calls.died,
    Fenced: calls.fenced,
    Arrived: owners.arrived,
    Preferred: owners.preferred,
    Restarted: owners.restarted,
    Committed: portions.committed,
    NotCommitted: portions.not_committed,
    Asking: control.asking,
    Lost: control.lost,
    Turn: _turn,
}


def is_over(state: State) -> bool:
    """Tell whether nothing is under way and nothing more will be."""
    if state.assignments or state.portions or state.finished:
        return False
    if state.phase in _AT_WORK:
        return state.is_exhausted and not state.owners
    return True


def run_state(phase: RunState, *, has_failed: bool) -> RunState:
    """Return what a run that is over came to, by the phase its last stage ended in.

    `has_failed` looks at all of its tasks, in whatever stage: whether an owner or a step failed,
    or was blocked by what did.
    """
    if phase is RunState.CANCELLING:
        return RunState.CANCELLED
    if phase not in _AT_WORK:
        return RunState.FAILED
    return RunState.SUCCEEDED_WITH_FAILURES if has_failed else RunState.SUCCEEDED
