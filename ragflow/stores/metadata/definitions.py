"""Numbers for what many rows repeat: definitions, names of tasks, sources."""

from sqlalchemy import Connection

from ragflow.core.items import Fingerprint
from ragflow.stores.metadata.connections import fetch

_DEFINITION = 0
_TASK = 1
_BECAUSE = 2


class Definitions:
    """Gives definitions, tasks and sources their numbers; a number never changes.

    Only numbers that were found in the database are remembered, never one that was just
    given: the transaction giving it may yet fail.
    """

    def __init__(self) -> None:
        self._numbers: dict[tuple[int, bytes], int] = {}
        self._contents: dict[int, Fingerprint] = {}
        self._sources: dict[tuple[int, str], int] = {}

    def find(self, connection: Connection, definition: Fingerprint) -> int | None:
        """Return the number of a definition, None when it has none yet."""
        return self._find(connection, _DEFINITION, definition)

    def add(self, connection: Connection, definition: Fingerprint) -> int:
        """Return the number of a definition, giving it one; needs a transaction."""
        return self._add(connection, _DEFINITION, definition)

    def add_task(self, connection: Connection, name: str) -> int:
        """Return the number of a task's name, giving it one; needs a transaction."""
        return self._add(connection, _TASK, name.encode())

    def add_because(self, connection: Connection, content: bytes) -> int:
        """Return the number of what a reason says beside its cause; needs a transaction."""
        return self._add(connection, _BECAUSE, content)

    def content(self, connection: Connection, number: int) -> Fingerprint:
        """Return the definition of this number."""
        if number not in self._contents:
            rows = fetch(connection, "SELECT content FROM definition WHERE id = ?", (number,))
            self._contents[number] = rows[0][0]
        return self._contents[number]

    def find_source(self, connection: Connection, instance: int, source: str) -> int | None:
        """Return the number of an instance's source, None when it has none yet."""
        place = (instance, source)
        if place not in self._sources:
            rows = fetch(
                connection, "SELECT id FROM source_state WHERE instance = ? AND source = ?", place
            )
            if not rows:
                return None
            self._sources[place] = rows[0][0]
        return self._sources[place]

    def add_source(self, connection: Connection, instance: int, source: str) -> int:
        """Return the number of an instance's source, giving it one; needs a transaction."""
        found = self.find_source(connection, instance, source)
        if found is not None:
            return found
        statement = "INSERT INTO source_state (instance, source) VALUES (?, ?) RETURNING id"
        return _number(fetch(connection, statement, (instance, source)))

    def _find(self, connection: Connection, kind: int, content: bytes) -> int | None:
        if (kind, content) not in self._numbers:
            statement = "SELECT id FROM definition WHERE kind = ? AND content = ?"
            rows = fetch(connection, statement, (kind, content))
            if not rows:
                return None
            self._numbers[kind, content] = rows[0][0]
        return self._numbers[kind, content]

    def _add(self, connection: Connection, kind: int, content: bytes) -> int:
        found = self._find(connection, kind, content)
        if found is not None:
            return found
        statement = "INSERT INTO definition (kind, content) VALUES (?, ?) RETURNING id"
        return _number(fetch(connection, statement, (kind, content)))


def _number(rows: list[tuple[int, ...]]) -> int:
    return rows[0][0]
