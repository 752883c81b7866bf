"""What was discarded is left alone, even by a run that does everything again."""

from datetime import UTC, datetime

import pytest

from ragflow import Members, pipeline, task
from ragflow.core.records import EndNow, OwnerChange
from ragflow.core.states import Change
from ragflow.errors import DocumentError
from ragflow.scheduling.calls import Stop
from ragflow.scheduling.owners import unread
from ragflow.tasks import group, read
from tests.unit.scheduling.desk import Desk, Shelf, changes, did, save

SHELF = Shelf()


@task(version="1")
def check(text: str) -> str:
    if text == "bad":
        raise ValueError("not allowed")
    return text


@task(version="1", per="group")
def joined(members: Members[str]) -> str:
    return " ".join(members)


@pipeline
def strict() -> None:
    save(check(read(SHELF)))


@pipeline
def grouped() -> None:
    checked = check(read(SHELF))
    save(checked)
    save(joined(group(checked, by=lambda item: "all")), table="groups")


@pytest.fixture(autouse=True)
def shelf():
    SHELF.put("a", "bad")
    SHELF.put("b", "good")
    SHELF.put("c", "bad")


def discard(desk: Desk, key: str) -> None:
    with desk.home() as home:
        letters = home.metadata.dead_letters
        letters.discard([one.id for one in letters.list() if one.key == key], actor="mika")


def letters(desk: Desk) -> list[str]:
    with desk.home() as home:
        return [one.key for one in home.metadata.dead_letters.list()]


@pytest.mark.parametrize("how", [{"force": True}, {"since": "check"}])
def test_what_was_discarded_is_not_tried_by_a_run_that_does_everything_again(desk, how):
    desk.run(strict)
    discard(desk, "a")
    again = desk.run(strict, how=how)
    assert changes(again) == {"stale": 1, "failed": 1, "unchanged": 1}
    assert letters(desk) == ["c"]
    assert {one.key for one in desk.failures(again["run"])} == {"c"}
    SHELF.put("a", "better")
    assert changes(desk.run(strict, how=how))["added"] == 1


def test_groups_know_that_what_was_discarded_is_missing(desk):
    desk.run(grouped)
    discard(desk, "a")
    again = desk.run(grouped, how={"force": True})
    assert again["documents"]["unchanged"] == 1
    assert letters(desk) == ["c", "all"]
    assert did(again, "check")[2] == 1


@pytest.mark.parametrize(("code", "call"), [("poison", b"call"), ("damaged", None)])
def test_what_a_call_killed_knows_the_call_so_that_its_deaths_begin_again(code, call):
    error = DocumentError("it died", code=code)
    error.call = b"call"
    change = OwnerChange(
        key="a",
        change=Change.ADDED,
        token=b"t1",
        listed={},
        size=None,
        skip=None,
        owner=None,
        token_seen=None,
        content=None,
        metadata={},
        ends={},
    )
    end = EndNow("table:t", 1, b"definition")
    done = unread(
        "files", change, [end], Stop("check", (), error), datetime(2026, 3, 1, tzinfo=UTC)
    )
    assert [each.commit.call for each in done.ends] == [call]
