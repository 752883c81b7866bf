"""Where does a call wait before a worker takes it?"""

from collections.abc import Hashable
from heapq import heappush

from ragflow.core.states import TaskState
from ragflow.scheduling.transitions.commands import Waiter
from ragflow.scheduling.transitions.state import CallRun, State, Unit


def begin_call(
    state: State,
    key: Hashable,
    task: int,
    waiter: Waiter,
    *,
    cost: float = 1.0,
    suspect: int | None = None,
) -> None:
    """Let a call wait for a slot.

    `suspect` is how often its worker died with nothing else in it, for one that was in a
    worker's hands when an earlier run, or its scheduler, died: it is tried alone.
    """
    call = CallRun(key, task, TaskState.READY, [waiter], cost, state.now, state.now)
    state.calls[key] = call
    if suspect is not None:
        call.is_suspect = call.is_lone = True
        call.deaths = suspect
    _fails_at(state, call)
    enqueue(state, call)


def enqueue(state: State, call: CallRun) -> None:
    """Put a call that is ready where it waits."""
    _since_now(state, call)
    if call.is_lone:
        state.suspects.append(call.key)
        return
    queue = state.queues[call.task]
    if call.is_suspect:
        queue.bound.append((call.key,))
    else:
        if is_preferred(state, call):
            queue.loose.appendleft(call.key)
        else:
            queue.loose.append(call.key)
        queue.cost += call.cost
    state.waiting_tasks[call.task] = None


def is_preferred(state: State, call: CallRun) -> bool:
    """Tell whether somebody waits for an owner that waits for a call."""
    return bool(state.preferred) and any(number in state.preferred for number, *_ in call.waiters)


def prefer(state: State, owner: int) -> None:
    """Put what waits of an owner before what waits of others; so will be what is still to come."""
    state.preferred.add(owner)
    for queue in state.queues:
        mine = [
            key
            for key in queue.loose
            if any(number == owner for number, *_ in state.calls[key].waiters)
        ]
        for key in reversed(mine):
            queue.loose.remove(key)
            queue.loose.appendleft(key)


def _fails_at(state: State, call: CallRun) -> None:
    total = state.task(call.task).total_timeout
    if total is not None:
        at(state, call.first_at + total, "total", call.key)


def _since_now(state: State, call: CallRun) -> None:
    call.since = state.now
    queue_timeout = state.task(call.task).queue_timeout
    if queue_timeout is not None:
        at(state, call.since + queue_timeout, "queue", call.key)


def enqueue_together(state: State, calls: list[CallRun]) -> None:
    """Let calls wait that go as one batch, whatever its size."""
    task = calls[0].task
    for call in calls:
        _since_now(state, call)
    unit: Unit = tuple(call.key for call in calls)
    state.queues[task].bound.append(unit)
    state.waiting_tasks[task] = None


def leave_queue(state: State, call: CallRun) -> None:
    """Take a call out of where it waits; it is not going to be called."""
    queue = state.queues[call.task]
    if call.key in state.suspects:
        state.suspects.remove(call.key)
    elif call.key in queue.loose:
        queue.loose.remove(call.key)
        queue.cost = queue.cost - call.cost if queue.loose else 0.0
    else:
        for place, unit in enumerate(queue.bound):
            if call.key in unit:
                queue.bound[place] = tuple(key for key in unit if key != call.key)
                if not queue.bound[place]:
                    del queue.bound[place]
                break
    if not queue.loose and not queue.bound:
        state.waiting_tasks.pop(call.task, None)
        queue.passed_over = 0


def wait_anew(state: State) -> None:
    """Take a pause out of what calls waited for: a run that was paused had no slots.

    For what a worker holds the time runs on, in a pause as well.
    """
    for call in state.calls.values():
        if call.state is TaskState.RUNNING:
            continue
        call.first_at += state.now - max(state.paused_at, call.first_at, call.held_until)
        _fails_at(state, call)
        if call.state is TaskState.READY:
            _since_now(state, call)


def at(state: State, instant: float, kind: str, of: Hashable) -> None:
    """Let something fall due at an instant."""
    state.ticks += 1
    heappush(state.deadlines, (instant, state.ticks, kind, of))
