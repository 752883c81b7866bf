"""What an earlier run left in a worker's hands is tried alone; what killed one is by itself."""

from ragflow.core.rates import Rate
from ragflow.scheduling.transitions.events import Begin
from ragflow.scheduling.transitions.state import LOAD
from tests.unit.scheduling.transitions.core import PASSING, Core, task


def test_suspects_go_one_by_one_and_before_anything_else():
    core = Core(task())
    core.enter_with("a", "b", "c", suspects={"b": 0, "c": 1})
    [first] = core.opened()
    assert (first.keys, first.is_alone) == (("b",), True)
    assert core.opened() == []
    core.end(first.assignment, None)
    [second] = core.opened()
    assert (second.keys, second.is_alone) == (("c",), True)
    core.end(second.assignment, None)
    [third] = core.opened()
    assert (third.keys, third.is_alone) == (("a",), False)


def test_a_suspect_waits_until_nothing_else_is_held():
    core = Core(task())
    core.enter_with("a")
    core.turn()
    core.enter_with("b", owner=2, suspects={"b": 0})
    assert core.begun() == []
    core.end(1, None)
    assert core.begun() == [("b",)]


def test_what_a_dead_scheduler_left_is_tried_alone_in_a_process_of_its_own_too():
    core = Core(task(batch=9.0, is_isolated=True))
    core.enter_with("a", "b", "c", "d", suspects={"b": 0, "d": 1})
    core.exhaust()
    order = []
    for number in (1, 2, 3):
        [opened] = core.opened()
        order.append((opened.keys, opened.is_alone))
        core.end(number, *(None for _ in opened.keys))
    assert order == [(("b",), True), (("d",), True), (("a", "c"), False)]


def test_a_load_that_a_dead_scheduler_left_is_tried_alone():
    core = Core(task())
    core.enter(1, begin=Begin.LOAD)
    core.enter(2, begin=Begin.LOAD, suspect=0)
    assert core.begun() == [((LOAD, 2, 0),)]


def test_what_killed_its_worker_in_this_run_goes_by_itself_and_beside_others():
    core = Core(task(batch=2.0, is_isolated=True, linger=0))
    core.enter_with("a")
    core.turn()
    core.die(1)
    core.enter_with("b", "c", owner=2)
    assert [(each.keys, each.is_alone) for each in core.opened()] == [
        (("a",), False),
        (("b", "c"), False),
    ]


def test_a_suspect_whose_worker_died_and_not_its_scheduler_goes_beside_others():
    core = Core(task(is_isolated=True))
    core.enter_with("a", "b", suspects={"a": 0})
    assert core.begun() == [("a",)]
    core.die(1)
    assert core.begun() == [("a",), ("b",)]
    assert core.state.calls["a"].deaths == 1


def test_a_suspect_that_is_tried_again_is_tried_alone_again():
    core = Core(task(is_isolated=True))
    core.enter_with("a", "b", suspects={"a": 0})
    core.turn()
    core.end(1, PASSING)
    assert core.begun() == [("b",)]
    assert core.begun(after=1) == []
    core.end(2, None)
    [opened] = core.opened()
    assert (opened.keys, opened.is_alone) == (("a",), True)


def test_a_suspect_is_held_to_its_rate():
    core = Core(task(rates=("api",)), rates={"api": Rate(1.0, 1.0)})
    core.enter_with("a", "b", suspects={"a": 0, "b": 0})
    core.turn()
    core.end(1, None)
    assert core.begun() == []
    assert core.begun(after=1) == [("b",)]
