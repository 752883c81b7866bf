"""Which instances does a home know?"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from ragflow.clock import Clock
from ragflow.core.items import Fingerprint
from ragflow.core.records import Instance
from ragflow.stores.metadata.connections import Connections
from ragflow.stores.metadata.encoding import (
    canonical_json,
    digest,
    from_json,
    to_microseconds,
)
from ragflow.stores.metadata.writer import Writer

_SELECT = "SELECT id, name, pipeline, scope, identity FROM instance "


def identity(name: str, scope: Mapping[str, Any]) -> Fingerprint:
    """Return what names an instance in every home.

    Raises `TypeError` or `ValueError` where the scope holds what JSON cannot say.
    """
    return digest([b"ragflow.instance", name.encode(), canonical_json(scope)])


class Instances:
    """The instances of a home. Safe for threads."""

    def __init__(self, connections: Connections, writer: Writer, clock: Clock) -> None:
        self._connections = connections
        self._writer = writer
        self._clock = clock

    def get(self, name: str, pipeline: str, scope: Mapping[str, Any]) -> Instance:
        """Return the instance of this name and scope, adding it when it is new.

        One that is known under another pipeline belongs to this one from now on.
        """
        key = identity(name, scope)
        found = self._find(key)
        if found is not None and found.pipeline == pipeline:
            return found
        values = (key, name, pipeline, canonical_json(scope).decode())
        now = to_microseconds(self._clock.now())

        def write(connection: Connection) -> None:
            statement = "INSERT INTO instance (identity, name, pipeline, scope, created_at) \
VALUES (?, ?, ?, ?, ?) ON CONFLICT (identity) DO UPDATE SET pipeline = excluded.pipeline"
            connection.exec_driver_sql(statement, (*values, now))

        self._writer.run(write)
        return self._select("WHERE identity = ?", (key,))[0]

    def all(self) -> list[Instance]:
        """Return every instance, by name, then in the order they came."""
        return self._select("ORDER BY name, id")

    def _find(self, key: Fingerprint) -> Instance | None:
        found = self._select("WHERE identity = ?", (key,))
        return found[0] if found else None

    def _select(self, where: str, parameters: tuple[Any, ...] = ()) -> list[Instance]:
        return [
            Instance(id=number, name=name, pipeline=pipeline, scope=from_json(scope), identity=key)
            for number, name, pipeline, scope, key in self._connections.fetch(
                _SELECT + where, parameters
            )
        ]
