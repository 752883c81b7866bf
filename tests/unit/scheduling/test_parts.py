"""The small parts of the scheduler, each by itself."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragflow.core.records import OwnerCommit
from ragflow.core.states import Change
from ragflow.scheduling.batches import Batcher
from ragflow.scheduling.commits import Served, ServedEnd
from ragflow.scheduling.datum import Datum
from ragflow.scheduling.moves import Moves
from ragflow.scheduling.portions import FULL, LINGER, WAITING, Portions
from ragflow.scheduling.window import Window
from tests.unit.stores.metadata.desk import FakeClock

# --- Batcher ----------------------------------------------------------------------------------


def test_a_batch_leaves_when_it_is_full():
    batcher: Batcher[int] = Batcher()
    for number in range(5):
        batcher.add("embed", number)
    assert batcher.ready({"embed": 3}, idle=False) == [("embed", [0, 1, 2])]
    assert batcher.waiting() == {"embed": 2}


def test_the_next_batch_waits_until_the_one_under_way_is_over():
    batcher: Batcher[int] = Batcher()
    for number in range(7):
        batcher.add("embed", number)
    batcher.ready({"embed": 3}, idle=False)
    assert batcher.ready({"embed": 3}, idle=True) == []
    batcher.over("embed")
    assert batcher.ready({"embed": 3}, idle=False) == [("embed", [3, 4, 5])]
    batcher.over("embed")
    assert batcher.ready({"embed": 3}, idle=False) == []
    assert batcher.ready({"embed": 3}, idle=True) == [("embed", [6])]


def test_batches_of_different_tasks_do_not_wait_for_each_other():
    batcher: Batcher[str] = Batcher()
    batcher.add("a", "1")
    batcher.add("b", "2")
    sizes = {"a": 1, "b": 9}
    assert batcher.ready(sizes, idle=False) == [("a", ["1"])]
    assert batcher.ready(sizes, idle=True) == [("b", ["2"])]


@given(st.lists(st.sampled_from(["add", "ready", "idle", "over"]), max_size=60), st.integers(1, 4))
def test_every_call_leaves_once_and_in_order(events, size):
    batcher: Batcher[int] = Batcher()
    added, left, under_way = 0, [], 0
    for event in [*events, *["over", "idle"] * 60]:
        if event == "add":
            batcher.add("embed", added)
            added += 1
        elif event == "over":
            batcher.over("embed")
            under_way = 0
        else:
            for _, calls in batcher.ready({"embed": size}, idle=event == "idle"):
                assert under_way == 0
                assert 0 < len(calls) <= size
                assert event == "idle" or len(calls) == size
                left += calls
                under_way = 1
    assert left == list(range(added))


# --- Window -----------------------------------------------------------------------------------


def test_a_window_is_full_by_number_or_by_weight():
    window = Window(owners=2, size=100)
    window.enter(1, 10)
    assert window.has_room()
    window.enter(2, 10)
    assert not window.has_room()
    window.leave(1)
    assert window.has_room()
    window.enter(2, 100)
    assert not window.has_room()
    assert len(window) == 1


def test_one_owner_always_fits():
    window = Window(owners=8, size=10)
    assert window.has_room()
    window.enter(1, 10_000)
    assert not window.has_room()
    window.leave(1)
    assert window.has_room()


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 50), st.booleans())))
def test_a_window_weighs_what_is_inside(moves):
    window, inside = Window(owners=4, size=60), {}
    for number, weight, leaves in moves:
        if leaves and number in inside:
            window.leave(number)
            del inside[number]
        elif not leaves:
            window.enter(number, weight)
            inside[number] = weight
        assert len(window) == len(inside)
        assert window.has_room() == (len(inside) < 4 and sum(inside.values()) < 60)


# --- Portions ---------------------------------------------------------------------------------


def finished(rows: int = 0) -> Served:
    commit: Any = OwnerCommit(
        source="", key="k", token=b"", content=b"", metadata={}, input=b"", ends=()
    )
    end: Any = ServedEnd(None, {str(number): None for number in range(rows)})  # type: ignore[arg-type, misc]
    return Served(None, commit, [end])


class Sent:
    def __init__(self) -> None:
        self.clock = FakeClock()
        self.portions: list[int] = []
        self.gathered = Portions(lambda portion: self.portions.append(len(portion)), self.clock)


def test_a_portion_goes_when_it_is_full_of_owners_or_of_rows():
    for each, wanted in ((finished(0), FULL), (finished(100), FULL // 100)):
        sent = Sent()
        for _ in range(wanted - 1):
            sent.gathered.add(each)
        sent.gathered.let_go(idle=False)
        assert sent.portions == []
        sent.gathered.add(each)
        sent.gathered.let_go(idle=False)
        assert sent.portions == [wanted]


def test_what_is_finished_does_not_linger():
    sent = Sent()
    sent.gathered.add(finished())
    sent.gathered.let_go(idle=False)
    assert sent.portions == []
    sent.clock.sleep(LINGER + 0.1)
    sent.gathered.let_go(idle=False)
    assert sent.portions == [1]


def test_what_is_finished_goes_at_once_when_nothing_else_is_under_way():
    sent = Sent()
    sent.gathered.let_go(idle=True)
    assert sent.portions == []
    sent.gathered.add(finished())
    sent.gathered.let_go(idle=True)
    assert sent.portions == [1]
    assert not sent.gathered.is_empty
    sent.gathered.under_way -= 1
    assert sent.gathered.is_empty


def test_finished_owners_hold_the_run_back_behind_portions_being_written():
    sent = Sent()
    for _ in range(WAITING + 1):
        assert not sent.gathered.is_stemmed
        for _ in range(FULL):
            sent.gathered.add(finished())
        sent.gathered.let_go(idle=False)
    assert len(sent.portions) == WAITING
    assert sent.gathered.is_stemmed
    sent.gathered.under_way -= 1
    sent.gathered.let_go(idle=False)
    assert len(sent.portions) == WAITING + 1
    assert sent.gathered.take() == []


# --- Moves ------------------------------------------------------------------------------------


def test_each_content_that_is_gone_is_claimed_once():
    moves = Moves([b"a", b"a", b"b"])
    assert [moves.change_of(content) for content in (b"a", b"c", b"a", b"a", b"b")] == [
        Change.MOVED,
        Change.ADDED,
        Change.MOVED,
        Change.ADDED,
        Change.MOVED,
    ]
    assert moves.claimed == 3


# --- Datum ------------------------------------------------------------------------------------


def test_a_value_is_fetched_when_it_is_asked_for_and_once():
    fetched = []
    datum = Datum(b"f", {"a": 1}, fetch=lambda: fetched.append(1) or "value")
    elsewhere = datum.at({"a": 2})
    assert fetched == []
    assert datum.value() == elsewhere.value() == datum.value() == "value"
    assert fetched == [1]
    assert (datum.envelope, elsewhere.envelope) == ({"a": 1}, {"a": 2})
    assert datum.at({}).value() == "value"


def test_a_value_that_could_not_be_fetched_is_fetched_again():
    answers: list[Any] = [OSError("gone"), "value"]

    def fetch() -> Any:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    datum = Datum(b"f", {}, fetch=fetch)
    with pytest.raises(OSError, match="gone"):
        datum.value()
    assert datum.value() == "value"


def test_threads_racing_for_a_value_all_get_it():
    for _ in range(40):
        datum = Datum(b"f", {}, fetch=lambda: "value")
        barrier = threading.Barrier(4)

        def ask(_: int, datum: Datum = datum, barrier: threading.Barrier = barrier) -> Any:
            barrier.wait()
            return datum.value()

        with ThreadPoolExecutor(4) as pool:
            assert set(pool.map(ask, range(4))) == {"value"}
