"""What goes on though it was stopped keeps what it needs, except for its slot."""

import pytest

from ragflow.errors import ImpossibleEventError
from ragflow.scheduling.transitions.commands import Stop
from ragflow.scheduling.transitions.events import Exhausted, Fenced
from ragflow.scheduling.transitions.policy import SLOTS, TaskPolicy
from ragflow.scheduling.transitions.portions import is_idle
from ragflow.scheduling.transitions.step import is_over
from ragflow.scheduling.transitions.timers import next_instant
from tests.unit.scheduling.transitions.core import Core, answers, of, retry, task

SLOT = f"{SLOTS}threads"


def timed(**given: object) -> TaskPolicy:
    return task(attempt_timeout=5, retry=retry(attempts=1), **given)


def late(core: Core, *, fenced: bool) -> None:
    """Let the first assignment time out, in a run that has one call after the other."""
    core.enter_with("x", "y")
    assert core.begun() == [("x",)]
    told = core.turn(after=5)
    assert answers(told) == {"x": "failed: attempt"}
    assert of(Stop, told) == [Stop(1, is_late=True)]
    if fenced:
        core.tell(Fenced(core.now, 1))


def test_a_pool_is_free_when_what_was_stopped_has_ended():
    core = Core(timed(needs={"pool": 1}), limits={"pool": 1})
    late(core, fenced=False)
    assert next_instant(core.state) == core.now
    assert core.begun() == [("y",)]


@pytest.mark.parametrize("ends", ["end", "die"])
def test_a_pool_is_taken_until_what_could_not_be_stopped_comes_back(ends):
    core = Core(timed(needs={"pool": 1}), limits={"pool": 1})
    late(core, fenced=True)
    assert core.begun() == []
    assert next_instant(core.state) is None
    if ends == "end":
        assert core.end(1, None) == []
    else:
        assert core.die(1) == []
    assert core.state.dropped == 1
    assert core.begun() == [("y",)]


def test_the_slot_of_what_could_not_be_stopped_is_free():
    core = Core(timed(needs={SLOT: 1, "pool": 1}), limits={SLOT: 1, "pool": 2})
    late(core, fenced=True)
    assert [each.keys for each in core.state.assignments.values()] == [("y",)]


def test_what_could_not_be_stopped_is_no_company_for_a_suspect():
    core = Core(timed(needs={SLOT: 1}), limits={SLOT: 1})
    core.enter_with("x")
    core.turn()
    core.turn(after=5)
    core.tell(Fenced(core.now, 1))
    core.enter_with("y", owner=2, suspects={"y": 0})
    [opened] = core.opened()
    assert (opened.keys, opened.is_alone) == (("y",), True)


def test_a_suspect_waits_for_what_it_needs():
    core = Core(timed(needs={"pool": 1}), limits={"pool": 1})
    core.enter_with("x")
    core.turn()
    core.turn(after=5)
    core.tell(Fenced(core.now, 1))
    core.enter_with("y", owner=2, suspects={"y": 0})
    assert core.begun() == []
    core.end(1, None)
    assert core.begun() == [("y",)]


def test_a_run_does_not_wait_for_what_could_not_be_stopped():
    core = Core(timed(needs={"pool": 1}), limits={"pool": 1})
    core.enter_with("x")
    core.turn()
    core.turn(after=5)
    core.tell(Fenced(core.now, 1))
    core.arrive(1, has_failed=True)
    core.tell(Exhausted(core.now))
    assert is_idle(core.state)
    core.turn()
    core.commit(1)
    assert is_over(core.state)


def test_what_came_back_before_it_was_told_to_go_on_holds_nothing():
    core = Core(timed(needs={"pool": 1}), limits={"pool": 1})
    late(core, fenced=False)
    core.end(1, None)
    core.tell(Fenced(core.now, 1))
    assert core.state.dropped == 2
    assert core.begun() == [("y",)]


def test_what_goes_on_is_told_before_the_next_turn_and_once():
    core = Core(timed())
    core.enter_with("x", "y")
    core.turn()
    core.turn(after=5)
    for _ in range(2):
        core.tell(Fenced(core.now, 1))
    assert (core.state.dropped, core.state.fenced) == (1, {1: 0})
    core.turn()
    core.tell(Fenced(core.now, 2))
    assert (core.state.dropped, core.state.fenced) == (2, {1: 0})


@pytest.mark.parametrize("number", [0, 1, 7])
def test_only_what_was_stopped_can_go_on_all_the_same(number):
    core = Core(timed())
    core.enter_with("x")
    core.turn()
    with pytest.raises(ImpossibleEventError, match="never stopped"):
        core.tell(Fenced(core.now, number))
