"""When do pipelines run by themselves, and what became of each fire?"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from ragflow.clock import Clock
from ragflow.core.fires import (
    Accounted,
    Defined,
    FireRecord,
    FireState,
    ScheduleRecord,
)
from ragflow.core.states import RunState
from ragflow.errors import NotFoundError, UsageError
from ragflow.stores.metadata.audit import Entry, record
from ragflow.stores.metadata.connections import Connections, driver, fetch
from ragflow.stores.metadata.encoding import (
    canonical_json,
    from_json,
    from_microseconds,
    to_microseconds,
)
from ragflow.stores.metadata.writer import Writes

_SCHEDULES = "SELECT id, name, origin, pipeline, parameters, spec, cursor, paused_at FROM schedule "
_DEFINED = "origin <> 'gone' "
_PUT = "INSERT INTO schedule (name, origin, pipeline, parameters, spec, cursor) \
VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (name) DO UPDATE SET origin = excluded.origin, \
pipeline = excluded.pipeline, parameters = excluded.parameters, spec = excluded.spec, \
cursor = CASE WHEN origin <> 'gone' AND spec IS excluded.spec AND pipeline = excluded.pipeline \
AND ? THEN cursor ELSE excluded.cursor END"
_FIRES = "SELECT f.id, f.schedule, s.name, f.instant, f.last, f.count, f.state, f.due, f.at, \
f.reason, f.run, s.spec FROM fire AS f JOIN schedule AS s ON s.id = f.schedule "
_ADD = "INSERT INTO fire (schedule, instant, last, count, state, reason, due, at) \
VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
_MOVE = "UPDATE schedule SET cursor = ? WHERE id = ? AND cursor = ? AND spec IS ? \
AND paused_at IS NULL AND origin <> 'gone'"
# One whose run began and was handed back did fire.
_SUPERSEDE = "UPDATE fire SET state = iif(run IS NULL, 'skipped', 'fired'), reason = ?, at = ? \
WHERE state = 'queued' AND schedule = ? RETURNING run"
_CANCEL = "UPDATE run SET state = 'cancelled', error = ?, ended_at = ? \
WHERE id = ? AND state IN ('running', 'paused', 'cancelling')"
_HAND_BACK = "UPDATE fire SET state = 'queued', at = ? WHERE run = ? AND state = 'fired' \
AND EXISTS (SELECT 1 FROM run WHERE id = ? AND (state IN ('running', 'paused', 'cancelling') \
OR ? AND state = 'cancelled'))"
_OPEN = "('running', 'paused', 'cancelling')"
_GONE = "gone"


class SqliteSchedules:
    """The schedules of a home and their fires. Safe for threads and processes."""

    def __init__(self, connections: Connections, writer: Writes, clock: Clock) -> None:
        self._connections = connections
        self._writer = writer
        self._clock = clock

    def keep(self, defined: Sequence[Defined]) -> None:
        """Make the schedules that pipelines and ragflow.toml define these, and no others.

        One that is new, fires otherwise or runs another pipeline than before, begins now: nothing
        before is missed. Others keep their cursor. Writes nothing where nothing changed.
        """
        wanted = {each.name: _values(each) for each in defined}
        with self._connections.reading() as connection:
            if _kept(connection) == wanted:
                return
        now = to_microseconds(self._clock.now())

        def write(connection: Connection) -> None:
            kept = _kept(connection)
            for name, values in wanted.items():
                if kept.get(name) != values:
                    connection.exec_driver_sql(_PUT, (name, *values, now, 1))
            gone = [(_GONE, name) for name in kept if name not in wanted]
            if gone:
                connection.exec_driver_sql("UPDATE schedule SET origin = ? WHERE name = ?", gone)

        self._writer.run(write)

    def add(self, defined: Defined, *, actor: str) -> None:
        """Add one that a program defines, or define it anew; it begins now.

        Raises `UsageError` where a pipeline or ragflow.toml defines one of that name.
        """
        now = self._clock.now()
        values = (defined.name, *_values(defined), to_microseconds(now), 0)

        def write(connection: Connection) -> None:
            _check_own(connection, defined.name, is_needed=False)
            connection.exec_driver_sql(_PUT, values)
            detail = {"pipeline": defined.pipeline, "schedule": defined.schedule}
            record(connection, [Entry("schedule.added", actor, defined.name, detail)], now)

        self._writer.run(write)

    def remove(self, name: str, *, actor: str) -> None:
        """Let one that a program defined fire no more; its fires stay.

        Raises `NotFoundError` where there is none, and `UsageError` where a pipeline or
        ragflow.toml defines it.
        """
        now = self._clock.now()

        def write(connection: Connection) -> None:
            _check_own(connection, name, is_needed=True)
            statement = "UPDATE schedule SET origin = ?, paused_at = NULL WHERE name = ?"
            connection.exec_driver_sql(statement, (_GONE, name))
            record(connection, [Entry("schedule.removed", actor, name)], now)

        self._writer.run(write)

    def all(self) -> list[ScheduleRecord]:
        """Return every schedule that is defined, by name."""
        rows = self._connections.fetch(f"{_SCHEDULES} WHERE {_DEFINED} ORDER BY name")
        return [_schedule(row) for row in rows]

    def pause(self, name: str, *, actor: str) -> None:
        """Let it not fire until it is resumed; nothing happens where it does not already.

        Raises `NotFoundError` where there is none.
        """
        now = self._clock.now()

        def write(connection: Connection) -> None:
            if _find(connection, name).paused_at is not None:
                return
            statement = "UPDATE schedule SET paused_at = ? WHERE name = ?"
            connection.exec_driver_sql(statement, (to_microseconds(now), name))
            record(connection, [Entry("schedule.paused", actor, name)], now)

        self._writer.run(write)

    def resume(
        self, name: str, accounted: Sequence[Accounted], cursor: datetime, *, actor: str
    ) -> None:
        """Let it fire again, and account for what came meanwhile.

        Nothing happens where it is not paused. Raises `NotFoundError` where there is none.
        """
        now = self._clock.now()

        def write(connection: Connection) -> None:
            found = _find(connection, name)
            if found.paused_at is None:
                return
            statement = "UPDATE schedule SET paused_at = NULL, cursor = ? WHERE id = ?"
            connection.exec_driver_sql(statement, (to_microseconds(cursor), found.id))
            _account(connection, found.id, accounted, now)
            record(connection, [Entry("schedule.resumed", actor, name)], now)

        self._writer.run(write)

    def account(
        self,
        schedule: ScheduleRecord,
        accounted: Sequence[Accounted],
        cursor: datetime,
        *,
        supersedes: str | None = None,
    ) -> bool:
        """Account for fires and move the cursor; True where it was done.

        Nothing is done where the schedule is not as it was read: another service was first, or
        somebody paused or changed it. Instants that are accounted for are left as they are. With
        `supersedes` what of this schedule waits already is left out, for that reason, and runs
        that were handed back are cancelled.
        """
        now = self._clock.now()
        spec = _values(schedule.defined)[3]
        was = (schedule.id, to_microseconds(schedule.cursor), spec)

        def write(connection: Connection) -> bool:
            moved = connection.exec_driver_sql(_MOVE, (to_microseconds(cursor), *was))
            if moved.rowcount != 1:
                return False
            if supersedes is not None:
                _supersede(connection, schedule, supersedes, now)
            _account(connection, schedule.id, accounted, now)
            return True

        return self._writer.run(write)

    def queued(self) -> list[FireRecord]:
        """Return the fires that wait, in the order they were due."""
        return self._fires("WHERE f.state = 'queued' ORDER BY f.due, f.id")

    def left(self) -> list[FireRecord]:
        """Return the fires whose run is not over, oldest first, whoever holds it or nobody."""
        return self._fires(
            f"JOIN run AS r ON r.id = f.run WHERE r.state IN {_OPEN} AND f.state = 'fired' "
            "ORDER BY f.id"
        )

    def hand_back(self, run: int, *, was_cancelled: bool = False) -> bool:
        """Let the fire of a run that is not over wait for who takes it up.

        With `was_cancelled` also that of one that was: only who cancelled it to hand it back says
        so, since others do not know whether it is to go on. Returns whether it waits now.
        """
        values = (to_microseconds(self._clock.now()), run, run, was_cancelled)

        def write(connection: Connection) -> bool:
            return connection.exec_driver_sql(_HAND_BACK, values).rowcount == 1

        return self._writer.run(write)

    def skip(self, fire: FireRecord, reason: str, *, has_failed: bool = False) -> None:
        """Leave out a fire that waits; nothing happens where it does not any more.

        With `has_failed` its run was to begin and could not. One whose run began did fire.
        """
        now = to_microseconds(self._clock.now())
        statement = (
            "UPDATE fire SET state = ?, reason = ?, at = ? WHERE id = ? AND state = 'queued'"
        )
        state = FireState.FAILED if has_failed else FireState.SKIPPED
        if fire.run is not None:
            state = FireState.FIRED
        values = (state.value, reason, now, fire.id)
        self._writer.run(lambda connection: _do(connection, statement, values))

    def get(self, fire: int) -> FireRecord | None:
        """Return what became of one fire."""
        found = self._fires("WHERE f.id = ?", (fire,))
        return found[0] if found else None

    def of_run(self, run: int) -> FireRecord | None:
        """Return the fire that a run began for, None where it began by hand."""
        found = self._fires("WHERE f.run = ?", (run,))
        return found[0] if found else None

    def fires(self, *, schedule: str | None = None, limit: int = 20) -> list[FireRecord]:
        """Return what became of fires, newest first."""
        where = "WHERE (? IS NULL OR s.name = ?) ORDER BY f.instant DESC, f.id DESC LIMIT ?"
        return self._fires(where, (schedule, schedule, limit))

    def known(self, schedule: ScheduleRecord) -> Collection[datetime]:
        """Return the instants after the cursor that are accounted for already."""
        statement = "SELECT instant FROM fire WHERE schedule = ? AND instant > ? AND count = 1"
        values = (schedule.id, to_microseconds(schedule.cursor))
        return {from_microseconds(found) for (found,) in self._connections.fetch(statement, values)}

    def fired(self, schedule: ScheduleRecord) -> Mapping[datetime, RunState | None]:
        """Return the instants that fired or wait, and the state of the run that began for each."""
        statement = "SELECT f.instant, r.state FROM fire AS f LEFT JOIN run AS r ON r.id = f.run \
WHERE f.schedule = ? AND f.state IN ('fired', 'queued') ORDER BY f.instant"
        return {
            from_microseconds(instant): None if state is None else RunState(state)
            for instant, state in self._connections.fetch(statement, (schedule.id,))
        }

    def _fires(self, where: str, values: tuple[Any, ...] = ()) -> list[FireRecord]:
        return [_fire(row) for row in self._connections.fetch(_FIRES + where, values)]


def _supersede(
    connection: Connection, schedule: ScheduleRecord, reason: str, now: datetime
) -> None:
    """Leave out what waits, and cancel those runs of it that were handed back."""
    at, name = to_microseconds(now), schedule.defined.name
    runs = [run for (run,) in fetch(connection, _SUPERSEDE, (reason, at, schedule.id))]
    for run in runs:
        if run is not None and connection.exec_driver_sql(_CANCEL, (reason, at, run)).rowcount:
            detail = {"state": RunState.CANCELLED.value, "error": reason}
            entry = Entry("run.ended", f"schedule {name}", name, detail, run)
            record(connection, [entry], now)


def _kept(connection: Connection) -> dict[str, tuple[Any, ...]]:
    statement = f"{_SCHEDULES} WHERE origin IN ('pipeline', 'file')"
    return {row[1]: tuple(row[2:6]) for row in fetch(connection, statement)}


def _values(defined: Defined) -> tuple[Any, ...]:
    parameters = canonical_json(defined.parameters).decode()
    spec = None if defined.schedule is None else canonical_json(defined.schedule).decode()
    return (defined.origin, defined.pipeline, parameters, spec)


def _find(connection: Connection, name: str) -> ScheduleRecord:
    rows = fetch(connection, f"{_SCHEDULES} WHERE name = ? AND {_DEFINED}", (name,))
    if not rows:
        raise NotFoundError(
            f"there is no schedule {name!r}", hint="`ragflow schedules list` lists them"
        )
    return _schedule(rows[0])


def _check_own(connection: Connection, name: str, *, is_needed: bool) -> None:
    """Raise unless a program defined the schedule, or, where it may be new, nobody did."""
    statement = "SELECT origin FROM schedule WHERE name = ? AND origin <> 'gone'"
    rows = fetch(connection, statement, (name,))
    if not rows and is_needed:
        _find(connection, name)
    if rows and rows[0][0] != "api":
        where = "its pipeline" if rows[0][0] == "pipeline" else "ragflow.toml"
        raise UsageError(f"the schedule {name!r} is defined by {where}", hint="change it there")


def _account(
    connection: Connection, schedule: int, accounted: Sequence[Accounted], now: datetime
) -> None:
    rows = [
        (
            schedule,
            to_microseconds(one.instant),
            to_microseconds(one.last or one.instant),
            one.count,
            one.state.value,
            one.reason,
            to_microseconds(one.due),
            to_microseconds(now),
        )
        for one in accounted
    ]
    driver(connection).executemany(_ADD, rows)


def _do(connection: Connection, statement: str, values: tuple[Any, ...]) -> None:
    connection.exec_driver_sql(statement, values)


def _schedule(row: tuple[Any, ...]) -> ScheduleRecord:
    number, name, origin, pipeline, parameters, spec, cursor, paused_at = row
    defined = Defined(
        name=name,
        pipeline=pipeline,
        parameters=from_json(parameters),
        schedule=None if spec is None else from_json(spec),
        origin=origin,
    )
    return ScheduleRecord(
        id=number,
        defined=defined,
        cursor=from_microseconds(cursor),
        paused_at=None if paused_at is None else from_microseconds(paused_at),
    )


def _fire(row: tuple[Any, ...]) -> FireRecord:
    number, schedule, name, instant, last, count, state, due, at, reason, run, spec = row
    return FireRecord(
        id=number,
        schedule_id=schedule,
        schedule=name,
        zone="UTC" if spec is None else from_json(spec).get("zone", "UTC"),
        instant=from_microseconds(instant),
        last=from_microseconds(last),
        count=count,
        state=FireState(state),
        due=from_microseconds(due),
        at=from_microseconds(at),
        reason=reason,
        run=run,
    )
