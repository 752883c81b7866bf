"""What other processes ask of a run."""

import pytest

from ragflow.core.run_records import Request
from ragflow.core.states import RunState
from ragflow.errors import NotFoundError, UsageError


def test_a_run_is_told_what_was_asked_of_it_last(desk, opened):
    controls = desk.store.controls
    assert controls.asked(desk.run) is None
    other = opened()
    for request in (Request.PAUSE, Request.RESUME, Request.PAUSE, Request.CANCEL):
        other.controls.ask(desk.run, request, actor="mika")
        assert controls.asked(desk.run) is request
    assert controls.asked(desk.run + 1) is None


def test_a_request_is_in_the_audit(desk):
    desk.store.controls.ask(desk.run, Request.PAUSE, actor="mika")
    (event,) = desk.store.audit.list(action="control.")
    assert (event.actor, event.action, event.object, event.run) == (
        "mika",
        "control.pause",
        "handbook",
        desk.run,
    )


def test_nothing_is_asked_of_a_run_that_is_not_there_or_over(desk):
    with pytest.raises(NotFoundError, match="there is no run 99"):
        desk.store.controls.ask(99, Request.CANCEL, actor="mika")
    desk.store.runs.end(desk.run, RunState.SUCCEEDED, summary=None, totals={})
    with pytest.raises(UsageError, match=f"run {desk.run} is over: it is succeeded"):
        desk.store.controls.ask(desk.run, Request.CANCEL, actor="mika")
    assert desk.store.audit.list(action="control.") == []


def test_a_run_asked_to_cancel_is_asked_nothing_else(desk):
    ask = desk.store.controls.ask
    ask(desk.run, Request.CANCEL, actor="mika")
    ask(desk.run, Request.CANCEL, actor="mika")
    with pytest.raises(UsageError, match="being cancelled") as caught:
        ask(desk.run, Request.RESUME, actor="mika")
    assert "wait for its end" in caught.value.hint
    assert desk.store.controls.asked(desk.run) is Request.CANCEL
    assert len(desk.store.audit.list(action="control.")) == 1


def test_what_was_asked_before_a_run_was_taken_up_is_over(desk):
    desk.store.controls.ask(desk.run, Request.CANCEL, actor="mika")
    desk.store.runs.end(desk.run, RunState.CANCELLED, summary=None, totals={})
    desk.store.runs.take_up(desk.run)
    assert desk.store.controls.asked(desk.run) is None
    desk.store.controls.ask(desk.run, Request.PAUSE, actor="mika")
