"""What workers hold, and the deaths of calls."""

from concurrent.futures import wait

import pytest

from ragflow.core.run_records import Deaths, LeftAssignment, OpenAssignment
from tests.unit.stores.metadata.desk import Desk, fp


def one(number: int, *calls: str, alone: bool = False) -> OpenAssignment:
    """Return an assignment of calls named as their owners are."""
    pairs = [(f"{call}.md", fp(call)) for call in calls]
    return OpenAssignment(number=number, task="embed", calls=pairs, alone=alone)


@pytest.fixture
def work(desk):
    """Opens assignments of the desk's run and waits until they are recorded."""

    def open_them(*assignments: OpenAssignment, run: int | None = None) -> None:
        desk.store.assignments.open(run or desk.run, assignments).result(10)

    return open_them


def numbers(desk) -> list[int]:
    return [left.number for left in desk.store.assignments.left(desk.instance)]


def test_what_is_open_is_recorded_until_it_is_closed(desk, work, clock):
    work(one(1, "a"), one(2, "b", "c", alone=True))
    assert desk.store.assignments.left(desk.instance) == [
        LeftAssignment(
            run=desk.run,
            number=1,
            task="embed",
            calls=[("a.md", fp("a"))],
            alone=False,
            opened_at=clock.now(),
        ),
        LeftAssignment(
            run=desk.run,
            number=2,
            task="embed",
            calls=[("b.md", fp("b")), ("c.md", fp("c"))],
            alone=True,
            opened_at=clock.now(),
        ),
    ]
    desk.store.assignments.close(desk.run, [1])
    desk.store.assignments.close(desk.run, [])
    desk.store.flush()
    assert numbers(desk) == [2]
    desk.store.assignments.close(desk.run, iter([2, 7]))
    desk.store.flush()
    assert numbers(desk) == []


def test_opening_does_not_wait_and_others_need_not_either(desk):
    futures = [desk.store.assignments.open(desk.run, [one(number, "a")]) for number in range(100)]
    futures.append(desk.store.assignments.open(desk.run, []))
    done, _ = wait(futures, 10)
    assert len(done) == 101
    assert numbers(desk) == list(range(100))


def test_closing_rides_along_with_what_is_opened_next(desk, work):
    work(*(one(number, "a") for number in range(50)))
    for number in range(50):
        desk.store.assignments.close(desk.run, [number])
    work(one(50, "b"))
    assert numbers(desk) == [50]


def test_a_number_is_open_once(desk, work):
    work(one(1, "a"))
    with pytest.raises(Exception, match="UNIQUE"):
        work(one(2, "b"), one(1, "c"))
    assert numbers(desk) == [1]


def test_a_death_is_counted_for_every_call_and_closes_the_assignment(desk, work):
    work(one(1, "a", "b"), one(2, "b", alone=True), one(3, "c"))
    store = desk.store.assignments
    assert store.died(desk.run, [1]) == {fp("a"): Deaths(company=1), fp("b"): Deaths(company=1)}
    assert store.died(desk.run, [2]) == {fp("b"): Deaths(alone=1, company=1)}
    # Told twice it is counted once: what is closed is nobody's.
    assert store.died(desk.run, [1, 2]) == {}
    assert numbers(desk) == [3]
    assert {one.call: one.deaths for one in store.suspects(desk.instance)} == {
        fp("a"): Deaths(company=1),
        fp("b"): Deaths(alone=1, company=1),
    }


def test_two_parts_that_are_one_call_die_once(desk, work):
    call = OpenAssignment(number=1, task="embed", calls=[("a.md", fp("x")), ("b.md", fp("x"))])
    work(call)
    assert desk.store.assignments.died(desk.run, [1]) == {fp("x"): Deaths(alone=1)}


def test_what_succeeds_is_cleared(desk, work):
    work(one(1, "a", "b"))
    desk.store.assignments.died(desk.run, [1])
    desk.store.assignments.clear(desk.instance, [fp("a")])
    desk.store.assignments.clear(desk.instance, [])
    desk.store.flush()
    assert [one.owner for one in desk.store.assignments.suspects(desk.instance)] == ["b.md"]


def test_what_a_dead_scheduler_left_open_becomes_suspect_once(desk, work, clock):
    work(one(1, "a", "b"), one(2, "c", alone=True))
    next_run = desk.store.runs.begin(desk.instance, {}, trigger="command")
    store = desk.store.assignments
    suspects = store.take_up(desk.instance)
    assert [(one.owner, one.call, one.deaths) for one in suspects] == [
        ("a.md", fp("a"), Deaths(company=1)),
        ("b.md", fp("b"), Deaths(company=1)),
        ("c.md", fp("c"), Deaths(alone=1)),
    ]
    assert {(one.task, one.at) for one in suspects} == {("embed", clock.now())}
    assert store.left(desk.instance) == []
    assert store.take_up(desk.instance) == suspects == store.suspects(desk.instance)
    work(one(1, "c", alone=True), run=next_run)
    assert {one.owner: one.deaths for one in store.take_up(desk.instance)} == {
        "a.md": Deaths(company=1),
        "b.md": Deaths(company=1),
        "c.md": Deaths(alone=2),
    }


def test_instances_do_not_see_each_others_work(store, desk, work):
    other = Desk(store, name="other")
    work(one(1, "a"))
    work(one(1, "b"), run=other.run)
    assert [left.calls[0][0] for left in store.assignments.left(other.instance)] == ["b.md"]
    assert store.assignments.left_of(other.run) == store.assignments.left(other.instance)
    assert store.assignments.left_of(99) == []
    store.assignments.take_up(other.instance)
    assert numbers(desk) == [1]
    assert store.assignments.suspects(desk.instance) == []
