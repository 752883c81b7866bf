"""Why did runs work on owners, and which owner is meant?"""

import difflib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from ragflow.core.reasons import (
    Because,
    Cause,
    Departure,
    KeptReason,
    KnownEnd,
    KnownOwner,
    Reason,
    RowHolder,
)
from ragflow.core.records import OwnerCommit
from ragflow.stores.metadata.connections import Connections, fetch
from ragflow.stores.metadata.definitions import Definitions
from ragflow.stores.metadata.encoding import (
    OWNER_STATE_NUMBERS,
    OWNER_STATES,
    from_json,
    from_microseconds,
    pack,
    to_microseconds,
    unpack,
    unpack_mapping,
    unpack_row_id,
)
from ragflow.stores.metadata.recipes import drop_unreached
from ragflow.stores.metadata.writer import Writes

#: The causes as the tables write them; the order is part of the schema.
CAUSES = tuple(Cause)
CAUSE_NUMBERS = {cause: number for number, cause in enumerate(CAUSES)}

#: Keys that are looked at for one that may have been meant.
_LOOKED_AT = 20_000

# A run that is taken up again may come to an owner twice: the last time counts.
WRITE = "INSERT INTO reason (owner, run, cause, because, state, ran, memoized, upserted, deleted, \
came_from) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (owner, run) DO UPDATE SET \
cause = excluded.cause, because = excluded.because, state = excluded.state, ran = excluded.ran, \
memoized = excluded.memoized, upserted = excluded.upserted, deleted = excluded.deleted, \
came_from = excluded.came_from"
DEPART = "INSERT INTO departure (source, key, run, cause, moved_to) VALUES (?, ?, ?, ?, ?) \
ON CONFLICT (source, key, run) DO UPDATE SET cause = excluded.cause, moved_to = excluded.moved_to"

_KNOWN = "SELECT s.owner, s.key, c.source, i.name, i.id, i.pipeline, s.token, s.content, \
s.metadata FROM seen AS s JOIN source_state AS c ON c.id = s.source \
JOIN instance AS i ON i.id = c.instance WHERE "
_ENDS = """
SELECT d.generation, g.target, g.place, g.number, g.state, g.space, g.physical, d.state, d.reason,
  d.message, d.requirement, served.content,
  CASE
    WHEN d.served_definition IS NULL THEN NULL
    WHEN d.served_input IS NULL THEN s.content
    ELSE d.served_content
  END,
  tried.content, d.run, d.tried_at,
  (SELECT count(*) FROM held AS h WHERE h.owner = d.owner AND h.generation = d.generation),
  b.id, b.release, b.not_before, b.discarded_at IS NOT NULL
FROM done AS d JOIN seen AS s ON s.owner = d.owner JOIN generation AS g ON g.id = d.generation
LEFT JOIN definition AS served ON served.id = d.served_definition
LEFT JOIN definition AS tried ON tried.id = d.tried_definition
LEFT JOIN dead_letter AS b ON b.owner = d.owner AND b.generation = d.generation
WHERE d.owner = ? AND g.state <> 'retired' ORDER BY g.target, g.place, g.number
"""
_REASONS = "SELECT r.run, r.cause, b.content, r.came_from, r.state, r.ran, r.memoized, r.upserted, \
r.deleted FROM reason AS r LEFT JOIN definition AS b ON b.id = r.because WHERE r.owner = ? \
ORDER BY r.run DESC"
_DEPARTURES = "SELECT c.source, i.name, i.id, d.key, d.run, d.cause, d.moved_to \
FROM departure AS d JOIN source_state AS c ON c.id = d.source \
JOIN instance AS i ON i.id = c.instance WHERE d.key = ? ORDER BY d.run DESC"
_PRUNE = "DELETE FROM reason WHERE run IN (SELECT id FROM run WHERE started_at < :before) \
AND EXISTS (SELECT 1 FROM reason AS newer WHERE newer.owner = reason.owner \
AND newer.run > reason.run) RETURNING 1"
_PRUNE_GONE = "DELETE FROM departure WHERE run IN (SELECT id FROM run WHERE started_at < :before) \
RETURNING 1"
_BECAUSES = "SELECT content FROM definition WHERE id IN (SELECT because FROM reason)"


def reason_row(
    connection: Connection,
    definitions: Definitions,
    owner: int,
    run: int,
    commit: OwnerCommit,
) -> tuple[Any, ...] | None:
    """Return the row that `WRITE` takes, None for a commit without a reason.

    To be called inside a transaction.
    """
    reason = commit.reason
    if reason is None:
        return None
    states = [OWNER_STATE_NUMBERS[end.state] for end in commit.ends]
    return (
        owner,
        run,
        CAUSE_NUMBERS[reason.cause],
        _interned(connection, definitions, reason),
        max(states, default=None),
        reason.ran,
        reason.memoized,
        sum(len(end.upserted) for end in commit.ends),
        sum(len(end.deleted) for end in commit.ends),
        reason.came_from,
    )


def _interned(connection: Connection, definitions: Definitions, reason: Reason) -> int | None:
    """Return the number of what is said beside the cause, None where nothing is.

    Definitions are named by their numbers in it, which never change.
    """
    because = reason.because
    if because == Because():
        return None
    numbers = [
        (
            None if before is None else definitions.add(connection, before),
            definitions.add(connection, now),
        )
        for before, now in because.definitions
    ]
    content = pack((numbers, because.requirement, because.is_asked))
    return definitions.add_because(connection, content)


class SqliteReasons:
    """The reasons of a home. Safe for threads and processes."""

    def __init__(self, connections: Connections, writer: Writes, definitions: Definitions) -> None:
        self._connections = connections
        self._writer = writer
        self._definitions = definitions

    def find(self, key: str) -> list[KnownOwner]:
        """Return the owners of this key that were seen, of every source and instance."""
        # By source, as the index is.
        where = "s.source IN (SELECT id FROM source_state) AND s.key = ? ORDER BY i.name, c.id"
        return [_owner(row) for row in self._connections.fetch(_KNOWN + where, (key,))]

    def owner(self, number: int) -> KnownOwner | None:
        """Return the owner of this number."""
        rows = self._connections.fetch(_KNOWN + "s.owner = ?", (number,))
        return _owner(rows[0]) if rows else None

    def twins(self, owner: int, *, limit: int) -> list[KnownOwner]:
        """Return owners that were last seen with the same content, by key; looks at every owner.

        None for one that was never read.
        """
        # There is no index by content, which would cost every owner.
        where = "s.content = (SELECT content FROM seen WHERE owner = ?) AND s.owner <> ? \
ORDER BY s.key, i.name, c.id LIMIT ?"
        return [
            _owner(row) for row in self._connections.fetch(_KNOWN + where, (owner, owner, limit))
        ]

    def near(self, key: str, *, limit: int) -> list[str]:
        """Return keys of owners that may have been meant: the same name elsewhere first."""
        last = key.rpartition("/")[2]
        pattern = "".join(f"\\{letter}" if letter in "%_\\" else letter for letter in last)
        same = "SELECT DISTINCT key FROM seen WHERE key LIKE ? ESCAPE '\\' ORDER BY key LIMIT ?"
        found = []
        if last:
            rows = self._connections.fetch(same, (f"%{pattern}", _LOOKED_AT))
            found = [name for (name,) in rows if name.rpartition("/")[2].lower() == last.lower()]
        if len(found) < limit:
            rows = self._connections.fetch("SELECT DISTINCT key FROM seen LIMIT ?", (_LOOKED_AT,))
            keys = [name for (name,) in rows if name not in found]
            found += difflib.get_close_matches(key, keys, n=limit - len(found))
        return found[:limit]

    def ends(self, owner: int) -> list[KnownEnd]:
        """Return how an owner stands at every generation it was tried at, the retired left out."""
        return [_end(row) for row in self._connections.fetch(_ENDS, (owner,))]

    def of(self, owner: int) -> list[KeptReason]:
        """Return what is kept of why runs worked on an owner, newest first."""
        with self._connections.reading() as connection:
            rows = fetch(connection, _REASONS, (owner,))
            return [self._reason(connection, row) for row in rows]

    def _reason(self, connection: Connection, row: Sequence[Any]) -> KeptReason:
        run, cause, because, came_from, state, ran, memoized, upserted, deleted = row
        return KeptReason(
            run=run,
            cause=CAUSES[cause],
            because=self._because(connection, because),
            came_from=came_from,
            state=None if state is None else OWNER_STATES[state],
            ran=ran,
            memoized=memoized,
            upserted=upserted,
            deleted=deleted,
        )

    def _because(self, connection: Connection, content: bytes | None) -> Because:
        if content is None:
            return Because()
        numbers, requirement, is_asked = unpack(content)
        name = self._definitions.content
        pairs = [
            (None if before is None else name(connection, before), name(connection, now))
            for before, now in numbers
        ]
        return Because(definitions=pairs, requirement=requirement, is_asked=is_asked)

    def departures(self, key: str) -> list[Departure]:
        """Return when owners of this key went, newest first."""
        return [
            Departure(
                source=source,
                instance=instance,
                instance_id=number,
                key=name,
                run=run,
                cause=CAUSES[cause],
                moved_to=moved_to,
            )
            for source, instance, number, name, run, cause, moved_to in self._connections.fetch(
                _DEPARTURES, (key,)
            )
        ]

    def holders(self, prefix: str) -> list[RowHolder]:
        """Return the rows whose id begins so, by id and generation; looks at every row held.

        There is no index by row, which would cost every row; only ids of 32 hex digits have
        prefixes, which is what rows that ragflow names have.
        """
        first, last = prefix.ljust(32, "0"), prefix.ljust(32, "f")
        statement = "SELECT row, owner, generation FROM held WHERE length(row) = 16 \
AND row BETWEEN ? AND ? ORDER BY row, generation"
        rows = self._connections.fetch(statement, (bytes.fromhex(first), bytes.fromhex(last)))
        return [
            RowHolder(row=unpack_row_id(row), owner=owner, generation=generation)
            for row, owner, generation in rows
        ]

    def members(self, owner: int) -> list[KnownOwner]:
        """Return the owners whose items a group is made of, by key; none for another owner."""
        where = "s.owner IN (SELECT member FROM member WHERE owner = ?) ORDER BY s.key"
        return [_owner(row) for row in self._connections.fetch(_KNOWN + where, (owner,))]

    def groups(self, owner: int) -> list[KnownOwner]:
        """Return the groups that items of an owner belong to, by key."""
        where = "s.owner IN (SELECT owner FROM member WHERE member = ?) ORDER BY c.source, s.key"
        return [_owner(row) for row in self._connections.fetch(_KNOWN + where, (owner,))]

    def prune(self, before: datetime) -> int:
        """Forget reasons of runs that began before; return how many.

        The newest of each owner stays. Owners that were gone by then are forgotten, and so
        are recipes that no owner and no reason leads to any more.
        """
        parameters = {"before": to_microseconds(before)}

        def write(connection: Connection) -> int:
            pruned = len(fetch(connection, _PRUNE, parameters))
            pruned += len(fetch(connection, _PRUNE_GONE, parameters))
            drop_unreached(connection, _explained(connection))
            return pruned

        return self._writer.run(write)


def _explained(connection: Connection) -> list[int]:
    """Return the numbers of the definitions that some reason names."""
    pairs = [pair for (content,) in fetch(connection, _BECAUSES) for pair in unpack(content)[0]]
    return [number for pair in pairs for number in pair if number is not None]


def _owner(row: Sequence[Any]) -> KnownOwner:
    owner, key, source, instance, number, pipeline, token, content, metadata = row
    return KnownOwner(
        owner=owner,
        key=key,
        source=source,
        instance=instance,
        instance_id=number,
        pipeline=pipeline,
        token=token,
        content=content,
        metadata=unpack_mapping(metadata),
    )


def _end(row: Sequence[Any]) -> KnownEnd:
    generation, target, place, number, build, space, physical, *rest = row
    state, reason, message, requirement, served, content, tried, run, at, *rest = rest
    rows, letter, release, not_before, is_discarded = rest
    return KnownEnd(
        generation=generation,
        target=target,
        place=place,
        number=number,
        generation_state=build,
        space=_space(space),
        physical=physical,
        state=OWNER_STATES[state],
        reason=reason,
        message=message,
        requirement=requirement,
        served_definition=served,
        served_content=content or None,
        tried_definition=tried,
        run=run,
        tried_at=from_microseconds(at * 1_000_000),
        rows=rows,
        dead_letter=letter,
        release=release,
        not_before=None if not_before is None else from_microseconds(not_before),
        is_discarded=bool(is_discarded),
    )


def _space(text: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = from_json(text)
    return found
