"""Killed inside one long document, a run loses the batch in hand and nothing before it."""

from pathlib import Path

import pytest

from tests.crashes.machine import Machine
from tests.crashes.meaning import ask
from tests.crashes.project import Project

LINES, BATCH, KILLED_AT = 2000, 100, 11
PIPELINE = f'''
import os
import signal
import time
from pathlib import Path

from ragflow import Content, pipeline, task
from ragflow.tasks import extract, files, read


@task(version="1")
def lines(content: Content) -> list[str]:
    return content.text.splitlines()


@task(version="1", per="batch", batch={BATCH}, limit=1)
def weigh(texts: list[str]) -> list[int]:
    """Weigh lines, and tell how many; where it is to die it dies, a second later."""
    log = Path("weighed")
    with log.open("a") as file:
        file.write(f"{{len(texts)}}\\n")
    if Path("die").exists() and len(log.read_text().splitlines()) == {KILLED_AT}:
        time.sleep(1)
        os.kill(os.getpid(), signal.SIGKILL)
    return [len(text) for text in texts]


@pipeline
def heavy(folder: str = "long") -> None:
    """Weigh every line."""
    weigh(lines(extract(read(files(folder)))))
'''


@pytest.fixture
def project(tmp_path: Path, machine: Machine) -> Project:
    made = Project(tmp_path / "project", machine)
    (made.folder / "pipelines" / "heavy.py").write_text(PIPELINE, "utf-8")
    (made.folder / "long").mkdir()
    text = "\n".join(f"line {number}" for number in range(LINES))
    (made.folder / "long" / "one.txt").write_text(text, "utf-8")
    made.settle()
    return made


def weighed(project: Project) -> list[int]:
    return [int(line) for line in (project.folder / "weighed").read_text("utf-8").split()]


def test_what_was_computed_of_it_is_not_computed_again(project: Project, tmp_path: Path):
    home = tmp_path / "home"
    (project.folder / "die").touch()
    killed = project.type(home, "run", "heavy")
    assert killed.code == -9, killed.complained
    first = weighed(project)
    assert len(first) == KILLED_AT
    (project.folder / "die").unlink()
    remembered = ask(
        home,
        "SELECT count(*) FROM memo AS m JOIN definition AS d ON d.id = m.task "
        "WHERE d.content = CAST('weigh' AS BLOB)",
    )
    assert remembered == [(sum(first[:-1]),)]
    again = project.type(home, "run", "heavy", "--json")
    assert again.code == 0, again.complained
    # Once each, and twice what was in hand.
    assert sum(weighed(project)) == LINES + first[-1]
    assert again.summary["tasks"]["weigh"]["memoized"] == sum(first[:-1])
    assert again.summary["tasks"]["extract"]["ran"] == 0
