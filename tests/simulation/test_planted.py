"""The simulator finds what it is for: each planted fault, within 10,000 seeds."""

import pytest

from ragflow.scheduling.transitions import calls
from tests.simulation.planted import PLANTED, Planted
from tests.simulation.seeds import run_one

MOST_SEEDS = 10_000

pytestmark = pytest.mark.simulation


@pytest.mark.parametrize("planted", PLANTED, ids=lambda planted: planted.name.replace(" ", "_"))
def test_a_planted_fault_is_found(planted):
    with planted.at_work():
        found = next((seed for seed in range(MOST_SEEDS) if run_one(seed).failures), None)
    assert found is not None, f"{planted.name}: not found in {MOST_SEEDS} seeds"


def test_there_are_at_least_twelve_of_them():
    assert len({planted.name for planted in PLANTED}) >= 12


def test_a_fault_is_gone_when_it_was_looked_for():
    before = calls.failed.__code__
    with Planted("x", calls.failed, "call.attempts += 1", "pass").at_work():
        assert calls.failed.__code__ is not before
    assert calls.failed.__code__ is before


def test_a_fault_that_can_no_longer_be_planted_is_an_error():
    planted = Planted("x", calls.failed, "this text is not there", "pass")
    with pytest.raises(LookupError, match="not in failed any more"), planted.at_work():
        pass
