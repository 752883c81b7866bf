"""What was computed once is given again, and nobody below can tell."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest

from ragflow import Item, Part, pipeline, task
from ragflow.stores.metadata.memos import SqliteMemos
from ragflow.tasks import read
from tests.unit.scheduling.desk import Desk, Shelf, changes, did, save

CALLS: list[Any] = []


@pytest.fixture(autouse=True)
def _no_calls():
    CALLS.clear()


@task(version="1")
def upper(text: str) -> str:
    CALLS.append(text)
    return text.upper()


@task(version="1", per="batch", batch=8)
def mark(texts: list[str]) -> list[str]:
    CALLS.append(list(texts))
    return [f"{text}!" for text in texts]


def test_only_what_is_made_of_a_whole_memo_may_be_kept_as_what_differs(desk: Desk, monkeypatch):
    """A part would be compared with all of its document, a thousand with a thousand."""
    bases = []
    put = SqliteMemos.put

    def noted(self, key, value, *, task, base=None):
        bases.append((task, base is not None))
        put(self, key, value, task=task, base=base)

    @task(version="1")
    def halves(text: str) -> list[Part[str]]:
        return [Part(text[:1], {}), Part(text[1:], {})]

    @pipeline
    def p(table: str = "t"):
        save(mark(halves(upper(read(Shelf(a="one"))))), table=table)

    monkeypatch.setattr(SqliteMemos, "put", noted)
    desk.run(p)
    assert sorted(bases) == [("halves", True), ("mark", False), ("mark", False), ("upper", False)]


def test_what_was_computed_is_remembered_for_the_home(desk: Desk):
    shelf = Shelf(a="one", b="two")

    @pipeline
    def p(table: str = "t"):
        save(mark(upper(read(shelf))), table=table)

    desk.run(p)
    CALLS.clear()
    shelf.put("c", "one")
    shelf.move("b", "d")
    summary = desk.run(p)
    assert changes(summary) == {"added": 1, "moved": 1, "unchanged": 1}
    assert desk.run(p, table="other")["documents"]["added"] == 3
    assert CALLS == []
    assert desk.values() == desk.values("other")


def test_a_task_that_is_not_remembered_is_called_again(desk: Desk):
    shelf = Shelf(a="one")

    @pipeline
    def p(table: str = "t"):
        save(upper.options(memo=False)(read(shelf)), table=table)

    desk.run(p)
    desk.run(p, table="other")
    assert CALLS == ["one", "one"]


@dataclass
class Person:
    name: str
    tags: tuple[str, ...] = ()


class Place(msgspec.Struct, frozen=True):
    name: str
    at: tuple[int, int]


class Named:
    """A value that says itself what identifies it; it cannot be remembered."""

    def __init__(self, name: str) -> None:
        self.name, self.made = name, object()

    def __fingerprint__(self) -> bytes:
        return self.name.encode()


def one_of_each() -> list[Any]:
    @task(version="1")
    def person(text: str) -> Person:
        return Person(text, (text,))

    @task(version="1")
    def place(text: str) -> Place | None:
        return Place(text, (1, 2))

    @task(version="1")
    def pair(text: str) -> tuple[str, int]:
        return text, 1

    @task(version="1")
    def mapping(text: str) -> dict[str, Any]:
        return {"b": [text], "a": 1.5}

    @task(version="1")
    def generated(text: str) -> Iterator[str]:
        yield text
        yield text * 2

    @task(version="1")
    def spans(text: str) -> list[Part[str]]:
        return [Part(text, {"span": (1, 2), "nested": {"t": ("a",)}})]

    @task(version="1")
    async def later(text: str) -> str:
        await asyncio.sleep(0)
        return text

    @task(version="1")
    def whole(text: str) -> float:
        return 1

    return [person, place, pair, mapping, generated, spans, later, whole]


@task(version="1")
def shown(item: Item[Any]) -> str:
    CALLS.append(item)
    return f"{item.value!r} {dict(item.envelope)}"


@pytest.mark.parametrize("made", one_of_each(), ids=lambda each: each.name)
def test_what_is_remembered_is_what_was_computed(desk: Desk, made: Any):
    shelf = Shelf(a="one")

    @pipeline
    def p(table: str = "t"):
        save(shown.options(memo=False)(made(read(shelf))), table=table)

    fresh = desk.run(p)
    again = desk.run(p, table="other")
    assert did(fresh, made.name) == (1, 0, 0)
    assert did(again, made.name) == (0, 1, 0)
    half = len(CALLS) // 2
    assert CALLS[:half] == CALLS[half:]
    assert desk.values() == desk.values("other")


def test_an_envelope_is_the_same_fresh_or_remembered_so_nothing_is_done_again(desk: Desk):
    shelf = Shelf(a="one")

    @task(version="1")
    def spans(text: str) -> list[Part[str]]:
        return [Part(text, {"span": (1, 2)})]

    @pipeline
    def p(size: int = 1):
        del size
        save(upper(shown(spans(read(shelf)))))

    desk.run(p)
    shelf.touch("a")
    shelf.put("b", "one")
    desk.run(p)
    shelf.take("b")
    assert desk.run(p)["chunks"]["upserted"] == 0
    assert [each for each in CALLS if isinstance(each, str)] == ["'one' {'span': [1, 2]}"]


def test_a_value_that_names_itself_travels_without_being_remembered(desk: Desk):
    shelf = Shelf(a="one", b="two")

    @task(version="1", memo=False)
    def named(text: str) -> Named:
        return Named(text)

    @task(version="1")
    def name(value: Named) -> str:
        CALLS.append(value.name)
        return value.name

    @pipeline
    def p(table: str = "t"):
        save(name(named(read(shelf))), table=table)

    desk.run(p)
    desk.run(p, table="other")
    assert desk.values("other") == {"a": ["one"], "b": ["two"]}
    assert sorted(CALLS) == ["one", "two"]


def test_a_task_that_returns_another_type_than_it_says_fails_at_once(desk: Desk):
    shelf = Shelf(a="one")

    @task(version="1")
    def lie(text: str) -> int:
        return text  # type: ignore[return-value]

    @pipeline
    def p():
        save(lie(read(shelf)))

    summary = desk.run(p)
    assert changes(summary) == {"failed": 1}
    said = desk.failures(summary["run"])[0].message
    assert said.startswith("the task 'lie' returned a str where it says int")


def test_parameters_and_code_make_another_call(desk: Desk):
    shelf = Shelf(a="one")

    def made(version: str) -> Any:
        @task(version=version)
        def fill(text: str, *, size: int = 1) -> str:
            CALLS.append((version, size))
            return text * size

        return fill

    first, second = made("1"), made("2")

    def run(task: Any, **parameters: Any) -> dict[str, Any]:
        @pipeline
        def p():
            save(task(read(shelf), **parameters))

        return desk.run(p)

    assert changes(run(first)) == {"added": 1}
    assert changes(run(first)) == {"unchanged": 1}
    assert changes(run(first, size=2)) == {"stale": 1}
    assert desk.values() == {"a": ["oneone"]}
    assert changes(run(second, size=2)) == {"stale": 1}
    assert changes(run(first)) == {"stale": 1}
    assert CALLS == [("1", 1), ("1", 2), ("2", 2)]
