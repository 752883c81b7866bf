"""How does a listing differ from the ledgers? Found by joins, not by looking at each owner."""

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from ragflow.clock import Clock
from ragflow.core.items import Fingerprint
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
from ragflow.interfaces.unpacking import INSIDE
from ragflow.stores.metadata import unpacked
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
from ragflow.stores.metadata.listing_statements import (
    ADD,
    COMPARE,
    GONE,
    HAVING,
    OWNERS,
    REDONE,
    STANDINGS,
    TABLES,
)

#: Owners that become objects at a time.
PAGE = 500

_READ = "SELECT count(content) FROM main.seen WHERE source = ?"

_ADDED, _MODIFIED, _STALE, _UNCHANGED, _UNCHANGED_SKIPPED, _UNCHANGED_HELD_BACK = range(6)
_CHANGES = (Change.ADDED, Change.MODIFIED, Change.STALE) + (Change.UNCHANGED,) * 3


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
        self._read: int | None = None
        self._connection: Connection | None = None
        connections.check_process()
        with in_words_of_ours(connections.database):
            self._connection = connections.engine.connect()
            self._set_up(self._connection, ends, released)

    def _set_up(
        self, connection: Connection, ends: Sequence[EndNow], released: Sequence[str]
    ) -> None:
        for name, columns in TABLES.items():
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
                    connection.exec_driver_sql(ADD, rows)
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

    def read(self) -> int:
        """Return how many of those were ever read, as it stands when first asked."""
        with self._lock, in_words_of_ours(self._connections.database):
            if self._read is None:
                connection = self._open()
                rows = fetch(connection, _READ, (self._number(connection),))
                self._read = int(rows[0][0])
            return self._read

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
        connection.exec_driver_sql(COMPARE, {"ends": self._ends, "source": source, "now": now})
        counts = dict.fromkeys(range(6), 0)
        matched = 0
        statement = "SELECT change, count(*), count(owner) FROM compared GROUP BY change"
        for change, count, owners in fetch(connection, statement):
            counts[change] = count
            matched += owners
        if self._count_known(connection) > matched:
            connection.exec_driver_sql(GONE, (source,))
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

    def find(self, key: str) -> OwnerChange | None:
        """Return how one owner that is listed stands, one with nothing to do too."""
        self._compare()
        with self._lock, in_words_of_ours(self._connections.database):
            connection = self._open()
            page = OWNERS.format(operator="=")
            rows = fetch(connection, page, (key, _ADDED, _UNCHANGED_HELD_BACK, 1))
            ends = self._standings(connection, [row[1] for row in rows if row[1] is not None])
        return _change(rows[0], ends.get(rows[0][1], {})) if rows else None

    def standing(self, contents: Sequence[Fingerprint]) -> set[Fingerprint]:
        """Return which of these contents owners with nothing to do have."""
        self._compare()
        with self._lock, in_words_of_ours(self._connections.database):
            return {row[0] for row in fetch_among(self._open(), HAVING, contents)}

    def opened(self) -> Sequence[tuple[Listed, bytes, bytes]]:
        """Return what is listed and has a manifest, with the token of that and what it says."""
        with self._asking() as connection:
            return unpacked.opened(connection, self._number(connection))

    def unread(self) -> Sequence[Listed]:
        """Return what is listed, not left out, and added or modified; what lies inside is not."""
        counts = self._compare()
        if not counts["added"] + counts["modified"]:
            return []
        with self._asking() as connection:
            return unpacked.unread(connection)

    def typed(self, media_types: Sequence[str]) -> Sequence[Listed]:
        """Return what else is listed, and was of one of these types when it was last read."""
        self._compare()
        with self._asking() as connection:
            return unpacked.typed(connection, media_types)

    def keep(self, key: str) -> None:
        """List what the ledger knows inside of an owner, all of it as it stands."""
        with self._asking() as connection:
            self._counts = None
            # Every key with this beginning, and no other, lies between these two.
            start, end = f"{key}{INSIDE}", f"{key}{INSIDE[0]}{chr(ord(INSIDE[1]) + 1)}"
            unpacked.keep(connection, self._number(connection), start, end)

    def leave_out(self, key: str, reason: tuple[str, str]) -> None:
        """Give what is listed a reason not to be read: a code and a sentence."""
        with self._asking() as connection:
            self._counts = None
            unpacked.leave_out(connection, key, reason)

    @contextmanager
    def _asking(self) -> Iterator[Connection]:
        with self._lock, in_words_of_ours(self._connections.database):
            yield self._open()

    def redone(self) -> dict[tuple[int, Fingerprint], int]:
        """Return how many stale owners are served by another definition: by generation and it."""
        self._compare()
        with self._lock, in_words_of_ours(self._connections.database):
            connection = self._open()
            found = {}
            for generation, number, count in fetch(connection, REDONE):
                before = self._definition(connection, number)
                if before is not None:
                    found[generation, before] = count
            return found

    def _pages(self, first: int, last: int) -> Iterator[OwnerChange]:
        self._compare()
        after, operator = "", ">="
        while True:
            with self._lock, in_words_of_ours(self._connections.database):
                connection = self._open()
                page = OWNERS.format(operator=operator)
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
        for owner, generation, *row in fetch_among(connection, STANDINGS, owners):
            standing = self._standing(connection, generation, row)
            standings.setdefault(owner, {})[generation] = standing
        return standings

    def _standing(self, connection: Connection, generation: int, row: Sequence[Any]) -> EndStanding:
        number, served, served_input, tried, tried_input, *told = row
        tries, not_before, reason, requirement = told
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
            reason=reason,
            requirement=requirement,
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
