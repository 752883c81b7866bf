"""What waits for a whole task hears of every owner that failed, whenever and wherever it did."""

from collections.abc import Callable
from typing import Any

import pytest

from ragflow import Members, pipeline, task
from ragflow.core.states import RunState
from ragflow.errors import BusyError, GuardError, LeaseLostError, RunError
from ragflow.runtime.run import _once
from ragflow.tasks import group, parent_folder, read
from tests.unit.scheduling.desk import Desk, Shelf, changes, save

CALLS: list[str] = []
#: Texts that cannot be marked, and why.
BAD: dict[str, Exception] = {}


@pytest.fixture(autouse=True)
def _no_calls():
    CALLS.clear()
    BAD.clear()


@task(version="1")
def mark(text: str) -> str:
    if text in BAD:
        raise BAD[text]
    return f"{text}!"


@task(version="1", per="group")
def tell(members: Members[str]) -> str:
    return str(len(members))


@task(version="1", per="run")
def say(*, what: str) -> None:
    CALLS.append(what)


Following = Callable[[Any, Any, Any], Any]
FOLLOWED: dict[str, Following] = {
    "source": lambda documents, marked, end: documents,
    "task": lambda documents, marked, end: marked,
    "target": lambda documents, marked, end: end,
}


def following(shelf: Shelf, followed: Following = FOLLOWED["target"]) -> Any:
    @pipeline
    def p():
        documents = read(shelf)
        marked = mark(documents)
        whole = followed(documents, marked, save(marked))
        say.options(name="publish", after=whole)(what="published")
        say.options(name="cleanup", after=whole, when="any_failed")(what="cleaned")

    return p


@pytest.mark.parametrize("followed", FOLLOWED.values(), ids=FOLLOWED)
def test_a_document_that_could_not_be_read_has_failed_at_everything(desk: Desk, followed):
    shelf = Shelf(a="one", b="two")
    shelf.errors["a"] = ValueError("no")
    summary = desk.run(following(shelf, followed))
    assert CALLS == ["cleaned"]
    assert summary["state"] == RunState.SUCCEEDED_WITH_FAILURES


@pytest.mark.parametrize("name", ["task", "target"])
@pytest.mark.parametrize("edit", [False, True])
def test_a_document_that_is_held_back_has_failed_in_later_runs_too(desk: Desk, name, edit):
    shelf = Shelf(a="one", b="two")
    BAD["one"] = ValueError("no")
    p = following(shelf, FOLLOWED[name])
    desk.run(p)
    CALLS.clear()
    if edit:
        shelf.put("b", "three")
    summary = desk.run(p)
    assert summary["documents"]["held_back"] == 1
    assert CALLS == ["cleaned"]
    assert summary["state"] == RunState.SUCCEEDED_WITH_FAILURES  # a step was blocked
    CALLS.clear()
    shelf.put("a", "four")
    assert desk.run(p)["state"] == RunState.SUCCEEDED
    assert CALLS == ["published"]


def test_a_document_that_was_skipped_before_does_not_hide_those_that_are_served(desk: Desk):
    shelf = Shelf(a="one", b="two")
    shelf.skips["b"] = ("ignored", "not this one")
    p = following(shelf)
    desk.run(p)
    shelf.touch("b")
    desk.run(p)
    assert CALLS == ["published", "published"]


def test_a_cleanup_runs_when_more_failed_than_may(desk: Desk):
    BAD["one"] = ValueError("no")
    with pytest.raises(RunError, match="1 failed, more than the 0"):
        desk.run(following(Shelf(a="one")), how={"max_failed": 0})
    assert CALLS == ["cleaned"]
    assert desk.last_run().state is RunState.FAILED


def test_a_cleanup_runs_when_a_share_of_failures_is_passed(desk: Desk):
    BAD["one"] = ValueError("no")
    with pytest.raises(RunError, match="1 of 2 failed, more than 10%"):
        desk.run(following(Shelf(a="one", b="two")), how={"max_failed": "10%"})
    assert CALLS == ["cleaned"]


def test_a_cleanup_runs_when_a_target_cannot_be_written(desk: Desk):
    def broken() -> None:
        raise ValueError("the disk is full")

    desk.tables.before = broken
    with pytest.raises(ValueError, match="the disk is full"):
        desk.run(following(Shelf(a="one")))
    assert CALLS == ["cleaned"]


def test_a_cleanup_that_fails_does_not_hide_what_failed_first(desk: Desk):
    @task(version="1", per="run")
    def broken() -> None:
        raise ValueError("cannot clean")

    @pipeline
    def p():
        broken.options(after=mark(read(Shelf(a="one"))), when="any_failed")()

    BAD["one"] = ValueError("no")
    with pytest.raises(RunError, match="more than the 0"):
        desk.run(p, how={"max_failed": 0})


def test_a_cleanup_runs_when_a_grouping_function_raises(desk: Desk):
    shelf = Shelf(a="one", b="two")

    def by(item: Any) -> str:
        raise RunError("no groups today")

    @pipeline
    def p():
        told = tell(group(mark(read(shelf)), by=by))
        say.options(after=told, when="any_failed")(what="cleaned")

    with pytest.raises(RunError, match="no groups today"):
        desk.run(p)
    assert CALLS == ["cleaned"]


@pytest.mark.parametrize("error", [LeaseLostError, GuardError, BusyError, KeyboardInterrupt])
def test_nothing_more_is_called_once_the_run_is_taken_over_refused_or_interrupted(
    desk: Desk, error
):
    def stop() -> None:
        raise error("stop")

    desk.tables.before = stop
    with pytest.raises(error):
        desk.run(following(Shelf(a="one")))
    assert CALLS == []


def test_failures_of_all_sources_count_together(desk: Desk):
    first, second = Shelf(a="one", b="two"), Shelf(c="three", d="four")

    @pipeline
    def p():
        save(mark(read(first)), table="t")
        save(mark(read(second, name="second")), table="u")

    BAD.update(one=ValueError("no"), three=ValueError("no"))
    with pytest.raises(RunError, match="2 failed, more than the 1"):
        desk.run(p, how={"max_failed": 1})


def test_documents_that_fail_on_their_way_to_a_group_count_too(desk: Desk):
    @pipeline
    def p():
        marked = mark(read(Shelf(a="one", b="two")))
        save(tell.options(when="all_done")(group(marked, by=parent_folder)))

    BAD["one"] = ValueError("no")
    with pytest.raises(RunError, match="1 failed, more than the 0"):
        desk.run(p, how={"max_failed": 0})


def test_what_could_not_be_held_is_asked_for_again():
    asked: list[str] = []

    def busy() -> None:
        asked.append("asked")
        if len(asked) == 1:
            raise BusyError("held")

    hold = _once(busy)
    with pytest.raises(BusyError):
        hold()
    hold()
    hold()
    assert len(asked) == 2


def test_a_pipeline_that_ends_in_a_union_or_a_split_calls_its_tasks(desk: Desk):
    called: list[str] = []

    @task(version="1")
    def count(text: str) -> str:
        called.append(text)
        return text

    @task(version="1", when="any_failed")
    def rescue(text: str) -> str:
        called.append(f"rescued {text}")
        return text

    @pipeline
    def united():
        documents = read(Shelf(a="one"))
        first = count(documents)
        first | rescue.options(after=first)(documents)

    assert changes(desk.plan(united)) == {"added": 1}
    assert changes(desk.run(united)) == {"added": 1}
    assert called == ["one"]
    assert changes(desk.run(united)) == {"unchanged": 1}
