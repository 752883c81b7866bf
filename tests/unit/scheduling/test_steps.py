"""A step is called once a run; what waits for it waits, and items wait for no items."""

import asyncio
from typing import Any

import pytest

from ragflow import pipeline, resource, task
from ragflow.core.states import RunState
from ragflow.errors import RunError
from ragflow.tasks import read
from tests.unit.scheduling.desk import Desk, Shelf, changes, did, save

CALLS: list[Any] = []
#: What the step `stamp` returns.
STAMPS: list[str] = []


@pytest.fixture(autouse=True)
def _no_calls():
    CALLS.clear()
    STAMPS[:] = ["v1"]


@task(version="1", per="run")
def stamp() -> str:
    CALLS.append("stamp")
    return STAMPS[0]


@task(version="1", per="run")
def twice(text: str, *, times: int = 2) -> list[str]:
    CALLS.append("twice")
    return [text] * times


@task(version="1", per="run")
def tell(*, what: str = "told") -> None:
    CALLS.append(what)


@task(version="1")
def sign(text: str, stamps: list[str]) -> str:
    CALLS.append(text)
    return f"{text} {'+'.join(stamps)}"


def test_a_pipeline_without_documents_calls_its_steps_in_order(desk: Desk):
    @pipeline
    def p():
        first = twice(stamp())
        tell.options(after=first)(what="last")

    summary = desk.run(p)
    assert CALLS == ["stamp", "twice", "last"]
    assert summary["state"] == RunState.SUCCEEDED
    assert changes(summary) == {}
    assert did(summary, "twice") == (1, 0, 0)
    assert changes(desk.plan(p)) == {}
    assert len(CALLS) == 3
    desk.run(p)
    assert len(CALLS) == 6


def test_the_value_of_a_step_goes_to_every_call_and_counts(desk: Desk):
    shelf = Shelf(a="one", b="two")

    @pipeline
    def p():
        save(sign(read(shelf), twice(stamp())))

    desk.run(p)
    assert desk.values() == {"a": ["one v1+v1"], "b": ["two v1+v1"]}
    assert CALLS.count("stamp") == 1
    CALLS.clear()
    assert changes(desk.run(p)) == {"unchanged": 2}
    assert CALLS == ["stamp", "twice"]
    STAMPS[:] = ["v2"]
    CALLS.clear()
    assert changes(desk.run(p)) == {"stale": 2}
    assert sorted(CALLS) == ["one", "stamp", "twice", "two"]
    assert desk.values() == {"a": ["one v2+v2"], "b": ["two v2+v2"]}
    STAMPS[:] = ["v1"]
    CALLS.clear()
    assert changes(desk.run(p)) == {"stale": 2}
    assert CALLS == ["stamp", "twice"]


def test_a_step_may_be_remembered_beyond_its_run(desk: Desk):
    kept = stamp.options(memo="home")

    @pipeline
    def p(times: int = 2):
        twice.options(memo="home")(kept(), times=times)

    assert did(desk.run(p), "stamp") == (1, 0, 0)
    summary = desk.run(p)
    assert did(summary, "stamp") == did(summary, "twice") == (0, 1, 0)
    summary = desk.run(p, times=3)
    assert did(summary, "stamp") == (0, 1, 0)
    assert did(summary, "twice") == (1, 0, 0)
    assert CALLS == ["stamp", "twice", "twice"]


def test_a_step_that_returns_nothing_is_worth_none(desk: Desk):
    @task(version="1", per="run")
    def nothing() -> str | None:
        CALLS.append("nothing")
        return None

    @task(version="1", per="run")
    def look(value: str | None) -> None:
        CALLS.append(value)

    @pipeline
    def p():
        look(nothing.options(memo="home")())

    desk.run(p)
    desk.run(p)
    assert CALLS == ["nothing", None, None]


def test_a_step_after_an_end_begins_when_all_is_written(desk: Desk):
    shelf = Shelf(a="one", b="two")

    @task(version="1", per="run")
    def report() -> None:
        CALLS.append(desk.tables.applied[:])

    @pipeline
    def p():
        end = save(read(shelf))
        report.options(after=end)()

    desk.run(p)
    assert CALLS == [[(2, 0)]]
    shelf.take("a")
    desk.run(p)
    assert CALLS[1] == [(2, 0), (0, 1)]


def test_a_failed_step_fails_the_run_and_is_named(desk: Desk):
    shelf = Shelf(a="one")

    @task(version="1", per="run")
    def broken() -> str:
        raise ValueError("no")

    @pipeline
    def p():
        save(sign(read(shelf), twice(broken())))

    with pytest.raises(RunError, match="the step 'broken' failed: ValueError: no"):
        desk.run(p)
    run = desk.last_run()
    assert (run.state, run.error) == (RunState.FAILED, "the step 'broken' failed: ValueError: no")
    assert shelf.loads == []
    assert desk.values() == {}


def test_a_failed_last_step_leaves_what_was_written(desk: Desk):
    shelf = Shelf(a="one")

    @task(version="1", per="run")
    def broken() -> None:
        raise ValueError("no")

    @pipeline
    def p():
        end = save(read(shelf))
        broken.options(after=end)()

    with pytest.raises(RunError, match="the step 'broken' failed"):
        desk.run(p)
    assert desk.values() == {"a": ["one"]}


def test_a_plan_calls_only_the_steps_that_items_need(desk: Desk):
    shelf = Shelf(a="one")

    @pipeline
    def p():
        tell(what="mailed")
        end = save(sign(read(shelf), twice(stamp())))
        tell.options(after=end)(what="mailed again")

    assert changes(desk.plan(p)) == {"added": 1}
    assert CALLS == ["stamp", "twice", "one"]
    assert changes(desk.run(p)) == {"added": 1}
    assert CALLS.count("one") == 1


def test_a_step_may_use_resources(desk: Desk):
    @resource
    def client(name: str = "c") -> str:
        return f"client {name}"

    @task(version="1", per="run")
    def ask(*, name: str = "x", client: Any = client) -> str:
        CALLS.append(client)
        return client

    @pipeline
    def p():
        ask()

    desk.run(p)
    assert CALLS == ["client x"]


def test_an_asynchronous_step_runs_inside_a_running_loop_too(desk: Desk):
    @task(version="1", per="run")
    async def wait() -> str:
        await asyncio.sleep(0)
        CALLS.append("waited")
        return "done"

    @pipeline
    def p():
        wait()

    desk.run(p)

    async def notebook() -> None:
        desk.run(p)

    asyncio.run(notebook())
    assert CALLS == ["waited", "waited"]
