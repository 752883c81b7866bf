from datetime import UTC, datetime, timedelta

from jsonschema import validate

from ragflow.cli.history import CUT_OFF, _summary
from ragflow.core.records import RunRecord, TaskTotal
from ragflow.core.run_records import OpenAssignment
from ragflow.core.states import RunState
from ragflow.runtime.home import open_home
from tests.unit.cli.test_schemas import SCHEMAS

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)


def unfinished(**changes):
    facts = {
        "id": 4,
        "instance": "handbook",
        "instance_id": 1,
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


def steps(project):
    shown = project.type("show", "1").lines
    heading = next(number for number, line in enumerate(shown) if line.startswith("task "))
    told = [line.split()[0] for line in shown[heading + 1 : heading + 4]]
    assert list(project.ask("run", "show", "1")["tasks"]) == told
    return told


def test_the_steps_of_a_run_that_failed_are_told_in_the_order_of_the_pipeline(project):
    project.type("run", "chain", "-p", "fail=true", code=1)
    assert steps(project) == ["fetch", "wait", "store"]


def test_the_steps_of_a_run_are_told_where_its_pipeline_can_no_longer_be_loaded(project):
    project.type("run", "chain", "-p", "fail=true", code=1)
    (project.folder / "pipelines" / "broken.py").write_text("1 / 0\n", encoding="utf-8")
    assert sorted(steps(project)) == ["fetch", "store", "wait"]


def test_what_workers_held_is_told_of_the_very_instance_of_a_run(project):
    with open_home(project.folder) as home:
        store = home.metadata
        for place in ("a", "b"):
            instance = store.instance("strict", "strict", {"collection": place})
            run = store.runs.begin(instance, {"collection": place}, trigger="command")
            given = OpenAssignment(number=1, task=f"to_{place}", calls=[("a.txt", b"call")])
            store.assignments.open(run, [given]).result()
    for run, task in (("1", "to_a"), ("2", "to_b")):
        shown = project.type("show", run).lines
        assert shown[0] == f"run {run} of strict: cut off"
        assert [line.split()[0] for line in shown if line.startswith("to_")] == [task]
