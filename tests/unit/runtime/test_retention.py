"""What documents need stays; what none needs any more stays for a month, and goes then."""

import random
import sqlite3
import sys
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ragflow import pipeline, task
from ragflow.config import MemosConfig, Project, ProjectConfig
from ragflow.runtime.retention import prune, survey
from ragflow.stores.metadata import reachable
from ragflow.tasks import read
from tests.unit.runtime.test_edits import FAILS, MARKED, edits, perform, reading
from tests.unit.scheduling.desk import Desk, Shelf, over, save

CALLS: list[str] = []
MONTH = timedelta(days=31)


@pytest.fixture(autouse=True)
def _no_calls():
    CALLS.clear()
    FAILS.clear()


@task(version="1")
def upper(text: str) -> str:
    CALLS.append(text)
    return text.upper()


@task(version="1")
def large(text: str) -> str:
    CALLS.append(text)
    return random.Random(text).randbytes(60_000).hex()


class Calendar:
    """A clock whose days are turned by hand."""

    def __init__(self) -> None:
        self.at = datetime(2026, 3, 1, 12, tzinfo=UTC)

    def now(self) -> datetime:
        return self.at

    def nanoseconds(self) -> int:
        return int(self.at.timestamp()) * 10**9

    def elapsed(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None: ...


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    desk = Desk(tmp_path / "project")
    desk.clock = Calendar()
    return desk


def later(desk: Desk, days: int) -> None:
    desk.clock.at += timedelta(days=days)


def pruned(desk: Desk, **words: Any) -> dict[str, int]:
    """Prune, and return how many memos of which task that removed."""
    with desk.home() as home:
        found = prune(home, actor="me", **words)
    assert found.unknown == 0
    return {task: amount.number for task, amount in found.memos.items() if amount.number}


def keys(desk: Desk) -> set[bytes]:
    with closing(sqlite3.connect(desk.project.home / "ragflow.db")) as database:
        values = {number for (number,) in database.execute("SELECT id FROM memo_value")}
        rows = database.execute("SELECT key, id FROM memo").fetchall()
    assert {number for _, number in rows} == values
    return {key for key, _ in rows}


def test_what_no_document_needs_stays_for_thirty_days(desk: Desk):
    shelf = Shelf(a="one", b="two")
    p = over(shelf, upper)
    desk.run(p)
    later(desk, 100)
    assert pruned(desk) == {}
    shelf.put("a", "three")
    shelf.take("b")
    desk.run(p, allow_deletions=True)
    later(desk, 30)
    assert pruned(desk) == {}
    later(desk, 1)
    assert pruned(desk, dry_run=True) == {"upper": 2}
    assert pruned(desk) == {"upper": 2}
    assert pruned(desk) == {}
    CALLS.clear()
    shelf.put("b", "three")
    desk.run(p)
    assert CALLS == []  # what stayed is what is there
    shelf.put("b", "two")
    desk.run(p)
    assert CALLS == ["two"]


def test_what_is_needed_again_stays(desk: Desk):
    shelf = Shelf(a="one")
    p = over(shelf, upper)
    desk.run(p)
    shelf.put("a", "two")
    desk.run(p)
    later(desk, 20)
    shelf.put("a", "one")
    desk.run(p)
    later(desk, 20)
    assert pruned(desk) == {}
    later(desk, 11)
    assert pruned(desk) == {"upper": 1}
    CALLS.clear()
    shelf.put("b", "one")
    desk.run(p)
    assert CALLS == []


def test_what_another_document_or_pipeline_needs_stays(desk: Desk):
    shelf, other = Shelf(a="one", b="one"), Shelf(c="one")
    p = over(shelf, upper)

    @pipeline
    def q():
        save(upper(read(other)), table="q")

    desk.run(p)
    desk.run(q)
    assert CALLS == ["one"]
    shelf.take("a")
    desk.run(p, allow_deletions=True)
    later(desk, 40)
    assert pruned(desk) == {}
    shelf.take("b")
    desk.run(p, allow_deletions=True)
    later(desk, 40)
    assert pruned(desk) == {}
    other.take("c")
    desk.run(q, allow_deletions=True)
    later(desk, 40)
    assert pruned(desk) == {"upper": 1}


def test_what_an_older_definition_made_goes_when_nobody_is_served_by_it(desk: Desk):
    shelf = Shelf(a="one two")
    p = reading(shelf)
    desk.run(p, least=1)
    desk.run(p, least=9)
    later(desk, 31)
    # With another parameter the text is cut anew, and nothing is left to be marked.
    gone = pruned(desk)
    assert gone == {"words": 1, "mark": 2, "count": 1}
    with desk.home() as home:
        found = {each.task: each.all.number for each in survey(home).tasks}
    assert found == {"words": 1}


def test_what_failed_keeps_what_it_was_made_of_so_far(desk: Desk):
    shelf = Shelf(a="one two")
    p = reading(shelf)
    FAILS.add("two")
    desk.run(p)
    later(desk, 100)
    assert pruned(desk) == {}
    MARKED.clear()
    FAILS.clear()
    shelf.touch("a")
    desk.run(p)
    assert "one" not in MARKED


def test_large_values_go_with_their_memos_and_disk_is_given_back(desk: Desk):
    shelf = Shelf(**{f"k{number:02}": f"text {number}" for number in range(20)})

    @pipeline
    def p():
        save(upper(large(read(shelf))))

    desk.run(p)
    folder = desk.project.home / "artifacts"
    assert len([f for f in folder.rglob("*") if f.is_file()]) == 40
    for number in range(15):
        shelf.take(f"k{number:02}")
    desk.run(p, allow_deletions=True)
    later(desk, 31)
    with desk.home() as home:
        dry = prune(home, actor="me", dry_run=True)
        found = prune(home, actor="me")
    assert (dry.memos, dry.shrunk) == (found.memos, None)
    assert dry.artifacts == found.artifacts
    assert found.artifacts.number == 30
    assert found.shrunk is not None
    assert len([f for f in folder.rglob("*") if f.is_file()]) == 10
    CALLS.clear()
    shelf.put("again", "text 19")
    desk.run(p)
    assert CALLS == []


def test_the_days_are_the_project_s(tmp_path: Path):
    desk = Desk(tmp_path)
    desk.clock = Calendar()
    config = ProjectConfig(memos=MemosConfig(keep_days=2))
    desk.project = Project(tmp_path, tmp_path / ".ragflow", config)
    shelf = Shelf(a="one")
    p = over(shelf, upper)
    desk.run(p)
    shelf.put("a", "two")
    desk.run(p)
    later(desk, 2)
    assert pruned(desk) == {}
    later(desk, 1)
    assert pruned(desk) == {"upper": 1}


def test_logs_and_attempts_of_old_runs_go(desk: Desk):
    @task(version="1")
    def talk(text: str) -> str:
        sys.stdout.write(f"I saw {text}\n")
        if text == "bad":
            raise ValueError("bad")
        return text

    shelf = Shelf(a="good", b="bad")
    p = over(shelf, talk)
    first = desk.run(p)["run"]
    later(desk, 91)
    shelf.put("c", "other")
    second = desk.run(p)["run"]
    with desk.home() as home:
        before = home.metadata.logs.read(first)
        assert before
        found = prune(home, actor="me")
        assert (found.logs, found.attempts) == (len(before), 1)
        assert home.metadata.logs.read(first) == home.metadata.runs.attempts(first) == []
        assert home.metadata.logs.read(second)
        assert home.metadata.runs.get(first) is not None
        assert home.metadata.dead_letters.list()


def test_a_home_served_by_an_older_version_keeps_everything(desk: Desk):
    shelf = Shelf(a="one")
    p = over(shelf, upper)
    desk.run(p)
    with closing(sqlite3.connect(desk.project.home / "ragflow.db")) as database, database:
        database.execute("DELETE FROM reach")
    shelf.put("b", "two")
    desk.run(p)
    later(desk, 100)
    with desk.home() as home:
        found = prune(home, actor="me")
    assert (found.unknown, found.memos) == (1, {})
    assert len(keys(desk)) == 2


def test_runs_prune_by_themselves_once_a_day_when_the_home_is_old_enough(desk: Desk):
    shelf = Shelf(a="one")
    p = over(shelf, upper)
    desk.run(p)

    def refreshed(text: str) -> int:
        shelf.put("a", text)
        desk.run(p)
        return len(keys(desk))

    def times() -> int:
        with desk.home() as home:
            return len(home.metadata.audit.list(action="memos.pruned"))

    assert (refreshed("two"), times()) == (2, 0)
    later(desk, 30)
    assert (refreshed("three"), times()) == (3, 0)
    later(desk, 1)
    desk.run(p)
    assert (len(keys(desk)), times()) == (3, 0)  # nothing changed, and nobody looked
    assert (refreshed("four"), times()) == (3, 1)
    later(desk, 30)
    assert (refreshed("five"), times()) == (3, 2)
    assert (refreshed("six"), times()) == (4, 2)
    later(desk, 40)
    assert (refreshed("six and more"), times()) == (2, 3)


def test_a_home_is_looked_through_in_shares(desk: Desk, monkeypatch: pytest.MonkeyPatch):
    shelf = Shelf(**{f"k{number:03}": f"text {number}" for number in range(200)})
    p = over(shelf, upper)
    desk.run(p)
    for number in range(0, 200, 2):
        shelf.take(f"k{number:03}")
    desk.run(p, allow_deletions=True)
    later(desk, 31)
    monkeypatch.setattr(reachable, "TOGETHER", 30)
    monkeypatch.setattr(reachable, "PAGE", 7)
    with desk.home() as home:
        shares = reachable.shares(home.metadata._connections)
        assert len(shares) == 4
        assert (shares[0].first, shares[-1].end) == (0, 0x10000)
    assert pruned(desk) == {"upper": 100}
    CALLS.clear()
    for number in range(1, 200, 2):
        shelf.move(f"k{number:03}", f"m{number:03}")
    desk.run(p, allow_deletions=True)
    assert CALLS == []


@settings(max_examples=8, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(st.lists(st.lists(edits, min_size=1, max_size=5), min_size=2, max_size=6))
def test_after_any_edits_what_stays_is_what_a_clean_build_remembers(steps):
    FAILS.clear()
    shelf, parameters = Shelf(a="one two", **{"x/d": "three"}), {"least": 1}
    p = reading(shelf)
    with TemporaryDirectory() as folder:
        desk = Desk(Path(folder) / "kept")
        desk.clock = Calendar()
        desk.run(p)
        for number, step in enumerate(steps):
            for edit in step:
                perform(edit, shelf, parameters)
            FAILS.clear()
            later(desk, 1)  # what failed by an error that may pass is tried again
            desk.run(p, allow_deletions=True, **parameters)
            later(desk, 31)
            pruned(desk)
            clean = Desk(Path(folder) / f"clean{number}")
            clean.run(p, **parameters)
            assert keys(desk) == keys(clean)
