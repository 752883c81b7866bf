"""Calls are tried again, halved, counted and given up."""

import math

import pytest

from ragflow.core.rates import Rate
from ragflow.core.retry import Fault, FaultKind
from ragflow.core.states import TaskState
from ragflow.scheduling.transitions.commands import Open
from ragflow.scheduling.transitions.events import Asking, Told
from ragflow.scheduling.transitions.timers import next_instant
from tests.unit.scheduling.transitions.core import (
    LASTING,
    PASSING,
    Core,
    answers,
    of,
    retry,
    rounds,
    task,
)


def test_a_call_is_tried_again_at_a_stored_instant():
    core = Core(task(retry=retry(seconds=5)))
    core.enter_with("x")
    core.turn()
    core.end(1, PASSING)
    assert next_instant(core.state) == core.now + 5
    assert core.begun(after=4.9) == []
    assert core.begun(after=0.1) == [("x",)]


def test_a_call_fails_when_its_attempts_are_used_up():
    core = Core(task(retry=retry(attempts=2, seconds=0)))
    core.enter_with("x")
    core.turn()
    assert answers(core.end(1, PASSING)) == {}
    core.turn()
    assert answers(core.end(2, PASSING)) == {"x": "failed"}


def test_an_error_that_lasts_is_not_tried_again():
    core = Core(task())
    core.enter_with("x")
    core.turn()
    assert answers(core.end(1, LASTING)) == {"x": "failed"}


def test_other_calls_go_on_while_one_waits_for_its_next_attempt():
    core = Core(task(needs={"slots": 1}), limits={"slots": 1})
    core.enter_with("x", "y")
    core.turn()
    core.end(1, PASSING)
    assert core.begun() == [("y",)]


def test_an_instant_of_a_call_that_is_over_is_not_that_of_its_successor():
    core = Core(task(retry=retry(seconds=50), total_timeout=30))
    core.enter_with("x", owner=1)
    core.turn()
    core.end(1, PASSING)
    assert answers(core.turn(after=30)) == {"x": "failed: total"}
    core.enter_with("x", owner=2)
    core.turn()
    core.end(2, PASSING)
    assert core.begun(after=20) == []
    assert core.state.calls["x"].state is TaskState.RETRYING


@pytest.mark.parametrize("size", [2, 7, 16, 100])
@pytest.mark.parametrize("bad", [0, 1])
def test_halving_finds_the_one_bad_item_in_log_two_rounds(size, bad):
    core = Core(task(batch=float(size)))
    keys = [f"k{n}" for n in range(size)]
    core.enter_with(*keys)
    found = keys[-bad]
    count, batches, failed = rounds(core, lambda keys: found in keys)
    assert failed == [found]
    assert count <= math.ceil(math.log2(size)) + 1
    assert batches <= 2 * math.ceil(math.log2(size)) + 1


def test_a_batch_whose_fault_passes_is_tried_again_as_it_is():
    core = Core(task(batch=3.0))
    core.enter_with("x", "y", "z")
    assert core.begun() == [("x", "y", "z")]
    core.fail(1, PASSING)
    assert core.begun(after=1) == [("x", "y", "z")]


def test_a_batch_that_takes_too_long_is_tried_again_in_halves():
    core = Core(task(batch=4.0, attempt_timeout=5))
    core.enter_with("a", "b", "c", "d")
    core.turn()
    assert core.begun(after=5) == []
    assert core.begun(after=1) == [("a", "b"), ("c", "d")]


def test_a_batch_that_failed_often_enough_is_tried_in_halves_after_a_pause():
    core = Core(task(batch=2.0, linger=0, retry=retry(attempts=2)))
    core.enter_with("x", "y")
    core.turn()
    core.end(1, PASSING, None)
    core.enter_with("z", owner=2)
    assert core.begun(after=1) == [("z", "x")]
    assert answers(core.fail(2, PASSING)) == {}
    assert core.begun(after=0.5) == []
    assert core.begun(after=0.5) == [("z",), ("x",)]
    assert answers(core.end(4, PASSING)) == {"x": "failed"}


def test_one_bad_item_of_a_batch_fails_alone_though_its_error_may_pass():
    core = Core(task(batch=64.0, retry=retry(attempts=2)))
    core.enter_with(*(f"k{n}" for n in range(64)))
    core.turn()
    core.fail(1, PASSING)
    came, number = {}, 1
    for _ in range(8):
        for keys in core.begun(after=1):
            number += 1
            bad = "k7" in keys
            done = core.fail(number, PASSING) if bad else core.end(number, *[None] * len(keys))
            came.update(answers(done))
    assert {key for key, state in came.items() if state == "failed"} == {"k7"}
    assert len(came) == 64
    assert number == 2 + 2 * 6


def test_a_batch_that_fails_until_a_later_run_is_halved():
    core = Core(task(batch=2.0))
    core.enter_with("x", "y")
    core.turn()
    core.fail(1, Fault(FaultKind.LATER))
    assert core.begun() == [("x",), ("y",)]


def test_a_batch_that_takes_too_long_at_its_last_attempt_is_halved():
    core = Core(task(batch=2.0, attempt_timeout=5, retry=retry(attempts=1)))
    core.enter_with("x", "y")
    core.turn()
    assert core.begun(after=5) == [("x",), ("y",)]


def test_a_batch_whose_fault_passes_is_cancelled_in_a_run_that_ends():
    core = Core(task(batch=2.0))
    core.enter_with("x", "y")
    core.turn()
    core.tell(Asking(core.now, Told.CANCEL))
    assert answers(core.fail(1, PASSING)) == {"x": "cancelled", "y": "cancelled"}


def test_a_batch_whose_worker_died_is_halved_and_nobody_counts_a_death():
    core = Core(task(batch=4.0, is_isolated=True))
    core.enter_with("a", "b", "c", "d")
    core.turn()
    core.die(1)
    assert core.begun() == [("a", "b"), ("c", "d")]
    assert {call.deaths for call in core.state.calls.values()} == {0}


def test_three_deaths_alone_are_enough():
    core = Core(task(is_isolated=True))
    core.enter_with("x", "y")
    core.turn()
    assert answers(core.die(1)) == {}
    core.turn()
    assert answers(core.die(3)) == {}
    core.turn()
    assert answers(core.die(4)) == {"x": "failed: deaths"}
    assert core.state.calls["y"].deaths == 0


def test_deaths_do_not_use_up_attempts():
    core = Core(task(is_isolated=True, retry=retry(attempts=1)))
    core.enter_with("x")
    core.turn()
    core.die(1)
    assert core.begun() == [("x",)]
    assert core.state.calls["x"].attempts == 0


def test_what_killed_three_times_alone_is_given_up_at_once():
    core = Core(task())
    assert answers(core.enter_with("a", "b", suspects={"a": 3})) == {"a": "failed: deaths"}
    assert core.begun() == [("b",)]


def test_an_attempt_that_takes_too_long_is_stopped_and_tried_again():
    core = Core(task(attempt_timeout=5, retry=retry(attempts=2, seconds=0)))
    core.enter_with("x")
    core.turn()
    assert next_instant(core.state) == core.now + 5
    told = core.turn(after=5)
    assert [type(each).__name__ for each in told] == ["Stop", "Open"]
    assert answers(core.turn(after=5)) == {"x": "failed: attempt"}


def test_a_late_result_of_an_attempt_that_was_stopped_is_dropped():
    core = Core(task(attempt_timeout=5))
    core.enter_with("x")
    core.turn()
    core.turn(after=5)
    assert core.end(1, None) == []
    assert core.state.dropped == 1


def test_a_call_that_waits_too_long_for_a_slot_fails():
    core = Core(task(needs={"slots": 1}, queue_timeout=3), limits={"slots": 1})
    core.enter_with("x", "y")
    core.turn()
    assert answers(core.turn(after=3)) == {"y": "failed: queue"}


def test_waiting_for_a_slot_is_counted_from_each_attempt_anew():
    core = Core(task(queue_timeout=3, retry=retry(seconds=10)))
    core.enter_with("x")
    core.turn()
    core.end(1, PASSING)
    assert core.begun(after=10) == [("x",)]


@pytest.mark.parametrize("attempt_timeout", [None, 4.0])
def test_all_attempts_together_take_no_longer_than_they_may(attempt_timeout):
    core = Core(task(total_timeout=10, attempt_timeout=attempt_timeout, retry=retry(9, 0)))
    core.enter_with("x")
    core.turn()
    told = []
    for _ in range(10):
        told += core.turn(after=1)
    assert answers(told) == {"x": "failed: total"}
    assert not core.state.calls


def test_the_company_of_a_call_whose_time_is_up_loses_no_attempt():
    core = Core(task(batch=2.0, total_timeout=10, linger=5))
    core.enter_with("x")
    core.turn(after=4)
    core.enter_with("y", owner=2)
    assert core.begun() == [("x", "y")]
    told = core.turn(after=6)
    assert answers(told) == {"x": "failed: total"}
    assert [each.keys for each in of(Open, told)] == [("y",)]
    assert core.state.calls["y"].attempts == 0


def test_a_pause_uses_up_no_patience_in_the_queue():
    core = Core(task(queue_timeout=3))
    core.tell(Asking(core.now, Told.PAUSE))
    core.enter_with("x")
    assert answers(core.turn(after=60)) == {}
    core.tell(Asking(core.now, Told.RESUME))
    assert core.begun(after=1) == [("x",)]


def test_a_pause_uses_up_no_time_of_all_attempts_together():
    core = Core(task(total_timeout=10))
    core.enter_with("x")
    core.now += 4
    core.tell(Asking(core.now, Told.PAUSE))
    assert answers(core.turn(after=60)) == {}
    core.enter_with("y", owner=2)
    assert answers(core.turn(after=20)) == {}
    core.tell(Asking(core.now, Told.RESUME))
    assert core.begun() == [("x",), ("y",)]
    assert answers(core.turn(after=5.9)) == {}
    assert answers(core.turn(after=0.1)) == {"x": "failed: total"}
    assert answers(core.turn(after=4)) == {"y": "failed: total"}


def test_a_pause_lengthens_the_time_of_what_waits_for_its_next_attempt():
    core = Core(task(total_timeout=10, retry=retry(seconds=5)))
    core.enter_with("x")
    core.turn()
    core.tell(Asking(core.now, Told.PAUSE))
    core.turn(after=3)
    core.end(1, PASSING)
    assert answers(core.turn(after=100)) == {}
    core.tell(Asking(core.now, Told.RESUME))
    assert core.begun() == [("x",)]
    assert answers(core.turn(after=6.9)) == {}
    assert answers(core.turn(after=0.1)) == {"x": "failed: total"}


def test_the_time_of_what_a_worker_holds_runs_on_in_a_pause():
    core = Core(task(total_timeout=10))
    core.enter_with("x")
    core.turn()
    core.tell(Asking(core.now, Told.PAUSE))
    assert answers(core.turn(after=10)) == {"x": "failed: total"}


def test_what_calls_would_have_been_late_at_is_forgotten_with_them():
    core = Core(task(attempt_timeout=3600, queue_timeout=3600, total_timeout=7200))
    for number in range(1, 500):
        core.enter_with(f"k{number}", owner=number)
        core.turn()
        core.end(number, None)
    core.turn()
    assert len(core.state.deadlines) < 100
    assert next_instant(core.state) is None


def test_what_a_service_asks_for_holds_the_others_back():
    core = Core(task(rates=("api",)), rates={"api": rate(10.0)})
    core.enter_with("x", "y")
    core.turn()
    core.end(1, Fault(FaultKind.PASSING, told=30.0))
    core.enter_with("z", owner=2)
    assert core.begun(after=29) == []
    assert core.begun(after=1.2) == [("z",), ("x",)]


def test_what_a_task_asks_for_holds_nobody_else_back():
    core = Core(task(rates=("api",)), rates={"api": rate(10.0)})
    core.enter_with("x")
    core.turn()
    core.end(1, Fault(FaultKind.RETRY, told=300.0))
    core.enter_with("y", owner=2)
    assert core.begun(after=1) == [("y",)]


def rate(per_second: float, burst: float | None = None) -> Rate:
    return Rate(per_second, per_second if burst is None else burst)


def test_a_bundle_does_not_outrun_a_rate():
    core = Core(task(is_bundled=True, rates=("api",)), rates={"api": rate(1.0, 2.0)})
    core.enter_with("a")
    core.turn()
    core.end(1, None, seconds=0.0001)
    core.enter_with("b", "c", "d", owner=2)
    assert core.begun() == [("b",)]
    assert next_instant(core.state) == pytest.approx(core.now + 1)
    assert core.begun(after=1) == [("c",)]
