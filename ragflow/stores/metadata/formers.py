"""Whose were the calls that no owner reaches any more? Known so that all of a document can go."""

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Connection

from ragflow.stores.metadata import reachable
from ragflow.stores.metadata.connections import Connections, driver
from ragflow.stores.metadata.reaching import bounds, join, part
from ragflow.stores.metadata.writer import Writer

#: Rows looked at with one question.
_PAGE = 500

_ROWS = "SELECT source, key, calls FROM former WHERE (source, key) > (?, ?) \
ORDER BY source, key LIMIT ?"
_THERE = "SELECT 1 FROM memo WHERE key BETWEEN ? AND ? LIMIT 1"
_CUT = "UPDATE former SET calls = ? WHERE source = ? AND key = ? AND calls = ?"
_DROP = "DELETE FROM former WHERE source = ? AND key = ? AND calls = ?"

_Change = tuple[bytes, int, str, bytes]


def trim_formers(connections: Connections, writer: Writer) -> None:
    """Forget whose calls were that are not remembered any more, or that owners reach again."""
    for share in reachable.shares(connections):
        reached = reachable.reached(connections, share)
        for rows in _pages(connections):
            with connections.reading() as connection:
                gone = _gone(connection, share, reached, [row[2] for row in rows])
            found = [
                (join(call for call in part(calls) if call not in gone), source, key, calls)
                for source, key, calls in rows
            ]
            _cut(writer, [change for change in found if len(change[0]) < len(change[3])])


def _gone(
    connection: Connection, share: reachable.Share, reached: set[bytes], rows: Sequence[bytes]
) -> set[bytes]:
    """Return the calls of a share that are reached, or not remembered any more."""
    bare = driver(connection)
    calls = {call for row in rows for call in part(row) if share.has(call)}
    return {
        call
        for call in calls
        if call in reached or bare.execute(_THERE, bounds(call)).fetchone() is None
    }


def _pages(connections: Connections) -> Iterator[list[tuple[Any, ...]]]:
    after: tuple[Any, ...] = (0, "")
    while rows := connections.fetch(_ROWS, (*after, _PAGE)):
        yield rows
        after = rows[-1][:2]


def _cut(writer: Writer, changes: Sequence[_Change]) -> None:
    def cut(connection: Connection) -> None:
        # One that others added to meanwhile is looked at next time.
        driver(connection).executemany(_CUT, [each for each in changes if each[0]])
        driver(connection).executemany(_DROP, [each[1:] for each in changes if not each[0]])

    if changes:
        writer.run(cut)
