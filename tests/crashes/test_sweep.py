"""Killed at any point, a run leaves what the next one makes right.

At every point, in a home of its own, a run of the reference is killed and a plain new one begun.
"""

import random
from collections import Counter
from pathlib import Path

import pytest

from ragflow.stores.metadata.encoding import unpack
from tests.crashes.meaning import ask, index, is_made, ledgers, leftovers, memos
from tests.crashes.points import ELSEWHERE, POINTS, TRANSACTIONS
from tests.crashes.project import BATCH, Project
from tests.crashes.reference import Stage

#: Where each point is swept: the refresh, if it has it, since that does everything at once.
STAGES = {
    "first": (
        "make_current",
        "Instances.get",
        "set_locator",
        "SqliteGenerations.build",
        "SqliteRecipes.keep",
        "create",
    ),
    "replaced": ("publish", "forget", "drop", "let_go"),
}


def stage_of(point: str) -> str:
    for name, words in STAGES.items():
        if any(word in point for word in words):
            return name
    return "refreshed"


def kill_and_run_again(stage: Stage, folder: Path, point: str, nth: int) -> bool:
    """Tell whether the point was reached; what the next run makes of it is right."""
    home = stage.home(folder)
    killed = stage.project.run(home, *stage.arguments, at=point, nth=nth)
    if killed.code == 0:
        return False
    assert killed.code == -9, killed.complained
    remembered, in_flight = vectors(home), embedding(home)
    again = stage.project.run(home, *stage.arguments)
    assert again.code == 0, again.complained
    assert "Traceback" not in again.complained
    stage.check(home)
    # What was remembered is not embedded again, and of the rest no more than was in hand.
    before = 0 if stage.before is None else vectors(stage.before)
    assert again.embedded == stage.run.embedded - (remembered - before)
    twice = killed.embedded + again.embedded - stage.run.embedded
    assert 0 <= twice <= in_flight
    third = stage.project.run(home, *stage.arguments)
    assert third.code == 0
    assert third.summary["chunks"]["upserted"] == third.summary["chunks"]["deleted"] == 0
    assert third.embedded == 0
    return True


def vectors(home: Path) -> int:
    """Return how many vectors a home remembers."""
    return sum(task == "embed" for task, _ in memos(home))


def embedding(home: Path) -> int:
    """Return how many texts lay in assignments that were open, and never more than a batch each."""
    if not is_made(home):
        return 0
    open_ones = ask(home, "SELECT calls FROM assignment WHERE task = 'embed'")
    calls = [unpack(row) for (row,) in open_ones]
    assert all(len(each) <= BATCH for each in calls)
    return sum(map(len, calls))


# --- What is named ----------------------------------------------------------------------------


def test_every_commit_of_the_reference_runs_is_named(reference):
    reached: Counter[str] = Counter()
    for stage in reference.stages.values():
        reached += stage.run.points
    unnamed = {point for point in reached if point.partition(":")[0] in ELSEWHERE}
    assert set(reached) - unnamed == set(POINTS)


def test_nothing_is_committed_without_a_name(reference):
    for stage in reference.stages.values():
        commits = 0
        for told in stage.run.told_by_thread:
            for before, line, after in zip(["", *told], told, [*told[1:], ""], strict=False):
                if line == "commit":
                    commits += 1
                    assert before.endswith(": written")
                    assert after.endswith(": committed")
        assert commits > len(TRANSACTIONS) / 2


def test_nothing_is_written_outside_a_transaction(reference):
    for stage in reference.stages.values():
        assert [line for line in stage.run.told if line.startswith("alone ")] == []


def test_the_sweep_is_no_larger_than_it_may_be():
    assert len(POINTS) <= 60


# --- The sweep --------------------------------------------------------------------------------


@pytest.mark.parametrize("point", POINTS)
def test_a_run_killed_at_a_point_is_made_good_by_the_next(reference, tmp_path, point):
    stage = reference.stages[stage_of(point)]
    assert stage.run.points[point]
    # Not always the first time: there is more to lose in the middle.
    middle = 1 + stage.run.points[point] // 2
    assert kill_and_run_again(stage, tmp_path / "middle", point, middle) or kill_and_run_again(
        stage, tmp_path / "first", point, 1
    )


@pytest.mark.parametrize(
    "point",
    [
        "SqliteLedger.intend: committed",
        "ChromaStore upsert: made",
        "ChromaStore upsert: recorded",
        "ChromaStore delete: made",
        "Committer: applied",
        "SqliteLedger.commit: committed",
    ],
)
def test_what_was_written_for_nothing_goes_when_the_documents_change_again(
    machine, tmp_path, point
):
    project, home, clean = Project(tmp_path / "project", machine), tmp_path / "a", tmp_path / "b"
    assert project.run(home).code == 0
    project.edit()
    assert project.run(home, at=point).code == -9
    project.revert()
    assert project.run(home).code == project.run(clean).code == 0
    assert index(home, project.folder) == index(clean, project.folder)
    assert ledgers(home) == ledgers(clean)
    assert leftovers(home) == {}


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(12))
def test_a_run_killed_over_and_over_is_made_good_in_the_end(reference, tmp_path, seed):
    stage = reference.stages[("first", "refreshed", "replaced")[seed % 3]]
    home = stage.home(tmp_path)
    chance = random.Random(seed)
    for _ in range(6):
        at, often = chance.choice(sorted(stage.run.points.items()))
        killed = stage.project.run(home, *stage.arguments, at=at, nth=chance.randint(1, often))
        assert killed.code in (0, -9), killed.complained
    again = stage.project.run(home, *stage.arguments)
    assert again.code == 0, again.complained
    stage.check(home)


@pytest.mark.parametrize(
    "point", ["_Portion: committed", "SqliteLedger.intend: committed", "Committer: applied"]
)
def test_a_run_that_was_killed_is_resumed_under_its_number(reference, tmp_path, point):
    stage = reference.stages["refreshed"]
    home = stage.home(tmp_path)
    assert stage.project.run(home, at=point).code == -9
    runs = ask(home, "SELECT id FROM run ORDER BY id")
    resumed = stage.project.type(home, "resume", "--allow-deletions", "--json")
    assert resumed.code == 0, resumed.complained
    assert ask(home, "SELECT id FROM run ORDER BY id") == runs
    stage.check(home)


@pytest.mark.slow
@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("name", ["first", "refreshed", "replaced"])
def test_a_run_killed_at_every_occurrence_of_a_point_is_made_good(reference, tmp_path, name, point):
    stage = reference.stages[name]
    for nth in range(1, 1 + stage.run.points[point]):
        kill_and_run_again(stage, tmp_path / str(nth), point, nth)
