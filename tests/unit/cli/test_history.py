from datetime import UTC, datetime, timedelta

from jsonschema import validate

from ragflow.cli.history import CUT_OFF, _summary
from ragflow.core.records import RunRecord, TaskTotal
from ragflow.core.states import RunState
from tests.unit.cli.test_schemas import SCHEMAS

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)


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
    found = _summary(unfinished(state=RunState.RUNNING, ended_at=None, error=None), {}, set(), 1.5)
    validate(found, SCHEMAS["run"])
    assert (found["state"], found["seconds"]["total"]) == ("running", 1.5)
    assert "error" not in found


def test_a_finished_run_is_what_it_printed():
    printed = {"schema": 1}
    assert _summary(unfinished(summary=printed), {}, set()) is printed
