"""What happened in each run?"""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from sqlalchemy import Connection

from ragflow.clock import Clock
from ragflow.core.records import CUT_OFF, FailedAttempt, Instance, RunRecord, TaskTotal
from ragflow.core.states import RunState
from ragflow.errors import NotFoundError
from ragflow.stores.metadata.connections import Connections, fetch
from ragflow.stores.metadata.encoding import (
    from_json,
    from_microseconds,
    to_json,
    to_microseconds,
)
from ragflow.stores.metadata.writer import Writer

_SELECT = "SELECT r.id, i.name, i.pipeline, r.state, r.parameters, r.started_at, r.ended_at, \
r.summary, r.error, r.trigger FROM run AS r JOIN instance AS i ON i.id = r.instance "
_EVENT = "INSERT INTO event (run, kind, detail, at) VALUES (?, ?, ?, ?)"


class SqliteRuns:
    """The history of runs of a home. Safe for threads."""

    def __init__(self, connections: Connections, writer: Writer, clock: Clock) -> None:
        self._connections = connections
        self._writer = writer
        self._clock = clock

    def begin(self, instance: Instance, parameters: Mapping[str, Any], *, trigger: str) -> int:
        """Record that a run began; return its number, which is never given again."""
        now = to_microseconds(self._clock.now())
        values = (instance.id, RunState.RUNNING.value, trigger, to_json(parameters), now)

        def write(connection: Connection) -> int:
            # Whoever begins a run holds the instance, so what still says it runs does not.
            statement = "UPDATE run SET state = ?, error = ?, ended_at = ? \
WHERE instance = ? AND state = ?"
            gone = (RunState.FAILED.value, CUT_OFF, now, instance.id, RunState.RUNNING.value)
            connection.exec_driver_sql(statement, gone)
            statement = "INSERT INTO run (instance, state, trigger, parameters, started_at) \
VALUES (?, ?, ?, ?, ?) RETURNING id"
            number = int(fetch(connection, statement, values)[0][0])
            connection.exec_driver_sql(_EVENT, (number, "run_began", trigger, now))
            return number

        return self._writer.run(write)

    def end(
        self,
        run: int,
        state: RunState,
        *,
        summary: Mapping[str, Any] | None,
        totals: Mapping[str, TaskTotal],
        error: str | None = None,
    ) -> None:
        """Record how it ended, at once with what its tasks did.

        Raises `NotFoundError` for a run that never began.
        """
        now = to_microseconds(self._clock.now())
        text = None if summary is None else to_json(summary)
        rows = [(run, task, *msgspec.structs.astuple(total)) for task, total in totals.items()]

        def write(connection: Connection) -> None:
            statement = "UPDATE run SET state = ?, ended_at = ?, summary = ?, error = ? \
WHERE id = ? RETURNING id"
            if not fetch(connection, statement, (state.value, now, text, error, run)):
                raise NotFoundError(f"there is no run {run}")
            if rows:
                statement = "INSERT INTO task_total (run, task, ran, memoized, failed, seconds) \
VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (run, task) DO UPDATE SET ran = excluded.ran, \
memoized = excluded.memoized, failed = excluded.failed, seconds = excluded.seconds"
                connection.exec_driver_sql(statement, rows)
            connection.exec_driver_sql(_EVENT, (run, "run_ended", state.value, now))

        self._writer.run(write)

    def fail(self, attempts: Iterable[FailedAttempt]) -> None:
        """Record failed attempts; returns at once."""
        rows = [
            (*msgspec.structs.astuple(attempt)[:-1], to_microseconds(attempt.at))
            for attempt in attempts
        ]

        def write(connection: Connection) -> None:
            statement = "INSERT INTO attempt (run, task, key, part, reason, message, traceback, \
at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
            connection.exec_driver_sql(statement, rows)

        if rows:
            self._writer.later(write)

    def get(self, run: int) -> RunRecord | None:
        """Return one run."""
        found = self._select("WHERE r.id = ?", (run,))
        return found[0] if found else None

    def recent(self, *, limit: int = 20, instance: str | None = None) -> list[RunRecord]:
        """Return runs, newest first; of one instance by its name."""
        if instance is None:
            return self._select("ORDER BY r.id DESC LIMIT ?", (limit,))
        return self._select("WHERE i.name = ? ORDER BY r.id DESC LIMIT ?", (instance, limit))

    def attempts(self, run: int) -> list[FailedAttempt]:
        """Return its failed attempts in order."""
        statement = "SELECT run, task, key, part, reason, message, traceback, at FROM attempt \
WHERE run = ? ORDER BY id"
        return [_attempt(row) for row in self._connections.fetch(statement, (run,))]

    def totals(self, run: int) -> dict[str, TaskTotal]:
        """Return what each task did in it, by task."""
        statement = "SELECT task, ran, memoized, failed, seconds FROM task_total \
WHERE run = ? ORDER BY task"
        return {
            task: TaskTotal(ran=ran, memoized=memoized, failed=failed, seconds=seconds)
            for task, ran, memoized, failed, seconds in self._connections.fetch(statement, (run,))
        }

    def _select(self, where: str, parameters: tuple[Any, ...]) -> list[RunRecord]:
        return [_record(row) for row in self._connections.fetch(_SELECT + where, parameters)]


def _record(row: tuple[Any, ...]) -> RunRecord:
    number, instance, pipeline, state, parameters, began, ended, summary, error, trigger = row
    return RunRecord(
        id=number,
        instance=instance,
        pipeline=pipeline,
        state=RunState(state),
        parameters=from_json(parameters),
        started_at=from_microseconds(began),
        ended_at=None if ended is None else from_microseconds(ended),
        summary=None if summary is None else from_json(summary),
        error=error,
        trigger=trigger,
    )


def _attempt(row: tuple[Any, ...]) -> FailedAttempt:
    run, task, key, part, reason, message, traceback, at = row
    return FailedAttempt(
        run=run,
        task=task,
        key=key,
        part=part,
        reason=reason,
        message=message,
        traceback=traceback,
        at=from_microseconds(at),
    )
