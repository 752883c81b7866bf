from datetime import UTC, datetime, timedelta

import pytest
from jsonschema import validate

from ragflow.cli.history import CUT_OFF, _cut_off, _summary
from ragflow.core.records import RunRecord, TaskTotal
from ragflow.core.states import RunState
from ragflow.stores.metadata.sqlite import open_store
from tests.unit.cli.test_schemas import SCHEMAS

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)


@pytest.fixture
def store(tmp_path):
    opened = open_store(tmp_path)
    yield opened
    opened.close()


def begin(store, name="handbook", **scope):
    instance = store.instance(name, "handbook", scope)
    return instance, store.runs.begin(instance, {}, trigger="command")


def test_a_run_whose_process_is_gone_is_cut_off(store):
    _, number = begin(store)
    assert _cut_off(store, store.runs.recent()) == {number}


def test_a_run_that_is_at_work_is_not_cut_off(store):
    instance, number = begin(store)
    with store.hold(instance, owner="its run", wait=False):
        assert _cut_off(store, store.runs.recent()) == set()
    assert _cut_off(store, store.runs.recent()) == {number}


def test_the_next_run_records_that_an_older_one_was_cut_off(store):
    instance, older = begin(store)
    begin(store)
    with store.hold(instance, owner="its run", wait=False):
        assert _cut_off(store, store.runs.recent()) == set()
    recorded = store.runs.get(older)
    assert (recorded.state, recorded.error) == (RunState.FAILED, CUT_OFF)


def test_as_many_runs_of_a_name_are_at_work_as_are_held(store):
    first, _ = begin(store, collection="a")
    second, _ = begin(store, collection="b")
    with store.hold(first, owner="x", wait=False), store.hold(second, owner="y", wait=False):
        assert _cut_off(store, store.runs.recent()) == set()


def test_looking_leaves_no_hold_behind(store):
    instance, _ = begin(store)
    _cut_off(store, store.runs.recent())
    with store.hold(instance, owner="its run", wait=False):
        pass


def unfinished(**changes):
    facts = {
        "id": 4,
        "instance": "handbook",
        "pipeline": "handbook",
        "state": RunState.FAILED,
        "parameters": {},
        "started_at": NOON,
        "ended_at": NOON + timedelta(seconds=2.5),
        "summary": None,
        "error": "folder 'x' is not there",
    }
    return RunRecord(**{**facts, **changes})


def test_a_run_that_failed_has_the_object_of_a_run_with_the_reason():
    found = _summary(unfinished(), {"read": TaskTotal(ran=2, seconds=0.5)}, set())
    validate(found, SCHEMAS["run"])
    assert found["state"] == "failed"
    assert found["error"] == "folder 'x' is not there"
    assert found["seconds"]["total"] == 2.5
    assert found["tasks"]["read"]["ran"] == 2


def test_a_run_that_was_cut_off_failed():
    record = unfinished(state=RunState.RUNNING, ended_at=None, error=None)
    found = _summary(record, {}, {4})
    validate(found, SCHEMAS["run"])
    assert (found["state"], found["error"]) == ("failed", CUT_OFF)


def test_a_run_at_work_has_no_reason_to_end():
    found = _summary(unfinished(state=RunState.RUNNING, ended_at=None, error=None), {}, set())
    validate(found, SCHEMAS["run"])
    assert found["state"] == "running"
    assert "error" not in found


def test_a_finished_run_is_what_it_printed():
    printed = {"schema": 1}
    assert _summary(unfinished(summary=printed), {}, set()) is printed
