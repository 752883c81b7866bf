"""How does the database become smaller while others use it? A little at a time."""

import os
from collections.abc import Mapping

from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from ragflow.stores.metadata import reachable
from ragflow.stores.metadata.connections import Connections, driver, fetch
from ragflow.stores.metadata.writer import Writer

#: Numbers of memos that lie together.
WINDOW = 1_000
#: A window is moved where fewer of its numbers are in use: pages are as empty as that.
_FULL = 0.9
#: Bytes of a database up to which it is written anew: whoever writes waits two seconds for that,
#: and what is clustered by a key, as most tables are, fills its pages only so.
_SMALL = 256 * 1024 * 1024
#: Memos moved by one transaction, and free pages given back by one.
_MOVED, _PAGES = 500, 256

_COUNT = "SELECT count(*) FROM memo_value WHERE id BETWEEN ? AND ?"
_OTHERS = "SELECT 1 FROM lease WHERE renewed_at IS NOT NULL AND pid <> ? LIMIT 1"
_MOVE = "UPDATE memo SET id = ? WHERE key = ? AND id = ?"
_MOVE_VALUE = "UPDATE memo_value SET id = ? WHERE id = ?"


def window_of(number: int) -> int:
    """Return the window that a memo's number lies in."""
    return number // WINDOW


def is_quiet(connections: Connections) -> bool:
    """Tell whether no other process runs anything."""
    return not connections.fetch(_OTHERS, (os.getpid(),))


def rewrite(connections: Connections) -> bool:
    """Write a database anew that is small, and that nobody keeps locked; return whether it was.

    Who writes waits meanwhile.
    """
    with connections.reading() as connection:
        size = fetch(connection, "PRAGMA page_count")[0][0]
        size *= fetch(connection, "PRAGMA page_size")[0][0]
        if size > _SMALL:
            return False
        try:
            # Also of a database of an older version, which then can be shortened, too.
            connection.exec_driver_sql("PRAGMA auto_vacuum=INCREMENTAL")
            connection.exec_driver_sql("VACUUM")
        except OperationalError:  # it is locked, or there is no room for two of it
            return False
        fetch(connection, "PRAGMA wal_checkpoint(TRUNCATE)")
        return True


def compact(connections: Connections, writer: Writer, removed: Mapping[int, int]) -> None:
    """Move memos together that stand alone since others were removed from these windows.

    Values are appended and never fill what is free between others, so their pages are moved
    instead: a page that holds nothing is free for anything.
    """
    sparse = set()
    for window in removed:
        first = window * WINDOW
        used = connections.fetch(_COUNT, (first, first + WINDOW - 1))[0][0]
        if 0 < used < WINDOW * _FULL:
            sparse.add(window)
    if not sparse:
        return
    waiting: list[tuple[bytes, int]] = []
    for share in reachable.shares(connections):
        for page in reachable.memos(connections, share):
            waiting += [(row.key, row.id) for row in page if window_of(row.id) in sparse]
            while len(waiting) >= _MOVED:
                _move(writer, waiting[:_MOVED])
                del waiting[:_MOVED]
    _move(writer, waiting)


def _move(writer: Writer, memos: list[tuple[bytes, int]]) -> None:
    def move(connection: Connection) -> None:
        bare = driver(connection)
        free = fetch(connection, "SELECT coalesce(max(id), 0) + 1 FROM memo_value")[0][0]
        # Values in the order they were put in: those of one document are read together.
        for key, number in sorted(memos, key=lambda memo: memo[1]):
            if bare.execute(_MOVE, (free, key, number)).rowcount:
                bare.execute(_MOVE_VALUE, (free, number))
                free += 1

    if memos:
        writer.run(move)


def give_back(connections: Connections, writer: Writer) -> None:
    """Return free pages to the file system, and empty the log if nobody reads it."""

    def shorten(connection: Connection) -> int:
        fetch(connection, f"PRAGMA incremental_vacuum({_PAGES})")
        return int(fetch(connection, "PRAGMA freelist_count")[0][0])

    with connections.reading() as connection:
        is_kept = fetch(connection, "PRAGMA auto_vacuum")[0][0] == 0
        left = int(fetch(connection, "PRAGMA freelist_count")[0][0])
    # A database of an older version cannot be shortened so; what is free is used again.
    while left and not is_kept:
        before, left = left, writer.run(shorten)
        if left >= before:
            break
    with connections.reading() as connection:
        fetch(connection, "PRAGMA wal_checkpoint(TRUNCATE)")
