"""Runs in a thread of the service: what becomes of the one at work when it ends."""

import threading
import time
from datetime import UTC, datetime, timedelta

import pytest

from ragflow.api.schedules import find_schedule
from ragflow.core.fires import Accounted, FireState
from ragflow.core.run_records import Request as Control
from ragflow.core.states import RunState
from ragflow.runtime.home import open_home
from ragflow.server.runner import ThreadRunner

PIPELINES = '''
import time
from pathlib import Path

from ragflow import pipeline, task


@task(per="run")
def wait(*, folder: str) -> int:
    Path(folder, "begun").touch()
    while Path(folder, "gate").exists():
        time.sleep(0.02)
    return 1


@task(per="run")
def done(number: int, *, folder: str) -> None:
    Path(folder, "done").touch()


@pipeline(schedule="@daily")
def gated(folder: str = FOLDER) -> None:
    """Wait for the gate to open."""
    done(wait(folder=folder), folder=folder)
'''
BEGUN = datetime(2026, 1, 1, tzinfo=UTC)
#: Seconds that anything may take, on a machine that is busy.
PATIENCE = 60.0


@pytest.fixture
def home(tmp_path):
    (tmp_path / "ragflow.toml").touch()
    (tmp_path / "gate").touch()
    (tmp_path / "pipelines").mkdir()
    text = PIPELINES.replace("FOLDER", repr(str(tmp_path)))
    (tmp_path / "pipelines" / "all.py").write_text(text, encoding="utf-8")
    with open_home(tmp_path) as opened:
        yield opened


def until(happened):
    deadline = time.monotonic() + PATIENCE
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def queue(home, later=0):
    """Let a fire wait, and so many after it be left out; return it and its schedule."""
    known = find_schedule(home, "gated")
    found = [
        Accounted(
            instant=BEGUN + timedelta(seconds=number),
            due=BEGUN,
            state=FireState.SKIPPED if number else FireState.QUEUED,
        )
        for number in range(1 + later)
    ]
    assert home.metadata.schedules.account(known.record, found, known.record.cursor)
    [fire] = home.metadata.schedules.queued()
    return fire, known


def test_a_fire_whose_run_cannot_begin_failed(home, tmp_path):
    file = tmp_path / "pipelines" / "all.py"
    file.write_text(file.read_text().replace("wait(folder=folder)", "wait(5, folder=folder)"))
    fire, known = queue(home)
    said = []
    runner = ThreadRunner(home, lambda: None, said.append)
    runner.start(fire, known)
    until(runner.has_room)
    [found] = home.metadata.schedules.fires()
    assert (found.state, found.run) == (FireState.FAILED, None)
    assert found.reason
    assert "failed: " in said[0]


def end(home, runner, folder):
    """Let the runner end; the gate opens once the run was asked to cancel."""
    ending = threading.Thread(target=runner.end, args=(0.0,))
    ending.start()
    until(lambda: home.metadata.runs.get(1).state is RunState.CANCELLING)
    (folder / "gate").unlink()
    ending.join(PATIENCE)
    assert not ending.is_alive()


def test_the_run_of_a_fire_that_is_not_among_the_newest_is_handed_back(home, tmp_path):
    fire, known = queue(home, later=1_100)
    said = []
    runner = ThreadRunner(home, lambda: None, said.append)
    runner.start(fire, known)
    until((tmp_path / "begun").exists)
    end(home, runner, tmp_path)
    assert [(one.id, one.run) for one in home.metadata.schedules.queued()] == [(fire.id, 1)]
    assert "run 1 is handed back" in said[0]
    assert not (tmp_path / "done").exists()


def test_a_run_that_somebody_cancelled_is_not_handed_back(home, tmp_path):
    fire, known = queue(home)
    said = []
    runner = ThreadRunner(home, lambda: None, said.append)
    runner.start(fire, known)
    until((tmp_path / "begun").exists)
    home.metadata.controls.ask(1, Control.CANCEL, actor="ada")
    end(home, runner, tmp_path)
    assert home.metadata.schedules.queued() == []
    assert "run 1 was cancelled" in said[0]
