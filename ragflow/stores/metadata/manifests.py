"""What do documents hold, as it was found when they were opened?"""

from collections.abc import Sequence

from sqlalchemy import Connection

from ragflow.core.records import Instance
from ragflow.stores.metadata.connections import Connections, fetch
from ragflow.stores.metadata.definitions import Definitions
from ragflow.stores.metadata.writer import Writes

_GET = "SELECT m.token, m.held FROM manifest AS m JOIN source_state AS c ON c.id = m.source \
WHERE c.instance = ? AND c.source = ? AND m.key = ?"
_ANY = "SELECT 1 FROM manifest AS m JOIN source_state AS c ON c.id = m.source \
WHERE c.instance = ? AND c.source = ? LIMIT 1"
_PUT = "INSERT OR REPLACE INTO manifest (source, key, token, held) VALUES (?, ?, ?, ?)"
_REMOVE = "DELETE FROM manifest WHERE source = ? AND key = ?"


class SqliteManifests:
    """The manifests of a home. Safe for threads and processes."""

    def __init__(self, connections: Connections, writer: Writes, definitions: Definitions) -> None:
        self._connections = connections
        self._writer = writer
        self._definitions = definitions

    def stamp(self, instance: Instance, source: str) -> bytes | None:
        """Return what `put` was last given for the empty key: how the source was unpacked."""
        found = self.get(instance, source, "")
        return None if found is None else found[0]

    def get(self, instance: Instance, source: str, key: str) -> tuple[bytes, bytes] | None:
        """Return the token that a document was opened with and what it held, as it was put."""
        rows = self._connections.fetch(_GET, (instance.id, source, key))
        return (rows[0][0], rows[0][1]) if rows else None

    def put(
        self, instance: Instance, source: str, manifests: Sequence[tuple[str, bytes, bytes]]
    ) -> None:
        """Keep of each key its token and what it holds; durable when it returns."""

        def write(connection: Connection) -> None:
            number = self._definitions.add_source(connection, instance.id, source)
            connection.exec_driver_sql(_PUT, [(number, *each) for each in manifests])

        if manifests:
            self._writer.run(write)

    def remove(self, instance: Instance, source: str, keys: Sequence[str]) -> None:
        """Forget what these hold."""

        def write(connection: Connection) -> None:
            number = self._definitions.find_source(connection, instance.id, source)
            forget_manifests(connection, [(number, key) for key in keys])

        if keys:
            self._writer.run(write)

    def clear(self, instance: Instance, source: str) -> None:
        """Forget what every document of a source holds; nothing is written where none does."""

        def write(connection: Connection) -> None:
            number = self._definitions.find_source(connection, instance.id, source)
            connection.exec_driver_sql("DELETE FROM manifest WHERE source = ?", (number,))

        with self._connections.reading() as connection:
            is_any = bool(fetch(connection, _ANY, (instance.id, source)))
        if is_any:
            self._writer.run(write)


def forget_manifests(connection: Connection, owners: Sequence[tuple[int | None, str]]) -> None:
    """Forget what owners hold, each given by the number of its source and its key."""
    connection.exec_driver_sql(_REMOVE, list(owners))
