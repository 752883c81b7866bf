"""What was about to be written, and what to think of it after a crash."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection

from ragflow.core.records import Instance, Intent
from ragflow.stores.metadata.connections import fetch, fetch_among
from ragflow.stores.metadata.definitions import Definitions
from ragflow.stores.metadata.encoding import pack, pack_row_id, to_microseconds, unpack

_DISTRUST = "INSERT INTO held (owner, generation, row, value, payload) \
VALUES (?, ?, ?, x'', x'') ON CONFLICT (owner, generation, row) \
DO UPDATE SET value = x'', payload = x''"
_UNSERVE = "UPDATE done SET state = 2, served_definition = NULL, served_input = NULL, \
served_content = NULL, tried_definition = NULL, tried_input = NULL, reason = ?, \
message = ?, requirement = NULL WHERE owner = ? AND generation = ?"
_CUT_OFF = ("interrupted", "a run was cut off while it wrote the rows")
_DAMAGED = ("damaged", "its rows were damaged, and nothing remembered says what they were")


def pack_intents(intents: Sequence[Intent]) -> dict[int, bytes]:
    """Return the rows announced at each generation as one value, none for no rows.

    A value is the rows to upsert, those to delete, the owners, and the number of the owner of
    each row to upsert. Raises `ValueError` where rows and owners are not as many.
    """
    announced: dict[int, tuple[list[bytes], list[bytes], list[tuple[str, str]]]] = {}
    for intent in intents:
        upserts, deletes, named = announced.setdefault(intent.generation, ([], [], []))
        upserts += map(pack_row_id, intent.upserts)
        deletes += map(pack_row_id, intent.deletes)
        named += intent.owners
        if len(upserts) != len(named):
            raise ValueError("an intent names another number of owners than of rows to upsert")
    packed = {}
    for generation, (upserts, deletes, named) in announced.items():
        owners = {owner: number for number, owner in enumerate(dict.fromkeys(named))}
        which = [owners[owner] for owner in named]
        if upserts or deletes:
            packed[generation] = pack((upserts, deletes, list(owners), which))
    return packed


def record(
    connection: Connection, instance: Instance, packed: Mapping[int, bytes], now: datetime
) -> int:
    """Add an intent of packed rows by generation and return its number."""
    number = int(fetch(connection, "SELECT coalesce(max(number), 0) + 1 FROM intent")[0][0])
    statement = "INSERT INTO intent (number, generation, instance, rows, created_at) \
VALUES (?, ?, ?, ?, ?)"
    at = to_microseconds(now)
    rows = [(number, generation, instance.id, data, at) for generation, data in packed.items()]
    connection.exec_driver_sql(statement, rows)
    return number


def end(connection: Connection, instance: Instance, number: int) -> None:
    """Forget an intent: what it announced is in the ledgers."""
    statement = "DELETE FROM intent WHERE number = ? AND instance = ?"
    connection.exec_driver_sql(statement, (number, instance.id))


def distrust(connection: Connection, definitions: Definitions, instance: Instance) -> int:
    """Turn every intent of an instance into rows of unknown value; return how many."""
    statement = "SELECT generation, rows FROM intent WHERE instance = ?"
    count = 0
    for generation, data in fetch(connection, statement, (instance.id,)):
        upserts, deletes, owners, which = unpack(data)
        numbers = [_owner(connection, definitions, instance, source, key) for source, key in owners]
        rows = {(numbers[owner], row) for owner, row in zip(which, upserts, strict=True)}
        rows |= set(_holders(connection, generation, deletes))
        _distrust_rows(connection, generation, rows)
        count += len(upserts) + len(deletes)
    connection.exec_driver_sql("DELETE FROM intent WHERE instance = ?", (instance.id,))
    return count


def _distrust_rows(
    connection: Connection, generation: int, rows: Iterable[tuple[int, bytes]]
) -> None:
    places = [(owner, generation, row) for owner, row in sorted(rows)]
    if places:
        connection.exec_driver_sql(_DISTRUST, places)
        owners = sorted({owner for owner, _, _ in places})
        _unserve(connection, generation, owners, _CUT_OFF)


def _unserve(
    connection: Connection, generation: int, owners: Iterable[int], why: tuple[str, str]
) -> None:
    values = [(*why, owner, generation) for owner in owners]
    if values:
        connection.exec_driver_sql(_UNSERVE, values)


def distrust_damaged(
    connection: Connection, generation: int, rows: Mapping[int, Sequence[str]]
) -> None:
    """Let owners be neither served nor tried, and hold these of their rows as unknown ones."""
    places = [
        (owner, generation, pack_row_id(row)) for owner, damaged in rows.items() for row in damaged
    ]
    if places:
        connection.exec_driver_sql(_DISTRUST, places)
    _unserve(connection, generation, rows, _DAMAGED)


def _owner(
    connection: Connection, definitions: Definitions, instance: Instance, source: str, key: str
) -> int:
    """Return an owner's number; one never seen is added as one to be read."""
    place = (definitions.add_source(connection, instance.id, source), key)
    rows = fetch(connection, "SELECT owner FROM seen WHERE source = ? AND key = ?", place)
    if not rows:
        statement = "INSERT INTO seen (source, key, token) VALUES (?, ?, x'') RETURNING owner"
        rows = fetch(connection, statement, place)
    return int(rows[0][0])


def _holders(
    connection: Connection, generation: int, rows: Sequence[bytes]
) -> list[tuple[int, bytes]]:
    # There is no index by row, which would cost every row; after a crash one look at the
    # whole of `held` is affordable.
    statement = "SELECT owner, row FROM held WHERE generation = ? AND row IN (*)"
    return [(owner, row) for owner, row in fetch_among(connection, statement, rows, generation)]
