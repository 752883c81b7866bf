"""What a home must not lose, as plain dictionaries."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime

from ragflow.core.run_records import Lease, Request
from ragflow.core.states import Change, OwnerState, RunState

NAMES = ["handbook", "wiki"]
ALIVE = (RunState.RUNNING, RunState.PAUSED, RunState.CANCELLING)


@dataclass
class Row:
    """The lease of an instance."""

    epoch: int = 0
    owner: str | None = None
    renewed_at: datetime | None = None
    is_locked: bool = False


@dataclass
class Letter:
    """A dead letter."""

    tries: int
    not_before: datetime | None
    state: OwnerState
    attempts: int = 1
    is_discarded: bool = False


@dataclass
class Run:
    """A run and what was asked of it."""

    instance: str
    state: RunState = RunState.RUNNING
    asked: Request | None = None


@dataclass
class Home:
    """All of it."""

    leases: dict[str, Row] = field(default_factory=lambda: {name: Row() for name in NAMES})
    runs: dict[int, Run] = field(default_factory=dict)
    #: By run and number: the calls with the key they are for, and whether it is alone.
    open: dict[tuple[int, int], tuple[dict[bytes, str], bool]] = field(default_factory=dict)
    #: By instance and call: deaths alone, in company, and the key.
    deaths: dict[tuple[str, bytes], tuple[int, int, str]] = field(default_factory=dict)
    seen: dict[tuple[str, str], bytes] = field(default_factory=dict)
    letters: dict[tuple[str, str], Letter] = field(default_factory=dict)
    events: Counter[str] = field(default_factory=Counter)

    def counts(self, lease: Lease, name: str) -> bool:
        row = self.leases[name]
        return row.epoch == lease.epoch and row.renewed_at is not None

    def die(self, name: str, numbers: list[tuple[int, int]]) -> None:
        for number in numbers:
            calls, alone = self.open.pop(number)
            for call, key in calls.items():
                before = self.deaths.get((name, call), (0, 0, ""))
                self.deaths[name, call] = (before[0] + alone, before[1] + (not alone), key)

    def die_of_a_worker(self, name: str, numbers: list[tuple[int, int]]) -> None:
        """Nobody else died: it was alone if it held one call, whatever was open beside it."""
        for number in numbers:
            calls, _ = self.open[number]
            self.open[number] = (calls, len(calls) == 1)
        self.die(name, numbers)

    def cut_off(self, name: str, but_not: int) -> None:
        for number, run in self.runs.items():
            if run.instance == name and number != but_not and run.state in ALIVE:
                run.state = RunState.FAILED
                self.events["run.cut_off"] += 1

    def change(self, place: tuple[str, str], token: bytes, now: datetime) -> Change:
        seen, letter = self.seen.get(place), self.letters.get(place)
        if seen is None:
            return Change.ADDED
        if seen != token:
            return Change.MODIFIED
        if letter is None or letter.is_discarded:
            return Change.UNCHANGED
        if letter.not_before is not None:
            is_due = letter.not_before <= now
        else:
            is_due = letter.state is OwnerState.FAILED
        return Change.STALE if is_due else Change.UNCHANGED

    def forget_deaths(self, name: str, key: str) -> None:
        for place in [place for place, (_, _, owner) in self.deaths.items() if owner == key]:
            if place[0] == name:
                del self.deaths[place]
