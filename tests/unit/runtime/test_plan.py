"""A plan says what a run does, and does none of it."""

import sqlite3
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ragflow import Row, pipeline, task
from ragflow.runtime.plan import fast_plan, plan
from ragflow.runtime.run import run
from ragflow.tasks import group, read
from tests.unit.runtime.test_edits import (
    FAILS,
    MARKED,
    count,
    edits,
    folder_of,
    mark,
    perform,
    words,
)
from tests.unit.runtime.test_guards import embedding
from tests.unit.runtime.test_redoing import letters
from tests.unit.scheduling.desk import Desk, Shelf, changes, did, save

#: Tables that say what was done; a plan changes memos, and what definitions are numbered by.
TABLES = [
    *("seen", "done", "held", "member", "intent", "dead_letter", "generation", "source_state"),
    *("run", "task_total", "attempt", "assignment", "control", "event", "reason", "departure"),
]


@task(per="target", version="1", target="table", place="table")
def keep(part: str, marked: str, *, table: str = "t") -> Row:
    """Keep what was marked, by what it was made of."""
    del part, table
    return Row(value=marked)


def reading(shelf: Shelf) -> Any:
    @pipeline
    def p(least: int = 1):
        parts = words(read(shelf), least=least)
        keep(parts, mark(parts), table="t")
        save(count(group(parts, by=folder_of)), table="groups")

    return p


@pytest.fixture(autouse=True)
def _nothing_fails():
    FAILS.clear()


def contents(desk: Desk) -> dict[str, list[Any]]:
    """Return everything these tables hold."""
    file = desk.project.home / "ragflow.db"
    with sqlite3.connect(f"file:{file}?mode=ro", uri=True) as connection:
        return {
            name: sorted(map(repr, connection.execute(f"SELECT * FROM {name}"))) for name in TABLES
        }


def fast(desk: Desk, p: Any, how: Any = None, **parameters: Any) -> dict[str, Any]:
    with desk.home() as home:
        request = p.request(parameters, project=desk.project, **(how or {}))
        return fast_plan(home, request)


def looked_at(desk: Desk, p: Any, how: Any, **parameters: Any) -> dict[str, Any]:
    with desk.home() as home:
        return plan(home, p.request(parameters, project=desk.project, **how))


def ran(desk: Desk, p: Any, how: Any, **parameters: Any) -> dict[str, Any]:
    with desk.home() as home:
        return run(home, p.request(parameters, project=desk.project, **how))


def assert_true(plan: dict[str, Any], summary: dict[str, Any], first: str) -> None:
    """Check a plan against the run of a home that made none."""
    assert plan["documents"] == summary["documents"]
    assert plan["documents_to_extract"] == summary["tasks"][first]["ran"]
    for name, planned in plan["tasks"].items():
        assert planned["bound"] == "exact"
        assert planned["calls"] == summary["tasks"][name]["ran"], name
    assert (plan["bound"], plan["exact"]) == ("exact", True)
    assert plan["chunks_to_embed"] == summary["chunks"]["embedded"]
    rows = plan["chunks"]
    assert rows["exact"]
    assert rows["add"] + rows["update"] == summary["chunks"]["upserted"]
    assert rows["delete"] == summary["chunks"]["deleted"]


@settings(
    max_examples=5,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(st.lists(st.lists(edits, min_size=1, max_size=5), min_size=2, max_size=4))
def test_a_plan_is_what_a_run_without_it_does_and_leaves_no_trace(steps):
    shelf, parameters = Shelf(a="one two", **{"x/d": "three"}), {"least": 1}
    p = reading(shelf)
    with TemporaryDirectory() as folder:
        planned, plain = Desk(Path(folder) / "planned"), Desk(Path(folder) / "plain")
        for desk in (planned, plain):
            desk.run(p)
        for step in steps:
            for edit in step:
                perform(edit, shelf, parameters)
            FAILS.clear()
            before, rows, loads = contents(planned), planned.rows(), len(shelf.loads)
            by_token = fast(planned, p, **parameters)
            assert len(shelf.loads) == loads
            MARKED.clear()
            plan = planned.plan(p, **parameters)
            assert MARKED == []
            assert contents(planned) == before
            assert planned.rows() == rows
            summary = plain.run(p, allow_deletions=True, **parameters)
            assert_true(plan, summary, "words")
            assert_compared(by_token["documents"], plan["documents"])
            planned.run(p, allow_deletions=True, **parameters)
            assert planned.rows() == plain.rows()


def assert_compared(by_token: dict[str, int], known: dict[str, int]) -> None:
    """Check that a comparison by tokens says no less than what a look inside says."""
    worked = ("added", "modified", "stale")
    assert sum(by_token[kind] for kind in worked) >= sum(known[kind] for kind in worked)
    assert by_token["deleted"] == known["deleted"] + known["moved"]
    assert by_token["added"] + by_token["modified"] >= known["moved"]


def test_a_touched_document_counts_as_modified_until_it_is_read(desk: Desk):
    shelf = Shelf(a="one", b="two", c="three")
    p = reading(shelf)
    desk.run(p)
    shelf.touch("a")
    shelf.move("b", "d")
    shelf.loads.clear()
    compared = fast(desk, p)
    assert changes(compared) == {"added": 1, "modified": 1, "unchanged": 1, "deleted": 1}
    assert shelf.loads == []
    unknown = ("chunks", "chunks_to_embed", "tokens_to_embed", "documents_to_extract", "bound")
    assert [compared[name] for name in unknown] == [None] * len(unknown)
    assert (compared["fast"], compared["exact"], compared["tasks"]) == (True, False, {})
    assert changes(desk.plan(p)) == {"moved": 1, "unchanged": 2}


def test_a_fast_plan_takes_the_options_of_a_run(desk: Desk):
    shelf = Shelf(a="one", b="two", c="three")
    p = reading(shelf)
    assert changes(fast(desk, p, {"only": ("a",)})) == {"added": 1}
    desk.run(p)
    assert changes(fast(desk, p)) == {"unchanged": 3}
    assert changes(fast(desk, p, {"force": True})) == {"stale": 3}
    assert changes(fast(desk, p, least=2)) == {"stale": 3}
    assert changes(fast(desk, p, {"only": ("b",)}, least=2)) == {"stale": 1}


def test_a_fast_plan_is_refused_for_what_a_listing_tells(desk: Desk):
    shelf = Shelf(a="one", b="two")
    p = reading(shelf)
    desk.run(p)
    shelf.take("a")
    shelf.take("b")
    [refused] = fast(desk, p)["would_be_refused"]
    assert "lists no document" in refused["message"]


@pytest.mark.parametrize("how", [{"force": True}, {"since": "mark"}, {"only": ("a",)}])
def test_a_plan_takes_the_options_of_a_run(desk: Desk, how: dict[str, Any]):
    shelf = Shelf(a="one two", b="three")
    p = reading(shelf)
    desk.run(p)
    shelf.put("a", "one four")
    plan = looked_at(desk, p, how)
    summary = ran(desk, p, how)
    assert plan["documents"] == summary["documents"]
    assert plan["chunks_to_embed"] == summary["chunks"]["embedded"]


def test_rows_are_told_apart_by_whether_they_are_new(desk: Desk):
    shelf = Shelf(a="one two", b="three")
    p = reading(shelf)
    # The group of both has a row, too, which is another when its words are others.
    assert desk.plan(p)["chunks"] == {"add": 4, "update": 0, "delete": 0, "exact": True}
    desk.run(p)
    shelf.put("a", "one three")
    shelf.metadata["b"] = {"year": 2024}
    shelf.touch("b")
    assert desk.plan(p)["chunks"] == {"add": 2, "update": 1, "delete": 2, "exact": True}
    shelf.take("b")
    assert desk.plan(p)["chunks"]["delete"] == 3


def test_a_row_whose_vector_is_forgotten_may_prove_to_be_what_it_was(desk: Desk):
    shelf = Shelf(a="one")
    p = reading(shelf)
    desk.run(p)
    rows = looked_at(desk, p, {"since": "mark"})["chunks"]
    assert rows == {"add": 0, "update": 1, "delete": 0, "exact": False}
    assert ran(desk, p, {"since": "mark"})["chunks"]["upserted"] == 0


def test_how_long_calls_take_is_told_by_earlier_runs_with_the_same_parameters(desk: Desk):
    @task(version="1", plan="count", cost=letters)
    def tell(text: str, *, model: str) -> str:
        return text + model

    shelf = Shelf(a="one")

    @pipeline
    def p(model: str = "small"):
        save(tell(read(shelf), model=model))

    assert desk.plan(p)["estimated_seconds"] is None
    assert fast(desk, p)["estimated_seconds"] is None
    summary = desk.run(p)
    total = summary["tasks"]["tell"]
    assert did(summary, "tell") == (1, 0, 0)
    shelf.put("b", "two")
    shelf.put("c", "three")
    told = desk.plan(p)["estimated_seconds"]
    assert told == pytest.approx(2 * total["seconds"], abs=0.002)
    assert desk.plan(p, model="large")["estimated_seconds"] is None
    whole = fast(desk, p)["estimated_seconds"]
    assert whole == pytest.approx(2 * summary["seconds"]["total"], abs=0.002)
    desk.run(p)
    assert desk.plan(p)["estimated_seconds"] == 0


def test_an_old_model_serves_until_the_new_one_is_whole_and_no_search_finds_less(desk: Desk):
    """A rebuild beside what serves: every write of it leaves the old rows where they are."""
    shelf = Shelf(**{f"k{each}": f"text {each}" for each in range(6)})
    p = embedding(shelf)
    desk.run(p)
    before, seen = desk.values(), []
    desk.tables.after = lambda: seen.append(desk.values())
    desk.run(p, model="large", accept=True)
    desk.tables.after = None
    assert seen
    assert all(each == before for each in seen)
    assert set(desk.values()) == set(before)


def test_documents_made_again_in_place_lose_no_row_before_the_new_ones_are_in(
    desk: Desk, monkeypatch
):
    """What is served of a document is its old rows or its new ones, after every single write."""
    monkeypatch.setattr("ragflow.scheduling.policies.PORTION", 1)

    def words(version: str) -> Any:
        @task(version=version)
        def cut(text: str) -> str:
            return f"{text} {version}"

        @pipeline(name="p")
        def p():
            save(cut(read(shelf)))

        return p

    shelf = Shelf(**{f"k{each}": f"text {each}" for each in range(5)})
    desk.run(words("1"))
    keys, seen = set(desk.values()), []
    apply = desk.tables.apply

    def one_by_one(generation: Any, upserts: Any, deletes: Any) -> None:
        for upsert in upserts:
            apply(generation, [upsert], [])
            seen.append(desk.values())
        apply(generation, [], deletes)
        seen.append(desk.values())

    monkeypatch.setattr(desk.tables, "apply", one_by_one)
    desk.run(words("2"))
    assert len(seen) == 10
    assert all(set(each) == keys for each in seen)
    assert all(value.endswith("2") for [value] in desk.values().values())
