"""What do workers hold, and what did they bring back?

An assignment is a row before its first call begins, so that what killed a worker, or this
process, is known. What comes back from one that was closed meanwhile is remembered, for it is
true, and otherwise dropped.
"""

import threading
from collections.abc import Callable, Hashable, Mapping, Sequence
from concurrent.futures import CancelledError, Future
from functools import partial
from typing import Any

from ragflow.core.faults import fault_of
from ragflow.core.records import Loaded
from ragflow.core.retry import Fault, FaultKind
from ragflow.errors import PipelineError, PluginError, RunError, SkipDocument, TimedOutError
from ragflow.interfaces.execution import WorkerDiedError, out_of_time
from ragflow.scheduling.calls import Call, Performed, Stop
from ragflow.scheduling.carrying import Brought, Lacking
from ragflow.scheduling.fencing import Fenceable
from ragflow.scheduling.held import Held, Packer
from ragflow.scheduling.owners import ContentChangedError, ends_the_run, of_one
from ragflow.scheduling.stage import Stage
from ragflow.scheduling.surroundings import Attempt, Surroundings
from ragflow.scheduling.transitions.commands import Answer, Open
from ragflow.scheduling.transitions.commands import Stop as Stopping
from ragflow.scheduling.transitions.events import Died, Ended, Event, Fenced, Result, Skipped
from ragflow.scheduling.transitions.policy import Policy
from ragflow.scheduling.transitions.state import LOAD

#: The thing a worker made of a call, or why it made nothing.
Came = Performed | Loaded | Stop


class Holding:
    """Opens assignments, hands them to executors and takes what comes back."""

    def __init__(
        self,
        stage: Stage,
        surroundings: Surroundings,
        policy: Policy,
        kinds: Mapping[str, str],
        *,
        post: Callable[..., None],
        tell: Callable[[Event], None],
        give_up: Callable[[BaseException], None],
        changed: Callable[[Hashable], None],
    ) -> None:
        self._stage = stage
        self._s = surroundings
        self._policy = policy
        self._packer = Packer(stage, surroundings, policy, kinds)
        self._post = post
        self._tell = tell
        # Ends the run for an error that is no owner's.
        self._give_up = give_up
        # Told the key of a call whose owner is not what it was taken for.
        self._changed = changed
        self._opening: list[Held] = []
        self._open: dict[int, Held] = {}
        self._closing: list[int] = []
        self._handing = threading.Lock()
        # Failed attempts, by key of the call.
        self._attempts: dict[Hashable, int] = {}
        # What came of calls the core has not answered yet, by key.
        self._came: dict[Hashable, Came] = {}

    # Out

    def open(self, command: Open, calls: Sequence[Call]) -> None:
        """Let an assignment wait to be written down, with others."""
        over = partial(self._post, self._over_at_last, command.assignment)
        self._opening.append(self._packer.pack(command, calls, over))

    def hand_over(self) -> None:
        """Write down what waits to be, then hand it to the workers."""
        if self._closing and self._s.assignments is not None and self._s.run is not None:
            self._s.assignments.close(self._s.run, self._closing)
            self._closing = []
        if not self._opening:
            return
        opening, self._opening = self._opening, []
        for held in opening:
            self._open[held.work.number] = held
            _ = self._s.executors[held.executor]  # opened here, not in the thread that writes
        if self._s.assignments is None or self._s.run is None:
            self._begin(opening)
            return
        written = self._s.assignments.open(self._s.run, [held.row for held in opening])
        written.add_done_callback(partial(self._opened, opening))

    def _opened(self, opening: Sequence[Held], written: Future[None]) -> None:
        """Hand over what is written down, in the thread that wrote: the loop is not waited for."""
        if written.exception() is not None:
            self._post(self._unopened, opening, written.exception())
        elif any(held.executor == "inline" for held in opening):
            self._post(self._begin, opening)  # it runs where it is handed over
        else:
            self._begin(opening)

    def _unopened(self, opening: Sequence[Held], error: BaseException) -> None:
        self._give_up(error)
        for held in opening:
            self._tell(Died(self._s.clock.elapsed(), held.command.assignment))

    def _begin(self, opening: Sequence[Held]) -> None:
        for held in opening:
            with self._handing:
                if held.work.number not in self._open:
                    continue  # it was stopped before it began
                try:
                    future = self._s.executors[held.executor].submit(held.work)
                except Exception as error:  # noqa: BLE001 - the loop must hear of it
                    self._post(self._unopened, [held], error)
                    continue
            future.add_done_callback(partial(self._post, self.back, held))

    # Stopped

    def stop(self, command: Stopping) -> None:
        """End an assignment whose outcome nobody wants any more; does not wait for its end."""
        number = self._packer.number(command.assignment)
        with self._handing:  # either it is not handed over any more, or it can be stopped
            held = self._open.pop(number, None)
        if held is None:
            return
        executor = self._s.executors[held.executor]
        is_reached = held.executor in self._s.room.isolated or held.work.is_async
        if is_reached:  # it may take a moment until it is over
            threading.Thread(target=executor.stop, args=(number,), daemon=True).start()
        else:
            if isinstance(held.work, Fenceable):
                held.work.is_fenced = True
            is_reached = executor.stop(number)
        self._closing.append(number)
        if not is_reached and isinstance(held.work, Fenceable):
            self._tell(Fenced(self._s.clock.elapsed(), command.assignment))
        if command.is_late:  # else no time was left for it in all, which is said of the call
            self._record_timeout(held, goes_on=not is_reached)

    def _record_timeout(self, held: Held, *, goes_on: bool) -> None:
        """Record the attempt of an assignment that was stopped because its time was over."""
        longest = self._stage.nodes[held.command.task].task.settings.timeout.attempt
        assert longest is not None
        took = self._s.clock.elapsed() - held.opened_at
        error = out_of_time(longest.total_seconds(), goes_on=goes_on)
        if goes_on:
            told = "its thread cannot be ended and goes on, what it returns is dropped"
            error.args = (f"{error}; {told}",)
        for key, (task, owner, part) in zip(held.command.keys, held.names, strict=True):
            stop = Stop(task, part, error, _gives_up(self._fault(held, error)))
            self._failed(key, stop, owner, "timeout", took)

    def _over_at_last(self, assignment: int) -> None:
        """Hear that a thread came to its end which went on after its call was given up."""
        self._tell(Ended(self._s.clock.elapsed(), assignment, ()))

    # Back

    def back(self, held: Held, future: Future[Any]) -> None:
        """Take what a worker brought back, or that it is lost."""
        at, number = self._s.clock.elapsed(), held.work.number
        if number in self._open and _is_lacking(future):
            self._begin([held])  # again, with what its worker does not hold
            return
        if self._open.pop(number, None) is None:
            # It was closed: what it made is true, and the core hears only that it is over.
            self.remember_unheard(held, future)
            if not (isinstance(held.work, Fenceable) and held.work.is_fenced):
                self._tell(Ended(at, held.command.assignment, ()))
            return
        error = CancelledError() if future.cancelled() else future.exception()
        if isinstance(error, WorkerDiedError):
            self._died(held, error)
            return
        self._closing.append(number)
        if isinstance(error, CancelledError):  # nobody here stopped it, and the core waits
            self._tell(Died(at, held.command.assignment))
            return
        if isinstance(error, ContentChangedError):
            self._brought(held, Brought([error] * len(held.names), 0.0))
            return
        if isinstance(error, PluginError | PipelineError):  # every other call would fail, too
            ended = RunError(str(error), hint=error.hint)
            ended.__cause__ = error
            error = ended
        if error is not None:
            self._failed_whole(held, error)
            return
        self._brought(held, future.result())

    def _died(self, held: Held, error: WorkerDiedError) -> None:
        for key, (task, owner, part) in zip(held.command.keys, held.names, strict=True):
            self._failed(key, Stop(task, part, error), owner, "died")
        if self._s.assignments is not None and self._s.run is not None:
            self._s.assignments.died(self._s.run, [held.work.number])  # which closes it, too
        self._tell(Died(self._s.clock.elapsed(), held.command.assignment))

    def _failed_whole(self, held: Held, error: BaseException) -> None:
        """Take that a batch, or what its task needs opened, failed for all its calls."""
        one = self._of_one(error)
        fault = self._fault(held, one)
        for key, (task, owner, part) in zip(held.command.keys, held.names, strict=True):
            stop = Stop(task, part, one, _gives_up(fault))
            if len(held.names) == 1:
                self._failed(key, stop, owner, _outcome(fault, one))
            else:
                self._came[key] = stop
        self._tell(Ended(self._s.clock.elapsed(), held.command.assignment, (), fault))

    def _brought(self, held: Held, brought: Brought) -> None:
        results: list[Result] = []
        ran = 0
        for place, outcome in enumerate(brought.outcomes):
            if isinstance(outcome, BaseException):
                results.append(self._raised(held, place, outcome))
                ran += isinstance(outcome, SkipDocument)
                continue
            ran += 1
            key = held.command.keys[place]
            self._came[key] = outcome
            results.append(None)
            if isinstance(outcome, Performed):
                self._remember(held, place, outcome)
        total = self._s.totals.tasks.get(held.names[0][0])
        if total is not None:
            total.ran += ran
            total.seconds += brought.seconds
            for spent in brought.spent:
                self._s.totals.spend(held.names[0][0], spent)
        if self._s.suspects:
            self._acquit(held, results)
        at = self._s.clock.elapsed()
        self._tell(Ended(at, held.command.assignment, tuple(results), seconds=brought.seconds))

    def _acquit(self, held: Held, results: Sequence[Result]) -> None:
        """Forget the deaths of calls that were suspects and came back."""
        names = [name for _, name in held.row.calls]
        innocent = [
            n
            for n, r in zip(names, results, strict=True)
            if n in self._s.suspects and not isinstance(r, Fault)
        ]
        for name in innocent:
            del self._s.suspects[name]
        if innocent and self._s.assignments is not None:
            self._s.assignments.clear(self._s.instance, innocent)

    def _raised(self, held: Held, place: int, error: BaseException) -> Result:
        key = held.command.keys[place]
        task, owner, part = held.names[place]
        one = self._of_one(error)
        if isinstance(one, ContentChangedError):
            self._changed(key)
            return Fault(FaultKind.LASTING)
        if isinstance(one, SkipDocument):
            self._came[key] = Stop(task, part, one)
            return Skipped()
        fault = self._fault(held, one)
        stop = Stop(task, part, one, _gives_up(fault))
        self._failed(key, stop, owner, _outcome(fault, one))
        return fault

    def _of_one(self, error: BaseException) -> Exception:
        """Return the error that an owner failed by; end the run for one that is no owner's."""
        if not ends_the_run(error):
            return of_one(error)
        self._give_up(error)
        return _as_exception(error)

    def _fault(self, held: Held, error: BaseException) -> Fault:
        task = held.command.task
        policy = self._policy.load if task == LOAD else self._policy.tasks[task]
        assert policy is not None
        return fault_of(error, policy.retry, now=self._s.clock.now())

    def _failed(
        self,
        key: Hashable,
        stop: Stop,
        owner: str,
        outcome: str,
        seconds: float | None = None,
    ) -> None:
        """Keep why a call failed, and record the attempt."""
        self._came[key] = stop
        number = self._attempts.get(key, 0) + 1
        self._attempts[key] = number
        self._s.failed(owner, stop, Attempt(number, outcome, seconds))

    def answered(self, answer: Answer) -> Came | None:
        """Return what came of a call that is over, and forget it."""
        self._attempts.pop(answer.key, None)
        return self._came.pop(answer.key, None)

    def _remember(self, held: Held, place: int, performed: Performed) -> None:
        key = held.command.keys[place]
        if performed.memo is not None and isinstance(key, bytes):
            task, base = held.names[place][0], held.bases[place]
            self._s.memos.put(key, performed.memo, task=task, base=base)

    def remember_unheard(self, held: Held, future: Future[Any]) -> None:
        """Remember what a worker computed though the run is over."""
        if future.cancelled() or future.exception() is not None:
            return
        brought = future.result()
        if not isinstance(brought, Brought):
            return
        for place, outcome in enumerate(brought.outcomes):
            if isinstance(outcome, Performed):
                self._remember(held, place, outcome)


def _is_lacking(future: Future[Any]) -> bool:
    """Tell whether a worker did nothing because it does not hold what it was to hold."""
    if future.cancelled() or future.exception() is not None:
        return False
    return isinstance(future.result(), Lacking)


def _as_exception(error: BaseException) -> Exception:
    if isinstance(error, Exception):
        return error
    wrapped = RuntimeError(str(error))
    wrapped.__cause__ = error
    return wrapped


def _gives_up(fault: Fault) -> bool:
    return fault.kind is FaultKind.GIVE_UP


def _outcome(fault: Fault, error: Exception) -> str:
    """Return the word that an attempt's row has for how it failed."""
    if isinstance(error, TimedOutError):
        return "timeout"
    return "limit" if fault.kind is FaultKind.LIMIT else "error"
