"""What do workers hold, and what killed one?"""

import threading
from collections.abc import Iterable, Sequence
from concurrent.futures import Future
from typing import Any

import msgspec
from sqlalchemy import Connection

from ragflow.clock import Clock
from ragflow.core.items import Fingerprint
from ragflow.core.records import Instance
from ragflow.core.run_records import Deaths, LeftAssignment, OpenAssignment, Suspect
from ragflow.stores.metadata.connections import Connections, driver, fetch, fetch_among
from ragflow.stores.metadata.encoding import from_microseconds, pack, to_microseconds, unpack
from ragflow.stores.metadata.writer import Writes

_OPEN = "INSERT INTO assignment (run, number, task, calls, alone, opened_at) \
VALUES (?, ?, ?, ?, ?, ?)"
_CLOSE = "DELETE FROM assignment WHERE run = ? AND number = ?"
_SELECT = "SELECT a.run, a.number, a.task, a.calls, a.alone, a.opened_at \
FROM assignment AS a "
_LEFT = _SELECT + "JOIN run AS r ON r.id = a.run WHERE r.instance = ? ORDER BY a.run, a.number"
_LEFT_OF = _SELECT + "WHERE a.run = ? ORDER BY a.number"
_THESE = _SELECT + "WHERE a.run = ? AND a.number IN (*)"
_INSTANCE = "SELECT instance FROM run WHERE id = ?"
_COUNT = "INSERT INTO death (instance, call, owner, task, alone, company, at) \
VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (instance, call) DO UPDATE SET \
owner = excluded.owner, task = excluded.task, alone = alone + excluded.alone, \
company = company + excluded.company, at = excluded.at"
_DEATHS = "SELECT call, alone, company FROM death WHERE instance = ? AND call IN (*)"
_SUSPECTS = "SELECT call, owner, task, alone, company, at FROM death WHERE instance = ? \
ORDER BY at, owner, call"
_CLEAR = "DELETE FROM death WHERE instance = ? AND call = ?"


class SqliteAssignments:
    """The open assignments of a home and the deaths of calls. Safe for threads."""

    def __init__(self, connections: Connections, writer: Writes, clock: Clock) -> None:
        self._connections = connections
        self._writer = writer
        self._clock = clock
        self._lock = threading.Lock()
        self._closing: _Closing | None = None

    def open(self, run: int, assignments: Sequence[OpenAssignment]) -> Future[None]:
        """Record what is about to be given to workers; returns at once.

        Once the future is done, it survives the death of this process. Raises through the
        future what kept it from being written.
        """
        now = to_microseconds(self._clock.now())
        rows = [(run, one.number, one.task, pack(one.calls), one.alone, now) for one in assignments]

        def write(connection: Connection) -> None:
            driver(connection).executemany(_OPEN, rows)

        return self._writer.submit(write)

    def close(self, run: int, numbers: Iterable[int]) -> None:
        """Forget these, whose opening is done; returns at once, written with the next commit."""
        rows = [(run, number) for number in numbers]
        if not rows:
            return
        with self._lock:
            if self._closing is not None and self._closing.take(rows):
                return
            closing = self._closing = _Closing(self._lock, rows)
        self._writer.post(closing)

    def died(self, run: int, numbers: Iterable[int]) -> dict[Fingerprint, Deaths]:
        """Count the death of a worker for every call of these, alone or not, and close them.

        Returns the deaths of these calls by now. Those that are not open are not counted, so
        it may be told twice.
        """
        now = to_microseconds(self._clock.now())
        wanted = list(numbers)

        def write(connection: Connection) -> dict[Fingerprint, Deaths]:
            found = fetch(connection, _INSTANCE, (run,))
            instance = found[0][0] if found else 0
            left = [_left(row) for row in fetch_among(connection, _THESE, wanted, run)]
            # Of a worker that died nobody else knows: it was alone if it held one call.
            lone = [
                msgspec.structs.replace(one, alone=len({call for _, call in one.calls}) == 1)
                for one in left
            ]
            _count(connection, instance, lone, now)
            calls = list({call for one in left for _, call in one.calls})
            return _deaths(connection, instance, calls)

        return self._writer.submit(write).result()

    def left(self, instance: Instance) -> list[LeftAssignment]:
        """Return what is open, or was when a scheduler died, oldest first."""
        return [_left(row) for row in self._connections.fetch(_LEFT, (instance.id,))]

    def left_of(self, run: int) -> list[LeftAssignment]:
        """Return what is open of one run, or was when its scheduler died, oldest first."""
        return [_left(row) for row in self._connections.fetch(_LEFT_OF, (run,))]

    def take_up(self, instance: Instance) -> list[Suspect]:
        """Turn what a dead scheduler left open into suspects; return all suspects there are.

        Each is counted as a death, in one transaction with its closing: so once, however
        often it is interrupted. For whoever just took the lease, before it opens its own.
        """
        now = to_microseconds(self._clock.now())

        def write(connection: Connection) -> list[Suspect]:
            left = [_left(row) for row in fetch(connection, _LEFT, (instance.id,))]
            _count(connection, instance.id, left, now)
            return [_suspect(row) for row in fetch(connection, _SUSPECTS, (instance.id,))]

        return self._writer.run(write)

    def suspects(self, instance: Instance) -> list[Suspect]:
        """Return the calls that were open when something died, oldest first."""
        return [_suspect(row) for row in self._connections.fetch(_SUSPECTS, (instance.id,))]

    def clear(self, instance: Instance, calls: Sequence[Fingerprint]) -> None:
        """Forget the deaths of calls that succeeded; returns at once."""
        rows = [(instance.id, call) for call in calls]
        if rows:
            self._writer.later(lambda connection: _execute(connection, _CLEAR, rows))


class _Closing:
    """Assignments that one transaction forgets: those that were closed until it began."""

    def __init__(self, lock: threading.Lock, rows: list[tuple[int, int]]) -> None:
        self._lock = lock
        self._rows = rows
        self._is_open = True

    def take(self, rows: list[tuple[int, int]]) -> bool:
        """Add some, unless these are on their way; the lock is held."""
        if self._is_open:
            self._rows += rows
        return self._is_open

    def prepare(self) -> None:
        """Let nothing more join."""
        with self._lock:
            self._is_open = False

    def write(self, connection: Connection) -> None:
        """Forget them."""
        driver(connection).executemany(_CLOSE, self._rows)

    def written(self) -> None:
        """Nobody waits."""


def _count(connection: Connection, instance: int, left: Sequence[LeftAssignment], now: int) -> None:
    """Turn assignments into deaths of their calls."""
    deaths = [
        (instance, call, owner, one.task, int(one.alone), int(not one.alone), now)
        for one in left
        # Two parts of a batch may be one call: it died once.
        for call, owner in {call: owner for owner, call in one.calls}.items()
    ]
    _execute(connection, _COUNT, deaths)
    _execute(connection, _CLOSE, [(one.run, one.number) for one in left])


def _deaths(
    connection: Connection, instance: int, calls: Sequence[Fingerprint]
) -> dict[Fingerprint, Deaths]:
    return {
        call: Deaths(alone=alone, company=company)
        for call, alone, company in fetch_among(connection, _DEATHS, calls, instance)
    }


def _execute(connection: Connection, statement: str, rows: list[tuple[Any, ...]]) -> None:
    if rows:
        connection.exec_driver_sql(statement, rows)


def _left(row: tuple[Any, ...]) -> LeftAssignment:
    run, number, task, calls, alone, opened_at = row
    return LeftAssignment(
        run=run,
        number=number,
        task=task,
        calls=[(owner, call) for owner, call in unpack(calls)],
        alone=bool(alone),
        opened_at=from_microseconds(opened_at),
    )


def _suspect(row: tuple[Any, ...]) -> Suspect:
    call, owner, task, alone, company, at = row
    return Suspect(
        call=call,
        owner=owner,
        task=task,
        deaths=Deaths(alone=alone, company=company),
        at=from_microseconds(at),
    )
