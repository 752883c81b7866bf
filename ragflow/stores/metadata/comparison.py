"""What does a ledger say of rows that are compared with what a target has?"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection

from ragflow.core.records import HeldRow, Instance
from ragflow.core.standings import OwnerStanding
from ragflow.core.states import OwnerState
from ragflow.stores.metadata.connections import Connections, driver, fetch, fetch_among
from ragflow.stores.metadata.definitions import Definitions
from ragflow.stores.metadata.encoding import (
    OWNER_STATES,
    pack_row_id,
    unpack_mapping,
    unpack_row_id,
)
from ragflow.stores.metadata.faults import in_words_of_ours

#: Rows that become objects at a time.
PAGE = 2_000

_TABLE = "CREATE TEMP TABLE held_now (name TEXT PRIMARY KEY, owner INTEGER NOT NULL, \
value BLOB NOT NULL, payload BLOB NOT NULL) WITHOUT ROWID"
_COPY = "INSERT INTO held_now SELECT row_name(row), owner, value, payload \
FROM main.held WHERE generation = ?"
_PAGE = "SELECT name, owner, value, payload FROM held_now WHERE name > ? ORDER BY name LIMIT ?"

_STANDINGS = """
SELECT s.owner, c.instance, c.source, s.key, s.metadata, s.content, s.input,
  d.state, d.served_definition, d.served_input, d.served_content
FROM seen AS s JOIN source_state AS c ON c.id = s.source
LEFT JOIN done AS d ON d.owner = s.owner AND d.generation = ?
WHERE s.owner IN (*)
"""
_RESTATE = "INSERT INTO held (owner, generation, row, value, payload) VALUES (?, ?, ?, ?, ?) \
ON CONFLICT (owner, generation, row) DO UPDATE SET value = excluded.value, \
payload = excluded.payload"


def held_rows(connections: Connections, generation: int) -> Iterator[tuple[int, HeldRow]]:
    """Yield (owner, row) of all that is held at a generation, by row id, as it stood at once.

    They are sorted in a table of the connection's own: memory holds one page, and nothing keeps
    the log of the database from being emptied meanwhile.
    """
    connections.check_process()
    with in_words_of_ours(connections.database):
        connection = connections.engine.connect()
    try:
        with in_words_of_ours(connections.database):
            _copy(connection, generation)
        after = ""
        while True:
            with in_words_of_ours(connections.database):
                rows = fetch(connection, _PAGE, (after, PAGE))
            for name, owner, value, payload in rows:
                yield owner, HeldRow(name, value, payload)
            if len(rows) < PAGE:
                return
            after = rows[-1][0]
    finally:
        # Not given back: its temporary table goes with it.
        connection.detach()
        connection.close()


def _copy(connection: Connection, generation: int) -> None:
    driver(connection).create_function("row_name", 1, unpack_row_id, deterministic=True)
    connection.exec_driver_sql(_TABLE)
    connection.exec_driver_sql(_COPY, (generation,))


def standings(
    connections: Connections, definitions: Definitions, generation: int, owners: Sequence[int]
) -> dict[int, OwnerStanding]:
    """Return how these owners stand at a generation, by number."""
    with connections.reading() as connection:
        return {
            row[0]: _standing(connection, definitions, row)
            for row in fetch_among(connection, _STANDINGS, owners, generation)
        }


def _standing(
    connection: Connection, definitions: Definitions, row: tuple[Any, ...]
) -> OwnerStanding:
    owner, instance, source, key, metadata, content, given, state, *served = row
    definition, served_input, served_content = served
    is_as_seen = definition is not None and (served_input is None or served_input == given)
    named = None if not definition else definitions.content(connection, definition)
    return OwnerStanding(
        owner=owner,
        instance=instance,
        source=source,
        key=key,
        metadata=unpack_mapping(metadata),
        state=None if state is None else OWNER_STATES[state],
        content=content if is_as_seen or definition is None else served_content,
        definition=named,
        is_up_to_date=is_as_seen
        and state is not None
        and OWNER_STATES[state] in (OwnerState.SUCCEEDED, OwnerState.SKIPPED),
    )


def find_owners(
    connections: Connections,
    definitions: Definitions,
    instance: Instance,
    source: str,
    keys: Sequence[str],
) -> dict[str, int]:
    """Return the numbers of the owners of these keys that are known, by key."""
    statement = "SELECT key, owner FROM seen WHERE source = ? AND key IN (*)"
    with connections.reading() as connection:
        number = definitions.find_source(connection, instance.id, source)
        if number is None:
            return {}
        return dict(fetch_among(connection, statement, keys, number))


def known_sources(connections: Connections) -> list[tuple[int, str]]:
    """Return (instance, source) of every source that was ever listed."""
    statement = "SELECT instance, source FROM source_state ORDER BY instance, source"
    return [(instance, source) for instance, source in connections.fetch(statement)]


def unfinished(connections: Connections, generation: int) -> int:
    """Return how many portions were announced for a generation and not committed."""
    statement = "SELECT count(*) FROM intent WHERE generation = ?"
    return int(connections.fetch(statement, (generation,))[0][0])


def restate(connection: Connection, generation: int, rows: Mapping[int, Sequence[HeldRow]]) -> None:
    """Write that owners hold these rows, beside those they hold."""
    values = [
        (owner, generation, pack_row_id(row.id), row.value, row.payload)
        for owner, held in rows.items()
        for row in held
    ]
    if values:
        connection.exec_driver_sql(_RESTATE, values)
