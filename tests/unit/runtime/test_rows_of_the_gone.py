"""Nothing stale remains, and nothing is blamed on documents that is not theirs."""

import sys
from typing import Any

import pytest

from ragflow import Members, pipeline, task
from ragflow.core.states import GenerationState, RunState
from ragflow.errors import GuardError, ParameterError, RunError, SkipDocument
from ragflow.runtime.ends import _check_still_there
from ragflow.tasks import group, read
from tests.unit.runtime.test_guards import ERRORS, embedding
from tests.unit.scheduling.desk import Desk, Shelf, changes, save


@pytest.fixture(autouse=True)
def _no_errors():
    ERRORS.clear()


def test_a_removed_owner_holds_no_row_in_a_generation_that_is_not_written(desk: Desk):
    shelf = Shelf(a="one", b="two")
    p = embedding(shelf)
    desk.run(p)
    ERRORS["two"] = ConnectionError("down")
    desk.run(p, model="large", accept=True)  # begins another generation, not switched to
    shelf.take("a")
    desk.run(p)  # with the old model: the generation that is being built is not written
    del ERRORS["two"]
    desk.run(p, model="large", accept=True)
    assert desk.values() == {"b": ["two by large"]}


def test_an_interrupted_first_run_leaves_no_place_unguarded(desk: Desk):
    shelf = Shelf(a="one", b="two")

    @task(version="1")
    def give_up(text: str, *, fail: bool) -> str:
        if fail:
            raise RunError("stopped")
        return text

    @pipeline
    def p(fail: bool = False):
        save(give_up(read(shelf), fail=fail))

    with pytest.raises(RunError):
        desk.run(p, fail=True)
    shelf.place = {"shelf": "b"}
    with pytest.raises(GuardError):
        desk.run(p)


def test_a_batch_task_that_tries_to_exit_fails_its_documents_and_hangs_nothing(desk: Desk):
    shelf = Shelf(a="one", b="two", c="three")

    @task(version="1", per="batch")
    def leave(texts: list[str]) -> list[str]:
        if "two" in texts:
            sys.exit("enough")
        return texts

    @pipeline
    def p():
        save(leave(read(shelf)))

    assert changes(desk.run(p)) == {"added": 2, "failed": 1}
    assert set(desk.values()) == {"a", "c"}


def test_what_a_group_is_called_is_part_of_its_value(desk: Desk):
    shelf = Shelf(a="one")

    def lower(item: Any) -> str:
        return "txt"

    def upper(item: Any) -> str:
        return "TXT"

    @task(version="1", per="group")
    def name(members: Members[str]) -> str:
        return f"group {members.key}"

    @pipeline
    def p(loud: bool = False):
        save(name(group(read(shelf), by=upper if loud else lower, name="kind")))

    desk.run(p)
    desk.run(p, loud=True)
    assert desk.values() == {"TXT": ["group TXT"]}


def test_a_wrong_parameter_ends_the_run_and_holds_no_document_back(desk: Desk):
    shelf = Shelf(a="one")
    wrong = [True]

    @task(version="1")
    def measure(text: str) -> str:
        if wrong[0]:
            raise ParameterError("size 9 is more than the model reads")
        return text

    @pipeline
    def p():
        save(measure(read(shelf)))

    with pytest.raises(ParameterError):
        desk.run(p)
    assert desk.last_run().state is RunState.FAILED
    wrong[0] = False
    assert changes(desk.run(p)) == {"added": 1}


def test_a_requirement_of_the_users_own_stops_no_later_run(desk: Desk):
    shelf = Shelf(a="one")

    @task(version="1")
    def need(text: str) -> str:
        raise SkipDocument("it needs a licence", requirement="licence:x")

    @pipeline
    def p():
        save(need(read(shelf)))

    assert changes(desk.run(p)) == {"skipped": 1}
    assert changes(desk.run(p)) == {"skipped": 1}


def test_a_generation_dropped_since_it_was_chosen_is_not_written(desk: Desk):
    desk.run(embedding(Shelf(a="one")))
    with desk.home() as home:
        store = home.metadata
        chosen = store.generations.published("table", "t")
        assert chosen is not None
        assert chosen.state is GenerationState.PUBLISHED
        _check_still_there(store, chosen)
        store.ledger.forget_generation(chosen.id)
        store.generations.forget(chosen)
        with pytest.raises(RunError, match="dropped meanwhile"):
            _check_still_there(store, chosen)
        again = store.generations.build("table", "t", {}, publish=True)
        assert again.physical != chosen.physical


def test_a_home_closes_the_targets_it_opened(desk: Desk, monkeypatch):
    closed: list[str] = []
    monkeypatch.setattr(desk.tables, "close", lambda: closed.append("table"))
    desk.run(embedding(Shelf(a="one")))
    assert closed == ["table"]
