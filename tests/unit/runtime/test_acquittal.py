"""Deaths are kept for the call that a dead letter names, and forgotten for everybody else."""

from typing import Any

import pytest

from ragflow import pipeline, task
from ragflow.core.records import Instance
from ragflow.core.run_records import OpenAssignment
from ragflow.runtime.home import Home
from ragflow.scheduling.transitions.policy import DEATHS
from ragflow.stores.metadata.assignments import SqliteAssignments
from ragflow.tasks import read
from tests.unit.scheduling.desk import Desk, Shelf, changes, save

SHELF = Shelf()
#: A call that nobody makes any more, of a text that the owner had.
FORMER = b"former"


@task(version="1")
def check(text: str) -> str:
    if text == "bad":
        raise ValueError("not allowed")
    return text


@pipeline
def checked() -> None:
    save(check(read(SHELF)))


@pytest.fixture(autouse=True)
def _shelf():
    SHELF.put("a", "bad")
    SHELF.put("b", "good")


@pytest.fixture
def opened(monkeypatch) -> dict[tuple[str, str], bytes]:
    """Return what the calls of a run are known by, by task and owner."""
    seen: dict[tuple[str, str], bytes] = {}
    opening = SqliteAssignments.open

    def watched(self: Any, run: int, assignments: Any) -> Any:
        for each in assignments:
            seen.update({(each.task, owner): call for owner, call in each.calls})
        return opening(self, run, assignments)

    monkeypatch.setattr(SqliteAssignments, "open", watched)
    return seen


def instance_of(desk: Desk, home: Home) -> Instance:
    number = desk.last_run().instance_id
    return next(each for each in home.metadata.instances() if each.id == number)


def cut_off(desk: Desk, *calls: tuple[str, bytes]) -> None:
    """Begin a run that tries each of these alone, and let it die in every one of them."""
    with desk.home() as home:
        store, instance = home.metadata, instance_of(desk, home)
        run = store.runs.begin(instance, {}, trigger="command")
        for number, (owner, call) in enumerate(calls, 1):
            given = OpenAssignment(number=number, task="check", calls=[(owner, call)], alone=True)
            store.assignments.open(run, [given]).result()


def suspects(desk: Desk) -> dict[bytes, int]:
    with desk.home() as home:
        found = home.metadata.assignments.suspects(instance_of(desk, home))
    return {each.call: each.deaths.alone for each in found}


def letters(desk: Desk) -> list[tuple[str, str | None, bytes | None]]:
    with desk.home() as home:
        found = home.metadata.dead_letters.list()
    return [(each.key, each.reason, each.call) for each in found]


def test_who_is_guilty_keeps_its_deaths_and_who_is_innocent_of_the_same_owner_does_not(
    desk, opened
):
    desk.run(checked)
    guilty = opened["check", "a"]
    with desk.home() as home:  # what was tried in vain is tried again
        home.metadata.dead_letters.replay(actor="mika")
    for _ in range(DEATHS):
        cut_off(desk, ("a", guilty), ("a", FORMER))
    assert changes(desk.run(checked)) == {"failed": 1, "unchanged": 1}
    assert letters(desk) == [("a", "poison", guilty)]
    assert suspects(desk) == {guilty: DEATHS}
    desk.run(checked)  # as long as it is held back
    assert suspects(desk) == {guilty: DEATHS}
    SHELF.put("a", "better")
    desk.run(checked)
    assert suspects(desk) == {}


def test_nobody_is_guilty_of_an_owner_that_failed_by_itself(desk):
    desk.run(checked)
    assert [reason for _, reason, _ in letters(desk)] != ["poison"]
    for _ in range(DEATHS):
        cut_off(desk, ("a", FORMER))
    desk.run(checked)
    assert suspects(desk) == {}


def test_a_run_that_does_not_look_at_everything_acquits_nobody(desk):
    desk.run(checked)
    cut_off(desk, ("b", FORMER))
    desk.run(checked, how={"only": ("a",)})
    assert suspects(desk) == {FORMER: 1}
    desk.run(checked)
    assert suspects(desk) == {}
