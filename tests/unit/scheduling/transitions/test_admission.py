"""What begins, when, with what, and in which order."""

from ragflow.scheduling.transitions.events import Begin
from ragflow.scheduling.transitions.policy import BUNDLE, PATIENCE
from ragflow.scheduling.transitions.room import has_room
from ragflow.scheduling.transitions.timers import next_instant
from tests.unit.scheduling.transitions.core import Core, chain, task


def test_a_call_begins_with_all_it_needs_or_not_at_all():
    core = Core(task(needs={"cpu": 1, "gpu": 1}), limits={"cpu": 8, "gpu": 2})
    core.enter_with("a", "b", "c")
    assert core.begun() == [("a",), ("b",)]


def test_what_is_let_go_wakes_who_waits_for_it():
    core = Core(task(needs={"slots": 1}), limits={"slots": 1})
    core.enter_with("a", "b")
    assert core.begun() == [("a",)]
    assert core.begun() == []
    core.end(1, None)
    assert core.begun() == [("b",)]


def test_the_higher_priority_goes_first_then_the_deeper():
    low, high = task("low", needs={"s": 1}), task("high", needs={"s": 1}, priority=1)
    deep = task("deep", needs={"s": 1}, depth=5)
    core = Core(low, deep, high, limits={"s": 1})
    core.enter()
    for number, key in enumerate(("low", "deep", "high")):
        core.ask(1, number, key)
    order = []
    for number in (1, 2, 3):
        order += core.begun()
        core.end(number, None)
    assert order == [("high",), ("deep",), ("low",)]


def test_a_large_request_is_not_starved_by_small_ones():
    small, large = task("small", needs={"cpu": 1}, depth=2), task("large", needs={"cpu": 4})
    core = Core(small, large, limits={"cpu": 4})
    core.enter()
    core.ask(1, 0, *(f"s{n}" for n in range(4 * PATIENCE)))
    core.ask(1, 1, "large")
    running = [each.assignment for each in core.opened()]
    turns = 0
    while not any(a.task == 1 for a in core.state.assignments.values()):
        turns += 1
        assert turns < 2 * PATIENCE, "it waits for ever"
        core.end(running.pop(0), None)
        running += [each.assignment for each in core.opened()]
    assert core.state.queues[0].loose, "there was always a small one that would have fitted"


def test_nothing_is_kept_from_a_higher_priority():
    urgent, large = task("u", needs={"cpu": 1}, priority=1), task("large", needs={"cpu": 2})
    core = Core(urgent, large, limits={"cpu": 2})
    core.enter()
    core.ask(1, 0, *(f"u{n}" for n in range(3 * PATIENCE)))
    core.ask(1, 1, "large")
    running = [each.assignment for each in core.opened()]
    while core.state.queues[0].loose:
        core.end(running.pop(0), None)
        running += [each.assignment for each in core.opened()]
        assert all(each.task == 0 for each in core.state.assignments.values())


def test_a_batch_leaves_when_it_is_full():
    core = Core(*chain(task(batch=3.0, linger=60)))
    core.enter_with("a", "b")
    assert core.begun() == []
    core.enter_with("c", "d", owner=2)
    assert core.begun() == [("a", "b", "c")]


def test_a_batch_leaves_when_its_first_call_has_lingered():
    core = Core(task(batch=3.0, linger=2))
    core.enter_with("a")
    assert core.begun() == []
    assert next_instant(core.state) == core.now + 2
    assert core.begun(after=2) == [("a",)]


def test_a_batch_leaves_when_nothing_can_fill_it():
    core = Core(task(batch=3.0, linger=60))
    core.enter_with("a")
    core.exhaust()
    assert core.begun() == [("a",)]


def test_a_batch_that_lingered_and_finds_no_slot_waits_for_no_instant():
    core = Core(task(batch=3.0, linger=1, needs={"s": 1}), limits={"s": 1})
    core.enter_with("a", "b", "c")
    core.turn()
    core.enter_with("d", owner=2)
    core.turn(after=5)
    assert next_instant(core.state) is None
    core.end(1, None, None, None)
    assert core.begun() == [("d",)]


def test_costs_fill_a_batch_and_one_that_is_too_dear_goes_alone():
    core = Core(task(batch=10.0))
    core.enter_with("a", "b", "c", "d", costs=(4.0, 5.0, 30.0, 1.0))
    assert core.begun() == [("a", "b"), ("c",)]
    assert core.begun(after=1) == [("d",)]


def test_calls_that_are_quick_are_carried_many_at_a_time():
    core = Core(task(is_bundled=True))
    core.enter_with("first")
    core.turn()
    core.end(1, None, seconds=0.001)
    core.enter_with(*(f"k{n}" for n in range(50)), owner=2)
    assert [len(keys) for keys in core.begun()] == [20, 20, 10]


def test_a_bundle_has_an_end():
    core = Core(task(is_bundled=True))
    core.enter_with("first")
    core.turn()
    core.end(1, None, seconds=1e-7)
    core.enter_with(*(f"k{n}" for n in range(100)), owner=2)
    assert [len(keys) for keys in core.begun()] == [BUNDLE, 100 - BUNDLE]


def test_owners_enter_while_there_is_room_for_them():
    core = Core(task(), window_owners=2, window_weight=10)
    assert has_room(core.state)
    core.enter(1, weight=4)
    assert has_room(core.state)
    core.enter(2, weight=4)
    assert not has_room(core.state)


def test_one_owner_of_any_weight_may_enter():
    core = Core(task(), window_weight=10)
    core.enter(1, weight=1000)
    assert not has_room(core.state)
    core.ask(1, 0)
    core.arrive(1)
    assert has_room(core.state)


def test_no_owner_enters_while_finished_ones_wait_behind_portions():
    core = Core(task(), portion=1, portions=1)
    for owner in (1, 2):
        core.enter(owner)
        core.ask(owner, 0)
        core.arrive(owner)
        core.turn()
    assert not has_room(core.state)
    core.commit(1)
    core.turn()
    assert has_room(core.state)


def test_no_owner_enters_before_a_turn_lets_a_full_portion_go():
    core = Core(task(), portion=3)
    entered = 0
    while has_room(core.state):
        entered += 1
        core.enter(entered, begin=Begin.FINISH)
    assert entered == 3
    core.turn()
    assert has_room(core.state)


def test_a_batch_waits_for_company_though_a_portion_is_to_be_let_go_first():
    core = Core(task(batch=3.0, linger=60), portion=1)
    core.enter_with("a")
    core.enter(2, begin=Begin.FINISH)
    assert not has_room(core.state)
    assert core.begun() == []
    core.enter_with("b", "c", owner=3)
    assert core.begun() == [("a", "b", "c")]
