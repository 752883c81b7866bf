"""Which generations does a place have, and which one do readers see?"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from ragflow.clock import Clock
from ragflow.core.records import Generation
from ragflow.core.states import GenerationState
from ragflow.errors import NotFoundError
from ragflow.stores.metadata.connections import Connections, fetch
from ragflow.stores.metadata.encoding import (
    digest,
    from_json,
    from_microseconds,
    slug,
    to_json,
    to_microseconds,
)
from ragflow.stores.metadata.writer import Writes

_SELECT = "SELECT id, target, place, number, space, physical, state, created_at, published_at \
FROM generation "


def physical_name(target: str, place: str, number: int) -> str:
    """Return what a store calls a generation: words for people and a digest that is unique.

    Three to sixty of a-z, 0-9 and hyphen, beginning and ending with a letter or digit, the
    same in every home.
    """
    unique = digest([target.encode(), place.encode(), str(number).encode()], size=10).hex()
    return "-".join(part for part in (slug(place, limit=24), str(number), unique) if part)


class SqliteGenerations:
    """The generations of a home. Safe for threads; every change is atomic and durable."""

    def __init__(self, connections: Connections, writer: Writes, clock: Clock) -> None:
        self._connections = connections
        self._writer = writer
        self._clock = clock

    def of(self, target: str, place: str) -> list[Generation]:
        """Return the generations of a place that are not retired, oldest first."""
        where = "WHERE target = ? AND place = ? AND state <> 'retired' ORDER BY number"
        return self._select(where, (target, place))

    def published(self, target: str, place: str) -> Generation | None:
        """Return the generation readers see."""
        where = "WHERE target = ? AND place = ? AND state = 'published' ORDER BY number DESC"
        found = self._select(where, (target, place))
        return found[0] if found else None

    def places(self, target: str) -> list[Generation]:
        """Return the published generation of every place, by place."""
        return self._select("WHERE target = ? AND state = 'published' ORDER BY place", (target,))

    def get(self, number: int) -> Generation | None:
        """Return the generation of this number."""
        found = self._select("WHERE id = ?", (number,))
        return found[0] if found else None

    def retired(self, target: str) -> list[Generation]:
        """Return retired generations whose place may still be there, oldest first."""
        return self._select("WHERE target = ? AND state = 'retired' ORDER BY id", (target,))

    def build(
        self, target: str, place: str, space: Mapping[str, Any], *, publish: bool
    ) -> Generation:
        """Add the next generation; published at once, it retires the others."""
        now = to_microseconds(self._clock.now())
        state = GenerationState.PUBLISHED if publish else GenerationState.BUILDING
        published_at = now if publish else None

        def write(connection: Connection) -> int:
            statement = "SELECT coalesce(max(number), 0) + 1 FROM generation \
WHERE target = ? AND place = ?"
            number = fetch(connection, statement, (target, place))[0][0]
            if publish:
                _retire(connection, target, place)
            statement = "INSERT INTO generation (target, place, number, space, physical, state, \
created_at, published_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?) RETURNING id"
            # By the id, which is never given again: what a dropped place left behind, where a
            # crash kept it from going, must not turn up in a new one.
            sequence = "SELECT coalesce(max(seq), 0) + 1 FROM sqlite_sequence WHERE name = ?"
            physical = physical_name(
                target, place, fetch(connection, sequence, ("generation",))[0][0]
            )
            values = (target, place, number, to_json(space), physical, state, now, published_at)
            return int(fetch(connection, statement, values)[0][0])

        added = self._writer.run(write)
        return self._select("WHERE id = ?", (added,))[0]

    def publish(self, generation: Generation) -> None:
        """Make it the one readers see and retire the others, in one transaction.

        Raises `NotFoundError` for one that was forgotten.
        """
        now = to_microseconds(self._clock.now())

        def write(connection: Connection) -> None:
            _retire(connection, generation.target, generation.place)
            statement = "UPDATE generation SET state = 'published', published_at = ? \
WHERE id = ? RETURNING id"
            if not fetch(connection, statement, (now, generation.id)):
                raise NotFoundError(f"there is no generation {generation.physical!r}")

        self._writer.run(write)

    def forget(self, generation: Generation) -> None:
        """Remove its row."""

        def write(connection: Connection) -> None:
            statement = "DELETE FROM generation WHERE id = ?"
            connection.exec_driver_sql(statement, (generation.id,))

        self._writer.run(write)

    def _select(self, where: str, parameters: tuple[Any, ...]) -> list[Generation]:
        return [_generation(row) for row in self._connections.fetch(_SELECT + where, parameters)]


def _retire(connection: Connection, target: str, place: str) -> None:
    statement = "UPDATE generation SET state = 'retired' \
WHERE target = ? AND place = ? AND state <> 'retired'"
    connection.exec_driver_sql(statement, (target, place))


def _generation(row: tuple[Any, ...]) -> Generation:
    number, target, place, count, space, physical, state, created_at, published_at = row
    return Generation(
        id=number,
        target=target,
        place=place,
        number=count,
        space=from_json(space),
        physical=physical,
        state=GenerationState(state),
        created_at=from_microseconds(created_at),
        published_at=None if published_at is None else from_microseconds(published_at),
    )
