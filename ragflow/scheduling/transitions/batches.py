"""Which calls of a task go together, and when do they leave?

A batch leaves when it is full, when its first call has waited long enough for company, or when
nothing else is under way that could fill it. Calls that are over quickly are carried many at a
time, so that handing them over does not cost more than they do.
"""

from collections.abc import Hashable

from ragflow.core.states import TaskState
from ragflow.scheduling.transitions.policy import BUNDLE, BUNDLE_SECONDS
from ragflow.scheduling.transitions.queues import is_preferred
from ragflow.scheduling.transitions.room import may_enter
from ragflow.scheduling.transitions.state import Queue, State, Unit


def is_due(state: State, task: int) -> bool:
    """Tell whether what waits for this task may leave."""
    policy, queue = state.task(task), state.queues[task]
    if policy.batch is None or queue.bound or queue.cost >= policy.batch:
        return True
    first = state.calls[queue.loose[0]]
    if first.since + policy.linger <= state.now or is_preferred(state, first):
        return True
    return not _may_be_filled(state)


def _may_be_filled(state: State) -> bool:
    """Tell whether something under way, or still to come, may add to a batch.

    What waits for the instant of its next attempt may be long: a batch does not wait for it.
    """
    if state.asking or may_enter(state):
        return True
    single = (each.task for each in state.assignments.values())
    waiting = (task for task, queue in enumerate(state.queues) if queue.loose or queue.bound)
    return any(state.task(_true(state, task)).batch is None for task in (*single, *waiting))


def _true(state: State, task: int) -> int:
    """Return the number of a task; the last queue is the loading task's."""
    return -1 if task == len(state.policy.tasks) else task


def lingers_until(state: State, task: int) -> float:
    """Return the instant at which what waits for this task leaves, full or not."""
    return state.calls[state.queues[task].loose[0]].since + state.task(task).linger


def take_calls(state: State, task: int) -> Unit:
    """Take the calls that leave together now."""
    policy, queue = state.task(task), state.queues[task]
    if queue.bound:
        return queue.bound.popleft()
    if policy.batch is not None:
        return _fill(state, queue, policy.batch)
    count = 1
    # A rate counts calls: what is held to one is carried one by one.
    if policy.is_bundled and queue.pace and not policy.rates:
        count = min(BUNDLE, len(queue.loose), max(1, int(BUNDLE_SECONDS / queue.pace)))
    return tuple(_take(state, queue) for _ in range(count))


def _fill(state: State, queue: Queue, budget: float) -> Unit:
    unit = [_take(state, queue)]
    spent = state.calls[unit[0]].cost
    while queue.loose and spent + state.calls[queue.loose[0]].cost <= budget:
        spent += state.calls[queue.loose[0]].cost
        unit.append(_take(state, queue))
    return tuple(unit)


def _take(state: State, queue: Queue) -> Hashable:
    key = queue.loose.popleft()
    call = state.calls[key]
    assert call.state is TaskState.READY
    queue.cost = queue.cost - call.cost if queue.loose else 0.0
    return key
