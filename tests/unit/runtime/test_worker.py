"""What a worker holds, refuses and says."""

import sys
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from ragflow import resource, task
from ragflow.clock import SystemClock
from ragflow.errors import RunError
from ragflow.incremental.fingerprint import fingerprint_value
from ragflow.interfaces.execution import Limits
from ragflow.runtime.worker import Held, Lines, Worker
from ragflow.scheduling.calls import Call, Performed
from ragflow.scheduling.carrying import Brought, Carried, Lacking
from ragflow.scheduling.datum import Datum
from ragflow.scheduling.elsewhere import Elsewhere
from ragflow.scheduling.owners import ContentChangedError
from ragflow.scheduling.printing import Masks
from ragflow.scheduling.resources import OpenResources
from ragflow.scheduling.travel import SMALL, SentTask, Told
from tests.unit.scheduling.test_travel import node_of

LARGE = "x" * (SMALL + 1)
OPENED: list[str] = []


@resource
def thing(word: str) -> Any:
    return Thing(word)


class Thing:
    """Says when it is opened and closed."""

    def __init__(self, word: str) -> None:
        self.word = word
        OPENED.append(f"open {word}")

    def close(self) -> None:
        OPENED.append(f"close {self.word}")


@task(executor="processes", version="1", memo=False)
def double(text: str) -> str:
    return text * 2


@task(executor="processes", version="1")
def count(text: str, *, llm: Any = thing, word: str = "w") -> list[str]:
    if text == "bad":
        raise ValueError(text)
    return [str(len(text)), llm.word]


@task(executor="processes")
def plain(text: str) -> str:
    return f"{text} {sys.platform}"


@pytest.fixture
def worker() -> Iterator[Worker]:
    OPENED.clear()
    one = Worker()
    yield one
    one.close()


@pytest.fixture
def other() -> Iterator[Worker]:
    """A second worker, which holds nothing."""
    one = Worker()
    yield one
    one.close()


class World:
    """Carries calls to a worker and remembers what was said."""

    def __init__(self, *tasks: Any) -> None:
        self.nodes = {}
        above = "read"
        for used in tasks:
            node = msgspec.structs.replace(node_of(used), data=(above,))
            self.nodes[node.name] = node
            above = node.name
        self.elsewhere = Elsewhere(self.nodes)
        self.lines: list[tuple[Any, ...]] = []
        self.sizes: list[tuple[int, int]] = []

    def carried(self, name: str, *inputs: Datum, **limits: Any) -> Carried:
        node = self.nodes[name]
        key = b"k" if node.task.settings.memo else None
        return Carried(
            1,
            [Call(node, (), (each,), "owner", key) for each in inputs],
            "str",
            Limits(**limits),
            resources=OpenResources(str),
            clock=SystemClock(),
            elsewhere=self.elsewhere,
            logged=lambda *line: self.lines.append(line),
            masks=Masks(),
            used=lambda used: None,
        )

    def do(self, worker: Worker, name: str, *inputs: Datum, **limits: Any) -> Any:
        return self.go(worker, self.carried(name, *inputs, **limits))

    def go(self, worker: Worker, carried: Carried) -> Any:
        sent = carried.encode()
        answer = worker.perform(sent, carried.hear)
        self.sizes.append((len(sent), len(answer)))
        return carried.decode(answer)


def given(value: str) -> Datum:
    return Datum(fingerprint_value(value), {}, value=value)


def parts(brought: Any) -> list[Datum]:
    assert isinstance(brought, Brought)
    [performed] = brought.outcomes
    assert isinstance(performed, Performed)
    return performed.parts


def test_what_a_worker_made_is_held_and_named_to_the_next_task(worker):
    world = World(double, count)
    [doubled] = parts(world.do(worker, "double", given(LARGE)))
    assert [each.value() for each in parts(world.do(worker, "count", doubled))] == [
        str(2 * len(LARGE)), "w",
    ]  # fmt: skip
    assert world.sizes[0][1] < 500
    assert world.sizes[1][0] < 1000


def test_what_is_small_is_sent_rather_than_held(worker, other):
    world = World(double, count)
    [doubled] = parts(world.do(worker, "double", given("ab")))
    assert doubled.value() == "abab"
    assert [each.value() for each in parts(world.do(other, "count", doubled))] == ["4", "w"]


def test_a_worker_that_lacks_a_value_does_nothing_and_is_sent_it(worker, other):
    world = World(double.options(memo=True), count)
    [doubled] = parts(world.do(worker, "double", given(LARGE)))
    carried = world.carried("count", doubled)
    assert isinstance(world.go(other, carried), Lacking)
    assert OPENED == []
    assert parts(world.go(other, carried))[0].value() == str(2 * len(LARGE))
    other.close()


def test_a_value_that_is_nowhere_any_more_lets_the_owner_begin_anew(worker, other):
    world = World(double, count)
    [doubled] = parts(world.do(worker, "double", given(LARGE)))
    carried = world.carried("count", doubled)
    assert isinstance(world.go(other, carried), Lacking)
    with pytest.raises(ContentChangedError):
        carried.encode()
    # From then on what the owner comes to is sent back.
    [doubled] = parts(world.do(worker, "double", given(LARGE)))
    assert doubled.value() == LARGE * 2
    other.close()


def test_a_resource_is_opened_once_and_closed_with_the_worker(worker):
    world = World(count)
    for text in "abc":
        world.do(worker, "count", given(text))
    assert OPENED == ["open w"]
    worker.close()
    worker.close()
    assert OPENED == ["open w", "close w"]


def test_one_failing_call_of_a_bundle_fails_alone(worker):
    world = World(count)
    brought = world.do(worker, "count", given("a"), given("bad"), given("b"))
    [first, second, third] = brought.outcomes
    assert isinstance(second, ValueError)
    assert [each.parts[0].value() for each in (first, third)] == ["1", "1"]


def test_what_is_returned_past_the_limit_is_refused_though_it_stays(worker):
    world = World(double, count)
    brought = world.do(worker, "double", given(LARGE), output=SMALL)
    assert "the limit of its task" in str(brought.outcomes[0])


def test_code_that_changed_is_refused(worker):
    world = World(plain)
    node = world.nodes["plain"]
    sent = msgspec.msgpack.decode(world.elsewhere.task(node), type=SentTask)
    changed = msgspec.structs.replace(sent, code=b"another")
    world.elsewhere._tasks["plain"] = msgspec.msgpack.encode(changed)
    with pytest.raises(RunError, match="the code of the task 'plain' is not what it was"):
        world.do(worker, "plain", given("a"))


def test_a_task_that_cannot_be_imported_is_refused(worker):
    world = World(plain)
    sent = msgspec.msgpack.decode(world.elsewhere.task(world.nodes["plain"]), type=SentTask)
    gone = msgspec.structs.replace(sent.place, path="gone")
    world.elsewhere._tasks["plain"] = msgspec.msgpack.encode(
        msgspec.structs.replace(sent, place=gone)
    )
    with pytest.raises(RunError, match=r"the task 'plain' cannot be had in a worker: .*'gone'"):
        world.do(worker, "plain", given("a"))


def test_what_was_not_asked_for_longest_goes_when_room_is_needed():
    held = Held()
    assert held.hold(b"a", "A", 40, 100)
    assert held.hold(b"b", "B", 40, 100)
    assert held[b"a"] == "A"
    assert held.hold(b"c", "C", 40, 100)
    assert (b"a" in held, b"b" in held, b"c" in held) == (True, False, True)
    assert not held.hold(b"d", "D", 101, 100)
    assert b"a" in held


def said_of(*texts: str) -> list[str]:
    """Return what is told of lines."""
    told: list[bytes] = []
    lines = Lines(told.append)
    for text in texts:
        lines.add("t", "k", "out", None, text)
    return [msgspec.msgpack.decode(each, type=Told).line.text for each in told]


def test_lines_end_with_one_that_says_that_more_were_dropped():
    said = said_of(*map(str, range(10_000)))
    assert len(said) == 5001
    assert said[-1] == "what it said after this was dropped"
    for text in ("x" * (1 << 20), "y", "z"):
        assert len(said_of(text, text, text)) == (2 if len(text) > 1 else 3)
