"""What was seen, done and held."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection

from ragflow.clock import Clock
from ragflow.core.items import Fingerprint
from ragflow.core.records import (
    EndNow,
    HeldRow,
    Instance,
    Intent,
    OwnerCommit,
    OwnerRemoval,
    OwnerView,
)
from ragflow.core.standings import OwnerStanding
from ragflow.core.states import OwnerState
from ragflow.stores.metadata import comparison, recovery
from ragflow.stores.metadata.commits import PortionCommit
from ragflow.stores.metadata.connections import Connections, fetch, fetch_among
from ragflow.stores.metadata.definitions import Definitions
from ragflow.stores.metadata.encoding import (
    from_json,
    to_json,
    to_microseconds,
    unpack_row_id,
)
from ragflow.stores.metadata.listing import SqliteListing
from ragflow.stores.metadata.owners import owner_views
from ragflow.stores.metadata.reaching import let_go_generation
from ragflow.stores.metadata.writer import Writes

_GUARDED = "SELECT g.number FROM source_state AS c JOIN guarded AS g ON g.source = c.id \
WHERE c.instance = ? AND c.source = ?"
_FORGET = (
    "DELETE FROM done WHERE generation = ?",
    "DELETE FROM held WHERE generation = ?",
    "DELETE FROM dead_letter WHERE generation = ?",
    "DELETE FROM intent WHERE generation = ?",
)


class SqliteLedger:
    """The ledgers of a home. Safe for threads."""

    def __init__(
        self, connections: Connections, writer: Writes, definitions: Definitions, clock: Clock
    ) -> None:
        self._connections = connections
        self._writer = writer
        self._definitions = definitions
        self._clock = clock

    def listing(
        self,
        instance: Instance,
        source: str,
        ends: Sequence[EndNow],
        released: Sequence[str] = (),
    ) -> SqliteListing:
        """Begin to compare a listing with the ledgers.

        `released` are requirements that are satisfied now: owners that wait for one of them
        are stale.
        """
        return SqliteListing(
            self._connections,
            self._definitions,
            self._clock,
            instance,
            source,
            ends=ends,
            released=released,
        )

    def requirements(self, instance: Instance) -> list[str]:
        """Return every requirement that some owner waits for, by name."""
        statement = "SELECT DISTINCT d.requirement FROM done AS d \
CROSS JOIN seen AS s ON s.owner = d.owner CROSS JOIN source_state AS c ON c.id = s.source \
WHERE c.instance = ? AND d.requirement IS NOT NULL ORDER BY d.requirement"
        return [name for (name,) in self._connections.fetch(statement, (instance.id,))]

    def contents(
        self, instance: Instance, source: str, owners: Sequence[int]
    ) -> dict[int, Fingerprint]:
        """Return the content last seen of these owners, where it was read."""
        statement = "SELECT owner, content FROM seen WHERE source = ? \
AND content IS NOT NULL AND owner IN (*)"
        with self._connections.reading() as connection:
            number = self._definitions.find_source(connection, instance.id, source)
            rows = fetch_among(connection, statement, owners, number)
            return {row[0]: row[1] for row in rows}

    def held(self, generation: int, owners: Sequence[int]) -> dict[int, dict[str, HeldRow]]:
        """Return the rows these owners hold, by owner and row id; every owner has an entry."""
        held: dict[int, dict[str, HeldRow]] = {owner: {} for owner in owners}
        statement = "SELECT owner, row, value, payload FROM held \
WHERE generation = ? AND owner IN (*)"
        with self._connections.reading() as connection:
            for owner, row, value, payload in fetch_among(
                connection, statement, list(held), generation
            ):
                name = unpack_row_id(row)
                held[owner][name] = HeldRow(name, value, payload)
        return held

    def holding(self, owners: Sequence[int]) -> list[int]:
        """Return the generations in which these owners hold rows, in order."""
        statement = "SELECT DISTINCT generation FROM held WHERE owner IN (*)"
        with self._connections.reading() as connection:
            return sorted({number for (number,) in fetch_among(connection, statement, owners)})

    def sources(self, instance: Instance) -> list[str]:
        """Return the names of the sources that owners were seen of, sorted."""
        statement = "SELECT source FROM source_state AS c WHERE instance = ? \
AND EXISTS (SELECT 1 FROM seen WHERE source = c.id) ORDER BY source"
        return [name for (name,) in self._connections.fetch(statement, (instance.id,))]

    def intend(self, intents: Sequence[Intent], instance: Instance) -> int:
        """Record durably what is about to be written; return the intent's number.

        Nothing to write needs no intent: its number is 0, and no other's is.
        """
        packed = recovery.pack_intents(intents)
        if not packed:
            return 0
        now = self._clock.now()
        return self._writer.run(
            lambda connection: recovery.record(connection, instance, packed, now)
        )

    def commit(
        self,
        instance: Instance,
        run: int,
        owners: Sequence[OwnerCommit],
        removals: Sequence[OwnerRemoval],
        intent: int | None,
    ) -> None:
        """Write seen, done, held and dead letters of a portion and end its intent, at once.

        Returns when it is durable. An owner that could not be read keeps what was seen of it
        before, and one never read is read again whatever its token, unless every end skips
        it. What failed leaves what is served as it is; held rows change by what `upserted`
        and `deleted` name, whatever the state. Removals are of every generation; one whose
        number is another owner's by now does nothing. Raises `ValueError` when an owner is
        named twice.
        """
        now = self._clock.now()

        def write(connection: Connection) -> None:
            portion = PortionCommit(self._definitions, instance, run=run, now=now)
            portion.write(connection, owners, removals)
            if intent is not None:
                recovery.end(connection, instance, intent)

        self._writer.run(write)

    def recover(self, instance: Instance) -> int:
        """Distrust what a crash left half-written; return how many rows that is.

        Rows named by an intent that never ended become held with unknown fingerprints, their
        owners neither served nor tried, and the intent ends. Idempotent, and atomic.
        """
        pending = "SELECT 1 FROM intent WHERE instance = ? LIMIT 1"
        if not self._connections.fetch(pending, (instance.id,)):
            return 0
        return self._writer.run(
            lambda connection: recovery.distrust(connection, self._definitions, instance)
        )

    def rows(self, generation: int) -> Iterator[tuple[int, HeldRow]]:
        """Yield (owner, row) of all that is held at a generation, by row id, as it stood at once.

        Memory holds a page of them.
        """
        return comparison.held_rows(self._connections, generation)

    def standings(self, generation: int, owners: Sequence[int]) -> dict[int, OwnerStanding]:
        """Return how these owners stand at a generation, by number; unknown ones are absent."""
        return comparison.standings(self._connections, self._definitions, generation, owners)

    def find_owners(self, instance: Instance, source: str, keys: Sequence[str]) -> dict[str, int]:
        """Return the numbers of the owners of these keys that are known, by key."""
        return comparison.find_owners(self._connections, self._definitions, instance, source, keys)

    def known_sources(self) -> list[tuple[int, str]]:
        """Return (instance, source) of every source that was ever listed, empty ones too."""
        return comparison.known_sources(self._connections)

    def unfinished(self, generation: int) -> int:
        """Return how many portions were announced for a generation and never committed."""
        return comparison.unfinished(self._connections, generation)

    def restate(self, generation: int, rows: Mapping[int, Sequence[HeldRow]]) -> None:
        """Write that owners hold these rows, beside those they hold; durable when it returns."""

        def write(connection: Connection) -> None:
            comparison.restate(connection, generation, rows)

        self._writer.run(write)

    def distrust(self, generation: int, rows: Mapping[int, Sequence[str]]) -> None:
        """Let the next run make owners anew, and write these of their rows again in any case."""

        def write(connection: Connection) -> None:
            recovery.distrust_damaged(connection, generation, rows)

        self._writer.run(write)

    def locator(self, instance: Instance, source: str) -> Mapping[str, Any] | None:
        """Return where the source looked when it was last listed whole."""
        statement = "SELECT locator FROM source_state WHERE instance = ? AND source = ?"
        rows = self._connections.fetch(statement, (instance.id, source))
        return from_json(rows[0][0]) if rows and rows[0][0] is not None else None

    def set_locator(self, instance: Instance, source: str, locator: Mapping[str, Any]) -> None:
        """Record where the source looks."""
        text, now = to_json(locator), to_microseconds(self._clock.now())

        def write(connection: Connection) -> None:
            number = self._definitions.add_source(connection, instance.id, source)
            statement = "UPDATE source_state SET locator = ?, listed_at = ? WHERE id = ?"
            connection.exec_driver_sql(statement, (text, now, number))

        self._writer.run(write)

    def guarded(self, instance: Instance, source: str) -> int | None:
        """Return what was last set by `set_guarded`."""
        rows = self._connections.fetch(_GUARDED, (instance.id, source))
        return rows[0][0] if rows else None

    def set_guarded(self, instance: Instance, source: str, number: int | None) -> None:
        """Record of how many documents a loss is judged until deletions were made; None: of all."""

        def write(connection: Connection) -> None:
            place = self._definitions.add_source(connection, instance.id, source)
            connection.exec_driver_sql("DELETE FROM guarded WHERE source = ?", (place,))
            if number is not None:
                connection.exec_driver_sql("INSERT INTO guarded VALUES (?, ?)", (place, number))

        self._writer.run(write)

    def owners(
        self, generation: int, *, state: OwnerState | None = None, key: str | None = None
    ) -> Iterator[OwnerView]:
        """Yield owners as they stand at a generation, by key."""
        return owner_views(self._connections, generation, state=state, key=key)

    def row_count(self, generation: int, *, but_not: int | None = None) -> int:
        """Return how many rows are held there, but not by that instance."""
        statement = "SELECT count(*) FROM held WHERE generation = ?"
        with self._connections.reading() as connection:
            count = int(fetch(connection, statement, (generation,))[0][0])
            if but_not is not None and count:
                own = "SELECT count(*) FROM source_state AS c CROSS JOIN seen AS s \
ON s.source = c.id CROSS JOIN held AS h ON h.owner = s.owner AND h.generation = ? \
WHERE c.instance = ?"
                count -= int(fetch(connection, own, (generation, but_not))[0][0])
        return count

    def forget_generation(self, generation: int) -> None:
        """Remove done, held, dead letters and intents of a generation that was dropped.

        What its owners reached there alone is let go, a portion of them at a time.
        """
        after: int | None = 0
        while after is not None:
            after = self._let_go_portion(generation, after)

        def write(connection: Connection) -> None:
            for statement in _FORGET:
                connection.exec_driver_sql(statement, (generation,))

        self._writer.run(write)

    def _let_go_portion(self, generation: int, after: int) -> int | None:
        now = self._clock.now()

        def let_go(connection: Connection) -> int | None:
            return let_go_generation(connection, generation, after=after, now=now)

        return self._writer.run(let_go)
