"""What does a home know of one document, and how is all of it removed?"""

from collections.abc import Iterable, Sequence

from sqlalchemy import Connection

from ragflow.core.items import Fingerprint
from ragflow.core.retained import Amount, Belongings, OldPlace
from ragflow.interfaces.unpacking import INSIDE
from ragflow.stores.metadata import reachable
from ragflow.stores.metadata.compaction import rewrite
from ragflow.stores.metadata.connections import Connections, driver, fetch, fetch_among
from ragflow.stores.metadata.memos import SqliteMemos
from ragflow.stores.metadata.reaching import bounds, part, short
from ragflow.stores.metadata.tables import TRIGGERS
from ragflow.stores.metadata.writer import Writer

#: Memos removed by one transaction.
_PORTION = 500

_OWN = "SELECT calls FROM reach WHERE owner IN (*)"
_BEFORE = "SELECT calls FROM former WHERE source = ? AND key = ?"
_IN_RANGE = "SELECT m.key, m.id, m.size, d.content FROM memo AS m \
JOIN definition AS d ON d.id = m.task WHERE m.key BETWEEN ? AND ?"
_PLACES = "SELECT c.id, c.source, c.instance FROM source_state AS c WHERE \
EXISTS (SELECT 1 FROM seen AS s WHERE s.source = c.id AND s.key = :key) \
OR EXISTS (SELECT 1 FROM former AS f WHERE f.source = c.id AND f.key = :key) \
OR EXISTS (SELECT 1 FROM departure AS d WHERE d.source = c.id AND d.key = :key)"
_INSIDE = "SELECT key FROM seen WHERE substr(key, 1, length(:start)) = :start \
UNION SELECT key FROM former WHERE substr(key, 1, length(:start)) = :start \
UNION SELECT key FROM departure WHERE substr(key, 1, length(:start)) = :start ORDER BY key"
_LOGS = "DELETE FROM log WHERE key = ? AND run IN (SELECT id FROM run WHERE instance = ?)"
_ATTEMPTS = "DELETE FROM attempt WHERE key = ? AND run IN (SELECT id FROM run WHERE instance = ?)"
_DEATHS = "DELETE FROM death WHERE instance = ? AND owner = ?"
_REASONS = "DELETE FROM reason WHERE owner = ?"
#: The one exception to that they are never changed; who else tries is refused again after.
_TRIGGERS = ("event_update", "event_delete")
_PSEUDONYM = "UPDATE event SET object = :name, detail = json_remove(detail, '$.message') \
WHERE object = :key AND (run IN (SELECT id FROM run WHERE instance = :instance) \
OR json_extract(detail, '$.instance') = (SELECT name FROM instance WHERE id = :instance))"
_MOVED_TO = "UPDATE departure SET moved_to = NULL WHERE moved_to = ? AND source = ?"
_HELD = "DELETE FROM manifest WHERE source = ? AND key = ?"
#: Of what holds it nothing is known any more (90 is nothing, in msgpack): it is opened again.
_HOLDS = "UPDATE manifest SET token = x'', held = x'90' WHERE source = ? AND key <> '' \
AND substr(?, 1, length(key) + 2) = key || '!/'"
_CAME_FROM = "UPDATE reason SET came_from = NULL WHERE came_from = ? \
AND owner IN (SELECT s.owner FROM seen AS s JOIN source_state AS c ON c.id = s.source \
WHERE c.instance = ?)"

#: Key, number, size and task of a memo.
_Row = tuple[Fingerprint, int, int, bytes]


class SqliteForgetting:
    """Removes what a home knows of documents. Safe for threads; every step may be repeated."""

    def __init__(self, connections: Connections, writer: Writer, memos: SqliteMemos) -> None:
        self._connections = connections
        self._writer = writer
        self._memos = memos

    def places(self, key: str) -> Sequence[OldPlace]:
        """Return the sources that know a document of this key, or knew one."""
        rows = self._connections.fetch(_PLACES, {"key": key})
        return [OldPlace(number=n, source=s, instance=i) for n, s, i in rows]

    def inside(self, key: str) -> Sequence[str]:
        """Return the keys, known now or before, of what a document holds or held, in order."""
        return [found for (found,) in self._connections.fetch(_INSIDE, {"start": f"{key}{INSIDE}"})]

    def belongings(self, owners: Sequence[int], key: str, places: Iterable[int]) -> Belongings:
        """Return the calls that these owners and nobody else need, and those that others do, too.

        Also calls that a document of this key needed before, at the places given.
        """
        mine: set[bytes] = set()
        others: set[bytes] = set()
        own = set(owners)
        with self._connections.reading() as connection:
            for (calls,) in fetch_among(connection, _OWN, list(owners)):
                mine.update(part(calls))
            for place in places:
                for (calls,) in fetch(connection, _BEFORE, (place, key)):
                    mine.update(part(calls))
            for owner, calls in driver(connection).execute("SELECT owner, calls FROM reach"):
                if owner not in own:
                    others.update(mine.intersection(part(calls)))
        return Belongings(alone=sorted(mine - others), shared=sorted(others))

    def forget_memos(self, belongings: Belongings) -> Amount:
        """Remove the memos that nobody else needs; those that others do stay, whole."""
        going, kept = self._with_what_differs(self._found(belongings.alone))
        tasks = {row[0]: row[3].decode() for row in kept}
        # What is kept as what differs from a memo that goes is kept whole from now on.
        for key, value in self._memos.get_many(list(tasks)).items():
            self._memos.put(key, value, task=tasks[key])
        self._writer.flush()
        for at in range(0, len(going), _PORTION):
            portion = going[at : at + _PORTION]

            def drop(connection: Connection, portion: list[_Row] = portion) -> None:
                bare = driver(connection)
                bare.executemany("DELETE FROM memo WHERE key = ?", [(row[0],) for row in portion])
                numbers = [(row[1],) for row in portion]
                bare.executemany("DELETE FROM memo_value WHERE id = ?", numbers)

            self._writer.run(drop)
        return Amount(len(going), sum(row[2] for row in going))

    def _with_what_differs(self, going: list[_Row]) -> tuple[list[_Row], list[_Row]]:
        """Return what goes, with what cannot be read without it, and what owners still need.

        Who needs such a memo may have one of an equal value above it: then nothing of this
        document but the memo itself says whose it was.
        """
        while True:
            keys = {row[0] for row in going}
            with self._connections.reading() as connection:
                beside = [
                    key
                    for key, base in reachable.bases(connection)
                    if base in keys and key not in keys
                ]
                names = {short(key) for key in beside}
                needed: set[bytes] = set()
                for (calls,) in driver(connection).execute("SELECT calls FROM reach"):
                    needed.update(names.intersection(part(calls)))
            orphans = [key for key in beside if short(key) not in needed]
            if not orphans:
                return going, self._found(beside)
            going = [*going, *self._found(orphans)]

    def _found(self, calls: Sequence[bytes]) -> list[_Row]:
        """Return key, number, size and task of the memos whose keys begin so."""
        with self._connections.reading() as connection:
            return [row for call in calls for row in fetch(connection, _IN_RANGE, bounds(call))]

    def forget_history(
        self, key: str, owners: Sequence[int], places: Sequence[OldPlace]
    ) -> dict[str, int]:
        """Remove what runs printed of a document, its failed attempts and why runs worked on it.

        Returns how many of each there were: logs, attempts, reasons.
        """

        def forget(connection: Connection) -> dict[str, int]:
            bare = driver(connection)
            gone = {"logs": 0, "attempts": 0, "reasons": 0}
            for instance in sorted({place.instance for place in places}):
                gone["logs"] += bare.execute(_LOGS, (key, instance)).rowcount
                gone["attempts"] += bare.execute(_ATTEMPTS, (key, instance)).rowcount
                bare.execute(_DEATHS, (instance, key))
            for owner in owners:
                gone["reasons"] += bare.execute(_REASONS, (owner,)).rowcount
            return gone

        return self._writer.run(forget)

    def forget_key(self, key: str, places: Sequence[OldPlace], *, name: str) -> None:
        """Forget that there was a document of this key at these places; the last step.

        Events of the audit stay, each when, by whom and what was done; but what it was done to
        is called `name` from now on, and what an error said of it is taken out.
        """

        def forget(connection: Connection) -> None:
            bare = driver(connection)
            for trigger in _TRIGGERS:
                bare.execute(f"DROP TRIGGER {trigger}")
            for place in places:
                bare.execute(_PSEUDONYM, {"key": key, "name": name, "instance": place.instance})
            for statement in TRIGGERS:
                bare.execute(statement)
            for place in places:
                where = (place.number, key)
                bare.execute("DELETE FROM former WHERE source = ? AND key = ?", where)
                bare.execute("DELETE FROM departure WHERE source = ? AND key = ?", where)
                bare.execute(_MOVED_TO, (key, place.number))
                bare.execute(_HELD, where)
                bare.execute(_HOLDS, where)
            for instance in sorted({place.instance for place in places}):
                bare.execute(_CAME_FROM, (key, instance))

        self._writer.run(forget)

    def scrub(self) -> bool:
        """Write the database anew, so that nothing is left of what was deleted; tell if it was."""
        self._writer.flush()
        return rewrite(self._connections)
