"""Calls are shared, remembered, gathered in batches, and one bad item fails alone."""

import threading
import time
from typing import Any

import pytest

from ragflow import Item, Part, pipeline, task
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


@task(version="1")
def words(text: str) -> list[Part[str]]:
    return [Part(word, {"place": place}) for place, word in enumerate(text.split())]


@task(version="1", per="batch", batch=8)
def mark(texts: list[str]) -> list[str]:
    CALLS.append(list(texts))
    if "bad" in texts:
        raise ValueError("a bad one")
    return [f"{text}!" for text in texts]


def test_equal_documents_are_one_call_with_several_waiters(desk: Desk):
    shelf = Shelf(a="same", b="same", c="same", d="other")

    @pipeline
    def p():
        save(mark(upper(read(shelf))))

    summary = desk.run(p)
    assert sorted(CALLS[:2]) == ["other", "same"]
    assert sorted(CALLS[2]) == ["OTHER", "SAME"]
    assert len(CALLS) == 3
    assert did(summary, "upper") == (2, 2, 0)
    assert did(summary, "mark") == (2, 2, 0)
    assert desk.values() == {"a": ["SAME!"], "b": ["SAME!"], "c": ["SAME!"], "d": ["OTHER!"]}


def test_batches_gather_over_documents(desk: Desk):
    shelf = Shelf(**{f"k{number:02}": f"text {number}" for number in range(20)})

    @pipeline
    def p():
        save(mark(read(shelf)))

    desk.run(p)
    assert sum(map(len, CALLS)) == 20
    assert max(map(len, CALLS)) == 8
    assert len(CALLS) <= 4


def test_a_bad_item_is_found_by_halving_and_fails_alone(desk: Desk):
    texts = {f"k{number}": f"text {number}" for number in range(7)}
    shelf = Shelf(**texts, k7="bad")

    @pipeline
    def p():
        save(mark(read(shelf)))

    summary = desk.run(p)
    # 8, then two halves a round until it is alone: 1 + 2 log2(8).
    assert [len(call) for call in sorted(CALLS, key=len, reverse=True)] == [8, 4, 4, 2, 2, 1, 1]
    assert changes(summary) == {"added": 7, "failed": 1}
    assert did(summary, "mark") == (7, 0, 1)
    assert set(desk.values()) == set(texts)


def test_a_batch_that_answers_another_number_of_items_is_refused(desk: Desk):
    shelf = Shelf(a="1", b="2")

    @task(version="1", per="batch")
    def lose(texts: list[str]) -> list[str]:
        return texts[1:]

    @pipeline
    def p():
        save(lose(read(shelf)))

    summary = desk.run(p)
    assert changes(summary) == {"failed": 2}
    (first, _) = desk.failures(summary["run"])
    assert first.message == "the task 'lose' was given 1 items and answered 0"


def test_a_batch_may_filter_and_cut(desk: Desk):
    shelf = Shelf(a="one two", b="skip", c="three")

    @task(version="1", per="batch")
    def split(texts: list[str]) -> list[list[Part[str]] | None]:
        return [
            None if text == "skip" else [Part(word, {"of": text}) for word in text.split()]
            for text in texts
        ]

    @pipeline
    def p():
        save(split(read(shelf)))

    for _ in range(2):
        desk.run(p)
        assert desk.values() == {"a": ["one", "two"], "c": ["three"]}
    assert desk.payloads()["one"] == {"of": "one two", "key": "a"}


def test_a_batch_may_be_given_joined_values_and_items(desk: Desk):
    shelf = Shelf(a="x y", b="z")

    @task(version="1", per="batch")
    def tell(parts: list[Item[str]], wholes: list[str]) -> list[str]:
        return [
            f"{part.key}{part.envelope['place']} {part.value} of {whole}"
            for part, whole in zip(parts, wholes, strict=True)
        ]

    @pipeline
    def p():
        documents = read(shelf)
        save(tell(words(documents), documents))

    desk.run(p)
    assert desk.values() == {"a": ["a0 x of x y", "a1 y of x y"], "b": ["b0 z of z"]}


def test_calls_run_at_the_same_time(tmp_path):
    desk = Desk(tmp_path, workers=4)
    shelf = Shelf(**{f"k{number}": str(number) for number in range(4)})
    together = threading.Barrier(4)

    @task(version="1")
    def meet(text: str) -> str:
        together.wait(timeout=5)
        return text

    @pipeline
    def p():
        save(meet(read(shelf)))

    assert changes(desk.run(p)) == {"added": 4}


def test_tiny_calls_run_where_they_are_asked_for(desk: Desk):
    shelf = Shelf(a="one")

    @task(version="1", executor="inline")
    def where(text: str) -> str:
        CALLS.append(threading.current_thread() is threading.main_thread())
        return text

    @pipeline
    def p():
        save(where(read(shelf)))

    desk.run(p)
    assert CALLS == [True]


def test_more_owners_than_the_window_holds_pass_through_it(desk: Desk, monkeypatch):
    monkeypatch.setattr("ragflow.scheduling.policies.WINDOW_OWNERS", 4)
    shelf = Shelf(**{f"k{number:03}": f"{number} {number % 7}" for number in range(60)})

    @pipeline
    def p(size: int = 1):
        del size
        save(mark(upper(words(read(shelf)))))

    assert changes(desk.run(p)) == {"added": 60}
    assert len(desk.values()) == 60


@task(version="1")
def fill(text: str, *, size: int) -> str:
    CALLS.append(text)
    return text * size


def test_a_plan_of_more_remembered_owners_than_the_window_holds_ends(desk: Desk):
    """It hung: with no portion to commit and every call remembered, nothing was ever heard."""
    shelf = Shelf(**{f"k{number:04}": "same" for number in range(1100)})

    @pipeline
    def p(size: int = 1):
        save(fill(read(shelf), size=size))

    desk.run(p)
    assert changes(desk.run(p, size=2)) == {"stale": 1100}
    assert len(CALLS) == 2
    plans: list[Any] = []
    thread = threading.Thread(target=lambda: plans.append(desk.plan(p)), daemon=True)
    thread.start()
    thread.join(timeout=60)
    assert [changes(plan) for plan in plans] == [{"stale": 1100}]


def test_slow_documents_do_not_hold_up_others(tmp_path):
    desk = Desk(tmp_path, workers=2)
    shelf = Shelf(a="slow", **{f"k{number}": str(number) for number in range(5)})
    done = threading.Event()

    @task(version="1")
    def wait(text: str) -> str:
        if text == "slow":
            assert done.wait(timeout=5)
        return text

    @task(version="1")
    def last(text: str) -> str:
        if text == "4":
            done.set()
        return text

    @pipeline
    def p():
        save(last(wait(read(shelf))))

    begun = time.monotonic()
    assert changes(desk.run(p)) == {"added": 6}
    assert time.monotonic() - begun < 5
