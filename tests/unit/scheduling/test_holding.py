"""What holds assignments tells the core the end of each, however its future ends."""

from collections.abc import Iterable, Sequence
from concurrent.futures import CancelledError, Future
from typing import Any

import pytest

from ragflow.clock import SystemClock
from ragflow.core.run_records import OpenAssignment
from ragflow.interfaces.execution import Work, WorkerDiedError
from ragflow.scheduling.holding import Holding
from ragflow.scheduling.surroundings import Surroundings
from ragflow.scheduling.transitions.commands import Open
from ragflow.scheduling.transitions.events import Died, Event
from ragflow.scheduling.transitions.policy import Policy
from ragflow.scheduling.transitions.state import LOAD


class OneOwner:
    """A stage of which only the load of one owner is asked."""

    nodes = ()
    origin = "read"

    def key(self, owner: int) -> str:
        return f"k{owner}"

    def load_name(self, owner: int) -> bytes:
        return bytes([owner])

    def loading(self, owner: int) -> Any:
        return None  # nothing is carried out here


class Futures:
    """An executor whose futures a test ends."""

    def __init__(self) -> None:
        self.given: list[Future[Any]] = []

    def submit(self, work: Work) -> Future[Any]:
        del work
        self.given.append(Future())
        return self.given[-1]


class Rows:
    """What is written down of assignments, at once."""

    def __init__(self) -> None:
        self.said: list[tuple[str, list[int]]] = []

    def open(self, run: int, assignments: Sequence[OpenAssignment]) -> Future[None]:
        self.said.append(("open", [each.number for each in assignments]))
        written: Future[None] = Future()
        written.set_result(None)
        return written

    def close(self, run: int, numbers: Iterable[int]) -> None:
        self.said.append(("close", list(numbers)))

    def died(self, run: int, numbers: Iterable[int]) -> None:
        self.said.append(("died", list(numbers)))


class World:
    """One load that was handed over, and what becomes known of it."""

    def __init__(self) -> None:
        executor, self.rows = Futures(), Rows()
        self.told: list[Event] = []
        self.failed: list[str] = []
        nothing: Any = None
        surroundings = Surroundings(
            instance=nothing,
            run=1,
            memos=nothing,
            assignments=self.rows,  # type: ignore[arg-type]
            executors={"threads": executor},  # type: ignore[dict-item]
            resources=nothing,
            clock=SystemClock(),
            totals=nothing,
            serve=None,
            progress=lambda _: None,
            failed=lambda key, *_: self.failed.append(key),
        )
        self.holding = Holding(
            OneOwner(),  # type: ignore[arg-type]
            surroundings,
            Policy(tasks=()),
            {},
            post=lambda handle, *arguments: handle(*arguments),
            tell=self.told.append,
            give_up=self.told.append,  # type: ignore[arg-type]
            changed=self.told.append,  # type: ignore[arg-type]
        )
        self.holding.open(Open(1, LOAD, (("load", 0),), is_alone=False), [])
        self.holding.hand_over()
        [self.future] = executor.given


def cancel(future: Future[Any]) -> None:
    future.cancel()
    future.set_running_or_notify_cancel()


@pytest.mark.parametrize(
    "end", [cancel, lambda future: future.set_exception(CancelledError())], ids=["state", "error"]
)
def test_a_future_that_nobody_stopped_and_that_is_cancelled_is_told_however_it_says_so(end):
    world = World()
    end(world.future)
    [died] = world.told
    assert isinstance(died, Died)
    assert died.assignment == 1
    world.holding.hand_over()
    assert world.rows.said == [("open", [1]), ("close", [1])]


def test_what_died_is_counted_and_not_closed_as_well():
    world = World()
    world.future.set_exception(WorkerDiedError(1))
    assert [type(event) for event in world.told] == [Died]
    assert world.failed == ["k0"]
    world.holding.hand_over()
    assert world.rows.said == [("open", [1]), ("died", [1])]
