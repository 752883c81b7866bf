"""Runs are paused, cancelled, stopped, lost, and committed a portion at a time."""

import pytest

from ragflow.core.rates import Rate
from ragflow.core.retry import Fault, FaultKind
from ragflow.core.states import RUN_MOVES, RunState
from ragflow.scheduling.transitions.commands import Commit, Drop, Stop
from ragflow.scheduling.transitions.events import (
    Asking,
    Begin,
    Lost,
    NotCommitted,
    Told,
)
from ragflow.scheduling.transitions.step import is_over, run_state
from ragflow.scheduling.transitions.timers import next_instant
from tests.unit.scheduling.transitions.core import (
    LASTING,
    PASSING,
    Core,
    answers,
    committed,
    of,
    retry,
    task,
)


def told(core, what):
    return core.tell(Asking(core.now, what))


def finish(core, owner, **given):
    core.enter(owner)
    core.ask(owner, 0)
    core.arrive(owner, **given)


def test_a_paused_run_begins_nothing_and_goes_on_when_resumed():
    core = Core(task())
    core.enter_with("a", "b")
    told(core, Told.PAUSE)
    assert core.begun() == []
    told(core, Told.RESUME)
    assert core.begun() == [("a",), ("b",)]


def test_a_paused_run_takes_what_is_held():
    core = Core(task(needs={"s": 1}), limits={"s": 1})
    core.enter_with("a", "b")
    core.turn()
    told(core, Told.PAUSE)
    assert answers(core.end(1, None)) == {"a": "succeeded"}
    assert core.begun() == []


def test_a_cancelled_run_waits_for_what_is_held_and_keeps_what_is_finished():
    core = Core(task(needs={"s": 1}), limits={"s": 1}, portion_linger=60)
    core.enter_with("a", "b", owner=1)
    core.turn()
    finish(core, 2)
    assert of(Drop, told(core, Told.CANCEL)) == [Drop(1)]
    assert not is_over(core.state)
    assert core.begun() == []
    assert answers(core.end(1, None)) == {"a": "succeeded"}
    assert committed(core.turn()) == [(2,)]
    core.commit(1)
    assert is_over(core.state)
    assert run_state(core.state.phase, has_failed=False) is RunState.CANCELLED


def test_nothing_is_tried_again_in_a_cancelled_run():
    core = Core(task())
    core.enter_with("a")
    core.turn()
    told(core, Told.CANCEL)
    assert answers(core.end(1, PASSING)) == {"a": "cancelled"}
    assert is_over(core.state)


def test_an_owner_that_comes_too_late_is_dropped():
    core = Core(task())
    told(core, Told.CANCEL)
    assert core.enter(1) == [Drop(1)]


@pytest.mark.parametrize("what", list(Told))
def test_asking_for_the_same_twice_is_asking_once(what):
    core = Core(task())
    if what is Told.RESUME:
        told(core, Told.PAUSE)
    told(core, what)
    phase, dropped = core.state.phase, core.state.dropped
    assert told(core, what) == []
    assert (core.state.phase, core.state.dropped) == (phase, dropped + 1)


def test_every_state_of_a_run_has_its_moves():
    assert set(RUN_MOVES) == set(RunState)


def test_too_many_failures_stop_the_run():
    core = Core(task(), max_failed=1, portion_linger=60)
    core.enter_with("a", owner=9)
    finish(core, 1, has_failed=True)
    core.turn()
    assert core.state.phase is RunState.RUNNING
    finish(core, 2, has_failed=True)
    core.turn()
    assert core.state.phase is RunState.FAILED


def test_owners_that_failed_in_stages_before_count_towards_the_most_that_may():
    core = Core(task(), max_failed=2, portion_linger=60, begins={"failed_owners": 2})
    core.turn()
    assert core.state.phase is RunState.RUNNING
    finish(core, 1, has_failed=True)
    core.turn()
    assert core.state.phase is RunState.FAILED


def test_a_rate_holds_from_one_stage_to_the_next():
    rates = {"api": Rate(1.0, 1.0)}
    first = Core(task(rates=("api",)), rates=rates)
    first.enter_with("a")
    assert first.begun() == [("a",)]
    first.end(1, Fault(FaultKind.PASSING, told=30.0))
    second = Core(task(rates=("api",)), rates=rates, begins={"buckets": first.state.buckets})
    second.enter_with("b")
    assert second.begun(after=29) == []
    assert second.begun(after=1) == [("b",)]
    assert second.state.buckets is first.state.buckets


def test_a_lost_lease_stops_everything_where_it_stands():
    core = Core(task(), portion=1)
    core.enter_with("a", "b")
    core.turn()
    finish(core, 2)
    core.turn()
    stopped = core.tell(Lost(core.now))
    assert {each.assignment for each in of(Stop, stopped)} == {1, 2}
    assert {each.owner for each in of(Drop, stopped)} == {1, 2}
    assert is_over(core.state)
    for late in (core.end(1, None), core.commit(1)):
        assert late == []
    assert core.state.dropped == 2


# --- Portions -------------------------------------------------------------------------------------


def test_a_portion_goes_when_it_is_full():
    core = Core(task(), portion=2, portion_linger=60)
    core.enter_with("busy", owner=9)
    core.turn()
    finish(core, 1, rows=1)
    assert committed(core.turn()) == []
    finish(core, 2, rows=1)
    assert committed(core.turn()) == [(1, 2)]


@pytest.mark.parametrize(("rows", "sizes"), [(1, [500, 500]), (120, [5, 5]), (9000, [1, 1])])
def test_a_portion_is_no_larger_than_what_fills_it(rows, sizes):
    core = Core(task(), portion=500, portions=2, window_owners=10_000)
    for owner in range(1200):
        finish(core, owner, rows=rows)
    assert [len(owners) for owners in committed(core.turn())] == sizes
    served = sum(sizes)
    core.commit(1)
    core.commit(2)
    while portions := committed(core.turn()):
        served += sum(map(len, portions))
        for number in list(core.state.portions):
            core.commit(number)
    assert (served, core.state.finished_rows) == (1200, 0)
    assert not core.state.owners


def test_a_portion_goes_at_the_very_instant_at_which_it_is_late():
    core = Core(task(), portion=9, portion_linger=0.3, now=0.1)
    core.enter_with("busy", owner=9)
    core.turn()
    finish(core, 1)
    instant = next_instant(core.state)
    core.now = instant
    assert committed(core.turn()) == [(1,)]


def test_a_portion_goes_when_there_is_nothing_else_to_wait_for():
    core = Core(task(), portion=9, portion_linger=60)
    core.enter(1, begin=Begin.FINISH)
    assert committed(core.turn()) == [(1,)]


def test_no_more_portions_are_under_way_than_may_be():
    core = Core(task(), portion=1, portions=2)
    for owner in (1, 2, 3):
        finish(core, owner)
        core.turn()
    assert len(core.state.portions) == 2
    core.commit(1)
    assert committed(core.turn()) == [(3,)]


def test_a_portion_that_was_not_written_is_written_again_as_it_was():
    core = Core(task(), portion=1, commit_retry=retry(attempts=2, seconds=4))
    finish(core, 1)
    core.turn()
    core.tell(NotCommitted(core.now, 1, PASSING))
    assert next_instant(core.state) == core.now + 4
    assert of(Commit, core.turn(after=3)) == []
    assert of(Commit, core.turn(after=1)) == [Commit(1, (1,))]
    core.commit(1)
    assert not core.state.owners


def test_a_portion_that_cannot_be_written_ends_the_run():
    core = Core(task(), portion=1)
    finish(core, 1)
    core.turn()
    assert of(Drop, core.tell(NotCommitted(core.now, 1, LASTING))) == [Drop(1)]
    assert core.state.phase is RunState.FAILED
    assert is_over(core.state)


@pytest.mark.parametrize(
    ("phase", "otherwise", "with_failures"),
    [
        (RunState.RUNNING, RunState.SUCCEEDED, RunState.SUCCEEDED_WITH_FAILURES),
        (RunState.PAUSED, RunState.SUCCEEDED, RunState.SUCCEEDED_WITH_FAILURES),
        (RunState.CANCELLING, RunState.CANCELLED, RunState.CANCELLED),
        (RunState.FAILED, RunState.FAILED, RunState.FAILED),
    ],
)
def test_what_failed_tells_only_of_a_run_that_came_to_its_end(phase, otherwise, with_failures):
    assert run_state(phase, has_failed=False) is otherwise
    assert run_state(phase, has_failed=True) is with_failures


def test_a_clock_that_is_put_back_ends_nothing_early():
    core = Core(task(attempt_timeout=5))
    core.enter_with("x")
    core.turn()
    core.turn(after=4)
    core.turn(after=-50)
    assert core.state.assignments
    assert core.state.now == 104.0
    assert answers(core.end(1, Fault(FaultKind.GIVE_UP))) == {"x": "failed"}
