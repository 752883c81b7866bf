"""What may the core ask of the shell? The shell carries commands out in their order."""

from collections.abc import Hashable

import msgspec

from ragflow.core.states import TaskState

#: Who waits for an answer: owner, its round, task, part.
Waiter = tuple[int, int, int, int]


class Expand(msgspec.Struct, frozen=True, gc=False):
    """Find the calls of a task over an owner: everything before it is over. Reply: `Asked`."""

    owner: int
    round: int
    task: int


class Open(msgspec.Struct, frozen=True, gc=False):
    """Write the assignment down, then hand it to a worker. Reply: `Ended` or `Died`."""

    assignment: int
    #: `LOAD` for the loads of owners, whose numbers are in the keys.
    task: int
    keys: tuple[Hashable, ...]
    #: Whether it is in nobody's company.
    is_alone: bool


class Stop(msgspec.Struct, frozen=True, gc=False):
    """End an assignment where it can be ended; what still comes of it is dropped."""

    assignment: int
    #: Whether that is because one attempt may not take longer. The shell's clock goes on while
    #: it works, so only the core can tell.
    is_late: bool = False


class Answer(msgspec.Struct, frozen=True, gc=False):
    """A call is over: keep what came of it for who waits."""

    key: Hashable
    state: TaskState
    waiters: tuple[Waiter, ...]
    #: Why it failed where the shell holds no error: ``queue``, ``attempt``, ``total``, ``deaths``.
    reason: str | None = None


class Settle(msgspec.Struct, frozen=True, gc=False):
    """All calls of a task over an owner are answered."""

    owner: int
    task: int


class Place(msgspec.Struct, frozen=True, gc=False):
    """An owner was loaded: find what it is and how far it must be walked. Reply: `Placed`."""

    owner: int


class Arrive(msgspec.Struct, frozen=True, gc=False):
    """All tasks of an owner are over: find its rows. Reply: `Arrived` or `Restarted`."""

    owner: int
    #: Whether it could not even be loaded.
    is_unread: bool


class Commit(msgspec.Struct, frozen=True, gc=False):
    """Write what these owners came to. Reply: `Committed` or `NotCommitted`."""

    portion: int
    owners: tuple[int, ...]


class Drop(msgspec.Struct, frozen=True, gc=False):
    """Forget an owner: the run ends before it is served."""

    owner: int


Command = Expand | Open | Stop | Answer | Settle | Place | Arrive | Commit | Drop
