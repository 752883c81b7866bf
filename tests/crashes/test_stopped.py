"""A run that is stopped past its lease and goes on writes nothing any more, and says why."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.crashes.machine import Process
from tests.crashes.meaning import ask, index
from tests.crashes.reference import Reference, Stage

#: Where a run holds the store for writing: between portions; after the intent and before the
#: rows; after the rows and before the commit.
HOLDING = ["SqliteLedger.commit: committed", "SqliteLedger.intend: committed", "Committer: applied"]
#: Where it does not hold it yet.
BEFORE_HOLDING = ["SqliteRuns.begin: committed", "SqliteAssignments.take_up: committed"]
#: In the middle of a change of the store, which keeps out everybody else.
WITHIN = ["ChromaStore upsert: begun", "ChromaStore upsert: made"]


@pytest.fixture
def stage(reference: Reference) -> Stage:
    return reference.stages["refreshed"]


@pytest.fixture
def home(stage: Stage, tmp_path: Path) -> Path:
    return stage.home(tmp_path)


def stop(stage: Stage, home: Path, point: str) -> Process:
    """Return a run that stopped itself at a point."""
    late = stage.project.run(home, at=point, signal="SIGSTOP")
    assert late.code is None
    return late


def outlive_lease(home: Path) -> None:
    """Let a minute pass since the lease was renewed."""
    with closing(sqlite3.connect(home / "ragflow.db", timeout=60)) as database:
        database.execute("UPDATE lease SET renewed_at = renewed_at - 60000000")
        database.commit()


def assert_refused(late: Process, since: int) -> None:
    """Fail unless a run that went on ended by saying that its lease was lost."""
    assert late.code == 1
    assert "counts no more" in late.complained
    assert "took it over" in late.complained or "was let go" in late.complained
    assert "Traceback" not in late.complained
    told = late.told[since:]
    assert [line for line in told if line.startswith("point ChromaStore")] == []


def audit(home: Path) -> list[tuple[str, str]]:
    return ask(home, "SELECT action, object FROM event ORDER BY id")


@pytest.mark.parametrize("point", BEFORE_HOLDING)
def test_a_run_stopped_before_it_writes_is_taken_over(stage, home, point):
    late = stop(stage, home, point)
    refused = stage.project.run(home)
    assert refused.code == 1
    assert f"process {late.pid}" in refused.complained
    outlive_lease(home)
    taking = stage.project.run(home)
    assert taking.code == 0, taking.complained
    stage.check(home)
    since = len(late.told)
    assert_refused(late.go_on(), since)
    stage.check(home)
    actions = [action for action, _ in audit(home)]
    assert actions.count("lease.taken_over") == 1
    assert actions.count("run.cut_off") == 1
    assert ask(home, "SELECT state FROM run ORDER BY id DESC LIMIT 2") == [
        ("succeeded",),
        ("failed",),
    ]


@pytest.mark.parametrize("how", ["continued", "killed"])
@pytest.mark.parametrize("point", HOLDING)
def test_a_run_stopped_while_it_holds_the_store_ends_right(stage, home, point, how):
    late = stop(stage, home, point)
    before = index(home, stage.project.folder)
    outlive_lease(home)
    taking = stage.project.run(home)
    assert taking.code == 1
    assert "is being written by" in taking.complained
    assert f"process {late.pid}" in taking.complained
    assert "Traceback" not in taking.complained
    if how == "killed":
        late.kill()
    else:
        since = len(late.told)
        assert_refused(late.go_on(), since)
        assert index(home, stage.project.folder) == before
    again = stage.project.run(home)
    assert again.code == 0, again.complained
    stage.check(home)


@pytest.mark.parametrize("point", WITHIN)
def test_a_run_stopped_in_the_middle_of_a_change_keeps_nobody_for_ever(stage, home, point):
    late = stop(stage, home, point)
    outlive_lease(home)
    reading = stage.project.type(home, "query", "handbook", "keys", patience=0.5)
    assert reading.code == 1
    assert "stayed locked" in reading.complained
    taking = stage.project.run(home, patience=0.5)
    assert taking.code == 1
    assert "error: the store in" in taking.complained
    late.go_on()
    assert late.code == 1
    assert "counts no more" in late.complained
    # What was under way is done; nothing was begun after it.
    begun = late.told[late.told.index(f"point {point}") + 1 :]
    assert [line for line in begun if line.endswith(": begun")] == []
    again = stage.project.run(home)
    assert again.code == 0, again.complained
    stage.check(home)


def test_a_run_stopped_within_a_transaction_keeps_nobody_for_ever(stage, home):
    late = stop(stage, home, "SqliteLedger.commit: written")
    taking = stage.project.run(home, patience=0.5)
    assert taking.code == 1
    assert "is kept locked by another process" in taking.complained or (
        f"process {late.pid}" in taking.complained
    )
    assert "Traceback" not in taking.complained
    late.kill()
    again = stage.project.run(home)
    assert again.code == 0, again.complained
    stage.check(home)


@pytest.mark.parametrize("point", [*BEFORE_HOLDING, *HOLDING, *WITHIN])
def test_a_run_that_nobody_took_over_goes_on(stage, home, point):
    late = stop(stage, home, point)
    outlive_lease(home)
    assert late.go_on().code == 0, late.complained
    stage.check(home)
