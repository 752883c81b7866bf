"""How does a listing differ from the ledgers? Found by joins, not by looking at each owner."""

import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from ragflow.clock import Clock
from ragflow.core.records import (
    EndNow,
    EndStanding,
    Instance,
    Listed,
    OwnerChange,
    OwnerRemoval,
)
from ragflow.core.states import Change, OwnerState
from ragflow.errors import SourceError
from ragflow.stores.metadata.connections import Connections, fetch, fetch_among, transaction
from ragflow.stores.metadata.definitions import Definitions
from ragflow.stores.metadata.encoding import (
    OWNER_STATES,
    from_microseconds,
    pack_mapping,
    to_microseconds,
    unpack_mapping,
)
from ragflow.stores.metadata.faults import in_words_of_ours

#: Owners that become objects at a time.
PAGE = 500

#: The tables of one listing, temporary and its connection's alone.
_TABLES = {
    "listed": "(key TEXT PRIMARY KEY, token BLOB NOT NULL, metadata BLOB, size INTEGER, \
skip_reason TEXT, skip_message TEXT) WITHOUT ROWID",
    "present": "(generation INTEGER PRIMARY KEY, definition INTEGER NOT NULL)",
    "released": "(requirement TEXT PRIMARY KEY) WITHOUT ROWID",
    "compared": "(key TEXT PRIMARY KEY, owner INTEGER, change INTEGER NOT NULL) WITHOUT ROWID",
    "gone": "(key TEXT PRIMARY KEY, owner INTEGER NOT NULL) WITHOUT ROWID",
}
_ADD = "INSERT INTO listed VALUES (?, ?, ?, ?, ?, ?)"

_ADDED, _MODIFIED, _STALE, _UNCHANGED, _UNCHANGED_SKIPPED, _UNCHANGED_HELD_BACK = range(6)
_CHANGES = (Change.ADDED, Change.MODIFIED, Change.STALE) + (Change.UNCHANGED,) * 3

# `good` counts the ends at which nothing is to be done; `skips` and `holds` those that stand
# so; `waits` those that wait, by the token they were tried with: what could not even be read has
# no input to tell by. States are those of `encoding.OWNER_STATES`: 0 succeeded, 1 skipped,
# 2 failed, 3 held back. What failed waits for its instant, what is held back for ever or for
# that. A definition of 0 is any: the dead letter was discarded, and is not counted. Those of a
# home of the first version know no token: what could not be read then waits for any but the one
# that it was served with.
_COMPARE = """
INSERT INTO compared (key, owner, change)
SELECT key, owner,
  CASE
    WHEN owner IS NULL OR (tries = 0 AND :ends > 0) THEN 0
    WHEN is_same AND skip_reason IS NOT NULL AND same_skips = :ends THEN 4
    WHEN skip_reason IS NULL AND :ends > 0 AND waits = :ends THEN iif(holds > 0, 5, 3)
    WHEN NOT is_same THEN 1
    WHEN skip_reason IS NOT NULL OR is_unread THEN 1
    WHEN good < :ends THEN 2
    WHEN holds > 0 THEN 5
    WHEN skips > 0 THEN 4
    ELSE 3
  END
FROM (
  SELECT l.key AS key, l.skip_reason AS skip_reason, s.owner AS owner,
    s.token = l.token AS is_same, s.input IS NULL AS is_unread,
    count(d.owner) AS tries,
    total(d.state = 1 AND d.reason = l.skip_reason) AS same_skips,
    total(CASE
      WHEN d.requirement IS NOT NULL
        AND d.requirement IN (SELECT requirement FROM released) THEN 0
      WHEN d.state <= 1 THEN d.served_definition = p.definition
        AND coalesce(d.served_input, s.input) = s.input
      ELSE d.tried_definition IN (p.definition, 0) AND d.tried_input = s.input
        AND coalesce(b.not_before, iif(d.state = 3, :now + 1, 0)) > :now
    END) AS good,
    total(CASE
      WHEN d.requirement IS NOT NULL
        AND d.requirement IN (SELECT requirement FROM released) THEN 0
      WHEN b.token IS NULL AND d.tried_definition = 0
        THEN d.tried_input IS NULL AND s.token <> l.token
      ELSE d.tried_definition IN (p.definition, 0) AND b.token = l.token
        AND coalesce(b.not_before, iif(d.state = 3, :now + 1, 0)) > :now
    END) AS waits,
    total(d.state = 1) AS skips,
    total(d.state > 1 AND d.tried_definition <> 0) AS holds
  FROM listed AS l
  LEFT JOIN main.seen AS s ON s.source = :source AND s.key = l.key
  LEFT JOIN present AS p ON s.owner IS NOT NULL
  LEFT JOIN main.done AS d ON d.owner = s.owner AND d.generation = p.generation
  LEFT JOIN main.dead_letter AS b
    ON d.state > 1 AND b.owner = d.owner AND b.generation = d.generation
  GROUP BY l.key
)
"""

_GONE = """
INSERT INTO gone (key, owner)
SELECT s.key, s.owner FROM main.seen AS s
WHERE s.source = ? AND NOT EXISTS (SELECT 1 FROM listed AS l WHERE l.key = s.key)
"""

_PAGE = """
SELECT c.key, c.owner, c.change, l.token, l.metadata, l.size, l.skip_reason, l.skip_message,
  s.token, s.content, s.metadata
FROM compared AS c CROSS JOIN listed AS l ON l.key = c.key
LEFT JOIN main.seen AS s ON s.owner = c.owner
WHERE c.key {operator} ? AND c.change BETWEEN ? AND ? ORDER BY c.key LIMIT ?
"""

_STANDINGS = """
SELECT d.owner, d.generation, d.state, d.served_definition, coalesce(d.served_input, s.input),
  d.tried_definition, d.tried_input, b.tries, b.not_before
FROM main.done AS d JOIN main.seen AS s ON s.owner = d.owner
LEFT JOIN main.dead_letter AS b ON b.owner = d.owner AND b.generation = d.generation
WHERE d.generation IN (SELECT generation FROM present) AND d.owner IN (*)
"""


class SqliteListing:
    """One listing, on a connection of its own; compared when first asked about.

    What it yields is what stood when it was compared. No statement stays open between two
    pages, so that the log of the database can be emptied while a run goes through them.
    """

    def __init__(
        self,
        connections: Connections,
        definitions: Definitions,
        clock: Clock,
        instance: Instance,
        source: str,
        *,
        ends: Sequence[EndNow],
        released: Sequence[str],
    ) -> None:
        self._connections = connections
        self._definitions = definitions
        self._clock = clock
        self._instance = instance
        self._source = source
        self._lock = threading.Lock()
        self._counts: dict[str, int] | None = None
        self._connection: Connection | None = None
        connections.check_process()
        with in_words_of_ours(connections.database):
            self._connection = connections.engine.connect()
            self._set_up(self._connection, ends, released)

    def _set_up(
        self, connection: Connection, ends: Sequence[EndNow], released: Sequence[str]
    ) -> None:
        for name, columns in _TABLES.items():
            # The connection may have been another listing's that was not closed.
            connection.exec_driver_sql(f"DROP TABLE IF EXISTS temp.{name}")
            connection.exec_driver_sql(f"CREATE TEMP TABLE {name} {columns}")
        present = {end.generation: end.definition for end in ends}
        for generation, definition in present.items():
            # A definition that no owner was ever tried with has no number, and equals none.
            number = self._definitions.find(connection, definition) or -1
            connection.exec_driver_sql("INSERT INTO present VALUES (?, ?)", (generation, number))
        for requirement in set(released):
            connection.exec_driver_sql("INSERT INTO released VALUES (?)", (requirement,))
        self._present = present
        self._ends = len(present)
        self._known = self._count_known(connection)

    def _open(self) -> Connection:
        if self._connection is None:
            raise RuntimeError("the listing is closed")
        return self._connection

    def _count_known(self, connection: Connection) -> int:
        number = self._number(connection)
        rows = fetch(connection, "SELECT count(*) FROM main.seen WHERE source = ?", (number,))
        return int(rows[0][0])

    def _number(self, connection: Connection) -> int:
        number = self._definitions.find_source(connection, self._instance.id, self._source)
        return -1 if number is None else number

    def add(self, page: Sequence[Listed]) -> None:
        """Take a page of the listing. Raises `SourceError` when a key comes twice."""
        rows = [
            (
                listed.key,
                listed.token,
                pack_mapping(listed.metadata),
                listed.size,
                *(listed.skip or (None, None)),
            )
            for listed in page
        ]
        if not rows:
            return
        with self._lock, in_words_of_ours(self._connections.database):
            connection = self._open()
            self._counts = None
            try:
                with transaction(connection):
                    connection.exec_driver_sql(_ADD, rows)
            except IntegrityError:
                raise self._twice(connection, page) from None

    def _twice(self, connection: Connection, page: Sequence[Listed]) -> SourceError:
        keys: set[str] = set()
        for listed in page:
            before = fetch(connection, "SELECT 1 FROM listed WHERE key = ?", (listed.key,))
            if before or listed.key in keys:
                return SourceError(
                    f"source {self._source!r} lists {listed.key!r} twice",
                    hint="a source lists each key once; give what differs keys that differ",
                )
            keys.add(listed.key)
        return SourceError(f"source {self._source!r} lists an owner without key or token")

    def known(self) -> int:
        """Return how many owners of this source the ledger knew before."""
        return self._known

    def counts(self) -> Mapping[str, int]:
        """Return how many owners are listed, added, modified, stale, unchanged, deleted.

        Also ``skipped`` and ``held_back``: how many of the unchanged stand so.
        """
        return dict(self._compare())

    def _compare(self) -> dict[str, int]:
        with self._lock, in_words_of_ours(self._connections.database):
            if self._counts is None:
                connection = self._open()
                # So that all is compared with one state of the ledgers.
                with transaction(connection):
                    self._counts = self._count(connection)
            return self._counts

    def _count(self, connection: Connection) -> dict[str, int]:
        source = self._number(connection)
        connection.exec_driver_sql("DELETE FROM compared")
        connection.exec_driver_sql("DELETE FROM gone")
        now = to_microseconds(self._clock.now())
        connection.exec_driver_sql(_COMPARE, {"ends": self._ends, "source": source, "now": now})
        counts = dict.fromkeys(range(6), 0)
        matched = 0
        statement = "SELECT change, count(*), count(owner) FROM compared GROUP BY change"
        for change, count, owners in fetch(connection, statement):
            counts[change] = count
            matched += owners
        if self._count_known(connection) > matched:
            connection.exec_driver_sql(_GONE, (source,))
        gone = fetch(connection, "SELECT count(*) FROM gone")[0][0]
        return {
            "listed": sum(counts.values()),
            "added": counts[_ADDED],
            "modified": counts[_MODIFIED],
            "stale": counts[_STALE],
            "unchanged": sum(counts[change] for change in range(_UNCHANGED, 6)),
            "deleted": gone,
            "skipped": counts[_UNCHANGED_SKIPPED],
            "held_back": counts[_UNCHANGED_HELD_BACK],
        }

    def changes(self) -> Iterator[OwnerChange]:
        """Yield every owner that is not unchanged, by key."""
        return self._pages(_ADDED, _STALE)

    def unchanged(self) -> Iterator[OwnerChange]:
        """Yield every owner with nothing to do, by key."""
        return self._pages(_UNCHANGED, _UNCHANGED_HELD_BACK)

    def _pages(self, first: int, last: int) -> Iterator[OwnerChange]:
        self._compare()
        after, operator = "", ">="
        while True:
            with self._lock, in_words_of_ours(self._connections.database):
                connection = self._open()
                page = _PAGE.format(operator=operator)
                rows = fetch(connection, page, (after, first, last, PAGE))
                ends = self._standings(connection, [row[1] for row in rows if row[1] is not None])
            for row in rows:
                yield _change(row, ends.get(row[1], {}))
            if len(rows) < PAGE:
                return
            after, operator = rows[-1][0], ">"

    def _standings(
        self, connection: Connection, owners: Sequence[int]
    ) -> dict[int, dict[int, EndStanding]]:
        if not owners or not self._ends:
            return {}
        standings: dict[int, dict[int, EndStanding]] = {}
        for owner, generation, *row in fetch_among(connection, _STANDINGS, owners):
            standing = self._standing(connection, generation, row)
            standings.setdefault(owner, {})[generation] = standing
        return standings

    def _standing(self, connection: Connection, generation: int, row: Sequence[Any]) -> EndStanding:
        number, served, served_input, tried, tried_input, tries, not_before = row
        state = OWNER_STATES[number]
        served_input = (served_input or None) if served is not None else None
        if state in (OwnerState.SUCCEEDED, OwnerState.SKIPPED):
            tried, tried_input = served, served_input
        tried_definition = self._definition(connection, tried)
        return EndStanding(
            state=state,
            served_input=served_input,
            served_definition=self._definition(connection, served),
            tried_input=tried_input,
            tried_definition=self._present[generation] if tried == 0 else tried_definition,
            tries=tries or 0,
            not_before=None if not_before is None else from_microseconds(not_before),
            is_discarded=tried == 0,
        )

    def _definition(self, connection: Connection, number: int | None) -> bytes | None:
        return None if not number else self._definitions.content(connection, number)

    def deleted(self) -> Iterator[OwnerRemoval]:
        """Yield every owner known and not listed, by key."""
        self._compare()
        statement = "SELECT key, owner FROM gone WHERE key {operator} ? ORDER BY key LIMIT ?"
        after, operator = "", ">="
        while True:
            with self._lock, in_words_of_ours(self._connections.database):
                rows = fetch(self._open(), statement.format(operator=operator), (after, PAGE))
            for key, owner in rows:
                yield OwnerRemoval(owner=owner, source=self._source, key=key)
            if len(rows) < PAGE:
                return
            after, operator = rows[-1][0], ">"

    def close(self) -> None:
        """Forget the listing."""
        with self._lock:
            connection, self._connection = self._connection, None
        if connection is not None:
            # Not given back: its temporary tables go with it.
            connection.detach()
            connection.close()


def _change(row: Sequence[Any], ends: Mapping[int, EndStanding]) -> OwnerChange:
    key, owner, change, token, metadata, size, reason, message, seen, content, known = row
    return OwnerChange(
        key=key,
        change=_CHANGES[change],
        token=token,
        listed=unpack_mapping(metadata),
        size=size,
        skip=None if reason is None else (reason, message or ""),
        owner=owner,
        token_seen=seen or None,
        content=content,
        metadata=unpack_mapping(known),
        ends=ends,
    )
