"""Two schedulers over one home under a virtual clock; a seed decides everything."""

from collections import Counter
from collections.abc import Callable
from heapq import heappop, heappush
from random import Random
from typing import Any

import msgspec

from ragflow.core.states import RunState
from ragflow.scheduling.transitions.commands import Command
from ragflow.scheduling.transitions.events import Event, Told, Turn
from ragflow.scheduling.transitions.policy import DEATHS, Policy
from tests.simulation import ending
from tests.simulation.home import Home
from tests.simulation.invariants import Violation
from tests.simulation.plan import Key, Kind, Wrong, choose, load_is_fine
from tests.simulation.shell import KilledError, Shell
from tests.simulation.workers import Held

#: Steps, and things that happen, after which a seed that goes on does not end.
MOST_STEPS = 12_000
MOST_HAPPENINGS = 60_000
#: Runs without faults after which everything that can be served is.
MOST_CALM_RUNS = 8


class Process:
    """A scheduler's process, over all its lives."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.shell: Shell | None = None
        self.is_stopped = False
        self.is_waiting = False
        self.backlog: list[tuple[Shell, Callable[..., None], tuple[Any, ...]]] = []


class World:
    """Everything there is in one seed."""

    def __init__(self, seed: int, say: Callable[[str], None] | None = None) -> None:
        self.seed, self.say = seed, say
        self.rng = Random(seed)
        self.plan = choose(self.rng)
        self.home = Home()
        #: Rows by name, each with the owner it was written for.
        self.target: dict[str, int] = {}
        #: The epoch of everything that wrote to it, to be compared with what was the newest then.
        self.written_from: list[tuple[int, int]] = []
        self.contents = dict(self.plan.first)
        for owner, content in self.contents.items():
            if self.rng.random() < self.plan.seen and load_is_fine(self.plan, content):
                self.home.seen[owner] = content
        self.time, self.offset = 0.0, 1000.0
        self.heap: list[tuple[float, int, Shell | None, Callable[..., None], tuple[Any, ...]]] = []
        self.ticks = 0
        self.processes = (Process("A"), Process("B"))
        #: Steps of the core, and those that are more than a turn.
        self.steps = self.events = 0
        self.stats: Counter[str] = Counter()
        self.moments = list(reversed(self.plan.moments))
        self.kill_in: int | None = None
        self.unreachable_until = 0.0
        self.is_calm = self.is_finished = False
        self.calm_runs = 0
        #: How often each call was called; came back well; and may have, its memo being lost.
        self.executions: dict[Key, int] = {}
        self.successes: dict[Key, int] = {}
        self.lost: dict[Key, int] = {}
        #: How often each call killed who held nothing else, died so for whatever reason, and
        #: deaths nobody could write down.
        self.kills_alone: dict[Key, int] = {}
        self.died_alone: dict[Key, int] = {}
        self.lost_deaths = 0

    # --- Time ---------------------------------------------------------------------------------

    def clock(self) -> float:
        """Return what the machine's clock shows."""
        return self.time + self.offset

    def later(
        self, delay: float, shell: Shell | None, act: Callable[..., None], *about: Any
    ) -> None:
        """Let something happen, unless the process it happens in is gone by then."""
        self.ticks += 1
        heappush(self.heap, (self.time + delay, self.ticks, shell, act, about))

    def run(self) -> Counter[str]:
        """Live through the seed; returns what happened, raises `Violation` for what must not."""
        for owner, instant in self.plan.changes_at.items():
            self.later(instant, None, self.change, owner)
        for process in self.processes:
            self._wait(process, self.rng.random())
        happenings = 0
        while not self.is_finished:
            if not self.heap:
                raise Violation("nothing is left to happen, and not everything is served")
            happenings += 1
            if happenings > MOST_HAPPENINGS or self.steps > MOST_STEPS:
                raise Violation("it does not end")
            time, _, shell, act, about = heappop(self.heap)
            self.time = max(self.time, time)
            self._happen(shell, act, about)
        return self.stats

    def _happen(
        self, shell: Shell | None, act: Callable[..., None], about: tuple[Any, ...]
    ) -> None:
        if shell is None:
            act(*about)
        elif shell.is_dead:
            return
        elif shell.process.is_stopped:
            shell.process.backlog.append((shell, act, about))
            return
        else:
            self._act(shell, act, *about)
        if self.moments and self.moments[-1][0] <= self.steps:
            working = self.working()
            if working is not None:
                self._act(working, self._go_wrong, working)
        if not self.is_calm and self.steps >= self.plan.calm_after:
            self.calm_down()

    def _act(self, shell: Shell, act: Callable[..., None], *about: Any) -> None:
        try:
            act(*about)
            shell.plan_turn()
        except KilledError:
            self.die(shell.process)

    # --- What shells tell the world -----------------------------------------------------------

    def stepped(self, shell: Shell, event: Event, commands: list[Command]) -> None:
        """Count a step; raises `KilledError` where the process dies in the middle of it."""
        self.steps += 1
        self.events += type(event) is not Turn
        if self.say is not None:
            self.say(f"{self.time:9.3f} {shell.process.name}{shell.epoch} {_short(event)}")
            for command in commands:
                self.say(f"{'':14}-> {_short(command)}")
        if self.kill_in is not None and not shell.process.is_stopped:
            self.kill_in -= 1
            if self.kill_in < 0:
                self.kill_in = None
                raise KilledError

    def count(self, wrong: Wrong) -> None:
        self.stats[wrong] += 1

    def chance(self, wrong: Wrong) -> float:
        return 0.0 if self.is_calm else self.plan.chances[wrong]

    def policy(self) -> Policy:
        """Return what the core is told; in the end nobody stops a run for its failures."""
        if not self.is_calm:
            return self.plan.policy
        return msgspec.structs.replace(self.plan.policy, max_failed=None)

    def commit_fails(self) -> Wrong | None:
        for wrong in (Wrong.COMMIT_BEFORE, Wrong.COMMIT_AFTER):
            chance = self.chance(wrong)
            if chance and self.rng.random() < chance:
                self.count(wrong)
                return wrong
        return None

    def is_unreachable(self) -> bool:
        return self.time < self.unreachable_until

    def succeeded(self, shell: Shell, key: Key) -> None:
        """Hold how often a call came back well to what deaths of schedulers can explain."""
        if shell.is_late:
            return
        count = self.successes[key] = self.successes.get(key, 0) + 1
        if count > 1 + self.lost.get(key, 0):
            raise Violation(f"{key} succeeded {count} times, its memo never lost")

    def killed(self, shell: Shell, held: Held, is_isolated: bool) -> None:
        """Count a death; where the task is not isolated it is the scheduler's."""
        is_alone = len(held.keys) == 1 if is_isolated else held.is_alone
        if is_alone and is_isolated:
            self._died_alone(held.durable[0])
        if is_alone and self.plan.nature(held.actual[0]).kind is Kind.POISON:
            key = held.durable[0]
            self.kills_alone[key] = self.kills_alone.get(key, 0) + 1
            # Who lost the lease can write down nothing more.
            self.lost_deaths += shell.is_late
            if self.kills_alone[key] > DEATHS + self.lost_deaths:
                raise Violation(f"{key} killed {self.kills_alone[key]} times, alone")
        if not is_isolated:
            raise KilledError

    def _died_alone(self, key: Key) -> None:
        self.died_alone[key] = self.died_alone.get(key, 0) + 1

    def gone(self, shell: Shell) -> None:
        """Forget a shell that ended, lost its lease or died."""
        if shell.is_dead:
            return
        shell.is_dead = True
        self._lose_pending(shell)
        shell.process.shell = None
        for process in self.processes:
            self._wait(process, self.rng.uniform(0.05, 2.0))

    def _lose_pending(self, shell: Shell) -> None:
        """Count what a shell knows and can never write down any more."""
        if shell.is_late:
            return
        shell.is_late = True
        for name, about, *_ in shell.pending:
            if name == "memo" and about not in self.home.memos:
                self.lost[str(about)] = self.lost.get(str(about), 0) + 1
            elif name == "died":
                self.lost_deaths += 1

    def ended(self, became: RunState) -> None:
        """Take the end of a run."""
        self.stats[f"run {became}"] += 1
        if self.is_calm:
            self.calm_runs += 1
            self.is_finished = ending.is_served(self)
            if self.is_finished:
                ending.check(self)
            elif self.calm_runs > MOST_CALM_RUNS:
                raise Violation(f"not served without faults: {ending.unserved(self)}")
        elif self.stats[f"run {RunState.FAILED}"] > MOST_CALM_RUNS or became not in (
            RunState.FAILED,
            RunState.CANCELLED,
        ):  # one that fails for want of luck with its budget does so for ever
            # What is listed next is what it is in the end.
            for owner in self.plan.changes:
                self.change(owner)
            self.calm_down()

    # --- Processes ----------------------------------------------------------------------------

    def _wait(self, process: Process, delay: float) -> None:
        if not process.is_waiting and process.shell is None:
            process.is_waiting = True
            self.later(delay, None, self.try_take, process)

    def try_take(self, process: Process) -> None:
        """Take the lease where it is free; else try again when it may be."""
        process.is_waiting = False
        home, now = self.home, self.clock()
        if home.holder is not None and home.until > now:
            self._wait(process, min(5.0, home.until - now) + 0.01)
            return
        for other in self.processes:
            if other.shell is not None:
                self._lose_pending(other.shell)
        for row in home.rows.values():
            if row.is_alone:
                self._died_alone(row.keys[0])
        epoch = home.take(process.name, now)
        if self.say is not None:
            self.say(f"{self.time:9.3f} {process.name}{epoch} takes the lease")
        process.shell = Shell(self, process, epoch)
        process.shell.begin()

    def die(self, process: Process) -> None:
        """Kill a scheduler, with every worker and everything it did not write down."""
        shell = process.shell
        assert shell is not None
        if self.say is not None:
            self.say(f"{self.time:9.3f} {process.name}{shell.epoch} is killed")
        self.count(Wrong.SCHEDULER_DEATH)
        if self.plan.is_locked and self.home.is_held(shell.epoch):
            self.home.holder = None
        self.gone(shell)

    def wake(self, process: Process) -> None:
        """Let a stopped process go on where it was, however late it is."""
        if process.is_stopped:
            process.is_stopped = False
            backlog, process.backlog = process.backlog, []
            for shell, act, about in backlog:
                self.later(0.0, shell, act, *about)

    def working(self) -> Shell | None:
        """Return who has the lease and is at work."""
        for process in self.processes:
            shell = process.shell
            if shell is not None and not process.is_stopped and self.home.is_held(shell.epoch):
                return shell
        return None

    # --- What goes wrong ----------------------------------------------------------------------

    def _go_wrong(self, shell: Shell) -> None:
        wrong = self.moments.pop()[1]
        if self.say is not None:
            self.say(f"{self.time:9.3f} ** {wrong}")
        rng = self.rng
        match wrong:
            case Wrong.SCHEDULER_DEATH:
                self.kill_in = rng.randint(0, 3)
                return
            case Wrong.LOST_LEASE:
                shell.process.is_stopped = True
                self.later(rng.uniform(31, 80), None, self.wake, shell.process)
                return
            case Wrong.UNREACHABLE:
                self.unreachable_until = self.time + rng.uniform(2, 20)
                return
            case Wrong.CLOCK_FORWARD:
                self.offset += rng.choice((rng.uniform(0.1, 5), rng.uniform(5, 100)))
                shell.turn()
            case Wrong.CLOCK_BACK:
                self.offset -= rng.choice((rng.uniform(0.1, 5), rng.uniform(5, 60)))
                shell.turn()
            case Wrong.CANCEL:
                shell.ask(Told.CANCEL)
            case _:
                shell.ask(Told.PAUSE)
                self.later(rng.uniform(0.5, 20), shell, shell.ask, Told.RESUME)
        self.count(wrong)

    def change(self, owner: int) -> None:
        """Let an owner become what it is in the end."""
        if owner in self.contents:
            content = self.plan.changes[owner]
            if content is None:
                del self.contents[owner]
            else:
                self.contents[owner] = content

    def calm_down(self) -> None:
        """Let nothing go wrong from now on."""
        if self.is_calm:
            return
        self.is_calm = True
        self.moments.clear()
        self.kill_in = None
        self.unreachable_until = 0.0
        # Nobody's files vanish under a listing here: what goes, goes before the next one.
        for owner, content in self.plan.changes.items():
            if content is not None:
                self.change(owner)
        self.later(0.0, None, self.settle)
        for process in self.processes:
            self.wake(process)

    def settle(self) -> None:
        """Let a person look after what went wrong: resume, and replay what died by chance."""
        for key in list(self.home.deaths):
            if ending.is_innocent(self.plan, key):
                del self.home.deaths[key]
        for process in self.processes:
            if process.shell is not None:
                self._act(process.shell, process.shell.ask, Told.RESUME)


def _short(what: object) -> str:
    fields = msgspec.structs.asdict(what)  # type: ignore[arg-type]
    shown = " ".join(
        f"{name}={_plain(value)}"
        for name, value in fields.items()
        if name != "at" and value not in (None, (), {}, 0, False)
    )
    return f"{type(what).__name__} {shown}".rstrip()


def _plain(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.3f}"
    if isinstance(value, tuple):
        return f"({','.join(_plain(each) for each in value)})"
    if isinstance(value, msgspec.Struct):
        return _short(value)
    return str(value)
