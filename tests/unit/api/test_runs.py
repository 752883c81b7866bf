from datetime import UTC, datetime, timedelta

import pytest

from ragflow import pipeline
from ragflow.api.runs import (
    again,
    ask,
    find_at_work,
    find_instance,
    find_to_resume,
    holder,
    holders,
)
from ragflow.core.records import CUT_OFF
from ragflow.core.run_records import Request
from ragflow.core.states import RunState
from ragflow.errors import UsageError
from ragflow.stores.metadata.sqlite import open_store
from ragflow.tasks import read
from tests.unit.scheduling.desk import Desk, Shelf, save

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


def test_of_several_runs_at_work_it_must_be_said_which_is_meant(store):
    first, one = begin(store, collection="a")
    second, two = begin(store, collection="b")
    with store.hold(first, owner="x", wait=False), store.hold(second, owner="y", wait=False):
        assert set(holders(store, store.runs.recent())) == {one, two}
        with pytest.raises(UsageError, match=r"2 runs are at work: 2 \(handbook\), 1 \(handbook\)"):
            find_at_work(store, None)
        assert find_at_work(store, one)[0].id == one
    with store.hold(first, owner="x", wait=False):
        assert list(holders(store, store.runs.recent())) == [one]


def test_runs_of_two_instances_of_one_name_are_told_apart(store):
    alive, older = begin(store, parameters={"collection": "a"}, collection="a")
    _, killed = begin(store, parameters={"collection": "b"}, collection="b")
    with store.hold(alive, owner="its run", wait=False) as lease:
        assert holders(store, store.runs.recent()) == {older: lease}
        assert find_at_work(store, None) == (store.runs.get(older), lease)
        assert ask(store, older, Request.CANCEL, actor="ada")[0].id == older
        with pytest.raises(UsageError, match=f"run {killed} was cut off"):
            ask(store, killed, Request.CANCEL, actor="ada")
        assert find_to_resume(store, killed, EARLY) == (store.runs.get(killed), False)
        assert find_to_resume(store, None, EARLY)[0].id == killed


def test_a_run_of_another_instance_is_no_like_of_one_that_failed(store):
    _, failed = begin(store, collection="a")
    end(store, failed, RunState.FAILED)
    _, other = begin(store, collection="b")
    end(store, other)
    assert find_to_resume(store, None, EARLY)[0].id == failed


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


def test_the_last_run_is_taken_up_whose_instance_has_not_succeeded_since(store):
    _, older = begin(store, parameters={"folder": "a"})
    end(store, older, RunState.FAILED)
    _, other = begin(store, parameters={"folder": "b"})
    end(store, other, RunState.CANCELLED)
    assert find_to_resume(store, None, EARLY)[0].id == other
    _, last = begin(store, parameters={"folder": "c"})
    end(store, last)
    with pytest.raises(UsageError, match="no run can be taken up"):
        find_to_resume(store, None, EARLY)
    assert find_to_resume(store, older, EARLY)[0].id == older


@pipeline
def shelved(table: str = "shelf", prefix: str = "") -> None:
    save(read(Shelf(a="one")), table=f"{prefix}{table}")


def test_there_is_no_run_like_one_of_a_pipeline_that_writes_elsewhere_now(tmp_path, monkeypatch):
    desk = Desk(tmp_path / "project")
    desk.run(shelved)
    scope = {"table": "old"}
    with desk.home() as home:
        store = home.metadata
        monkeypatch.setattr("ragflow.api.runs.find_pipeline", lambda project, name: shelved)
        assert again(home, store.runs.get(1)).parameters == {"table": "shelf", "prefix": ""}
        instance = store.instance("shelved", "shelved", scope)
        elsewhere = store.runs.begin(instance, {"table": "shelf"}, trigger="command")
        assert find_instance(store, store.runs.get(elsewhere)).scope == scope
        with pytest.raises(UsageError, match="'shelved' was changed and writes elsewhere now"):
            again(home, store.runs.get(elsewhere))
