"""How the outcome of a portion of owners is written into the ledgers."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from ragflow.core.items import Fingerprint
from ragflow.core.records import EndCommit, Instance, OwnerCommit, OwnerRemoval
from ragflow.core.states import OwnerState
from ragflow.stores.metadata.audit import Entry, record
from ragflow.stores.metadata.connections import fetch, fetch_among
from ragflow.stores.metadata.definitions import Definitions
from ragflow.stores.metadata.encoding import (
    OWNER_STATE_NUMBERS,
    pack_mapping,
    pack_row_id,
    to_microseconds,
)
from ragflow.stores.metadata.manifests import forget_manifests
from ragflow.stores.metadata.members import write_members
from ragflow.stores.metadata.reaching import Reaching
from ragflow.stores.metadata.reasons import CAUSE_NUMBERS, DEPART, WRITE, reason_row

_SERVED = (OwnerState.SUCCEEDED, OwnerState.SKIPPED)

_INSERT_SEEN = "INSERT INTO seen (owner, source, key, token, content, input, metadata) \
VALUES (?, ?, ?, ?, ?, ?, ?)"
_UPDATE_SEEN = "UPDATE seen SET token = ?, content = ?, input = ?, metadata = ? WHERE owner = ?"

# What is served is written as "what is seen" while it is that; before `seen` moves on, the
# rows that stay behind are told what it was.
_LEAVE_BEHIND = "UPDATE done SET served_input = ?, served_content = ? \
WHERE owner = ? AND served_definition IS NOT NULL AND served_input IS NULL"

_SERVE = "INSERT INTO done (owner, generation, state, served_definition, served_input, \
reason, message, requirement, run, tried_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) \
ON CONFLICT (owner, generation) DO UPDATE SET state = excluded.state, \
served_definition = excluded.served_definition, served_input = excluded.served_input, \
served_content = NULL, tried_definition = NULL, tried_input = NULL, reason = excluded.reason, \
message = excluded.message, requirement = excluded.requirement, run = excluded.run, \
tried_at = excluded.tried_at"
_TRY = "INSERT INTO done (owner, generation, state, tried_definition, tried_input, \
reason, message, requirement, run, tried_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) \
ON CONFLICT (owner, generation) DO UPDATE SET state = excluded.state, \
tried_definition = excluded.tried_definition, tried_input = excluded.tried_input, \
reason = excluded.reason, message = excluded.message, requirement = excluded.requirement, \
run = excluded.run, tried_at = excluded.tried_at"

# What an owner of which a part failed was served before, it holds no longer.
_FORGET_SERVED = "UPDATE done SET served_definition = NULL, served_input = NULL, \
served_content = NULL WHERE owner = ? AND generation = ?"

_HOLD = "INSERT INTO held (owner, generation, row, value, payload) VALUES (?, ?, ?, ?, ?) \
ON CONFLICT (owner, generation, row) DO UPDATE SET value = excluded.value, \
payload = excluded.payload"
_LET_GO = "DELETE FROM held WHERE owner = ? AND generation = ? AND row = ?"

_BURY = "INSERT INTO dead_letter (owner, generation, run, token, task, part, call, reason, \
message, traceback, release, attempts, tries, not_before, created_at, failed_at) \
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1, ?, ?, ?, ?) \
ON CONFLICT (owner, generation) DO UPDATE SET run = excluded.run, token = excluded.token, \
task = excluded.task, part = excluded.part, call = excluded.call, reason = excluded.reason, \
message = excluded.message, traceback = excluded.traceback, release = excluded.release, \
attempts = attempts + 1, tries = excluded.tries, not_before = excluded.not_before, \
created_at = iif(discarded_at IS NULL, created_at, excluded.created_at), \
failed_at = excluded.failed_at, discarded_at = NULL"
_BURIED = "SELECT owner, generation, id, discarded_at IS NOT NULL FROM dead_letter \
WHERE owner IN (*)"
_RAISE = "DELETE FROM dead_letter WHERE owner = ? AND generation = ?"

#: The statements of a commit, in an order in which each finds what it needs.
_ORDER = (
    _INSERT_SEEN,
    _LEAVE_BEHIND,
    _UPDATE_SEEN,
    _SERVE,
    _TRY,
    _FORGET_SERVED,
    _LET_GO,
    _HOLD,
    _RAISE,
    _BURY,
    WRITE,
)
_REMOVE = (
    "DELETE FROM held WHERE owner = ?",
    "DELETE FROM done WHERE owner = ?",
    "DELETE FROM dead_letter WHERE owner = ?",
    "DELETE FROM member WHERE owner = ?",
    "DELETE FROM member WHERE member = ?",
    "DELETE FROM reason WHERE owner = ?",
    "DELETE FROM seen WHERE owner = ?",
)


class PortionCommit:
    """Writes a portion of owners inside one transaction; used once."""

    def __init__(
        self, definitions: Definitions, instance: Instance, *, run: int, now: datetime
    ) -> None:
        self._definitions = definitions
        self._instance = instance
        self._run = run
        self._now = now
        self._seconds = int(now.timestamp())
        self._microseconds = to_microseconds(now)
        #: Rows by statement, gathered owner by owner: a statement for many rows is cheap.
        self._rows: dict[str, list[tuple[Any, ...]]] = {statement: [] for statement in _ORDER}
        #: What the audit is told of each owner and generation that failed, if that is new.
        self._failed: dict[tuple[int, int], Entry] = {}
        #: And of each that was served, if it failed before: source and key.
        self._served: dict[tuple[int, int], OwnerCommit] = {}
        self._reaching = Reaching(now)

    def write(
        self,
        connection: Connection,
        owners: Sequence[OwnerCommit],
        removals: Sequence[OwnerRemoval],
    ) -> None:
        """Write owners, then remove those that are gone.

        Raises `ValueError` when an owner is named twice.
        """
        by_source: dict[str, dict[str, OwnerCommit]] = {}
        for commit in owners:
            commits = by_source.setdefault(commit.source, {})
            if commit.key in commits:
                raise ValueError(f"owner {commit.key!r} is named twice in one commit")
            commits[commit.key] = commit
        for source, commits in by_source.items():
            self._gather(connection, source, commits)
        self._audit(connection)
        for statement in _ORDER:
            if self._rows[statement]:
                connection.exec_driver_sql(statement, self._rows[statement])
        write_members(connection, self._definitions, self._instance, owners)
        self._reaching.write(connection)
        self._remove(connection, removals)

    def _gather(self, connection: Connection, name: str, commits: dict[str, OwnerCommit]) -> None:
        source = self._definitions.add_source(connection, self._instance.id, name)
        statement = "SELECT owner, key, token, content, input, metadata FROM seen \
WHERE source = ? AND key IN (*)"
        rows = fetch_among(connection, statement, list(commits), source)
        known = {row[1]: row for row in rows}
        last = fetch(connection, "SELECT coalesce(max(owner), 0) FROM seen")[0][0]
        # Sources of one commit share the numbers that are free.
        fresh = last + len(self._rows[_INSERT_SEEN]) + 1
        numbers: dict[Fingerprint, int] = {}
        for key, commit in commits.items():
            before = known.get(key)
            if before is None:
                owner = fresh
                fresh += 1
                self._see(owner, source, commit)
            else:
                owner = before[0]
                self._see_again(commit, before)
            self._reaching.take(owner, source, commit)
            for end in commit.ends:
                number = numbers.get(end.definition)
                if number is None:
                    number = self._definitions.add(connection, end.definition)
                    numbers[end.definition] = number
                self._end(owner, commit, end, number)
            told = reason_row(connection, self._definitions, owner, self._run, commit)
            if told is not None:
                self._rows[WRITE].append(told)

    def _see(self, owner: int, source: int, commit: OwnerCommit) -> None:
        token = commit.token if _may_keep_token(commit) else b""
        metadata = pack_mapping(commit.metadata)
        given = commit.input if commit.content is not None else None
        self._rows[_INSERT_SEEN].append(
            (owner, source, commit.key, token, commit.content, given, metadata)
        )

    def _see_again(self, commit: OwnerCommit, row: tuple[Any, ...]) -> None:
        owner, _, *seen = row
        before = tuple(seen)
        _, content, given, _ = before
        after: tuple[Any, ...]
        if commit.content is not None:
            after = (commit.token, commit.content, commit.input, pack_mapping(commit.metadata))
        elif _may_keep_token(commit):
            after = (commit.token, None, None, pack_mapping(commit.metadata))
        elif content is None:
            after = (b"", None, None, pack_mapping(commit.metadata))
        else:
            return
        if after == before:
            return
        if after[1:3] != (content, given):
            self._rows[_LEAVE_BEHIND].append((given or b"", content, owner))
        self._rows[_UPDATE_SEEN].append((*after, owner))

    def _end(self, owner: int, commit: OwnerCommit, end: EndCommit, definition: int) -> None:
        place = (owner, end.generation)
        stands = (*place, OWNER_STATE_NUMBERS[end.state], definition)
        told = (end.reason, end.message, end.requirement, self._run, self._seconds)
        if end.state in _SERVED:
            # What was not read is not served from what is seen, which may be an older content.
            unread = b"" if commit.content is None else None
            self._rows[_SERVE].append((*stands, unread, *told))
            self._rows[_RAISE].append(place)
            self._served[place] = commit
        else:
            self._rows[_TRY].append((*stands, commit.input, *told))
            if end.in_part:
                self._rows[_FORGET_SERVED].append(place)
            self._bury(place, commit, end)
        self._rows[_HOLD].extend(
            (*place, pack_row_id(row.id), row.value, row.payload) for row in end.upserted
        )
        self._rows[_LET_GO].extend((*place, pack_row_id(row)) for row in end.deleted)

    def _bury(self, place: tuple[int, int], commit: OwnerCommit, end: EndCommit) -> None:
        found = (end.task, end.part, end.call, end.reason, end.message, end.traceback)
        not_before = None if end.not_before is None else to_microseconds(end.not_before)
        hope = (_release(end), end.tries, not_before)
        at = (self._microseconds, self._microseconds)
        self._rows[_BURY].append((*place, self._run, commit.token, *found, *hope, *at))
        detail = {"source": commit.source, "generation": end.generation, "reason": end.reason}
        self._failed[place] = self._entry("created", commit, detail)

    def _entry(self, what: str, commit: OwnerCommit, detail: Mapping[str, Any]) -> Entry:
        return Entry(f"dead_letter.{what}", f"run {self._run}", commit.key, detail, self._run)

    def _audit(self, connection: Connection) -> None:
        """Record the dead letters that were not there before, and those that are taken back."""
        owners = list({owner for owner, _ in (*self._failed, *self._served)})
        gone = []
        for owner, generation, number, is_discarded in fetch_among(connection, _BURIED, owners):
            place = (owner, generation)
            if not is_discarded:
                self._failed.pop(place, None)
            if (commit := self._served.get(place)) is not None:
                detail = {"dead_letter": number, "source": commit.source, "generation": generation}
                gone.append(self._entry("released", commit, detail))
        record(connection, [*self._failed.values(), *gone], self._now)

    def _remove(self, connection: Connection, removals: Sequence[OwnerRemoval]) -> None:
        """Remove all that is known of owners, unless the number is another owner's by now."""
        statement = "SELECT owner, source, key FROM seen WHERE owner IN (*)"
        numbers = [removal.owner for removal in removals]
        found = {
            owner: (source, key)
            for owner, source, key in fetch_among(connection, statement, numbers)
        }
        gone: dict[int, tuple[int, str]] = {}
        told: list[tuple[Any, ...]] = []
        for removal in removals:
            source = self._definitions.find_source(connection, self._instance.id, removal.source)
            if found.get(removal.owner) == (source, removal.key):
                gone[removal.owner] = found[removal.owner]
                why = (CAUSE_NUMBERS[removal.cause], removal.moved_to)
                told.append((source, removal.key, self._run, *why))
        if gone:
            connection.exec_driver_sql(DEPART, told)
            forget_manifests(connection, list(gone.values()))
            self._reaching.remove(connection, gone)
            for statement in _REMOVE:
                connection.exec_driver_sql(statement, [(owner,) for owner in gone])


def _may_keep_token(commit: OwnerCommit) -> bool:
    """Whether the token leads to something: to content, or to the reason not to read it."""
    if commit.content is not None:
        return True
    return bool(commit.ends) and all(end.state is OwnerState.SKIPPED for end in commit.ends)


def _release(end: EndCommit) -> str:
    if end.release is not None:
        return end.release
    if end.requirement is not None:
        return f"requirement:{end.requirement}"
    return "time" if end.state is OwnerState.FAILED else "content"
