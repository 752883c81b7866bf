"""A document that kills the scheduler itself is found out, and costs nobody else anything."""

from pathlib import Path

import pytest

from tests.crashes.machine import Machine, Process
from tests.crashes.meaning import ask, leftovers
from tests.crashes.project import Project

POISONOUS = '''
import os
import signal

from ragflow import Content, pipeline, task
from ragflow.tasks import chunk, embed, extract, files, read, upsert


@task
def check(content: Content) -> Content:
    """Let a text through, unless it kills."""
    if "kills" in content.text:
        os.kill(os.getpid(), signal.SIGKILL)
    return content


@pipeline
def poisonous(folder: str = "docs", collection: str = "poisonous") -> None:
    """Index what does not kill."""
    content = check(extract(read(files(folder))))
    chunks = chunk(content, model="hashing")
    upsert(chunks, embed(chunks, model="hashing"), collection=collection)
'''
#: The name of the document that kills; others come before and after it.
POISON = "loss.md"
ALONE = 3
LETTERS = "SELECT s.key, l.reason, l.task FROM dead_letter AS l \
JOIN seen AS s ON s.owner = l.owner"
SERVED = "SELECT s.key FROM done AS d JOIN seen AS s ON s.owner = d.owner \
WHERE d.served_definition IS NOT NULL"


@pytest.fixture
def project(tmp_path: Path, machine: Machine) -> Project:
    made = Project(tmp_path / "project", machine)
    (made.folder / "pipelines" / "poisonous.py").write_text(POISONOUS, "utf-8")
    made.write(POISON, "# Loss\n\nThis text kills whoever checks it.\n")
    for number in range(6):
        made.write(f"note {number}.txt", f"Note number {number} says little.\n")
    made.settle()
    return made


def run(project: Project, home: Path) -> Process:
    return project.type(home, "run", "poisonous", "--json")


def open_calls(home: Path) -> int:
    return ask(home, "SELECT count(*) FROM assignment")[0][0]


def deaths(home: Path) -> dict[str, tuple[int, int]]:
    """Return by document how often it died alone and in company."""
    rows = ask(home, "SELECT owner, sum(alone), sum(company) FROM death GROUP BY owner")
    return {owner: (alone, company) for owner, alone, company in rows}


def test_a_document_that_kills_the_scheduler_becomes_a_dead_letter(project, tmp_path):
    home = tmp_path / "home"
    for number in range(1 + ALONE):
        killed = run(project, home)
        assert killed.code == -9, killed.complained
        # Two workers: whatever waited in a queue was in no hands, and is not counted.
        assert open_calls(home) == 1 if number else open_calls(home) <= 2
        if number:
            assert "tried alone first" in killed.complained
    ended = run(project, home)
    assert ended.code == 3, ended.complained
    assert ended.summary["documents"]["failed"] == 1
    assert ask(home, LETTERS) == [(POISON, "poison", "check")]
    served = {key for (key,) in ask(home, SERVED)}
    held = {f"house.zip!/{name}.txt" for name in ("stairs", "lift", "roof")}
    assert served == {path.name for path in project.docs.iterdir()} - {POISON} | held
    assert deaths(home) == {POISON: (ALONE, 1)}
    assert leftovers(home).keys() <= {"deaths"}


def test_a_dead_letter_of_poison_is_not_called_again_by_itself(project, tmp_path):
    home = tmp_path / "home"
    for _ in range(1 + ALONE):
        run(project, home)
    assert run(project, home).code == 3
    again = run(project, home)
    assert again.code == 0, again.complained
    assert again.summary["documents"]["held_back"] == 1
    assert "tried alone first" not in again.complained


def test_a_poison_that_was_cured_is_served(project, tmp_path):
    home = tmp_path / "home"
    for _ in range(1 + ALONE):
        run(project, home)
    assert run(project, home).code == 3
    project.write(POISON, "# Loss\n\nThis text is harmless.\n")
    project.settle()
    cured = run(project, home)
    assert cured.code == 0, cured.complained
    assert cured.summary["documents"]["added"] == 1  # it was never served before
    assert leftovers(home) == {}


def test_who_was_in_hand_when_others_killed_is_not_blamed(project, tmp_path):
    home = tmp_path / "home"
    assert run(project, home).code == -9
    project.write(POISON, "# Loss\n\nThis text is harmless.\n")
    project.settle()
    after = run(project, home)
    assert after.code == 0, after.complained
    assert deaths(home) == {}
    assert "tried alone first" not in run(project, home).complained
