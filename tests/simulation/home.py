"""A home as the simulator has it: what survives every death, behind a compare-and-set."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.simulation.plan import Key

#: A change to the home: its name and what it is about. Each may be made twice.
Change = tuple[object, ...]

#: Seconds a lease lives, and after which it is renewed.
LEASE = 30.0
RENEWED = 10.0


class RefusedError(Exception):
    """The lease is another's by now."""


class FailedError(Exception):
    """A commit failed, or nobody knows whether it did."""


@dataclass(frozen=True, slots=True)
class Row:
    """An assignment that is open, as it is written down."""

    task: int
    keys: tuple[Key, ...]
    is_alone: bool


@dataclass(frozen=True, slots=True)
class Done:
    """What an owner was last served from and last tried with, and why that failed."""

    served: int | None
    tried: int
    #: What failed by what would release it: ``time``, ``content``, ``deaths``.
    causes: frozenset[str] = frozenset()
    #: Calls that killed their workers.
    killers: tuple[Key, ...] = ()


@dataclass(slots=True)
class Home:
    """Everything that is remembered."""

    epoch: int = 0
    holder: str | None = None
    until: float = 0.0
    memos: dict[Key, None] = field(default_factory=dict)
    seen: dict[int, int] = field(default_factory=dict)
    #: Open assignments, by epoch and number.
    rows: dict[tuple[int, int], Row] = field(default_factory=dict)
    #: Deaths alone, by call; calls that were open when something died.
    deaths: dict[Key, int] = field(default_factory=dict)
    suspects: dict[Key, None] = field(default_factory=dict)
    #: Rows that may be in the target beside what is held, by owner.
    intents: dict[int, frozenset[str]] = field(default_factory=dict)
    done: dict[int, Done] = field(default_factory=dict)
    held: dict[int, frozenset[str]] = field(default_factory=dict)
    #: The epoch of every commit that was taken, to be compared with what was the newest then.
    taken_from: list[tuple[int, int]] = field(default_factory=list)

    def take(self, holder: str, now: float) -> int:
        """Give somebody the lease, and turn what was open into suspects; return the epoch."""
        self.epoch += 1
        self.holder, self.until = holder, now + LEASE
        for row in self.rows.values():
            for key in row.keys:
                self.suspects[key] = None
                if row.is_alone:
                    self.deaths[key] = self.deaths.get(key, 0) + 1
        self.rows.clear()
        return self.epoch

    def is_held(self, epoch: int) -> bool:
        """Tell whether the lease is still that of this epoch."""
        return self.epoch == epoch and self.holder is not None

    def renew(self, epoch: int, now: float) -> None:
        if not self.is_held(epoch):
            raise RefusedError
        self.until = now + LEASE

    def release(self, epoch: int) -> None:
        if self.is_held(epoch):
            self.holder = None

    def commit(self, epoch: int, changes: Sequence[Change]) -> None:
        """Make all changes or none; none where the lease is another's."""
        if not self.is_held(epoch):
            raise RefusedError
        self.taken_from.append((epoch, self.epoch))
        for name, *about in changes:
            _MAKE[str(name)](self, epoch, *about)


def _memo(home: Home, _epoch: int, key: Key) -> None:
    home.memos[key] = None
    home.deaths.pop(key, None)
    home.suspects.pop(key, None)


def _cleared(home: Home, _epoch: int, key: Key) -> None:
    home.deaths.pop(key, None)
    home.suspects.pop(key, None)


def _saw(home: Home, _epoch: int, owner: int, content: int) -> None:
    home.seen[owner] = content


def _open(home: Home, epoch: int, number: int, row: Row) -> None:
    home.rows[epoch, number] = row


def _close(home: Home, epoch: int, number: int) -> None:
    home.rows.pop((epoch, number), None)


def _died(home: Home, epoch: int, number: int) -> None:
    row = home.rows.pop((epoch, number), None)
    # Told twice, it is counted once: what is not open is not counted.
    if row is None:
        return
    for key in row.keys:
        home.suspects[key] = None
        if len(row.keys) == 1:
            home.deaths[key] = home.deaths.get(key, 0) + 1


def _intend(home: Home, _epoch: int, owner: int, rows: frozenset[str]) -> None:
    home.intents[owner] = home.intents.get(owner, frozenset()) | rows


def _serve(home: Home, _epoch: int, owner: int, done: Done, rows: frozenset[str]) -> None:
    home.done[owner] = done
    home.held[owner] = rows
    home.intents.pop(owner, None)


def _fail(home: Home, _epoch: int, owner: int, done: Done) -> None:
    home.done[owner] = done


def _forget(home: Home, _epoch: int, owner: int) -> None:
    for each in (home.done, home.held, home.intents, home.seen):
        each.pop(owner, None)  # type: ignore[attr-defined]


_MAKE = {
    "memo": _memo,
    "cleared": _cleared,
    "saw": _saw,
    "open": _open,
    "close": _close,
    "died": _died,
    "intend": _intend,
    "serve": _serve,
    "fail": _fail,
    "forget": _forget,
}
