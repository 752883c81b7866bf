"""What falls due, and when does the next thing?"""

from collections.abc import Hashable
from heapq import heapify, heappop

from ragflow.core.states import RunState, TaskState, check_move
from ragflow.scheduling.transitions.batches import lingers_until
from ragflow.scheduling.transitions.calls import fail_waiting, give_back, run_out
from ragflow.scheduling.transitions.commands import Command, Stop
from ragflow.scheduling.transitions.queues import enqueue, enqueue_together
from ragflow.scheduling.transitions.state import State


def fall_due(state: State, out: list[Command]) -> None:
    """Do everything whose instant has come."""
    while state.deadlines and state.deadlines[0][0] <= state.now:
        deadline = heappop(state.deadlines)
        if _is_awaited(state, deadline):
            _let_fall(state, deadline, out)
    # Last: an attempt that timed out just now may be tried again at once.
    while state.retries and state.retries[0][0] <= state.now:
        instant, _, unit = heappop(state.retries)
        again = [state.calls[key] for key in unit if _is_retrying(state, key, instant)]
        for call in again:
            check_move(call.state, TaskState.READY)
            call.state = TaskState.READY
        if again and (len(unit) > 1 or again[0].is_parted):
            enqueue_together(state, again)
        else:
            for call in again:
                enqueue(state, call)
    _forget_stale(state)


def _forget_stale(state: State) -> None:
    """Let nothing wake the shell, or fill memory, that nobody waits for any more.

    Most calls are over long before they are late, so what they would have fallen due at is
    swept out once it outweighs what is still waited for.
    """
    deadlines = state.deadlines
    while deadlines and not _is_awaited(state, deadlines[0]):
        heappop(deadlines)
    if len(deadlines) > 64 + 4 * (len(state.calls) + len(state.assignments)):
        state.deadlines = [each for each in deadlines if _is_awaited(state, each)]
        heapify(state.deadlines)


def _is_awaited(state: State, deadline: tuple[float, int, str, Hashable]) -> bool:
    """Tell whether what was to fall due is not over, and not another of its name."""
    instant, _, kind, of = deadline
    if kind == "attempt":
        return of in state.assignments
    call = state.calls.get(of)
    if call is None:
        return False
    policy = state.task(call.task)
    if kind == "queue":
        limit, began = policy.queue_timeout, call.since
        is_pending = call.state is TaskState.READY
    else:
        limit, began = policy.total_timeout, call.first_at
        is_pending = True
    return is_pending and limit is not None and began + limit == instant


def _is_retrying(state: State, key: Hashable, instant: float) -> bool:
    """Tell whether a call waits for this instant, and not another of its key for another."""
    call = state.calls.get(key)
    return call is not None and call.state is TaskState.RETRYING and call.due == instant


def _let_fall(state: State, deadline: tuple[float, int, str, Hashable], out: list[Command]) -> None:
    _, _, kind, of = deadline
    if kind == "attempt":
        _time_out(state, of, out)
    elif state.calls[of].state is TaskState.RUNNING or state.phase is RunState.PAUSED:
        # What a worker holds ends with its assignment, at the same instant; what waits does
        # so anew when the run goes on.
        return
    else:
        fail_waiting(state, state.calls[of], kind, out)


def _time_out(state: State, number: object, out: list[Command]) -> None:
    assignment = state.assignments.pop(number)  # type: ignore[call-overload]
    longest = state.task(assignment.task).attempt_timeout
    is_late = longest is not None and assignment.opened_at + longest <= state.now
    out.append(Stop(assignment.number, is_late))
    state.stopped[assignment.number] = assignment.task
    give_back(state, assignment)
    run_out(state, assignment, out)


def next_instant(state: State) -> float | None:
    """Return when the core must be given a turn though nothing happened; None for never."""
    instants = []
    if state.retries:
        instants.append(state.retries[0][0])
    if state.deadlines:
        instants.append(state.deadlines[0][0])
    instants += state.rate_waits.values()
    instants += [p.due for p in state.portions.values() if p.due is not None]
    if state.finished and not state.portions:
        instants.append(state.finished_since + state.policy.portion_linger)
    if state.phase is RunState.RUNNING:
        if state.stopped and (state.waiting_tasks or state.suspects):
            # By the next turn it is known whether what they had is free.
            instants.append(state.now)
        for task in state.waiting_tasks:
            if state.task(task).batch is not None and state.queues[task].loose:
                leaves = lingers_until(state, task)
                # One that has lingered and finds no slot waits for that, not for an instant.
                if leaves > state.now:
                    instants.append(leaves)
    return min(instants) if instants else None
