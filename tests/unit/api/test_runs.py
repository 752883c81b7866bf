from datetime import UTC, datetime, timedelta

import pytest

from ragflow.api.runs import ask, find_at_work, find_to_resume, holder, holders
from ragflow.core.records import CUT_OFF
from ragflow.core.run_records import Request
from ragflow.core.states import RunState
from ragflow.errors import UsageError
from ragflow.stores.metadata.sqlite import open_store

#: Before any lease of these tests was taken, and after all of them are worth nothing.
EARLY = datetime(2000, 1, 1, tzinfo=UTC)
LATE = datetime(3000, 1, 1, tzinfo=UTC)


@pytest.fixture
def store(tmp_path):
    opened = open_store(tmp_path)
    yield opened
    opened.close()


def begin(store, name="handbook", parameters=None, **scope):
    instance = store.instance(name, "handbook", scope)
    return instance, store.runs.begin(instance, parameters or {}, trigger="command")


def end(store, number, state=RunState.SUCCEEDED):
    store.runs.end(number, state, summary=None, totals={})


def test_a_run_whose_process_is_gone_is_held_by_nobody(store):
    _, number = begin(store)
    assert holders(store, store.runs.recent()) == {}
    assert holder(store, store.runs.get(number)) is None


def test_a_run_that_is_at_work_is_held(store):
    instance, number = begin(store)
    with store.hold(instance, owner="its run", wait=False) as lease:
        assert holders(store, store.runs.recent()) == {number: lease}
    assert holders(store, store.runs.recent()) == {}


@pytest.mark.parametrize("state", [RunState.PAUSED, RunState.CANCELLING])
def test_a_run_that_pauses_or_is_being_cancelled_is_held_too(store, state):
    instance, number = begin(store)
    store.runs.mark(number, state)
    with store.hold(instance, owner="its run", wait=False):
        assert list(holders(store, store.runs.recent())) == [number]
    assert holders(store, store.runs.recent()) == {}


def test_the_next_run_records_that_an_older_one_was_cut_off(store):
    instance, older = begin(store)
    _, newer = begin(store)
    with store.hold(instance, owner="its run", wait=False):
        assert list(holders(store, store.runs.recent())) == [newer]
        assert holder(store, store.runs.get(older)) is None
    recorded = store.runs.get(older)
    assert (recorded.state, recorded.error) == (RunState.FAILED, CUT_OFF)


def test_as_many_runs_of_a_name_are_at_work_as_are_held(store):
    first, one = begin(store, collection="a")
    second, two = begin(store, collection="b")
    with store.hold(first, owner="x", wait=False), store.hold(second, owner="y", wait=False):
        assert set(holders(store, store.runs.recent())) == {one, two}
        with pytest.raises(UsageError, match=r"2 runs are at work: 2 \(handbook\), 1 \(handbook\)"):
            find_at_work(store, None)
        assert find_at_work(store, one)[0].id == one
    with store.hold(first, owner="x", wait=False):
        assert list(holders(store, store.runs.recent())) == [two]


def test_looking_leaves_no_hold_behind(store):
    instance, _ = begin(store)
    holders(store, store.runs.recent())
    with store.hold(instance, owner="its run", wait=False):
        pass


def test_the_only_run_at_work_is_asked(store):
    instance, number = begin(store)
    with store.hold(instance, owner="its run", wait=False) as lease:
        asked, held = ask(store, None, Request.PAUSE, actor="ada")
        assert (asked.id, held.epoch, held.until - held.since) == (
            number,
            lease.epoch,
            timedelta(seconds=30),
        )
        assert store.controls.asked(number) is Request.PAUSE
        # It has not heard of it yet, and is to go on all the same.
        assert find_to_resume(store, number, EARLY) == (store.runs.get(number), True)


def test_what_is_at_work_and_was_not_paused_is_not_taken_up(store):
    instance, number = begin(store)
    at_work = store.hold(instance, owner="its run", wait=False)
    with at_work, pytest.raises(UsageError, match="run 1 is at work"):
        find_to_resume(store, number, EARLY)
    assert find_to_resume(store, number, EARLY) == (store.runs.get(number), False)


def test_a_run_whose_process_hangs_is_taken_over(store):
    instance, number = begin(store)
    with store.hold(instance, owner="its run", wait=False):
        assert find_to_resume(store, number, LATE) == (store.runs.get(number), False)


def test_what_is_at_work_is_passed_over_for_an_older_run(store):
    _, older = begin(store, name="other")
    end(store, older, RunState.CANCELLED)
    instance, newer = begin(store)
    with store.hold(instance, owner="its run", wait=False):
        assert find_to_resume(store, None, EARLY)[0].id == older
        store.runs.mark(newer, RunState.PAUSED)
        assert find_to_resume(store, None, EARLY) == (store.runs.get(newer), True)


def test_the_last_run_is_taken_up_whose_like_has_not_succeeded_since(store):
    _, older = begin(store, parameters={"folder": "a"})
    end(store, older, RunState.FAILED)
    _, other = begin(store, parameters={"folder": "b"})
    end(store, other, RunState.CANCELLED)
    _, last = begin(store, parameters={"folder": "b"})
    end(store, last)
    assert find_to_resume(store, None, EARLY)[0].id == older
    assert find_to_resume(store, other, EARLY)[0].id == other
    _, like = begin(store, parameters={"folder": "a"})
    end(store, like)
    with pytest.raises(UsageError, match="no run can be taken up"):
        find_to_resume(store, None, EARLY)
