"""Who does what the core says, and tells it what came of it?

One thread runs this loop and owns all state. It does nothing slow itself: workers are handed
assignments, a thread of its own writes portions, and all answer through one queue.
"""

import queue
from collections import deque
from collections.abc import Callable, Hashable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Any

from ragflow.core.faults import fault_of
from ragflow.core.items import Fingerprint
from ragflow.core.node import Node
from ragflow.core.options import Timeouts
from ragflow.core.records import Loaded
from ragflow.core.retry import Fault, FaultKind, Retry
from ragflow.core.run_records import Request
from ragflow.core.states import RunState, TaskState
from ragflow.errors import LeaseLostError, RunCancelled
from ragflow.scheduling.asking import Asker
from ragflow.scheduling.calls import Call, Stop
from ragflow.scheduling.descent import Verdict
from ragflow.scheduling.holding import Holding
from ragflow.scheduling.interruption import Interruption, interruptible
from ragflow.scheduling.owners import ContentChangedError
from ragflow.scheduling.stage import Stage
from ragflow.scheduling.surroundings import Surroundings
from ragflow.scheduling.transitions import commands as command
from ragflow.scheduling.transitions import events as event
from ragflow.scheduling.transitions.policy import Policy
from ragflow.scheduling.transitions.room import has_room
from ragflow.scheduling.transitions.state import LOAD, State, new_state
from ragflow.scheduling.transitions.step import is_over, step
from ragflow.scheduling.transitions.timers import next_instant
from ragflow.scheduling.why import reason_to_fail, reason_to_stop

#: Seconds between two looks at what other processes ask of the run, and at the clock.
POLL = 0.25
#: Seconds between two reports of progress.
REPORT = 0.1


class Shell:
    """Carries one stage of a run through: the owners of an origin, or steps."""

    def __init__(
        self, surroundings: Surroundings, policy: Policy, stage: Stage, kinds: Mapping[str, str]
    ) -> None:
        self._s = surroundings
        self._stage = stage
        self._events: queue.SimpleQueue[tuple[Callable[..., None], tuple[Any, ...]]] = (
            queue.SimpleQueue()
        )
        self._commands: deque[command.Command] = deque()
        self._asker = Asker(
            stage, surroundings, kinds, round_of=self._round_of, restart=self._restart
        )
        self._holding = Holding(
            stage,
            surroundings,
            policy,
            kinds,
            post=self._post,
            tell=self._tell,
            give_up=self._give_up,
            changed=self._changed,
        )
        self.state: State = new_state(
            policy,
            surroundings.clock.elapsed(),
            buckets=surroundings.handed_on.buckets,
            failed_owners=surroundings.handed_on.failed_owners,
        )
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="ragflow-commits")
        self._failure: BaseException | None = None
        self._has_news = True
        self._looked = self._reported = 0.0
        self._do: dict[type, Callable[[Any], None]] = {
            command.Expand: self._asker.expand,
            command.Open: self._open,
            command.Stop: self._holding.stop,
            command.Answer: self._answer,
            command.Settle: self._asker.settle,
            command.Place: self._place,
            command.Arrive: self._arrive,
            command.Commit: self._commit,
            command.Drop: self._drop,
        }

    def run(self) -> None:
        """Work through the stage; return when everything is over and committed.

        Interrupted or cancelled, it begins nothing more, commits what is finished, remembers
        what was computed and raises: `KeyboardInterrupt`, `RunCancelled`, or what ended the
        run. A second interruption does not wait for what workers hold.
        """
        try:
            with interruptible(self._wake) as interruption:
                self._loop(interruption)
        except BaseException:
            self._abandon()
            raise
        finally:
            self._writer.shutdown()
            self._s.handed_on.failed_owners = self.state.failed_owners
        self._raise()

    def _loop(self, interruption: Interruption) -> None:
        while True:
            self._look(interruption)
            self._let_in()
            self._turn()
            if is_over(self.state):
                self._holding.hand_over()
                return
            self._report()
            self._hear()

    def _raise(self) -> None:
        if self._failure is not None:
            raise self._failure
        if self.state.phase is RunState.CANCELLING:
            raise RunCancelled("the run was cancelled")
        if self.state.phase is RunState.FAILED:
            raise reason_to_stop(self.state)

    # To the core

    def _tell(self, happened: event.Event) -> None:
        self._has_news = True
        self.state, commands = step(self.state, happened)
        self._commands.extend(commands)

    def _turn(self) -> None:
        """Let the core begin what is due, and do what it says, until it says nothing more."""
        self._settle_down()
        while self._has_news:
            self._has_news = False
            self.state, commands = step(self.state, event.Turn(self._now()))
            self._commands.extend(commands)
            self._settle_down()
            self._holding.hand_over()

    def _settle_down(self) -> None:
        while self._commands or self._asker.ask(self._tell):
            while self._commands:
                each = self._commands.popleft()
                self._do[type(each)](each)

    def _now(self) -> float:
        return self._s.clock.elapsed()

    # From outside

    def _let_in(self) -> None:
        while has_room(self.state):
            entering = self._stage.enter()
            if entering is None:
                self._tell(event.Exhausted(self._now()))
                return
            self._tell(
                event.Entered(
                    self._now(),
                    entering.owner,
                    entering.weight,
                    entering.begin,
                    entering.suspect,
                )
            )
            if len(self._commands) > 256:
                self._settle_down()

    def _look(self, interruption: Interruption) -> None:
        """See whether a person, or another process, asks something of the run."""
        if interruption.is_asked and self._failure is None:
            self._failure = KeyboardInterrupt()
            self._tell(event.Asking(self._now(), event.Told.CANCEL))
        now = self._now()
        if now - self._looked < POLL:
            return
        self._looked = now
        for number in self._stage.preferred():
            self._tell(event.Preferred(now, number))
        asked = self._s.asked()
        phase = self.state.phase
        if asked is Request.CANCEL and phase in (RunState.RUNNING, RunState.PAUSED):
            self._tell(event.Asking(now, event.Told.CANCEL))
            self._s.entered(RunState.CANCELLING)
        elif asked is Request.PAUSE and phase is RunState.RUNNING:
            self._tell(event.Asking(now, event.Told.PAUSE))
            self._s.entered(RunState.PAUSED)
        elif asked is Request.RESUME and phase is RunState.PAUSED:
            self._tell(event.Asking(now, event.Told.RESUME))
            self._s.entered(RunState.RUNNING)

    def _hear(self) -> None:
        """Wait for something to happen, no longer than until something falls due."""
        due = next_instant(self.state)
        wait = POLL if due is None else min(POLL, max(0.0, due - self._now()))
        if has_room(self.state):
            wait = 0.0  # a portion was let go: others may enter at once
        with suppress(queue.Empty):
            handle, arguments = self._events.get(timeout=wait)
            handle(*arguments)
            while True:
                handle, arguments = self._events.get_nowait()
                handle(*arguments)
        self._has_news = True

    def _post(self, handle: Callable[..., None], *arguments: Any) -> None:
        """Let the loop's thread call a function; may be called on any thread."""
        self._events.put((handle, arguments))

    def _wake(self) -> None:
        self._events.put((_nothing, ()))

    def _report(self) -> None:
        now = self._now()
        if now - self._reported > REPORT:
            self._reported = now
            queues = zip(self._stage.nodes, self.state.queues, strict=False)
            self._s.progress({node.name: len(each.loose) for node, each in queues if each.loose})

    # What the core says

    def _open(self, each: command.Open) -> None:
        calls = [] if each.task == LOAD else [self._asker.calls[key] for key in each.keys]
        self._holding.open(each, calls)

    def _answer(self, each: command.Answer) -> None:
        came = self._holding.answered(each)
        call = self._asker.calls.get(each.key)
        name = self._stage.origin if call is None else call.node.name
        if each.state is TaskState.FAILED:
            timeouts = Timeouts() if call is None else call.node.task.settings.timeout
            error = reason_to_fail(each.reason, timeouts, self._name_of(each, call))
            if error is not None:
                came = Stop(name, () if call is None else call.path, error)
            # Nobody waits for a call whose owner began anew: it is not what failed.
            if each.waiters and name in self._s.totals.tasks:
                self._s.totals.tasks[name].failed += 1
        if isinstance(each.key, tuple):
            for number, *_ in each.waiters:
                assert isinstance(came, Loaded | Stop)
                self._stage.loaded(number, came)
        else:
            assert not isinstance(came, Loaded)
            self._asker.answer(each, came)

    def _name_of(self, each: command.Answer, call: Call | None) -> Fingerprint:
        """Return what a call is known by in every run."""
        if call is not None:
            return call.ticket
        known = [number for number, *_ in each.waiters]
        return self._stage.load_name(known[0]) if known else b""

    def _place(self, each: command.Place) -> None:
        if self._round_of(each.owner) is None:
            return
        weight, is_walked = self._stage.place(each.owner)
        self._tell(event.Placed(self._now(), each.owner, weight, is_walked))

    def _arrive(self, each: command.Arrive) -> None:
        if self._round_of(each.owner) is None:
            return
        try:
            rows, has_failed = self._stage.arrive(each.owner, is_unread=each.is_unread)
        except ContentChangedError:
            self._restart(each.owner)
            return
        except Exception as error:  # noqa: BLE001 - it ends the run, in order
            self._give_up(error)
            return
        self._tell(event.Arrived(self._now(), each.owner, rows, has_failed))

    def _changed(self, key: Hashable) -> None:
        """Begin anew with the owners that wait for a call: they are not what they were."""
        call = self.state.calls.get(key)
        for number, round_, *_ in [] if call is None else list(call.waiters):
            if self._round_of(number) == round_:
                self._restart(number)

    def _round_of(self, number: int) -> int | None:
        owner = self.state.owners.get(number)
        return None if owner is None else owner.round

    def _restart(self, number: int) -> None:
        round_ = self._round_of(number)
        if round_ is not None:
            self._stage.restart(number)
            self._asker.forget(number)
            self._tell(event.Restarted(self._now(), number, round_))

    def _commit(self, each: command.Commit) -> None:
        write = self._stage.commit(each.owners)
        if write is None:
            self._stage.committed(each.owners, None)
            self._tell(event.Committed(self._now(), each.portion))
            return
        future = self._writer.submit(write)
        future.add_done_callback(lambda done: self._post(self._written, each, done))

    def _written(self, each: command.Commit, future: Future[Any]) -> None:
        error = future.exception()
        if error is None:
            self._stage.committed(each.owners, future.result())
            self._tell(event.Committed(self._now(), each.portion))
            return
        if isinstance(error, LeaseLostError):
            self._give_up(error)
            return
        fault = Fault(FaultKind.LASTING)
        if isinstance(error, Exception):
            fault = fault_of(error, Retry(), now=self._s.clock.now())
        phase = self.state.phase
        self._tell(event.NotCommitted(self._now(), each.portion, fault))
        if self.state.phase is RunState.FAILED and phase is not RunState.FAILED:
            self._failure = self._failure or error
        elif self.state.phase is not RunState.FAILED:
            self._s.noted(f"writing is tried again in a moment: {error}")

    def _drop(self, each: command.Drop) -> None:
        self._asker.forget(each.owner)
        self._stage.drop(each.owner)

    # Ends

    def _give_up(self, error: BaseException) -> None:
        """End the run for an error that is no owner's; the first is what is told."""
        if self._failure is None:
            self._failure = error
        if isinstance(error, LeaseLostError):
            self._tell(event.Lost(self._now()))
        else:
            self._tell(event.Asking(self._now(), event.Told.FAIL))

    def _abandon(self) -> None:
        """Leave at once: remember what comes back unheard, begin nothing."""
        for executor in self._s.executors.values():
            executor.abandon()
        with suppress(queue.Empty):
            while True:
                handle, arguments = self._events.get_nowait()
                if handle == self._holding.back:
                    self._holding.remember_unheard(*arguments)


def verdicts(state: State, nodes: Sequence[Node]) -> dict[str, Verdict]:
    """Return what became of each task, looked at as a whole."""
    return {
        node.name: Verdict(
            succeeded=count.succeeded + count.memoized,
            skipped=count.skipped,
            failed=count.failed + count.blocked + count.cancelled,
        )
        for node, count in zip(nodes, state.counts, strict=False)
    }


def _nothing() -> None:
    """Do nothing: somebody woke the loop."""
