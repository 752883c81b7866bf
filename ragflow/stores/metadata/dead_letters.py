"""What could not be served, and what is to become of it?"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection

from ragflow.clock import Clock
from ragflow.core.run_records import DeadLetter
from ragflow.errors import NotFoundError
from ragflow.stores.metadata.audit import Entry, record
from ragflow.stores.metadata.connections import Connections, fetch, fetch_among
from ragflow.stores.metadata.encoding import from_microseconds, to_microseconds
from ragflow.stores.metadata.writer import Writes

_SELECT = "SELECT b.id, i.name, c.source, s.key, g.target, g.place, b.generation, b.run, b.task, \
b.part, b.reason, b.message, b.traceback, b.release, b.attempts, b.tries, b.not_before, b.call, \
b.created_at, b.failed_at, b.discarded_at, i.id, b.owner FROM dead_letter AS b \
JOIN generation AS g ON g.id = b.generation JOIN seen AS s ON s.owner = b.owner \
JOIN source_state AS c ON c.id = s.source JOIN instance AS i ON i.id = c.instance \
WHERE "
_LISTED = "g.state <> 'retired' AND b.discarded_at IS NULL AND (:name IS NULL OR i.name = :name) \
ORDER BY b.id"
_THESE = "b.id IN (*)"

# Failed without an instant to wait for: stale, whatever it was tried with.
_DUE = "UPDATE done SET state = 2, tried_definition = nullif(tried_definition, 0) \
WHERE owner = ? AND generation = ?"
_BEGIN_AGAIN = "UPDATE dead_letter SET tries = 0, not_before = NULL, discarded_at = NULL \
WHERE id = ?"
# A call that several owners share died under the name of one of them.
_FORGET_DEATHS = "DELETE FROM death WHERE instance = ? AND (owner = ? OR call = ?)"

# Held back with any definition.
_GIVE_UP = "UPDATE done SET state = 3, tried_definition = 0 WHERE owner = ? AND generation = ?"
_DISCARD = "UPDATE dead_letter SET not_before = NULL, release = 'content', discarded_at = ? \
WHERE id = ?"


class SqliteDeadLetters:
    """The dead letters of a home. Safe for threads and processes; every change is atomic."""

    def __init__(self, connections: Connections, writer: Writes, clock: Clock) -> None:
        self._connections = connections
        self._writer = writer
        self._clock = clock

    def get(self, id: int) -> DeadLetter | None:
        """Return one, None when it was served since."""
        with self._connections.reading() as connection:
            found = list(fetch_among(connection, _SELECT + _THESE, [id]))
        return _letter(found[0]) if found else None

    def replay(
        self, ids: Sequence[int] | None = None, *, instance: str | None = None, actor: str
    ) -> Sequence[DeadLetter]:
        """Make owners due: the next run tries them, whatever would release them.

        Their tries and deaths begin again. Without `ids`, all that nobody discarded. Returns
        them. Raises `NotFoundError`, and changes nothing, when one is not there.
        """
        now = self._clock.now()

        def write(connection: Connection) -> list[tuple[Any, ...]]:
            rows = _all(connection, instance) if ids is None else _these(connection, ids)
            for row in rows:
                letter, home, owner = _letter(row), row[-2], row[-1]
                connection.exec_driver_sql(_DUE, (owner, letter.generation))
                connection.exec_driver_sql(_BEGIN_AGAIN, (letter.id,))
                connection.exec_driver_sql(_FORGET_DEATHS, (home, letter.key, letter.call))
            record(connection, [_entry("replayed", actor, row) for row in rows], now)
            return _these(connection, [row[0] for row in rows])

        return [_letter(row) for row in self._writer.run(write)]

    def discard(self, ids: Sequence[int], *, actor: str) -> Sequence[DeadLetter]:
        """Give owners up: they are neither tried nor listed until their content changes.

        Rows they were served from before stay. Returns them. Raises `NotFoundError`, and
        changes nothing, when one is not there.
        """
        now = self._clock.now()

        def write(connection: Connection) -> list[tuple[Any, ...]]:
            rows = _these(connection, ids)
            for row in rows:
                letter, owner = _letter(row), row[-1]
                connection.exec_driver_sql(_GIVE_UP, (owner, letter.generation))
                connection.exec_driver_sql(_DISCARD, (to_microseconds(now), letter.id))
            record(connection, [_entry("discarded", actor, row) for row in rows], now)
            return _these(connection, [row[0] for row in rows])

        return [_letter(row) for row in self._writer.run(write)]

    def list(self, *, instance: str | None = None) -> Sequence[DeadLetter]:
        """Return those that nobody discarded, oldest first; of one instance by its name."""
        with self._connections.reading() as connection:
            return [_letter(row) for row in _all(connection, instance)]


def _all(connection: Connection, instance: str | None) -> list[tuple[Any, ...]]:
    return fetch(connection, _SELECT + _LISTED, {"name": instance})


def _these(connection: Connection, ids: Sequence[int]) -> list[tuple[Any, ...]]:
    wanted = list(dict.fromkeys(ids))
    found = {row[0]: row for row in fetch_among(connection, _SELECT + _THESE, wanted)}
    missing = [number for number in wanted if number not in found]
    if missing:
        raise NotFoundError(
            f"there is no dead letter {missing[0]}", hint="`ragflow dead-letters list` names all"
        )
    return [found[number] for number in wanted]


def _entry(what: str, actor: str, row: tuple[Any, ...]) -> Entry:
    letter = _letter(row)
    detail = {
        "dead_letter": letter.id,
        "instance": letter.instance,
        "end": f"{letter.target}:{letter.place}",
        "reason": letter.reason,
    }
    return Entry(f"dead_letter.{what}", actor, letter.key, detail)


def _letter(row: tuple[Any, ...]) -> DeadLetter:
    values = dict(zip(DeadLetter.__struct_fields__, row[:-2], strict=True))
    for name in ("not_before", "created_at", "failed_at", "discarded_at"):
        if values[name] is not None:
            values[name] = from_microseconds(values[name])
    return DeadLetter(**values)
