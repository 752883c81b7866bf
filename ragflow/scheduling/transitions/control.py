"""What do people, limits and other schedulers do to a whole run?"""

from ragflow.core.states import RUN_MOVES, RunState, TaskState, check_move
from ragflow.scheduling.transitions.commands import Command, Drop, Stop
from ragflow.scheduling.transitions.events import Asking, Lost, Told
from ragflow.scheduling.transitions.queues import wait_anew
from ragflow.scheduling.transitions.state import Phase, State


def asking(state: State, event: Asking, out: list[Command]) -> None:
    """Do what was asked of the run; what it is too late for changes nothing."""
    match event.what:
        case Told.PAUSE if state.phase is RunState.RUNNING:
            _enter(state, RunState.PAUSED)
            state.paused_at = state.now
        case Told.RESUME if state.phase is RunState.PAUSED:
            _enter(state, RunState.RUNNING)
            wait_anew(state)
        case Told.CANCEL if state.phase in (RunState.RUNNING, RunState.PAUSED):
            end_early(state, RunState.CANCELLING, out)
        case Told.FAIL if state.phase in (RunState.RUNNING, RunState.PAUSED, RunState.CANCELLING):
            end_early(state, RunState.FAILED, out)
        case _:
            state.dropped += 1


def lost(state: State, event: Lost, out: list[Command]) -> None:
    """Stop where it stands: whatever is not committed is another scheduler's now."""
    del event
    if state.phase is RunState.FAILED and not (state.owners or state.assignments):
        state.dropped += 1
        return
    if state.phase is not RunState.FAILED:
        _enter(state, RunState.FAILED)
    finished = [*state.finished, *(n for p in state.portions.values() for n in p.owners)]
    out.extend(Drop(number) for number in finished)
    for number in finished:
        del state.owners[number]
    state.finished, state.finished_rows = [], 0
    state.portions.clear()
    _drop_unfinished(state, out)
    for assignment in state.assignments.values():
        out.append(Stop(assignment.number))
        for key in assignment.keys:
            check_move(state.calls[key].state, TaskState.CANCELLED)
            del state.calls[key]
    state.assignments.clear()


def end_early(state: State, then: RunState, out: list[Command]) -> None:
    """Begin nothing more; what is finished is still committed, what is held is waited for."""
    if state.phase is not then:
        _enter(state, then)
    _drop_unfinished(state, out)


def _drop_unfinished(state: State, out: list[Command]) -> None:
    """Forget every owner that is not finished and every call that no worker holds."""
    gone = [o.number for o in state.owners.values() if o.phase is not Phase.FINISHED]
    for number in gone:
        del state.owners[number]
        out.append(Drop(number))
    state.on_way = 0
    state.weight = 0
    state.asking = 0
    for call in list(state.calls.values()):
        if call.state is not TaskState.RUNNING:
            check_move(call.state, TaskState.CANCELLED)
            del state.calls[call.key]
    for queue in state.queues:
        queue.bound.clear()
        queue.loose.clear()
        queue.cost = 0.0
    state.waiting_tasks.clear()
    state.suspects.clear()
    state.retries.clear()
    state.rate_waits.clear()
    # A portion that waited to be written again is not: the run is over before it is due.
    for portion in [p for p in state.portions.values() if p.due is not None]:
        del state.portions[portion.number]
        for number in portion.owners:
            del state.owners[number]
            out.append(Drop(number))


def _enter(state: State, then: RunState) -> None:
    if then not in RUN_MOVES[state.phase]:
        raise AssertionError(f"a run that is {state.phase} cannot become {then}")
    state.phase = then
