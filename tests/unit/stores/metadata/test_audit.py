"""What people, schedules and runs did."""

import sqlite3
from datetime import timedelta

import pytest

from ragflow.core.run_records import AuditEvent


def test_an_event_says_when_who_what_and_why(store, clock):
    store.audit.record(
        "schedule.added", actor="mika", object="handbook", detail={"cron": "0 * * * *"}, run=None
    )
    (event,) = store.audit.list()
    assert event == AuditEvent(
        id=event.id,
        at=clock.now(),
        actor="mika",
        action="schedule.added",
        object="handbook",
        detail={"cron": "0 * * * *"},
        run=None,
    )


def test_events_come_newest_first_and_can_be_chosen(store, clock):
    for number in range(6):
        store.audit.record(
            f"{'run' if number % 2 else 'task'}.{number}", actor="me", run=number // 2
        )
        clock.sleep(1)
    audit = store.audit

    def told(**words) -> list[str]:
        return [event.action for event in audit.list(**words)]

    assert told(limit=2) == ["run.5", "task.4"]
    assert told(action="run.") == ["run.5", "run.3", "run.1"]
    assert told(action="run.3") == ["run.3"]
    assert told(action="run_3") == []
    assert told(run=1) == ["run.3", "task.2"]
    assert told(since=clock.now() - timedelta(seconds=2)) == ["run.5", "task.4"]


def test_an_event_needs_neither_object_nor_detail(store):
    store.audit.record("run.odd", actor="me", detail={})
    (event,) = store.audit.list()
    assert (event.object, event.detail, event.run) == (None, {}, None)


@pytest.mark.parametrize("statement", ["UPDATE event SET actor = 'nobody'", "DELETE FROM event"])
def test_what_was_recorded_can_be_neither_changed_nor_deleted(store, home, statement):
    store.audit.record("run.odd", actor="me")
    connection = sqlite3.connect(home / "ragflow.db")
    with pytest.raises(sqlite3.IntegrityError, match="never changed or deleted"):
        connection.execute(statement)
    connection.close()
    (event,) = store.audit.list()
    assert event.actor == "me"
