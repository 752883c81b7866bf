"""What happens to a call, from being asked for to its answer?"""

from heapq import heappush

from ragflow.core.rates import full, told
from ragflow.core.retry import Fault, FaultKind, delay, next_attempt
from ragflow.core.states import RunState, TaskState, check_move
from ragflow.errors import ImpossibleEventError
from ragflow.scheduling.transitions.commands import Answer, Command, Place, Settle, Waiter
from ragflow.scheduling.transitions.events import Asked, Died, Ended, Fenced, Skipped
from ragflow.scheduling.transitions.owners import arrive, over
from ragflow.scheduling.transitions.policy import DEATHS
from ragflow.scheduling.transitions.queues import (
    begin_call,
    enqueue,
    enqueue_together,
    leave_queue,
)
from ragflow.scheduling.transitions.state import (
    LOAD,
    Assignment,
    CallRun,
    Mark,
    OwnerRun,
    Phase,
    State,
)

_MARKS = {
    TaskState.SUCCEEDED: Mark.SUCCEEDED,
    TaskState.SKIPPED: Mark.SKIPPED,
    TaskState.FAILED: Mark.FAILED,
    TaskState.CANCELLED: Mark.BLOCKED,
}


def asked(state: State, event: Asked, out: list[Command]) -> None:
    """Begin the calls of a task over an owner; equal calls under way are one call."""
    owner = state.owners.get(event.owner)
    if owner is None or owner.round != event.round:
        state.dropped += 1
        return
    task = event.task
    is_its_turn = owner.phase is Phase.WALKING and not owner.waiting[task]
    if not is_its_turn or owner.states[task] is not TaskState.PENDING:
        raise ImpossibleEventError(f"task {task} of owner {event.owner} was asked out of its turn")
    state.asking -= 1
    _mark_decided(state, owner, event)
    if not event.keys:
        over(state, owner, task, out)
        return
    owner.states[task] = TaskState.READY
    owner.left[task] = len(event.keys)
    doomed: list[CallRun] = []
    for part, key in enumerate(event.keys):
        waiter = (owner.number, owner.round, task, part)
        call = state.calls.get(key)
        if call is not None:
            call.waiters.append(waiter)
            continue
        suspect = event.suspects.get(key) if event.suspects else None
        cost = event.costs[part] if event.costs else 1.0
        begin_call(state, key, task, waiter, cost=cost, suspect=suspect)
        if suspect is not None and suspect >= DEATHS:
            doomed.append(state.calls[key])
    for call in doomed:
        fail_waiting(state, call, "deaths", out)


def _mark_decided(state: State, owner: OwnerRun, event: Asked) -> None:
    count = state.counts[event.task]
    marks = 0
    if event.memoized:
        marks |= Mark.MEMOIZED
        count.memoized += event.memoized
    if event.skipped:
        marks |= Mark.SKIPPED
        count.skipped += event.skipped
    if event.blocked:
        marks |= Mark.BLOCKED
        count.blocked += event.blocked
    if event.failed:
        marks |= Mark.FAILED
        count.failed += event.failed
    owner.marks[event.task] = marks


def fail_waiting(state: State, call: CallRun, reason: str, out: list[Command]) -> None:
    """Fail a call that no worker holds."""
    if call.state is TaskState.READY:
        leave_queue(state, call)
    answer(state, call, TaskState.FAILED, out, reason)


def ended(state: State, event: Ended, out: list[Command]) -> None:
    """Take what a worker brought back."""
    assignment = _close(state, event.assignment)
    if assignment is None:
        return
    calls = [state.calls[key] for key in assignment.keys]
    if event.fault is not None:
        failed_whole(state, calls, event.fault, out)
        return
    if len(event.results) != len(calls):
        raise ImpossibleEventError(
            f"assignment {event.assignment} of {len(calls)} calls ended "
            f"with {len(event.results)} results"
        )
    queue = state.queues[assignment.task]
    pace = event.seconds / len(calls)
    queue.pace = pace if not queue.pace else 0.7 * queue.pace + 0.3 * pace
    for call, result in zip(calls, event.results, strict=True):
        if result is None:
            answer(state, call, TaskState.SUCCEEDED, out)
        elif isinstance(result, Skipped):
            answer(state, call, TaskState.SKIPPED, out)
        else:
            failed(state, call, result, out)


def _close(state: State, number: int) -> Assignment | None:
    """Return an open assignment, closed now; None, and counted, for one that was closed before."""
    assignment = state.assignments.pop(number, None)
    if assignment is None:
        if not 0 < number < state.next_assignment:
            raise ImpossibleEventError(f"assignment {number} was never opened")
        state.dropped += 1
        state.stopped.pop(number, None)
        state.fenced.pop(number, None)
        return None
    give_back(state, assignment)
    return assignment


def give_back(state: State, assignment: Assignment) -> None:
    """Record from when on calls wait in a pause that a worker held until now."""
    if state.phase is RunState.PAUSED:
        for key in assignment.keys:
            state.calls[key].held_until = state.now


def fenced(state: State, event: Fenced, out: list[Command]) -> None:
    """Keep what an assignment needs in use: it was stopped, and goes on all the same."""
    del out
    number = event.assignment
    if number in state.assignments or not 0 < number < state.next_assignment:
        raise ImpossibleEventError(f"assignment {number} was fenced and never stopped")
    task = state.stopped.pop(number, None)
    if task is None:
        state.dropped += 1
        return
    state.fenced[number] = task


def failed_whole(state: State, calls: list[CallRun], fault: Fault, out: list[Command]) -> None:
    """Go on with a batch that failed as a whole.

    What may pass by itself is tried again as it is, or in halves where it took too long: it may
    be too large for its time. When that was in vain often enough it is halved after a pause
    each time, so that a service that is down is not pressed; it may be one bad item all the
    same. Else the batch is halved at once. So one bad item is found in log2(n) rounds and
    fails alone; what fails in company there counts as no attempt.
    """
    if len(calls) == 1:
        failed(state, calls[0], fault, out)
        return
    if fault.is_tried_again and not _is_ending(state):
        # Calls that were tried before may be among calls that were not.
        instants = [_next(state, call, fault) for call in calls]
        if all(instant is not None for instant in instants):
            learn(state, calls[0], fault)
            for call in calls:
                call.attempts += 1
                _move(call, TaskState.RETRYING)
            instant = max(instant for instant in instants if instant is not None)
            middle = len(calls) // 2 if fault.kind is FaultKind.TIMEOUT else len(calls)
            for part in filter(None, (calls[:middle], calls[middle:])):
                _wait(state, instant, part)
            return
    if fault.is_tried_again and fault.kind is not FaultKind.TIMEOUT:
        _part(state, calls, fault, out)
        return
    halve(state, calls, out)


def _part(state: State, calls: list[CallRun], fault: Fault, out: list[Command]) -> None:
    """Try the halves of a batch after a pause, or let it fail where there is no time for it."""
    first = calls[0]
    policy = state.task(first.task).retry
    pause = delay(policy, _name(first), max(1, policy.attempts - 1), fault.told)
    longest = policy.max_elapsed
    is_late = longest is not None and (
        state.now + pause - min(call.first_at for call in calls) > longest.total_seconds()
    )
    if is_late or _is_ending(state):
        for call in calls:
            failed(state, call, fault, out)
        return
    learn(state, first, fault)
    for call in calls:
        call.is_parted = True
        _move(call, TaskState.RETRYING)
    middle = len(calls) // 2
    for half in (calls[:middle], calls[middle:]):
        _wait(state, state.now + pause, half)


def halve(state: State, calls: list[CallRun], out: list[Command]) -> None:
    """Let the halves of a batch wait for a worker each."""
    middle = len(calls) // 2
    put_back(state, calls[:middle], out)
    put_back(state, calls[middle:], out)


def run_out(state: State, assignment: Assignment, out: list[Command]) -> None:
    """Go on with what a worker held for longer than it may.

    Calls whose time is up altogether fail. The others lost an attempt if this one was too
    long, and none if only their company's time was up.
    """
    policy = state.task(assignment.task)
    calls = []
    for call in [state.calls[key] for key in assignment.keys]:
        if policy.total_timeout is not None and call.first_at + policy.total_timeout <= state.now:
            answer(state, call, TaskState.FAILED, out, "total")
        else:
            calls.append(call)
    if not calls:
        return
    longest = policy.attempt_timeout
    if longest is not None and assignment.opened_at + longest <= state.now:
        failed_whole(state, calls, Fault(FaultKind.TIMEOUT), out)
    else:
        put_back(state, calls, out)


def put_back(state: State, calls: list[CallRun], out: list[Command]) -> None:
    """Let calls wait for a worker together; in a run that ends they are cancelled."""
    if _is_ending(state):
        for call in calls:
            answer(state, call, TaskState.CANCELLED, out)
        return
    for call in calls:
        _move(call, TaskState.READY)
    enqueue_together(state, calls)


def failed(state: State, call: CallRun, fault: Fault, out: list[Command]) -> None:
    """Try a call again later, or let it fail."""
    learn(state, call, fault)
    if _is_ending(state):
        answer(state, call, TaskState.CANCELLED, out)
        return
    instant = _next(state, call, fault)
    call.attempts += 1
    if instant is None:
        reason = "attempt" if fault.kind is FaultKind.TIMEOUT else None
        answer(state, call, TaskState.FAILED, out, reason)
        return
    _move(call, TaskState.RETRYING)
    _wait(state, instant, [call])


def _next(state: State, call: CallRun, fault: Fault) -> float | None:
    return next_attempt(
        state.task(call.task).retry,
        _name(call),
        attempt=call.attempts + 1,
        first_at=call.first_at,
        now=state.now,
        fault=fault,
    )


def _name(call: CallRun) -> bytes | str:
    """Return what jitter is drawn from."""
    return call.key if isinstance(call.key, bytes) else repr(call.key)


def _wait(state: State, instant: float, calls: list[CallRun]) -> None:
    state.ticks += 1
    for call in calls:
        call.due = instant
    heappush(state.retries, (instant, state.ticks, tuple(call.key for call in calls)))


def learn(state: State, call: CallRun, fault: Fault) -> None:
    """Hold the rates of a task to what it was told by whom it asks.

    What the task itself asks for is its own wish, and nobody else's pause.
    """
    if fault.told is None or fault.kind is FaultKind.RETRY:
        return
    for name in state.task(call.task).rates:
        rate = state.policy.rates[name]
        bucket = state.buckets.get(name) or full(rate, state.now)
        state.buckets[name] = told(bucket, rate, state.now, fault.told)


def died(state: State, event: Died, out: list[Command]) -> None:
    """Go on with what a worker held when it was lost.

    A batch is halved; a call that was alone counts one death, and fails at the third.
    """
    assignment = _close(state, event.assignment)
    if assignment is None:
        return
    calls = [state.calls[key] for key in assignment.keys]
    if len(calls) > 1:
        halve(state, calls, out)
        return
    call = calls[0]
    call.deaths += 1
    if _is_ending(state):
        answer(state, call, TaskState.CANCELLED, out)
    elif call.deaths >= DEATHS:
        answer(state, call, TaskState.FAILED, out, "deaths")
    else:
        call.is_suspect = True
        # The scheduler outlived it: it may be tried beside others.
        call.is_lone = not state.task(call.task).is_isolated
        _move(call, TaskState.READY)
        enqueue(state, call)


def answer(
    state: State,
    call: CallRun,
    became: TaskState,
    out: list[Command],
    reason: str | None = None,
) -> None:
    """End a call and tell who waits for it."""
    _move(call, became)
    del state.calls[call.key]
    live = tuple(waiter for waiter in call.waiters if _is_live(state, waiter))
    out.append(Answer(call.key, became, live, reason))
    if call.task == LOAD:
        _loaded(state, live, became, out)
        return
    _count(state, call.task, became, live)
    mark = _MARKS[became]
    for number, _round, task, _part in live:
        owner = state.owners[number]
        owner.marks[task] |= mark
        owner.left[task] -= 1
        if not owner.left[task]:
            out.append(Settle(number, task))
            over(state, owner, task, out)


def _loaded(state: State, live: tuple[Waiter, ...], became: TaskState, out: list[Command]) -> None:
    for number, *_ in live:
        owner = state.owners[number]
        if became is TaskState.SUCCEEDED:
            owner.phase = Phase.PLACING
            state.asking += 1
            out.append(Place(number))
        else:
            arrive(state, owner, out, is_unread=True)


def _count(state: State, called: int, became: TaskState, live: tuple[Waiter, ...]) -> None:
    """Count what became of the parts that waited: one was called, others shared it.

    A part of another task may be among them, where two tasks call one function.
    """
    tasks = [task for _owner, _round, task, _part in live]
    if became is TaskState.SUCCEEDED:
        # Nobody may be left to wait; it ran all the same.
        state.counts[called].succeeded += 1
        if called in tasks:
            tasks.remove(called)
    for task in tasks:
        count = state.counts[task]
        match became:
            case TaskState.SUCCEEDED:
                count.memoized += 1
            case TaskState.SKIPPED:
                count.skipped += 1
            case TaskState.FAILED:
                count.failed += 1
            case _:
                count.cancelled += 1


def _is_live(state: State, waiter: Waiter) -> bool:
    owner = state.owners.get(waiter[0])
    return owner is not None and owner.round == waiter[1]


def _move(call: CallRun, then: TaskState) -> None:
    check_move(call.state, then)
    call.state = then


def _is_ending(state: State) -> bool:
    return state.phase not in (RunState.RUNNING, RunState.PAUSED)
