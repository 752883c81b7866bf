"""May a memo go that another one differs from? Yes, where one that stays has the same value.

Two readings of different bytes often give one text; what is cut of it is remembered beside the
first of them, and goes on beside the second.
"""

from collections.abc import Iterator, Sequence

from sqlalchemy import Connection

from ragflow.core.items import Fingerprint
from ragflow.stores.metadata import reachable
from ragflow.stores.metadata.connections import Connections, driver, fetch
from ragflow.stores.metadata.memo_values import KEY
from ragflow.stores.metadata.reachable import MemoRow
from ragflow.stores.metadata.reaching import short
from ragflow.stores.metadata.writer import Writer

#: Memos changed by one transaction.
_PORTION = 500

_VALUE = "SELECT value FROM memo_value WHERE id = ?"
_REBASE = "UPDATE memo_value SET value = CAST(? || substr(value, ?) AS BLOB) \
WHERE id = (SELECT id FROM memo WHERE key = ?) AND substr(value, 1, ?) = ?"


def rebase(connections: Connections, writer: Writer, names: set[bytes]) -> None:
    """Let memos that differ from one of these, by its short name, differ from its equal instead.

    The equal is one that owners reach; where there is none nothing changes.
    """
    if not names:
        return
    wanted: dict[tuple[int, int, int], list[MemoRow]] = {}
    for row, _ in _every(connections):
        if short(row.key) in names:
            wanted.setdefault(_look(row), []).append(row)
    equals: dict[Fingerprint, Fingerprint] = {}
    with connections.reading() as connection:
        for row, is_reached in _every(connections):
            if is_reached and (alike := wanted.get(_look(row))):
                value = _value(connection, row)
                equals |= {each.key: row.key for each in alike if _value(connection, each) == value}
        changes = [
            (equals[base], KEY + 1, key, KEY, base)
            for key, base in reachable.bases(connection)
            if base in equals and key not in equals
        ]
    for at in range(0, len(changes), _PORTION):
        _change(writer, changes[at : at + _PORTION])


def _every(connections: Connections) -> Iterator[tuple[MemoRow, bool]]:
    for share in reachable.shares(connections):
        reached = reachable.reached(connections, share)
        for page in reachable.memos(connections, share):
            for row in page:
                yield row, short(row.key) in reached


def _look(row: MemoRow) -> tuple[int, int, int]:
    """Return what memos of one value have in common, whatever that is."""
    return row.task, row.encoding, row.size


def _value(connection: Connection, row: MemoRow) -> bytes | None:
    found = fetch(connection, _VALUE, (row.id,))
    return found[0][0] if found else None


def _change(writer: Writer, changes: Sequence[tuple[bytes, int, bytes, int, bytes]]) -> None:
    def change(connection: Connection) -> None:
        driver(connection).executemany(_REBASE, changes)

    writer.run(change)
