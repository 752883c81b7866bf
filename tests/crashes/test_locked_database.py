"""A database that somebody keeps locked ends a run with a sentence; free, the next ends right."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.crashes.reference import Reference, Stage


@pytest.fixture
def stage(reference: Reference) -> Stage:
    return reference.stages["refreshed"]


@contextmanager
def locked(home: Path) -> Iterator[None]:
    """Keep the database of a home as a writer does that never ends."""
    with closing(sqlite3.connect(home / "ragflow.db", timeout=60)) as database:
        database.execute("BEGIN IMMEDIATE")
        yield
        database.rollback()


def test_a_database_that_is_locked_from_the_start_is_told(stage, tmp_path):
    home = stage.home(tmp_path)
    with locked(home):
        failed = stage.project.run(home, patience=0.3)
    assert failed.code == 1
    assert "is kept locked by another process" in failed.complained
    assert "hint: wait for the other process" in failed.complained
    assert "Traceback" not in failed.complained
    assert stage.project.run(home).code == 0
    stage.check(home)


@pytest.mark.parametrize(
    "point",
    [
        "SqliteRuns.begin: committed",
        "SqliteAssignments.open: committed",
        "_Portion: committed",
        "SqliteLedger.intend: committed",
        "ChromaStore upsert: recorded",
        "Committer: applied",
        "SqliteLedger.commit: committed",
        "SqliteRuns.end: committed",
    ],
)
def test_a_database_that_is_locked_in_the_middle_is_told(stage, tmp_path, point):
    home = stage.home(tmp_path)
    late = stage.project.run(home, at=point, signal="SIGSTOP", patience=0.3)
    assert late.code is None
    with locked(home):
        late.go_on()
    assert "Traceback" not in late.complained
    assert "should not happen" not in late.complained
    if late.code:
        assert late.code == 1
        assert "is kept locked by another process" in late.complained
    again = stage.project.run(home)
    assert again.code == 0, again.complained
    stage.check(home)


def test_a_database_that_is_locked_for_a_moment_is_waited_for(stage, tmp_path):
    home = stage.home(tmp_path)
    late = stage.project.run(home, at="SqliteLedger.intend: committed", signal="SIGSTOP")
    is_over = threading.Event()
    with locked(home):
        waiting = threading.Thread(target=lambda: (late.go_on(), is_over.set()))
        waiting.start()
        assert not is_over.wait(0.5)
    waiting.join()
    assert late.code == 0, late.complained
    stage.check(home)
