"""The scheduler's core, through 10,000 seeds of everything that may go wrong."""

import subprocess
import sys
from pathlib import Path

import pytest

from ragflow.scheduling.transitions import calls
from tests.simulation.ending import unserved
from tests.simulation.oracle import fate
from tests.simulation.plan import Wrong
from tests.simulation.planted import Planted
from tests.simulation.seeds import run_chunk, run_one
from tests.simulation.world import World

ROOT = Path(__file__).resolve().parent.parent.parent
SEEDS = 10_000
#: Seeds a test, so that they spread over the processes of pytest-xdist.
CHUNK = 500

pytestmark = pytest.mark.simulation


@pytest.mark.parametrize("first", range(0, SEEDS, CHUNK))
def test_nothing_is_lost_or_done_twice_whatever_goes_wrong(first):
    found = run_chunk(first, CHUNK)
    assert not found.failures, found.report()
    assert found.fewest_owners >= 40
    assert found.fewest_tasks >= 3
    assert found.fewest_events >= 200
    assert found.fewest_schedulers == 2
    rare = {
        wrong: found.with_fault[wrong] for wrong in Wrong if found.with_fault[wrong] < CHUNK / 5
    }
    assert not rare, found.report()


def trace(seed: int) -> list[str]:
    lines: list[str] = []
    World(seed, lines.append).run()
    return lines


@pytest.mark.parametrize("seed", [3, 4711])
def test_a_seed_replays_exactly(seed):
    assert trace(seed) == trace(seed)


def test_a_seed_replays_exactly_in_another_process():
    outputs = {command_line("--seed", "5", "--trace", hashing=hashing) for hashing in ("1", "2")}
    assert len(outputs) == 1
    assert "takes the lease" in outputs.pop()


def test_the_command_line_runs_many_seeds():
    said = command_line("--seeds", "4", "--first", "10", "--jobs", "1")
    assert "4 seeds" in said
    assert "0 failed" in said


def command_line(*given: str, hashing: str = "0") -> str:
    return subprocess.run(
        [sys.executable, "-m", "tests.simulation", *given],
        cwd=ROOT,
        env={"PYTHONHASHSEED": hashing, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def test_a_seed_that_fails_says_how_to_see_it_again():
    with Planted("x", calls.failed, "call.attempts += 1", "call.attempts += 0").at_work():
        found = run_chunk(0, 5)
    assert found.failures
    for seed, why in found.failures.items():
        assert f"python -m tests.simulation --seed {seed} --trace" in why


def undisturbed(seed: int) -> World:
    world = World(seed)
    world.moments.clear()
    world.plan.chances = dict.fromkeys(world.plan.chances, 0.0)
    world.plan.calm_after = 10**9
    world.run()
    return world


@pytest.mark.parametrize("seed", range(25))
def test_what_is_expected_is_what_an_undisturbed_run_leaves(seed):
    world, disturbed = undisturbed(seed), World(seed)
    disturbed.run()
    assert not unserved(world)
    good = [n for n, content in world.contents.items() if not fate(world.plan, content).causes]
    assert good
    for owner in good:
        assert world.home.held[owner] == disturbed.home.held[owner]
        assert world.home.done[owner] == disturbed.home.done[owner]


def test_one_seed_is_its_own_finding():
    found = run_one(0)
    assert found.seeds == 1
    assert found.steps >= 200
