"""What is a definition made of?"""

import zlib
from collections.abc import Sequence

import msgspec
from sqlalchemy import Connection

from ragflow.core.items import Fingerprint
from ragflow.core.recipes import Recipe
from ragflow.stores.metadata.connections import Connections, fetch, fetch_among
from ragflow.stores.metadata.definitions import Definitions
from ragflow.stores.metadata.writer import Writes

_KEEP = "INSERT INTO recipe (definition, run, content) VALUES (?, ?, ?) \
ON CONFLICT (definition) DO NOTHING"
_THERE = "SELECT d.content FROM definition AS d JOIN recipe AS r ON r.definition = d.id \
WHERE d.kind = 0 AND d.content IN (*)"
_GET = "SELECT r.run, r.content FROM recipe AS r JOIN definition AS d ON d.id = r.definition \
WHERE d.kind = 0 AND d.content = ?"


class SqliteRecipes:
    """The recipes of a home. Safe for threads and processes."""

    def __init__(self, connections: Connections, writer: Writes, definitions: Definitions) -> None:
        self._connections = connections
        self._writer = writer
        self._definitions = definitions

    def missing(self, definitions: Sequence[Fingerprint]) -> list[Fingerprint]:
        """Return those that nothing is written down of, each once."""
        wanted = list(dict.fromkeys(definitions))
        with self._connections.reading() as connection:
            there = {row[0] for row in fetch_among(connection, _THERE, wanted)}
        return [each for each in wanted if each not in there]

    def keep(self, run: int, recipes: Sequence[Recipe]) -> None:
        """Write recipes down durably; one that is there stays as it is."""
        packed = [
            (each.definition, zlib.compress(msgspec.msgpack.encode(each))) for each in recipes
        ]

        def write(connection: Connection) -> None:
            for definition, content in packed:
                number = self._definitions.add(connection, definition)
                connection.exec_driver_sql(_KEEP, (number, run, content))

        if packed:
            self._writer.run(write)

    def get(self, definition: Fingerprint) -> Recipe | None:
        """Return a definition's recipe; None for one of an older version of ragflow."""
        rows = self._connections.fetch(_GET, (definition,))
        return recipe_of(*rows[0]) if rows else None


def recipe_of(run: int, content: bytes) -> Recipe:
    """Return the recipe that `keep` wrote."""
    found = msgspec.msgpack.decode(zlib.decompress(content), type=Recipe)
    return msgspec.structs.replace(found, run=run)


def drop_unreached(connection: Connection, reached: Sequence[int]) -> int:
    """Forget recipes that no owner is served or was tried by, but those `reached`; return how many.

    To be called inside a transaction.
    """
    standing = "SELECT definition FROM recipe EXCEPT SELECT served_definition FROM done \
EXCEPT SELECT tried_definition FROM done"
    kept = set(reached)
    gone = [number for (number,) in fetch(connection, standing) if number not in kept]
    statement = "DELETE FROM recipe WHERE definition = ?"
    if gone:
        connection.exec_driver_sql(statement, [(number,) for number in gone])
    return len(gone)
