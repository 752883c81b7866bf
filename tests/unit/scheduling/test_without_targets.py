"""Work that has nothing to do with documents and writes to no target is trusted as much."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from ragflow import Item, pipeline, task
from ragflow.core.states import RunState
from ragflow.errors import NotFoundError, PipelineError, RunError
from tests.unit.scheduling.desk import Desk, changes, did

CALLS: list[Any] = []
#: What the source lists; which numbers fail, and how.
NUMBERS: dict[str, int] = {}
ERRORS: dict[int, Exception] = {}


@pytest.fixture(autouse=True)
def _no_calls():
    CALLS.clear()
    ERRORS.clear()
    NUMBERS.clear()
    NUMBERS.update(a=1, b=2, c=3)


@task(version="1", per="source")
def numbers() -> Iterator[Item[int]]:
    for key, number in NUMBERS.items():
        yield Item(key, number)


@task(version="1")
def double(number: int) -> int:
    CALLS.append(("double", number))
    if number in ERRORS:
        raise ERRORS[number]
    return 2 * number


@task(version="1")
def label(number: int, *, prefix: str = "") -> str:
    CALLS.append(("label", number))
    return f"{prefix}{number}"


@task(version="1", per="run")
def finish(*, what: str = "finished") -> str:
    CALLS.append(what)
    return what


@pipeline
def doubles():
    double(numbers())


def test_a_task_that_nothing_follows_is_called_for_every_item_once(desk: Desk):
    assert changes(desk.run(doubles)) == {"added": 3}
    assert sorted(CALLS) == [("double", 1), ("double", 2), ("double", 3)]
    assert changes(desk.run(doubles)) == {"unchanged": 3}
    assert len(CALLS) == 3
    NUMBERS["b"] = 20
    del NUMBERS["c"]
    assert changes(desk.run(doubles)) == {"unchanged": 1, "modified": 1, "deleted": 1}
    assert CALLS[3:] == [("double", 20)]


def test_an_item_that_failed_is_held_back_until_it_changes(desk: Desk):
    ERRORS[2] = ValueError("no")
    assert changes(desk.run(doubles)) == {"added": 2, "failed": 1}
    assert changes(desk.run(doubles)) == {"unchanged": 2, "held_back": 1}
    NUMBERS["b"] = 5
    assert changes(desk.run(doubles)) == {"unchanged": 2, "added": 1}


def test_plan_equals_run_without_targets_too(desk: Desk):
    assert changes(desk.plan(doubles)) == {"added": 3}
    assert CALLS == []  # done for its own sake: a plan only counts it
    assert changes(desk.run(doubles)) == {"added": 3}
    assert changes(desk.plan(doubles)) == {"unchanged": 3}


def test_only_the_named_items_are_looked_at_and_none_deleted(desk: Desk):
    del NUMBERS["c"]
    desk.run(doubles)
    NUMBERS.clear()
    NUMBERS.update(a=10, b=20)
    assert changes(desk.run(doubles, how={"only": ("b",)})) == {"modified": 1}
    assert CALLS[2:] == [("double", 20)]
    del NUMBERS["a"]
    assert changes(desk.run(doubles, how={"only": ("b",)})) == {}
    with pytest.raises(NotFoundError, match="no source lists 'z'"):
        desk.run(doubles, how={"only": ("z",)})


@pipeline
def labels(prefix: str = ""):
    label(double(numbers()), prefix=prefix)


def test_until_stops_after_a_task_and_the_next_run_goes_on(desk: Desk):
    summary = desk.run(labels, how={"until": "double"})
    assert did(summary, "double") == (3, 0, 0)
    assert "label" not in summary["tasks"]
    summary = desk.run(labels)
    assert did(summary, "double") == (0, 3, 0)
    assert did(summary, "label") == (3, 0, 0)
    with pytest.raises(NotFoundError, match="has no task 'lable'"):
        desk.run(labels, how={"until": "lable"})


def test_from_a_task_on_nothing_remembered_is_used(desk: Desk):
    desk.run(labels)
    summary = desk.run(labels, how={"since": "label"})
    assert did(summary, "double") == (0, 3, 0)
    assert did(summary, "label") == (3, 0, 0)
    assert changes(summary) == {"stale": 3}
    summary = desk.run(labels, how={"force": True})
    assert did(summary, "double") == (3, 0, 0)
    assert changes(desk.run(labels)) == {"unchanged": 3}


def test_more_failures_than_may_be_end_the_run(desk: Desk):
    ERRORS.update({1: ValueError("no"), 2: ValueError("no")})
    with pytest.raises(RunError, match="2 failed, more than the 1"):
        desk.run(doubles, how={"max_failed": 1})
    assert desk.last_run().state == RunState.FAILED


def test_a_share_of_failures_is_judged_at_the_end(desk: Desk):
    ERRORS[1] = ValueError("no")
    with pytest.raises(RunError, match="1 of 3 failed, more than 20%"):
        desk.run(doubles, how={"max_failed": "20%"})
    NUMBERS["a"] = 4
    ERRORS[4] = ValueError("no")
    summary = desk.run(doubles, how={"max_failed": "40%"})
    assert summary["state"] == RunState.SUCCEEDED_WITH_FAILURES


def test_a_cleanup_runs_when_something_failed_and_only_then(desk: Desk):
    @pipeline
    def p():
        done = double(numbers())
        finish.options(name="publish", after=done)(what="published")
        finish.options(name="cleanup", after=done, when="any_failed")(what="cleaned")
        finish.options(name="report", after=done, when="all_done")(what="reported")

    ERRORS[2] = ValueError("no")
    summary = desk.run(p)
    assert {each for each in CALLS if isinstance(each, str)} == {"cleaned", "reported"}
    assert summary["state"] == RunState.SUCCEEDED_WITH_FAILURES
    CALLS.clear()
    ERRORS.clear()
    NUMBERS["b"] = 9
    summary = desk.run(p)
    assert {each for each in CALLS if isinstance(each, str)} == {"published", "reported"}
    assert summary["state"] == RunState.SUCCEEDED


def test_a_cleanup_runs_when_a_source_cannot_be_listed(desk: Desk):
    @task(version="1", per="source")
    def broken() -> Iterator[Item[int]]:
        yield Item("a", 1)
        raise ValueError("no more")

    @pipeline
    def p():
        done = double(broken())
        finish.options(after=done, when="any_failed")(what="cleaned")

    with pytest.raises(RunError, match="no more"):
        desk.run(p)
    assert CALLS == ["cleaned"]


def test_a_step_that_fails_stops_what_waits_for_it_and_nothing_else(desk: Desk):
    @task(version="1", per="run")
    def fail() -> str:
        raise ValueError("no")

    @pipeline
    def p():
        bad = fail()
        finish.options(name="below", after=bad)(what="below")
        finish.options(name="beside")(what="beside")
        finish.options(name="cleanup", after=bad, when="any_failed")(what="cleaned")

    with pytest.raises(RunError, match="the step 'fail' failed: ValueError: no"):
        desk.run(p)
    assert sorted(CALLS) == ["beside", "cleaned"]


@pytest.mark.parametrize(("limit", "task_limit", "most"), [(1, None, 1), (None, 2, 2), (3, 2, 2)])
def test_a_pipeline_and_a_task_keep_to_their_limits(tmp_path, limit, task_limit, most):
    under_way: list[int] = []
    seen: list[int] = []

    @task(version="1", limit=task_limit)
    async def slow(number: int) -> int:
        under_way.append(number)
        seen.append(len(under_way))
        for _ in range(20):
            await asyncio.sleep(0)
        under_way.remove(number)
        return number

    @pipeline(limit=limit)
    def p():
        slow(numbers())

    NUMBERS.update({f"n{number}": number for number in range(100, 140)})
    Desk(tmp_path, workers=4).run(p)
    assert max(seen) <= most
    assert len(seen) == 43


def test_a_pipeline_without_room_is_refused():
    with pytest.raises(PipelineError, match="cannot run with limit=0"):
        pipeline(limit=0)(lambda: None)


@pytest.mark.parametrize("key", [3, "", None])
def test_an_item_without_a_text_for_its_key_is_refused(desk: Desk, key):
    @task(version="1", per="source")
    def odd() -> Iterator[Item[int]]:
        yield Item(key, 1)

    @pipeline
    def p():
        double(odd())

    with pytest.raises(RunError, match=f"the source 'odd' yielded the key {key!r}"):
        desk.run(p)
