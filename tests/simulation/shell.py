"""One scheduler process around the core: it carries commands out and tells events."""

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ragflow.core.retry import Fault
from ragflow.core.states import TaskState
from ragflow.scheduling.transitions.commands import (
    Answer,
    Arrive,
    Command,
    Commit,
    Drop,
    Expand,
    Open,
    Place,
    Settle,
    Stop,
)
from ragflow.scheduling.transitions.events import Asking, Event, Fenced, Lost, Told, Turn
from ragflow.scheduling.transitions.state import LOAD, new_state
from ragflow.scheduling.transitions.step import is_over, run_state, step
from ragflow.scheduling.transitions.timers import next_instant
from tests.simulation import answers, workers, writing
from tests.simulation.home import RENEWED, Change, Done, FailedError, RefusedError, Row
from tests.simulation.invariants import Watch
from tests.simulation.plan import Key, Wrong
from tests.simulation.records import Record

if TYPE_CHECKING:
    from tests.simulation.world import Process, World


class KilledError(Exception):
    """The scheduler's process is gone."""


class Shell:
    """One life of a scheduler: from taking the lease to its end, its loss or its death."""

    def __init__(self, world: "World", process: "Process", epoch: int) -> None:
        self.world, self.process, self.epoch = world, process, epoch
        self.plan, self.home, self.rng = world.plan, world.home, world.rng
        self.state = new_state(world.policy(), world.clock())
        self.watch = Watch(self)
        self.is_dead = False
        #: Whether the lease is another's, though nobody may have noticed.
        self.is_late = False
        self.records: dict[int, Record] = {}
        #: What the core waits for an answer to.
        self.owed: dict[tuple[object, ...], None] = {}
        self.inbox: deque[tuple[Callable[..., None], tuple[Any, ...]]] = deque()
        #: Changes that wait to be written, memos among them, and assignments that wait with them.
        self.pending: list[Change] = []
        self.fresh: dict[Key, None] = {}
        self.starting: dict[int, tuple[Open, tuple[Key, ...]]] = {}
        #: What loads are known by beyond this run, and the content each found.
        self.loads: dict[tuple[int, int, int], Key] = {}
        self.read: dict[int, int] = {}
        #: What workers hold.
        self.running: dict[int, workers.Held] = {}
        #: What was to be stopped and goes on: not told yet, and told.
        self.unstopped: list[tuple[int, workers.Held]] = []
        self.fenced: dict[int, workers.Held] = {}
        self.faults: dict[Key, Fault] = {}
        self.failed_keys: dict[Key, str] = {}
        self.deaths: dict[Key, int] = {}
        self.served: dict[int, tuple[Done | None, frozenset[str] | None]] = {}
        self.to_come = answers.listing(self)
        self.wants_turn = True
        self.is_turn_planned = self.is_flush_planned = False
        self.wake_at: float | None = None
        self.woken_for = 0.0

    def begin(self) -> None:
        self.world.later(RENEWED, self, self.renew)
        self.world.later(0.0, self, self.turn)

    # --- Telling ------------------------------------------------------------------------------

    def tell(self, event: Event) -> None:
        """Tell the core one event, look at everything, and do what it asks for."""
        world = self.world
        self.watch.before(event)
        self.state, commands = step(self.state, event)
        world.stepped(self, event, commands)
        for command in commands:
            _CARRY[type(command)](self, command)
        self.watch.after(event, commands)
        self.wants_turn = True
        while self.unstopped:
            number, held = self.unstopped.pop()
            self.fenced[number] = held
            world.count(Wrong.UNSTOPPABLE)
            self.tell(Fenced(world.clock(), number))
        if world.rng.random() < world.chance(Wrong.DUPLICATE):
            self._duplicate(event)
        if self.starting:
            self.flush()

    def _duplicate(self, event: Event) -> None:
        name = type(event).__name__
        if name in ("Ended", "Died", "Fenced", "Committed", "Restarted"):
            self.world.later(self.rng.uniform(0, 15), self, self.again, event, Wrong.DUPLICATE)
        elif name in ("NotCommitted", "Lost", "Exhausted", "Asking"):
            self.again(event, Wrong.DUPLICATE)

    def again(self, event: Event, wrong: Wrong) -> None:
        """Tell the core what it knows already: it must change nothing."""
        self.world.count(wrong)
        before = self.watch.digest()
        dropped = self.state.dropped
        self.state, commands = step(self.state, event)
        self.world.stepped(self, event, commands)
        self.watch.require(not commands, "a stale event led to commands")
        self.watch.require(self.state.dropped == dropped + 1, "a stale event was not counted")
        self.watch.require(self.watch.digest() == before, "a stale event changed something")

    def answer(self, handler: Callable[..., None], *about: Any) -> None:
        """Answer the core, at once or in a while."""
        if self.plan.is_prompt:
            self.inbox.append((handler, about))
        else:
            self.world.later(self.rng.random() * 0.2, self, handler, self, *about)

    def read_inbox(self) -> None:
        while self.inbox and not self.is_dead:
            handler, about = self.inbox.popleft()
            handler(self, *about)

    # --- Turns --------------------------------------------------------------------------------

    def plan_turn(self) -> None:
        """Give the core a turn soon, if something happened."""
        self.read_inbox()
        if self.wants_turn and not self.is_turn_planned and not self.is_dead:
            self.is_turn_planned = True
            self.world.later(self.rng.choice(self.plan.pauses), self, self.turn)

    def turn(self) -> None:
        self.is_turn_planned = self.wants_turn = False
        now = self.world.clock()
        # Adding and subtracting must not leave the clock a hair short of the instant.
        if 0 < self.woken_for - now < 1e-6:
            now = self.woken_for
        self.tell(Turn(now))
        self.wants_turn = False
        self.read_inbox()
        answers.feed(self)
        self.read_inbox()
        if self.is_dead:
            return
        if is_over(self.state):
            self.end()
            return
        instant = next_instant(self.state)
        if not self.wants_turn:
            self.watch.not_stranded(instant)
        self._plan_wake(instant)
        if self.pending and not self.is_flush_planned:
            self.is_flush_planned = True
            self.world.later(0.5, self, self.flush)

    def _plan_wake(self, instant: float | None) -> None:
        if instant is None or (self.wake_at is not None and self.wake_at <= instant):
            return
        self.wake_at = instant
        self.world.later(max(0.0, instant - self.world.clock()), self, self.wake, instant)

    def wake(self, instant: float) -> None:
        if self.wake_at == instant:
            self.wake_at, self.woken_for = None, instant
            self.turn()

    def ask(self, what: Told) -> None:
        self.tell(Asking(self.world.clock(), what))

    # --- The home -----------------------------------------------------------------------------

    def commit(self, changes: list[Change]) -> None:
        """Commit these and all that waits; raises `FailedError` or `RefusedError`."""
        wrong = self.world.commit_fails()
        if wrong is Wrong.COMMIT_BEFORE:
            raise FailedError
        self.home.commit(self.epoch, [*self.pending, *changes])
        if wrong is Wrong.COMMIT_AFTER:
            raise FailedError
        self.pending.clear()
        starting, self.starting = self.starting, {}
        for opened, keys in starting.values():
            workers.start(self, opened, keys)

    def flush(self) -> None:
        """Write what waits; try again in a while where that fails."""
        self.is_flush_planned = False
        try:
            self.commit([])
        except FailedError:
            self.is_flush_planned = True
            self.world.later(0.3, self, self.flush)
        except RefusedError:
            self.lose()

    def renew(self) -> None:
        try:
            self.home.renew(self.epoch, self.world.clock())
        except RefusedError:
            self.lose()
        else:
            self.world.later(RENEWED, self, self.renew)

    def lose(self) -> None:
        """Stop: another has the lease."""
        if self.is_dead:
            return
        self.world.count(Wrong.LOST_LEASE)
        held = list(self.running.items())
        self.starting.clear()
        self.tell(Lost(self.world.clock()))
        self.watch.require(is_over(self.state), "a run that lost its lease is not over")
        for number, each in held[:3]:
            self.again(workers.result(self, number, each), Wrong.LATE_RESULT)
        self.world.gone(self)

    def end(self) -> None:
        """Write the rest and let go of the run."""
        if self.is_dead:
            return
        try:
            self.commit([])
        except FailedError:
            self.world.later(0.3, self, self.end)
            return
        except RefusedError:
            self.lose()
            return
        state = self.state
        lacks = any(count.failed or count.blocked for count in state.counts)
        became = run_state(state.phase, has_failed=bool(state.failed_owners) or lacks)
        self.home.release(self.epoch)
        self.world.gone(self)
        self.world.ended(became)

    # --- Names --------------------------------------------------------------------------------

    def durable(self, task: int, keys: tuple[Any, ...]) -> tuple[Key, ...]:
        """Return what calls are known by beyond this run."""
        if task == LOAD:
            for key in keys:
                self.loads[key] = f"load:{self.records[key[1]].token}"
            return tuple(self.loads[key] for key in keys)
        return keys


# --- Carrying commands out ------------------------------------------------------------------------


def _expand(shell: Shell, command: Expand) -> None:
    shell.owed[command.owner, command.round, command.task] = None
    shell.answer(answers.ask, command.owner, command.round, command.task)


def _open(shell: Shell, command: Open) -> None:
    keys = shell.durable(command.task, command.keys)
    row = Row(command.task, keys, command.is_alone)
    shell.pending.append(("open", command.assignment, row))
    shell.starting[command.assignment] = (command, keys)


def _stop(shell: Shell, command: Stop) -> None:
    number = command.assignment
    shell.starting.pop(number, None)
    held = shell.running.pop(number, None)
    shell.pending.append(("close", number))
    if held is None:
        return
    if workers.goes_on(shell, held):
        shell.unstopped.append((number, held))
        return
    if shell.rng.random() < shell.world.chance(Wrong.LATE_RESULT):
        late = workers.result(shell, number, held)
        shell.world.later(shell.rng.uniform(0, 5), shell, shell.again, late, Wrong.LATE_RESULT)


def _answer(shell: Shell, command: Answer) -> None:
    if isinstance(command.key, tuple):
        answers.loaded(shell, command)
        return
    key = str(command.key)
    cause = None
    if command.state is TaskState.SUCCEEDED:
        shell.world.succeeded(shell, key)
        shell.pending.append(("memo", key))
        shell.fresh[key] = None
        shell.deaths.pop(key, None)
    elif command.state is TaskState.SKIPPED:
        shell.pending.append(("cleared", key))
    elif command.state is TaskState.FAILED:
        cause = answers.cause(shell, key, command.reason)
        if cause == "content" and shell.plan.remembers_failures:
            shell.failed_keys[key] = cause
    for owner, _round, task, part in command.waiters:
        shell.records[owner].answered(task, part, command.state, cause, key)


def _settle(shell: Shell, command: Settle) -> None:
    record = shell.records[command.owner]
    shell.watch.require(not record.left[command.task], "a task was settled before it was over")


def _place(shell: Shell, command: Place) -> None:
    shell.owed["place", command.owner] = None
    shell.answer(answers.place, command.owner)


def _arrive(shell: Shell, command: Arrive) -> None:
    shell.owed["arrive", command.owner] = None
    shell.answer(answers.arrive, command.owner, command.is_unread)


def _commit(shell: Shell, command: Commit) -> None:
    shell.world.later(shell.rng.uniform(0.0, 0.2), shell, writing.intend, shell, command)


def _drop(shell: Shell, command: Drop) -> None:
    shell.records.pop(command.owner, None)
    shell.served.pop(command.owner, None)


_CARRY: dict[type[Command], Callable[[Shell, Any], None]] = {
    Expand: _expand,
    Open: _open,
    Stop: _stop,
    Answer: _answer,
    Settle: _settle,
    Place: _place,
    Arrive: _arrive,
    Commit: _commit,
    Drop: _drop,
}
