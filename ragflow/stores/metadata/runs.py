"""What happened in each run?"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection

from ragflow.clock import Clock
from ragflow.core.fires import Firing
from ragflow.core.records import CUT_OFF, FailedAttempt, Instance, RunRecord, TaskTotal
from ragflow.core.states import RUN_MOVES, RunState
from ragflow.errors import IllegalMoveError, NotFoundError, UsageError
from ragflow.stores.metadata.audit import Entry, record
from ragflow.stores.metadata.connections import Connections, fetch
from ragflow.stores.metadata.encoding import (
    from_json,
    from_microseconds,
    to_json,
    to_microseconds,
)
from ragflow.stores.metadata.firing import begin_fire, go_on_with_fire
from ragflow.stores.metadata.writer import Writes

_SELECT = "SELECT r.id, i.name, i.id, i.pipeline, r.state, r.parameters, r.started_at, \
r.ended_at, r.summary, r.error, r.trigger FROM run AS r JOIN instance AS i ON i.id = r.instance "
_ADD = "INSERT INTO run (instance, state, trigger, parameters, started_at) \
VALUES (?, ?, ?, ?, ?) RETURNING id"
_CUT_OFF = "UPDATE run SET state = 'failed', error = ?, ended_at = ? WHERE instance = ? \
AND id <> ? AND state IN ('running', 'paused', 'cancelling') RETURNING id"
_TAKE_UP = "UPDATE run SET state = 'running', error = NULL, ended_at = NULL WHERE id = ?"
_FAIL = "INSERT INTO attempt (run, task, key, part, reason, message, traceback, at, number, \
outcome, seconds) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"

#: What becomes of a run while it lives, and what the audit calls that.
_MARKS = {
    RunState.RUNNING: "run.resumed",
    RunState.PAUSED: "run.paused",
    RunState.CANCELLING: "run.cancelling",
}
#: Letters of an attempt's message that the audit keeps; the attempt has the rest.
SENTENCE = 300


class SqliteRuns:
    """The history of runs of a home. Safe for threads."""

    def __init__(
        self,
        connections: Connections,
        writer: Writes,
        clock: Clock,
        *,
        held: int | None = None,
    ) -> None:
        """Know them; `held` is the number of the one instance that runs are taken up of."""
        self._connections = connections
        self._writer = writer
        self._clock = clock
        self._held = held

    def begin(
        self,
        instance: Instance,
        parameters: Mapping[str, Any],
        *,
        trigger: str,
        actor: str | None = None,
        firing: Firing | None = None,
    ) -> int:
        """Record that a run began; return its number, which is never given again.

        Runs of the instance that are not over ended with their process, and are marked so. With
        `firing` it begins for that fire, in one transaction; raises `FireTakenError`, and records
        nothing, where another run did.
        """
        now = self._clock.now()
        at = to_microseconds(now)
        values = (instance.id, RunState.RUNNING.value, trigger, to_json(parameters), at)
        detail = {"trigger": trigger}

        def write(connection: Connection) -> int:
            number = int(fetch(connection, _ADD, values)[0][0])
            # First, so that the fire of one that was cut off is free for this one.
            _cut_off(connection, instance.id, instance.name, run=number, now=now)
            if firing is not None:
                begin_fire(connection, firing, number, now)
            began = Entry("run.began", actor or trigger, instance.name, detail, number)
            record(connection, [began], now)
            return number

        return self._writer.run(write)

    def take_up(self, run: int, *, actor: str | None = None, firing: Firing | None = None) -> None:
        """Record that a run that was cut off, failed or was cancelled goes on.

        What was asked of it before is forgotten. Raises `NotFoundError` when it is not there,
        and `UsageError` when it succeeded or is of another instance than the one held. With
        `firing` the fire of the run must wait for it; raises `FireTakenError`, and changes
        nothing, where it does not.
        """
        now = self._clock.now()

        def write(connection: Connection) -> None:
            instance, name, state = _find(connection, run)
            if self._held not in (None, instance):
                raise UsageError(
                    f"run {run} cannot be taken up: it belongs to instance {name!r}, "
                    "which is not the one that is held",
                    hint="take it up with the pipeline and the scope it began with",
                )
            if state in (RunState.SUCCEEDED, RunState.SUCCEEDED_WITH_FAILURES, RunState.QUEUED):
                raise UsageError(
                    f"run {run} cannot be taken up: it is {state.value}",
                    hint="begin a new run: it does only what is left to do",
                )
            go_on_with_fire(connection, run, is_queued=firing is not None, now=now)
            connection.exec_driver_sql(_TAKE_UP, (run,))
            # What was asked of it was asked of the process that is gone.
            connection.exec_driver_sql("DELETE FROM control WHERE run = ?", (run,))
            _cut_off(connection, instance, name, run=run, now=now)
            entry = Entry("run.taken_up", actor or f"run {run}", name, {"from": state.value}, run)
            record(connection, [entry], now)

        self._writer.run(write)

    def mark(self, run: int, state: RunState) -> None:
        """Record that a run is paused, runs again or is being cancelled.

        Raises `IllegalMoveError` when it cannot become that from what it is.
        """
        now = self._clock.now()

        def write(connection: Connection) -> None:
            _, name, before = _find(connection, run)
            if before is state:
                return
            if state not in _MARKS or state not in RUN_MOVES[before] or _is_over(before):
                raise IllegalMoveError(f"run {run} is {before.value}, and cannot be {state.value}")
            statement = "UPDATE run SET state = ? WHERE id = ?"
            connection.exec_driver_sql(statement, (state.value, run))
            record(connection, [Entry(_MARKS[state], f"run {run}", name, None, run)], now)

        self._writer.run(write)

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
        now = self._clock.now()
        at = to_microseconds(now)
        text = None if summary is None else to_json(summary)
        rows = [(run, task, *msgspec.structs.astuple(total)) for task, total in totals.items()]

        def write(connection: Connection) -> None:
            _, name, _ = _find(connection, run)
            statement = (
                "UPDATE run SET state = ?, ended_at = ?, summary = ?, error = ? WHERE id = ?"
            )
            connection.exec_driver_sql(statement, (state.value, at, text, error, run))
            if rows:
                statement = "INSERT INTO task_total (run, task, ran, memoized, failed, seconds) \
VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (run, task) DO UPDATE SET ran = excluded.ran, \
memoized = excluded.memoized, failed = excluded.failed, seconds = excluded.seconds"
                connection.exec_driver_sql(statement, rows)
            detail = {"state": state.value} | ({} if error is None else {"error": error})
            record(connection, [Entry("run.ended", f"run {run}", name, detail, run)], now)

        self._writer.run(write)

    def fail(self, attempts: Iterable[FailedAttempt]) -> None:
        """Record failed attempts; returns at once."""
        told = list(attempts)
        now = self._clock.now()
        rows = [
            (*facts[:7], to_microseconds(attempt.at), *facts[8:])
            for attempt in told
            for facts in [msgspec.structs.astuple(attempt)]
        ]

        def write(connection: Connection) -> None:
            connection.exec_driver_sql(_FAIL, rows)
            record(connection, map(_failure, told), now)

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
        statement = "SELECT run, task, key, part, reason, message, traceback, at, number, outcome, \
seconds FROM attempt WHERE run = ? ORDER BY id"
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


def _find(connection: Connection, run: int) -> tuple[int, str, RunState]:
    """Return a run's instance, its name and its state; raise `NotFoundError`."""
    statement = "SELECT r.instance, i.name, r.state FROM run AS r \
JOIN instance AS i ON i.id = r.instance WHERE r.id = ?"
    rows = fetch(connection, statement, (run,))
    if not rows:
        raise NotFoundError(f"there is no run {run}")
    instance, name, state = rows[0]
    return instance, name, RunState(state)


def _is_over(state: RunState) -> bool:
    return state not in (RunState.QUEUED, *_MARKS)


def _cut_off(connection: Connection, instance: int, name: str, *, run: int, now: datetime) -> None:
    # Whoever writes this holds the instance, so what still says it runs does not.
    gone = fetch(connection, _CUT_OFF, (CUT_OFF, to_microseconds(now), instance, run))
    record(
        connection,
        [Entry("run.cut_off", f"run {run}", name, {"by": run}, number) for (number,) in gone],
        now,
    )


def _failure(attempt: FailedAttempt) -> Entry:
    detail = {
        "task": attempt.task,
        "attempt": attempt.number,
        "outcome": attempt.outcome,
        "reason": attempt.reason,
        "message": attempt.message[:SENTENCE],
    }
    actor = f"run {attempt.run}"
    return Entry("attempt.failed", actor, attempt.key, detail, attempt.run, attempt.at)


def _record(row: tuple[Any, ...]) -> RunRecord:
    number, instance, home, pipeline, state, parameters, began, ended, *rest = row
    summary, error, trigger = rest
    return RunRecord(
        id=number,
        instance=instance,
        instance_id=home,
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
    run, task, key, part, reason, message, traceback, at, number, outcome, seconds = row
    return FailedAttempt(
        run=run,
        task=task,
        key=key,
        part=part,
        reason=reason,
        message=message,
        traceback=traceback,
        at=from_microseconds(at),
        number=number,
        outcome=outcome,
        seconds=seconds,
    )
