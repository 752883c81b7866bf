"""The history of runs."""

from datetime import UTC, datetime

import pytest

from ragflow.core.records import FailedAttempt, RunRecord, TaskTotal
from ragflow.core.states import RunState
from ragflow.errors import NotFoundError


def attempt(run: int, key: str, **words) -> FailedAttempt:
    at = datetime(2026, 3, 1, 12, 0, 0, 250, tzinfo=UTC)
    given = {"task": "extract", "part": None, "reason": "timeout", "message": "slow"}
    return FailedAttempt(run=run, key=key, at=at, **({"traceback": None} | given | words))


def test_a_run_is_recorded_from_its_beginning(store, clock):
    instance = store.instance("handbook", "manuals", {})
    run = store.runs.begin(instance, {"folder": "docs", "depth": 3}, trigger="schedule")
    began = clock.now()
    record = RunRecord(
        id=run,
        instance="handbook",
        pipeline="manuals",
        state=RunState.RUNNING,
        parameters={"folder": "docs", "depth": 3},
        started_at=began,
        ended_at=None,
        summary=None,
        trigger="schedule",
    )
    assert store.runs.get(run) == record
    clock.sleep(90)
    totals = {"embed": TaskTotal(ran=3, memoized=4, failed=1, seconds=1.5), "chunk": TaskTotal()}
    store.runs.end(run, RunState.FAILED, summary={"n": 1}, totals=totals, error="no room")
    ended = store.runs.get(run)
    assert ended is not None
    assert (ended.state, ended.error, ended.summary) == (RunState.FAILED, "no room", {"n": 1})
    assert (ended.started_at, ended.ended_at) == (began, clock.now())
    assert store.runs.totals(run) == totals
    assert store.runs.get(run + 1) is None
    assert store.runs.totals(run + 1) == {}


def test_the_end_may_be_told_again(store):
    run = store.runs.begin(store.instance("a", "a", {}), {}, trigger="command")
    store.runs.end(run, RunState.FAILED, summary=None, totals={"embed": TaskTotal(ran=1)})
    store.runs.end(run, RunState.SUCCEEDED, summary={}, totals={"embed": TaskTotal(ran=2)})
    assert store.runs.totals(run) == {"embed": TaskTotal(ran=2)}
    assert store.runs.get(run).state is RunState.SUCCEEDED


def test_a_run_that_never_began_cannot_end(store):
    with pytest.raises(NotFoundError, match="no run 7"):
        store.runs.end(7, RunState.FAILED, summary=None, totals={})


def test_runs_come_newest_first(store):
    one = store.instance("one", "one", {})
    two = store.instance("two", "two", {})
    runs = [store.runs.begin(where, {}, trigger="command") for where in (one, two, one, two, one)]
    assert [record.id for record in store.runs.recent()] == runs[::-1]
    assert [record.id for record in store.runs.recent(limit=2)] == [runs[4], runs[3]]
    assert [record.id for record in store.runs.recent(instance="two")] == [runs[3], runs[1]]
    assert [record.id for record in store.runs.recent(instance="one", limit=1)] == [runs[4]]


def test_failed_attempts_are_kept_in_order(store):
    run = store.runs.begin(store.instance("a", "a", {}), {}, trigger="command")
    attempts = [
        attempt(run, "a", part="page 3", traceback="Traceback …")
        if number == 0
        else attempt(run, f"{number}")
        for number in range(3)
    ]
    store.runs.fail(one for one in attempts[:2])
    store.runs.fail([])
    store.runs.fail(attempts[2:])
    store.flush()
    assert store.runs.attempts(run) == attempts
    assert store.runs.attempts(run + 1) == []


def test_beginning_and_end_are_events(store):
    run = store.runs.begin(store.instance("a", "a", {}), {}, trigger="schedule")
    store.runs.end(run, RunState.SUCCEEDED, summary=None, totals={})
    assert store._connections.fetch("SELECT run, kind, detail FROM event ORDER BY id") == [
        (run, "run_began", "schedule"),
        (run, "run_ended", "succeeded"),
    ]
