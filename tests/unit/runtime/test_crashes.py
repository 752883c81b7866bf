"""A crash anywhere leads, on the next run, to what a clean build gives."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ragflow import Part, pipeline, task
from ragflow.scheduling.shell import Shell
from ragflow.stores.metadata.ledger import SqliteLedger
from ragflow.tasks import read
from tests.unit.scheduling.desk import Desk, Shelf, changes, save

#: Rows written before the crash comes, for `half-way`.
HALF = 2


class Crash(BaseException):
    """The end of the process, as far as a test can play it."""


@task(version="1")
def words(text: str) -> list[Part[str]]:
    return [Part(word, {"place": place}) for place, word in enumerate(text.split())]


def reading(shelf: Shelf) -> Any:

    @pipeline
    def p(table: str = "t"):
        save(words(read(shelf)), table=table)

    return p


def first_shelf() -> Shelf:
    return Shelf(
        keep="a b c", edit="d e f", shorten="g h i", delete="j k", rename="l m", revert="n o"
    )


def edited(shelf: Shelf) -> None:
    shelf.put("edit", "d e changed f")
    shelf.put("shorten", "g")
    shelf.put("add", "p q")
    shelf.put("revert", "other")
    shelf.take("delete")
    shelf.move("rename", "renamed")


def nothing_more(shelf: Shelf) -> None: ...


def reverted(shelf: Shelf) -> None:
    shelf.put("revert", "n o")
    shelf.put("edit", "d e f")
    shelf.take("add")
    shelf.put("delete", "j k")


def gone_on(shelf: Shelf) -> None:
    shelf.put("edit", "once more")
    shelf.put("add", "p")
    shelf.take("shorten")
    shelf.move("renamed", "rename")


def crash_half_way(desk: Desk) -> Callable[..., None]:
    apply = desk.tables.apply

    def half(generation: Any, upserts: Any, deletes: Any) -> None:
        apply(generation, upserts[:HALF], [])
        raise Crash

    return half


@pytest.fixture
def crashing(monkeypatch):
    """Return a function that runs a pipeline and crashes at a point of its n-th write."""

    def run(desk: Desk, p: Any, point: str, number: int) -> bool:
        """Tell whether the crash came."""
        seen = {"intent": 0, "written": 0, "committed": 0}

        def at(where: str) -> None:
            seen[where] += 1
            if point == where and seen[where] == number:
                raise Crash

        with monkeypatch.context() as patch:
            # A dead process commits nothing more and remembers nothing.
            patch.setattr(Shell, "_abandon", lambda self: None)
            intend, commit = SqliteLedger.intend, SqliteLedger.commit

            def intended(self, intents, instance):
                found = intend(self, intents, instance)
                at("intent")
                return found

            def committed(self, *arguments):
                commit(self, *arguments)
                at("committed")

            patch.setattr(SqliteLedger, "intend", intended)
            patch.setattr(SqliteLedger, "commit", committed)
            desk.tables.after = lambda: at("written")
            if point == "half-way":
                patch.setattr(desk.tables, "apply", crash_half_way(desk))
            try:
                desk.run(p, allow_deletions=True)
            except Crash:
                return True
            finally:
                desk.tables.after = None
        return False

    return run


POINTS = ["intent", "half-way", "written", "committed"]


@pytest.mark.parametrize("portion", [1, 500])
@pytest.mark.parametrize("then", [nothing_more, reverted, gone_on])
@pytest.mark.parametrize("point", POINTS)
def test_the_next_run_gives_what_a_clean_build_gives(
    tmp_path: Path, crashing, monkeypatch, *, point, then, portion
):
    monkeypatch.setattr("ragflow.scheduling.policies.PORTION", portion)
    desk, shelf = Desk(tmp_path / "crashed"), first_shelf()
    p = reading(shelf)
    desk.run(p)
    edited(shelf)
    assert crashing(desk, p, point, 1)
    then(shelf)
    summary = desk.run(p, allow_deletions=True)
    clean = Desk(tmp_path / "clean")
    clean.run(p)
    assert desk.rows() == clean.rows()
    assert sum(changes(summary).values()) - summary["documents"]["deleted"] == len(list(shelf))
    again = desk.run(p)
    assert changes(again) == {"unchanged": len(list(shelf))}
    assert again["chunks"]["upserted"] == again["chunks"]["deleted"] == 0


@pytest.mark.parametrize("point", POINTS)
def test_a_first_run_that_crashed_is_gone_on_with(tmp_path: Path, crashing, point):
    desk, shelf = Desk(tmp_path / "crashed"), first_shelf()
    p = reading(shelf)
    assert crashing(desk, p, point, 1)
    shelf.take("keep")
    desk.run(p)
    clean = Desk(tmp_path / "clean")
    clean.run(p)
    assert desk.rows() == clean.rows()


@pytest.mark.parametrize("point", POINTS)
def test_crash_after_crash_ends_well(tmp_path: Path, crashing, monkeypatch, point):
    monkeypatch.setattr("ragflow.scheduling.policies.PORTION", 1)
    desk, shelf = Desk(tmp_path / "crashed"), first_shelf()
    p = reading(shelf)
    desk.run(p)
    edited(shelf)
    for number in (2, 1, 3, 1):
        crashing(desk, p, point, number)
    desk.run(p)
    clean = Desk(tmp_path / "clean")
    clean.run(p)
    assert desk.rows() == clean.rows()


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_crash_while_rows_of_the_gone_are_deleted_leaves_none(
    tmp_path: Path, crashing, monkeypatch, number
):
    monkeypatch.setattr("ragflow.scheduling.policies.PORTION", 1)
    desk, shelf = Desk(tmp_path / "crashed"), first_shelf()
    p = reading(shelf)
    desk.run(p)
    for key in ("keep", "edit", "delete"):
        shelf.take(key)
    assert crashing(desk, p, "written", number)
    desk.run(p, allow_deletions=True)
    clean = Desk(tmp_path / "clean")
    clean.run(p)
    assert desk.rows() == clean.rows()


def test_a_plan_after_a_crash_says_what_the_run_does(tmp_path: Path, crashing):
    for point in POINTS:
        desk, shelf = Desk(tmp_path / point), first_shelf()
        p = reading(shelf)
        desk.run(p)
        edited(shelf)
        crashing(desk, p, point, 1)
        planned = desk.plan(p)
        assert planned["documents"] == desk.run(p)["documents"]


def test_a_crash_of_one_instance_does_not_touch_another(tmp_path: Path, crashing):
    desk, shelf = Desk(tmp_path), first_shelf()
    p = reading(shelf)
    desk.run(p, instance="other")
    kept = desk.rows()
    crashing(desk, p, "half-way", 1)
    assert changes(desk.run(p, instance="other")) == {"unchanged": 6}
    assert {name: row for name, row in desk.rows().items() if name in kept} == kept
    desk.run(p)
    assert len(desk.rows()) == 2 * len(kept)
