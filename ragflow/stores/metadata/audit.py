"""What did people, schedules and runs do?"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection

from ragflow.clock import Clock
from ragflow.core.run_records import AuditEvent
from ragflow.stores.metadata.connections import Connections
from ragflow.stores.metadata.encoding import (
    from_json,
    from_microseconds,
    to_json,
    to_microseconds,
)
from ragflow.stores.metadata.writer import Writes

_ADD = "INSERT INTO event (run, actor, action, object, detail, at) VALUES (?, ?, ?, ?, ?, ?)"
_SELECT = "SELECT id, run, actor, action, object, detail, at FROM event \
WHERE (:run IS NULL OR run = :run) AND (:since IS NULL OR at >= :since) \
AND (:action IS NULL OR substr(action, 1, length(:action)) = :action) \
ORDER BY id DESC LIMIT :limit"


class Entry(msgspec.Struct, frozen=True):
    """What is to be recorded of one thing that was done."""

    action: str
    actor: str
    object: str | None = None
    detail: Mapping[str, Any] | None = None
    run: int | None = None
    #: When it was done, where that was not now.
    at: datetime | None = None


def record(connection: Connection, entries: Iterable[Entry], now: datetime) -> None:
    """Add events inside the transaction of the change they tell of."""
    rows = [
        (
            entry.run,
            entry.actor,
            entry.action,
            entry.object,
            to_json(entry.detail) if entry.detail else None,
            to_microseconds(entry.at or now),
        )
        for entry in entries
    ]
    if rows:
        connection.exec_driver_sql(_ADD, rows)


class SqliteAudit:
    """The audit of a home: rows are added and never changed. Safe for threads."""

    def __init__(self, connections: Connections, writer: Writes, clock: Clock) -> None:
        self._connections = connections
        self._writer = writer
        self._clock = clock

    def record(
        self,
        action: str,
        *,
        actor: str,
        object: str | None = None,
        detail: Mapping[str, Any] | None = None,
        run: int | None = None,
    ) -> None:
        """Add what was done elsewhere; durable when it returns."""
        entry = Entry(action, actor, object, detail, run)
        now = self._clock.now()
        self._writer.run(lambda connection: record(connection, [entry], now))

    def list(
        self,
        *,
        since: datetime | None = None,
        limit: int = 100,
        run: int | None = None,
        action: str | None = None,
    ) -> Sequence[AuditEvent]:
        """Return events, newest first; `action` may be the beginning of one (``run.``)."""
        parameters = {
            "run": run,
            "since": None if since is None else to_microseconds(since),
            "action": action,
            "limit": limit,
        }
        return [_event(row) for row in self._connections.fetch(_SELECT, parameters)]


def _event(row: tuple[Any, ...]) -> AuditEvent:
    number, run, actor, action, subject, detail, at = row
    return AuditEvent(
        id=number,
        at=from_microseconds(at),
        actor=actor,
        action=action,
        object=subject,
        detail={} if detail is None else from_json(detail),
        run=run,
    )
