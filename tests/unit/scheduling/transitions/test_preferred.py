"""The calls of an owner that somebody waits for go before those of others."""

from ragflow.scheduling.transitions.events import Begin, Preferred
from tests.unit.scheduling.transitions.core import Core, chain, task


def prefer(core: Core, owner: int) -> None:
    core.tell(Preferred(core.now, owner))


def test_what_waits_of_it_and_what_is_still_to_come_go_first():
    core = Core(*chain(task("a", needs={"s": 1}), task("b", needs={"s": 1})), limits={"s": 1})
    for owner in (1, 2, 3):
        core.enter_with(f"a{owner}", owner=owner)
    prefer(core, 3)
    assert core.begun() == [("a3",)]
    core.end(1, None)
    core.ask(3, 1, "b3")
    assert core.begun() == [("b3",)]
    core.end(2, None)
    assert core.begun() == [("a1",)]


def test_its_calls_keep_their_order():
    core = Core(task(needs={"s": 1}), limits={"s": 1})
    core.enter_with("x", owner=1)
    core.enter_with("y1", "y2", owner=2)
    prefer(core, 2)
    order = []
    for number in (1, 2, 3):
        order += core.begun()
        core.end(number, None)
    assert order == [("y1",), ("y2",), ("x",)]


def test_it_is_loaded_first():
    core = Core(task(), limits={"load": 1})
    for owner in (1, 2, 3):
        core.enter(owner, Begin.LOAD)
    prefer(core, 2)
    first = core.opened()[0]
    assert first.keys[0][1] == 2


def test_a_batch_does_not_wait_for_company_of_it():
    core = Core(task(batch=8.0, linger=60.0))
    core.enter_with("a", owner=1)
    core.enter(2)  # may still add to the batch
    assert core.begun() == []
    prefer(core, 1)
    assert core.begun() == [("a",)]


def test_a_call_that_it_shares_goes_first_once_that_is_told():
    core = Core(task(needs={"s": 1}), limits={"s": 1})
    core.enter_with("x", "shared", owner=1)
    core.enter(2)
    prefer(core, 2)
    core.ask(2, 0, "shared")
    prefer(core, 2)
    assert core.begun() == [("shared",)]


def test_of_what_is_over_or_was_never_there_nothing_is_kept():
    core = Core(task())
    core.enter_with("a")
    prefer(core, 1)
    prefer(core, 7)
    assert core.state.dropped == 1
    core.begun()
    core.end(1, None)
    core.arrive(1)
    assert core.state.preferred == set()
    prefer(core, 1)
    assert core.state.preferred == set()
