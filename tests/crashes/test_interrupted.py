"""A run that was interrupted ended by itself: nobody died, and nobody is suspected of it."""

import os
import signal
import time
from pathlib import Path

import pytest

from tests.crashes.machine import Machine, Process
from tests.crashes.meaning import ask, leftovers
from tests.crashes.project import Project

PATIENT = '''
import time
from pathlib import Path

from ragflow import Content, pipeline, task
from ragflow.tasks import chunk, embed, extract, files, read, upsert


@task
def check(content: Content, *, seconds: float, begun: str) -> Content:
    """Take a long time over a text."""
    if "Loss" in content.text:
        Path(begun).touch()
        time.sleep(seconds)
    return content


@pipeline
def patient(seconds: float, begun: str, folder: str = "docs", collection: str = "patient") -> None:
    """Index slowly."""
    content = check(extract(read(files(folder))), seconds=seconds, begun=begun)
    chunks = chunk(content, model="hashing")
    upsert(chunks, embed(chunks, model="hashing"), collection=collection)
'''
#: Far longer than anybody waits.
SECONDS = 600
DEADLINE = 60


@pytest.fixture
def project(tmp_path: Path, machine: Machine) -> Project:
    made = Project(tmp_path / "project", machine)
    (made.folder / "pipelines" / "patient.py").write_text(PATIENT, "utf-8")
    made.write("loss.md", "# Loss\n\nA lost key is reported to the desk.\n")
    made.settle()
    return made


def begin(project: Project, home: Path, begun: Path) -> Process:
    """Return a run that is in the middle of the text that takes long."""
    begun.unlink(missing_ok=True)
    command = ("run", "patient", "-p", f"seconds={SECONDS}", "-p", f"begun={begun}")
    run = project.machine.begin(project.folder, *command, home=home, portion=2)
    until = time.monotonic() + DEADLINE
    while not begun.exists():
        assert time.monotonic() < until, run.complained
        time.sleep(0.02)
    return run


def test_a_run_that_does_not_wait_for_its_workers_leaves_nobody_suspected(project, tmp_path):
    home = tmp_path / "home"
    for _ in range(4):
        run = begin(project, home, tmp_path / "begun")
        # The second does not wait for what workers hold; which of them comes second is luck.
        while ask(home, "SELECT 1 FROM run WHERE state = 'running'"):
            os.kill(run.pid, signal.SIGINT)
            time.sleep(0.1)
        assert run.wait().code == 130, run.complained
        assert leftovers(home) == {}
    done = project.type(home, "run", "patient", "-p", "seconds=0", "-p", f"begun={tmp_path}")
    assert done.code == 0, done.complained
    assert "tried alone first" not in done.complained
