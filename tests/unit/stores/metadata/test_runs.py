"""The history of runs."""

from datetime import UTC, datetime

import pytest

from ragflow.core.records import CUT_OFF, FailedAttempt, RunRecord, TaskTotal
from ragflow.core.states import RunState
from ragflow.errors import IllegalMoveError, NotFoundError, UsageError


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
        instance_id=instance.id,
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


def events(store, **words) -> list[tuple[str, str, str | None, dict]]:
    found = store.audit.list(**words)
    return [(one.actor, one.action, one.object, dict(one.detail)) for one in reversed(found)]


def test_beginning_and_end_are_events(store):
    run = store.runs.begin(store.instance("a", "a", {}), {}, trigger="schedule")
    store.runs.end(run, RunState.SUCCEEDED, summary=None, totals={})
    other = store.runs.begin(store.instance("b", "b", {}), {}, trigger="command", actor="mika")
    store.runs.end(other, RunState.FAILED, summary=None, totals={}, error="no room")
    assert events(store) == [
        ("schedule", "run.began", "a", {"trigger": "schedule"}),
        (f"run {run}", "run.ended", "a", {"state": "succeeded"}),
        ("mika", "run.began", "b", {"trigger": "command"}),
        (f"run {other}", "run.ended", "b", {"state": "failed", "error": "no room"}),
    ]


def test_every_failed_attempt_is_an_event_at_its_own_instant(store, clock):
    run = store.runs.begin(store.instance("a", "a", {}), {}, trigger="command")
    tried = attempt(run, "a.pdf", number=2, outcome="timeout", seconds=1.5, message="s" * 1000)
    store.runs.fail([tried])
    store.flush()
    assert store.runs.attempts(run) == [tried]
    (event,) = store.audit.list(action="attempt.")
    assert (event.at, event.object, event.run) == (tried.at, "a.pdf", run)
    assert event.detail == {
        "task": "extract",
        "attempt": 2,
        "outcome": "timeout",
        "reason": "timeout",
        "message": "s" * 300,
    }


@pytest.mark.parametrize("state", [RunState.RUNNING, RunState.PAUSED, RunState.CANCELLING])
def test_a_run_whose_process_ended_is_cut_off_when_the_next_begins(store, state):
    instance = store.instance("a", "a", {})
    first = store.runs.begin(instance, {}, trigger="command")
    store.runs.mark(first, state)
    other = store.runs.begin(store.instance("b", "b", {}), {}, trigger="command")
    second = store.runs.begin(instance, {}, trigger="command")
    gone = store.runs.get(first)
    assert (gone.state, gone.error) == (RunState.FAILED, CUT_OFF)
    assert gone.ended_at is not None
    assert store.runs.get(other).state is RunState.RUNNING
    (event,) = store.audit.list(action="run.cut_off")
    assert (event.actor, event.run, event.detail) == (f"run {second}", first, {"by": second})
    assert event.object == "a"


def test_a_run_that_was_cut_off_goes_on_under_its_number(store):
    instance = store.instance("a", "a", {})
    first = store.runs.begin(instance, {}, trigger="command")
    store.runs.take_up(first, actor="mika")
    second = store.runs.begin(instance, {}, trigger="command")
    store.runs.end(second, RunState.CANCELLED, summary=None, totals={})
    store.runs.take_up(first)
    again = store.runs.get(first)
    assert (again.state, again.error, again.ended_at) == (RunState.RUNNING, None, None)
    told = [one for one in events(store, run=first) if one[1] == "run.taken_up"]
    assert told == [
        ("mika", "run.taken_up", "a", {"from": "running"}),
        (f"run {first}", "run.taken_up", "a", {"from": "failed"}),
    ]


def test_what_succeeded_is_not_taken_up(store):
    run = store.runs.begin(store.instance("a", "a", {}), {}, trigger="command")
    store.runs.end(run, RunState.SUCCEEDED, summary=None, totals={})
    with pytest.raises(UsageError, match=f"run {run} cannot be taken up: it is succeeded"):
        store.runs.take_up(run)
    with pytest.raises(NotFoundError, match="no run 99"):
        store.runs.take_up(99)


def test_a_run_of_another_instance_than_the_one_held_is_not_taken_up(store):
    held = store.instance("a", "a", {})
    own = store.runs.begin(held, {}, trigger="command")
    other = store.runs.begin(store.instance("b", "b", {}), {}, trigger="command")
    with store.hold(held, owner="me", wait=False) as lease:
        runs = store.leased(lease).runs
        with pytest.raises(UsageError, match=f"run {other} cannot .* instance 'b', which is not"):
            runs.take_up(other)
        runs.take_up(own)
    assert store.audit.list(action="run.taken_up", run=other) == []


def test_a_run_is_marked_paused_and_running_again(store):
    run = store.runs.begin(store.instance("a", "a", {}), {}, trigger="command")
    for state in (RunState.PAUSED, RunState.PAUSED, RunState.RUNNING, RunState.CANCELLING):
        store.runs.mark(run, state)
        assert store.runs.get(run).state is state
    actions = [action for _, action, _, _ in events(store, run=run)]
    assert actions == ["run.began", "run.paused", "run.resumed", "run.cancelling"]


@pytest.mark.parametrize("state", [RunState.SUCCEEDED, RunState.QUEUED, RunState.FAILED])
def test_a_mark_is_no_end(store, state):
    run = store.runs.begin(store.instance("a", "a", {}), {}, trigger="command")
    with pytest.raises(IllegalMoveError, match=f"run {run} is running, and cannot be {state}"):
        store.runs.mark(run, state)


def test_what_is_over_is_marked_no_more(store):
    run = store.runs.begin(store.instance("a", "a", {}), {}, trigger="command")
    store.runs.mark(run, RunState.CANCELLING)
    with pytest.raises(IllegalMoveError, match="cannot be running"):
        store.runs.mark(run, RunState.RUNNING)
    store.runs.end(run, RunState.FAILED, summary=None, totals={})
    with pytest.raises(IllegalMoveError, match="is failed, and cannot be running"):
        store.runs.mark(run, RunState.RUNNING)
    with pytest.raises(NotFoundError):
        store.runs.mark(99, RunState.PAUSED)
