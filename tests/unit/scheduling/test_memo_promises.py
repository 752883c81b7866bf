"""What memos promise: an unchanged result stops a change, and an error is never remembered."""

from typing import Any

import pytest

from ragflow import Retry, pipeline, task
from ragflow.tasks import read
from tests.unit.scheduling.desk import Desk, Shelf, changes, did, over, save

CALLS: list[Any] = []
DOWN: set[str] = set()


@pytest.fixture(autouse=True)
def _fresh():
    CALLS.clear()
    DOWN.clear()


@task(version="1")
def first_word(text: str) -> str:
    CALLS.append(("first_word", text))
    return text.partition(" ")[0]


@task(version="1", per="batch", batch=4, retries=Retry(attempts=1))
def mark(words: list[str]) -> list[str]:
    CALLS.append(("mark", tuple(words)))
    if DOWN & set(words):
        raise ValueError("it does not do")
    return [f"{word}!" for word in words]


def test_a_result_that_did_not_change_ends_the_change_there(desk: Desk):
    shelf = Shelf(a="one two", b="three")
    p = over(shelf, first_word, mark)
    desk.run(p)
    CALLS.clear()
    shelf.put("a", "one and much more")
    summary = desk.run(p)
    assert changes(summary) == {"modified": 1, "unchanged": 1}
    assert CALLS == [("first_word", "one and much more")]
    assert did(summary, "mark") == (0, 1, 0)
    assert desk.tables.applied[-1] == (2, 0)


def test_what_two_pipelines_make_of_the_same_is_made_once(desk: Desk):
    shelf, other = Shelf(a="one", b="two"), Shelf(x="two", y="one")

    @pipeline
    def p():
        save(mark(first_word(read(shelf))), table="p")

    @pipeline
    def q():
        save(mark(first_word(read(other))), table="q")

    desk.run(p)
    CALLS.clear()
    assert changes(desk.run(q)) == {"added": 2}
    assert CALLS == []
    assert desk.values("q") == {"x": ["two!"], "y": ["one!"]}


def test_an_error_is_not_remembered_and_what_came_before_it_is(desk: Desk):
    shelf = Shelf(a="one", b="bad")
    p = over(shelf, first_word, mark)
    DOWN.add("bad")
    desk.run(p)
    assert desk.values() == {"a": ["one!"]}
    with desk.home() as home:
        letters = home.metadata.dead_letters.list()
        home.metadata.dead_letters.replay([letter.id for letter in letters], actor="me")
    DOWN.clear()
    CALLS.clear()
    desk.run(p)
    assert CALLS == [("mark", ("bad",))]
    assert desk.values() == {"a": ["one!"], "b": ["bad!"]}
