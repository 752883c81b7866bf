"""Which calls that are ready begin now?

All or nothing over what a call needs. What is in use is added up at each turn, from assignments
that are open or could not be stopped, and never counted up and down, so nothing can leak. Of
what is ready the highest priority goes first, then the deepest, then the oldest; what was
passed over too often because something it needs was taken has that kept for it, so that a
large request is not starved.
"""

from collections.abc import Hashable

from ragflow.core.needs import fits, total
from ragflow.core.rates import full, take
from ragflow.core.states import RunState, TaskState, check_move
from ragflow.scheduling.transitions.batches import is_due, take_calls
from ragflow.scheduling.transitions.commands import Command, Open
from ragflow.scheduling.transitions.policy import PATIENCE, SLOTS, TaskPolicy
from ragflow.scheduling.transitions.queues import at
from ragflow.scheduling.transitions.state import Assignment, State, Unit


def admit(state: State, out: list[Command]) -> None:
    """Open what may begin; ends when nothing more fits."""
    state.rate_waits.clear()
    if state.phase is not RunState.RUNNING:
        return
    if state.suspects:
        _admit_suspect(state, out)
        return
    if any(each.is_alone for each in state.assignments.values()):
        return
    if not state.waiting_tasks:
        return
    use = in_use(state)
    ranked = sorted(state.waiting_tasks, key=lambda task: _rank(state, task))
    starved = next((task for task in ranked if _is_starved(state, task)), None)
    for task in ranked:
        is_kept = starved is not None and _is_kept_from(state, task, starved)
        _admit_task(state, task, use, out, is_kept=is_kept)


def in_use(state: State) -> dict[str, float]:
    """Return what is taken, by assignments that are open and by those that go on unheard."""
    use = total(state.task(each.task).needs for each in state.assignments.values())
    for task in (*state.stopped.values(), *state.fenced.values()):
        for name, amount in state.task(task).needs.items():
            if not name.startswith(SLOTS):
                use[name] = use.get(name, 0.0) + amount
    return use


def _rank(state: State, task: int) -> tuple[int, int]:
    policy = state.task(task)
    return -policy.priority, -policy.depth


def _is_starved(state: State, task: int) -> bool:
    return state.queues[task].passed_over > PATIENCE and is_due(state, task)


def _is_kept_from(state: State, task: int, starved: int) -> bool:
    """Tell whether a task asks for something that is kept for another.

    Nothing is kept from a higher priority: that is what it is for.
    """
    mine, other = state.task(task), state.task(starved)
    if task == starved or mine.priority > other.priority:
        return False
    return any(amount and other.needs.get(name) for name, amount in mine.needs.items())


def _admit_suspect(state: State, out: list[Command]) -> None:
    """Open one call that may have killed a scheduler, in nobody's company."""
    if state.assignments:
        return
    use, limits = in_use(state), state.policy.limits
    for key in state.suspects:
        task = state.calls[key].task
        policy = state.task(task)
        if fits(use, policy.needs, limits):
            if _take_rates(state, policy):
                state.suspects.remove(key)
                _open(state, task, (key,), out, is_alone=True)
            return


def _admit_task(
    state: State, task: int, use: dict[str, float], out: list[Command], *, is_kept: bool
) -> None:
    policy, queue = state.task(task), state.queues[task]
    while queue.bound or queue.loose:
        if not is_due(state, task):
            return
        if is_kept or not fits(use, policy.needs, state.policy.limits):
            queue.passed_over += 1
            return
        queue.passed_over = 0
        if not _take_rates(state, policy):
            return
        unit = take_calls(state, task)
        for name, amount in policy.needs.items():
            use[name] = use.get(name, 0.0) + amount
        _open(state, task, unit, out)
    state.waiting_tasks.pop(task, None)


def _take_rates(state: State, policy: TaskPolicy) -> bool:
    """Take a token of every rate of a task, or none."""
    taken = {}
    for name in policy.rates:
        rate = state.policy.rates[name]
        bucket = state.buckets.get(name) or full(rate, state.now)
        taken[name], wait = take(bucket, rate, state.now)
        if wait:
            state.rate_waits[name] = state.now + wait
            return False
    state.buckets.update(taken)
    return True


def _open(
    state: State, task: int, unit: Unit, out: list[Command], *, is_alone: bool = False
) -> None:
    number = state.next_assignment
    state.next_assignment += 1
    deadline = None
    policy = state.task(task)
    if policy.attempt_timeout is not None:
        deadline = state.now + policy.attempt_timeout
    if policy.total_timeout is not None:
        ends = min(state.calls[key].first_at for key in unit) + policy.total_timeout
        deadline = ends if deadline is None else min(deadline, ends)
    state.assignments[number] = Assignment(number, task, unit, state.now, deadline, is_alone)
    if deadline is not None:
        at(state, deadline, "attempt", number)
    for key in unit:
        _run(state, key)
    out.append(Open(number, task, unit, is_alone))


def _run(state: State, key: Hashable) -> None:
    call = state.calls[key]
    check_move(call.state, TaskState.RUNNING)
    call.state = TaskState.RUNNING
