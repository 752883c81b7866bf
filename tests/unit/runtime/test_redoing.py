"""What nobody asked for is not made again unless somebody accepts it; what it costs is said."""

from pathlib import Path
from typing import Any

import pytest

from ragflow import pipeline, resource, task
from ragflow.config import GuardsConfig, Project, ProjectConfig
from ragflow.core.states import RunState
from ragflow.errors import GuardError, PipelineError
from ragflow.tasks import read
from tests.unit.runtime.test_partial_runs import Notes
from tests.unit.scheduling.desk import Desk, Shelf, changes, did, save

MADE: list[str] = []


@pytest.fixture(autouse=True)
def _nothing_made():
    MADE.clear()


class Letters:
    """What a text costs: its letters."""

    unit = "letters"
    most = 9

    def of(self, text: str) -> int:
        return len(text)


@resource
def letters() -> Letters:
    return Letters()


def shelf_of(number: int) -> Shelf:
    return Shelf(**{f"k{each:02}": f"text {each:02}" for each in range(number)})


def upper(version: str) -> Any:
    def up(text: str, *, mark: str = "") -> str:
        MADE.append(text)
        return text.upper() + mark

    return task(version=version)(up)


def making(shelf: Shelf, version: str = "1") -> Any:
    """Return a pipeline one task of which has this version."""

    @pipeline(name="p")
    def p(mark: str = ""):
        save(upper(version)(read(shelf), mark=mark))

    return p


def pricing(shelf: Shelf) -> Any:
    """Return a pipeline whose calls cost their letters."""

    @task(version="1", plan="count", cost=letters)
    def tell(text: str) -> str:
        MADE.append(text)
        return text + "!"

    @pipeline
    def p():
        save(tell(read(shelf)))

    return p


def guarded(desk: Desk, **guards: Any) -> Desk:
    """Let ragflow.toml say this of guards."""
    config = ProjectConfig(run=desk.project.config.run, guards=GuardsConfig(**guards))
    desk.project = Project(desk.project.root, desk.project.home, config)
    return desk


# --- Code, versions, models -------------------------------------------------------------------


def test_another_version_is_refused_before_anything_is_made_and_says_why(desk: Desk):
    shelf = shelf_of(12)
    desk.run(making(shelf))
    MADE.clear()
    shelf.put("new", "new")
    with pytest.raises(GuardError) as raised:
        desk.run(making(shelf, "2"))
    assert str(raised.value) == (
        "12 of 12 unchanged documents would be made again, more than 20%: version of up 1 → 2"
    )
    assert "--accept" in raised.value.hint
    assert raised.value.option == "accept"
    assert MADE == []
    assert "new" not in desk.values()
    last = desk.last_run()
    assert (last.state, last.error) == (RunState.FAILED, str(raised.value))


def test_what_is_accepted_is_made_again_and_not_asked_for_twice(desk: Desk):
    shelf = shelf_of(12)
    desk.run(making(shelf))
    assert changes(desk.run(making(shelf, "2"), accept=True)) == {"stale": 12}
    assert changes(desk.run(making(shelf, "2"))) == {"unchanged": 12}


def test_a_few_documents_are_made_again_unasked(desk: Desk):
    shelf = shelf_of(10)
    desk.run(making(shelf))
    assert changes(desk.run(making(shelf, "2"))) == {"stale": 10}


def test_a_changed_parameter_is_what_somebody_asked_for(desk: Desk):
    shelf = shelf_of(12)
    desk.run(making(shelf))
    assert changes(desk.run(making(shelf), mark="?")) == {"stale": 12}


def test_a_parameter_that_changes_with_the_code_hides_nothing(desk: Desk):
    shelf = shelf_of(12)
    desk.run(making(shelf))
    with pytest.raises(GuardError, match=r"version of up 1 → 2, parameter mark of up"):
        desk.run(making(shelf, "2"), mark="?")


def test_what_is_asked_for_by_name_is_not_asked_about(desk: Desk):
    shelf = shelf_of(12)
    desk.run(making(shelf))
    assert changes(desk.run(making(shelf), how={"force": True})) == {"stale": 12}
    assert changes(desk.run(making(shelf, "2"), how={"only": ("k00",)})) == {"stale": 1}


def test_documents_that_changed_too_do_not_count_as_made_again(desk: Desk):
    shelf = shelf_of(12)
    desk.run(making(shelf))
    for key in list(shelf)[:2]:
        shelf.put(key, "changed")
    assert changes(desk.run(making(shelf, "2"))) == {"modified": 2, "stale": 10}


def test_the_share_is_that_of_ragflow_toml(desk: Desk):
    shelf = shelf_of(30)
    desk.run(making(shelf))
    for key in list(shelf)[:18]:
        shelf.put(key, "changed")
    # Served by the new version are those that changed; of the others 12 remain.
    run = desk.run(making(shelf, "2"), accept=True)
    assert changes(run) == {"modified": 18, "stale": 12}
    guarded(desk, redo="100%")
    assert changes(desk.run(making(shelf, "3"))) == {"stale": 30}
    guarded(desk, redo="50%")
    with pytest.raises(GuardError, match=r"30 of 30 unchanged documents .* more than 50%"):
        desk.run(making(shelf, "4"))


def test_a_share_that_is_none_is_refused():
    with pytest.raises(PipelineError, match=r"\[guards\] redo = 'half' is no percentage"):
        GuardsConfig(redo="half")
    with pytest.raises(PipelineError, match="deletions = '120%'"):
        GuardsConfig(deletions="120%")


def test_a_plan_says_what_a_run_would_be_refused_for(desk: Desk):
    shelf = shelf_of(12)
    desk.run(making(shelf))
    plan = desk.plan(making(shelf, "2"))
    [refused] = plan["would_be_refused"]
    assert "12 of 12 unchanged documents would be made again" in refused["message"]
    assert "--accept" in refused["hint"]
    assert changes(plan) == {"stale": 12}
    assert desk.plan(making(shelf))["would_be_refused"] == []


def test_an_old_definition_that_nothing_is_written_down_of_is_asked_about(desk: Desk):
    shelf = shelf_of(12)
    desk.run(making(shelf))
    with desk.home() as home:
        home.metadata.runs._writer.run(  # type: ignore[attr-defined]
            lambda connection: connection.exec_driver_sql("DELETE FROM recipe")
        )
    with pytest.raises(GuardError, match="how they are made changed"):
        desk.run(making(shelf, "2"))


# --- Costs ------------------------------------------------------------------------------------


def test_a_plan_adds_up_what_calls_would_cost(desk: Desk):
    p = pricing(Shelf(a="one", b="three", c="one"))
    plan = desk.plan(p)
    assert MADE == []
    assert plan["tasks"]["tell"] == {
        "calls": 2,  # equal calls are one
        "memoized": 0,
        "bound": "exact",
        "cost": 8,
        "unit": "letters",
    }
    desk.run(p)
    assert sorted(MADE) == ["one", "three"]
    assert desk.plan(p)["tasks"]["tell"]["cost"] is None


def test_a_run_that_would_cost_more_than_it_may_is_refused_before_a_call(desk: Desk):
    p = pricing(Shelf(a="one", b="three"))
    with pytest.raises(GuardError) as raised:
        desk.run(p, how={"max_cost": 7})
    assert str(raised.value) == "it would cost 8 letters, more than max_cost=7"
    assert (raised.value.option, MADE, desk.values()) == ("accept", [], {})
    assert desk.last_run().state is RunState.FAILED
    desk.run(p, how={"max_cost": 8})
    assert did(desk.run(p, how={"max_cost": 0}), "tell") == (0, 0, 0)


def test_a_cost_may_be_accepted_and_stated_in_ragflow_toml(desk: Desk):
    p = pricing(Shelf(a="one", b="three"))
    guarded(desk, max_cost=3)
    [refused] = desk.plan(p)["would_be_refused"]
    assert refused["message"] == "it would cost 8 letters, more than max_cost=3"
    with pytest.raises(GuardError):
        desk.run(p)
    assert changes(desk.run(p, accept=True)) == {"added": 2}


def test_a_task_with_a_price_that_counts_nothing_costs_one_a_call(desk: Desk):
    @task(version="1", plan="count")
    def ask(text: str) -> str:
        return text

    @pipeline
    def p():
        save(ask(read(Shelf(a="one", b="two", c="three"))))

    with pytest.raises(GuardError, match="it would cost 3 calls, more than max_cost=2"):
        desk.run(p, how={"max_cost": 2})


def test_what_lies_below_counted_calls_is_at_most(desk: Desk):
    @task(version="1", plan="count")
    def rewrite(text: str) -> str:
        return text.strip()

    @task(version="1", plan="count", cost=letters)
    def tell(text: str) -> str:
        MADE.append(text)
        return text

    @pipeline
    def p():
        save(tell(rewrite(read(Shelf(a="one", b="one ", c="three")))))

    plan = desk.plan(p)
    assert plan["tasks"]["tell"] == {
        "calls": 3,
        "memoized": 0,
        "bound": "at most",
        "cost": 3 * Letters.most,
        "unit": "letters",
    }
    assert plan["chunks"]["exact"] is False
    run = desk.run(p)
    assert did(run, "tell")[0] == len(MADE) == 2


def test_what_lies_below_a_counted_cut_is_at_least(desk: Desk):
    @task(version="1", plan="count")
    def cut(text: str) -> list[str]:
        return text.split()

    @task(version="1", plan="count", cost=letters)
    def tell(text: str) -> str:
        return text

    @pipeline
    def p():
        save(tell(cut(read(Shelf(a="one two")))))

    notes: Any = Notes()
    assert desk.plan(p)["tasks"]["tell"]["bound"] == "at least"
    desk.run(p, how={"max_cost": 100}, observer=notes)
    assert "what some calls would lead to cannot be counted: max_cost leaves it out" in notes.said


def test_a_cost_that_is_no_resource_is_refused():
    def tell(text: str) -> str:
        return text

    cost: Any = Letters()
    with pytest.raises(PipelineError, match="which is no resource"):
        task(version="1", plan="count", cost=cost)(tell)


def test_the_desk_is_empty(desk: Desk, tmp_path: Path):
    """A plan of nothing costs nothing and would take no time."""
    plan = desk.plan(pricing(Shelf()))
    assert plan["tasks"]["tell"]["calls"] == plan["estimated_seconds"] == 0
