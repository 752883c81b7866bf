"""What is different between the owners of a source and the steps of a run?"""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import msgspec

from ragflow.core.items import Fingerprint
from ragflow.core.node import Node
from ragflow.core.records import Loaded
from ragflow.scheduling.calls import Call, Stop
from ragflow.scheduling.transitions.events import Begin
from ragflow.scheduling.walk import Outcome


class Entering(msgspec.Struct, frozen=True, gc=False):
    """An owner that enters: its number, weight and how it begins."""

    owner: int
    weight: int
    begin: Begin
    #: Deaths alone of whoever loaded it, where it was being loaded when something died.
    suspect: int | None = None


class Expansion(msgspec.Struct, gc=False):
    """The calls of one task over one owner, with what came of each so far."""

    calls: Sequence[Call]
    outcomes: list[Outcome | None]
    #: For the parts the core was told of, in its order: their place in `calls`.
    places: list[int]


class Stage(Protocol):
    """Knows the values of owners, which the core does not.

    Called in the loop's thread only, except for what `loading` and `commit` return.
    """

    #: The tasks, as the core numbers them.
    nodes: Sequence[Node]
    #: What the task that loads owners is called in totals and attempts.
    origin: str

    def enter(self) -> Entering | None:
        """Let the next owner enter; None where there is no further one."""

    def key(self, owner: int) -> str:
        """Return the key of an owner on its way, for people."""

    def load_name(self, owner: int) -> Fingerprint:
        """Return what the load of an owner is known by: of one content, in every run."""

    def loading(self, owner: int) -> Callable[[], Loaded]:
        """Return what loads an owner; called on a worker."""

    def loaded(self, owner: int, outcome: Loaded | Stop) -> None:
        """Take what came of loading an owner."""

    def place(self, owner: int) -> tuple[int, bool]:
        """Return the weight of an owner that was loaded and whether it is walked."""

    def calls(self, owner: int, task: int) -> list[Call]:
        """Return the calls of a task over an owner; everything before it is settled.

        Raises `ContentChangedError` when the owner is not what it was taken for.
        """

    def stopped(self, owner: int, task: int) -> tuple[int, int]:
        """Return how many parts its rule keeps a task from: skipped, and blocked."""

    def refuses(self, owner: int, call: Call) -> Stop | None:
        """Say why a call that no memo answers is not begun, if it is not."""

    def asked(self, owner: int, ran: int, memoized: int) -> None:
        """Hear how many calls of a task over an owner are made, and how many are answered.

        By memos, or by an equal call that is under way.
        """

    def settle(
        self, owner: int, task: int, calls: Sequence[Call], outcomes: Sequence[Outcome]
    ) -> None:
        """Take what came of a task's calls, in their order."""

    def arrive(self, owner: int, *, is_unread: bool) -> tuple[int, bool]:
        """Return how many rows an owner came to and whether it failed.

        Raises `ContentChangedError` as `calls` does.
        """

    def restart(self, owner: int) -> None:
        """Begin with an owner anew."""

    def preferred(self) -> list[int]:
        """Return the owners on their way that somebody waits for."""

    def commit(self, owners: Sequence[int]) -> Callable[[], Any] | None:
        """Return what writes these owners, called on a thread; None where nothing is written."""

    def committed(self, owners: Sequence[int], written: Any) -> None:
        """Hear that these owners are written, and forget them."""

    def drop(self, owner: int) -> None:
        """Forget an owner: the run ends before it is served."""
