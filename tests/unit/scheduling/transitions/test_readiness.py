"""Owners go from task to task by counters."""

import pytest

from ragflow.core.states import MOVES, TaskState, check_move
from ragflow.errors import IllegalMoveError, ImpossibleEventError
from ragflow.scheduling.transitions.commands import Arrive, Drop, Place, Settle
from ragflow.scheduling.transitions.events import (
    Arrived,
    Asked,
    Begin,
    Died,
    Ended,
    Exhausted,
    Lost,
    Placed,
    Restarted,
)
from ragflow.scheduling.transitions.owners import verdict_of
from ragflow.scheduling.transitions.state import LOAD, Mark, Phase
from ragflow.scheduling.transitions.step import is_over
from tests.unit.scheduling.transitions.core import (
    LASTING,
    Core,
    answers,
    chain,
    expanded,
    of,
    task,
)

DIAMOND = (
    task("a", below=(1, 2)),
    task("b", above=(0,), below=(3,)),
    task("c", above=(0,), below=(3,)),
    task("d", above=(1, 2)),
)


def test_only_tasks_with_none_before_them_are_asked_for_at_first():
    core = Core(task("a", below=(2,)), task("b"), task("c", above=(0,)))
    assert expanded(core.enter()) == [0, 1]


def test_a_task_is_asked_for_when_the_last_before_it_is_over():
    core = Core(*DIAMOND)
    core.enter()
    assert expanded(core.ask(1, 0, memoized=1)) == [1, 2]
    assert expanded(core.ask(1, 1, memoized=1)) == []
    assert expanded(core.ask(1, 2, memoized=1)) == [3]
    assert of(Arrive, core.ask(1, 3, memoized=1)) == [Arrive(1, is_unread=False)]


def test_a_task_is_over_when_its_last_call_is_answered():
    core = Core(*chain(task(), task()))
    core.enter_with("x", "y")
    core.turn()
    assert expanded(core.end(1, None)) == []
    told = core.end(2, None)
    assert of(Settle, told) == [Settle(1, 0)]
    assert expanded(told) == [1]


def test_equal_calls_are_one_call_that_all_wait_for():
    core = Core(task())
    core.enter_with("x", "x", owner=1)
    core.enter_with("x", owner=2)
    assert core.begun() == [("x",)]
    told = core.end(1, None)
    assert answers(told) == {"x": "succeeded"}
    assert [each.owner for each in of(Arrive, told)] == [1, 2]
    assert core.state.counts[0].succeeded == 1
    assert core.state.counts[0].memoized == 2


def test_a_part_of_another_task_that_shared_a_call_is_counted_there():
    core = Core(task("a"), task("b"))
    core.enter_with("x")
    core.ask(1, 1, "x")
    core.turn()
    core.end(1, None)
    assert (core.state.counts[0].succeeded, core.state.counts[0].memoized) == (1, 0)
    assert (core.state.counts[1].succeeded, core.state.counts[1].memoized) == (0, 1)


@pytest.mark.parametrize(
    ("marks", "verdict"),
    [
        (Mark.FAILED | Mark.SUCCEEDED, TaskState.FAILED),
        (Mark.BLOCKED | Mark.SUCCEEDED, TaskState.BLOCKED),
        (Mark.SUCCEEDED | Mark.MEMOIZED, TaskState.SUCCEEDED),
        (Mark.MEMOIZED | Mark.SKIPPED, TaskState.MEMOIZED),
        (Mark.SKIPPED, TaskState.SKIPPED),
        (0, TaskState.SUCCEEDED),
    ],
)
def test_the_worst_of_its_parts_decides_what_a_task_came_to(marks, verdict):
    assert verdict_of(marks) is verdict


def test_an_owner_is_loaded_placed_and_walked():
    core = Core(task())
    core.enter(begin=Begin.LOAD)
    assert core.begun() == [((LOAD, 1, 0),)]
    assert of(Place, core.end(1, None)) == [Place(1)]
    assert expanded(core.tell(Placed(core.now, 1, 5, is_walked=True))) == [0]
    assert core.state.weight == 5


def test_an_owner_that_cannot_be_loaded_arrives_unread():
    core = Core(task())
    core.enter(begin=Begin.LOAD)
    core.turn()
    assert of(Arrive, core.end(1, LASTING)) == [Arrive(1, is_unread=True)]


def test_a_load_that_killed_three_times_alone_is_not_begun_again():
    core = Core(task())
    told = core.enter(begin=Begin.LOAD, suspect=3)
    assert answers(told) == {(LOAD, 1, 0): "failed: deaths"}
    assert of(Arrive, told) == [Arrive(1, is_unread=True)]
    assert core.begun() == []


def test_an_owner_that_begins_again_forgets_what_it_waited_for():
    core = Core(*chain(task(), task()))
    core.enter_with("x")
    core.turn()
    core.tell(Restarted(core.now, 1, 0))
    assert core.state.owners[1].phase is Phase.LOADING
    told = core.end(1, None)
    assert answers(told) == {"x": "succeeded"}
    assert expanded(told) == []


@pytest.mark.parametrize("is_walked", [True, False])
def test_what_is_asked_of_the_shell_is_counted_right_when_an_owner_begins_again(is_walked):
    core = Core(task(), task())
    core.enter(begin=Begin.LOAD)
    core.turn()
    core.end(1, None)
    core.tell(Placed(core.now, 1, 1, is_walked=is_walked))
    core.tell(Restarted(core.now, 1, 0))
    assert core.state.asking == 0


def test_every_task_state_has_its_moves_and_ends_are_ends():
    assert set(MOVES) == set(TaskState)
    for state, moves in MOVES.items():
        assert moves <= set(TaskState)
        assert state not in moves
        assert state.is_over is not bool(moves)
        for other in TaskState:
            if other not in moves:
                with pytest.raises(IllegalMoveError):
                    check_move(state, other)


def test_what_no_correct_shell_tells_is_an_error():
    impossible = [
        lambda core: core.tell(Ended(core.now, 7, ())),
        lambda core: core.tell(Died(core.now, 0)),
        lambda core: core.commit(1),
        lambda core: core.enter(1),
        lambda core: core.ask(1, 1, "y"),
        lambda core: core.tell(Placed(core.now, 1, 1, is_walked=True)),
        lambda core: core.arrive(1),
        lambda core: core.end(1, None, None),
    ]
    for act in impossible:
        core = Core(*chain(task(), task()))
        core.enter_with("x")
        core.turn()
        with pytest.raises(ImpossibleEventError):
            act(core)


def test_a_task_is_not_asked_for_before_its_owner_is_walked():
    core = Core(task())
    core.enter(begin=Begin.LOAD)
    with pytest.raises(ImpossibleEventError):
        core.ask(1, 0, "x")


def test_stale_events_change_nothing_and_are_counted():
    core = Core(task())
    core.enter_with("x")
    core.turn()
    core.end(1, None)
    core.arrive(1)
    core.exhaust()
    core.turn()
    core.commit(1)
    assert is_over(core.state)
    stale = [
        Ended(core.now, 1, (None,)),
        Died(core.now, 1),
        Asked(core.now, 1, 0, 0, ("y",)),
        Placed(core.now, 1, 1, is_walked=True),
        Arrived(core.now, 1, 4),
        Restarted(core.now, 1, 0),
        Exhausted(core.now),
    ]
    core.state.dropped = 0
    before = repr(core.state)
    for number, event in enumerate(stale, start=1):
        assert core.tell(event) == []
        assert core.state.dropped == number
    core.state.dropped = 0
    assert repr(core.state) == before


def test_a_lease_that_is_lost_twice_is_lost_once():
    core = Core(task())
    core.enter_with("x")
    core.turn()
    assert of(Drop, core.tell(Lost(core.now))) == [Drop(1)]
    assert is_over(core.state)
    assert core.tell(Lost(core.now)) == []
    assert core.state.dropped == 1
