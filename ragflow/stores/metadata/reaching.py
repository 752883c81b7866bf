"""Which calls does the ledger reach: those that lead to what its owners have?

Told by the first bytes of their keys, which are enough: should two calls of a home ever begin
alike, the memo of one is kept as long as the other's.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection

from ragflow.core.items import Fingerprint
from ragflow.core.records import OwnerCommit
from ragflow.core.states import OwnerState
from ragflow.stores.metadata.connections import driver, fetch, fetch_among
from ragflow.stores.metadata.encoding import day_of

#: First bytes of a key that stand for it: a million others begin like it once in a million times.
SHORT = 5
#: Owners whose calls one transaction lets go.
PORTION = 500
#: Where calls lead to a group: no generation has this number.
TO_GROUPS = 0

_PUT = "INSERT INTO reach (owner, generation, calls) VALUES (?, ?, ?) \
ON CONFLICT (owner, generation) DO UPDATE SET calls = excluded.calls"
_OF = "SELECT owner, generation, calls FROM reach WHERE owner IN (*)"
_BEFORE = "SELECT calls FROM former WHERE source = ? AND key = ?"
_PUT_BEFORE = "INSERT INTO former (source, key, calls) VALUES (?, ?, ?) \
ON CONFLICT (source, key) DO UPDATE SET calls = excluded.calls"
_LET_GO = "UPDATE memo SET day = ? WHERE key BETWEEN ? AND ? AND day < ?"
_AT = "SELECT r.owner, s.source, s.key FROM reach AS r LEFT JOIN seen AS s ON s.owner = r.owner \
WHERE r.generation = ? AND r.owner > ? ORDER BY r.owner LIMIT ?"

#: Short keys by owner and generation.
_Reach = dict[int, dict[int, set[bytes]]]


def short(key: Fingerprint) -> bytes:
    """Return what stands for a key."""
    return key[:SHORT]


def join(calls: Iterable[bytes]) -> bytes:
    """Return short keys as they are kept."""
    return b"".join(sorted(calls))


def part(calls: bytes) -> list[bytes]:
    """Return the short keys that `join` was given."""
    return [calls[at : at + SHORT] for at in range(0, len(calls), SHORT)]


def bounds(call: bytes) -> tuple[bytes, bytes]:
    """Return the least and the greatest key that begin so."""
    return call, call + b"\xff" * 20


class Reaching:
    """Writes what the owners of one portion reach, inside its transaction; used once."""

    def __init__(self, now: datetime) -> None:
        self._today = day_of(now)
        #: By owner: its source's number and what it came to.
        self._owners: dict[int, tuple[int, OwnerCommit]] = {}

    def take(self, owner: int, source: int, commit: OwnerCommit) -> None:
        """Take what an owner came to; see `OwnerCommit.calls`."""
        if commit.calls is not None or _skipped(commit):
            self._owners[owner] = (source, commit)

    def write(self, connection: Connection) -> None:
        """Write what they reach, and let go what they do not reach any more."""
        before = _read(connection, list(self._owners))
        rows = []
        dropped: dict[tuple[int, str], set[bytes]] = {}
        for owner, (source, commit) in self._owners.items():
            had = before.get(owner, {})
            has = {**had, **_now(commit, had)}
            rows += [
                (owner, generation, join(calls))
                for generation, calls in has.items()
                # Nothing is written down, too: that it is known to need nothing.
                if calls != had.get(generation) and (generation in had or commit.calls is not None)
            ]
            gone = _all(had) - _all(has)
            if gone:
                dropped[source, commit.key] = gone
        driver(connection).executemany(_PUT, rows)
        _let_go(connection, dropped, self._today)

    def remove(self, connection: Connection, owners: Mapping[int, tuple[int, str]]) -> None:
        """Let go all that owners that are gone reached; given by number, with source and key."""
        had = _read(connection, list(owners))
        _let_go(
            connection, {owners[owner]: _all(calls) for owner, calls in had.items()}, self._today
        )
        rows = [(owner,) for owner in owners]
        driver(connection).executemany("DELETE FROM reach WHERE owner = ?", rows)


def let_go_generation(
    connection: Connection, generation: int, *, after: int, now: datetime
) -> int | None:
    """Let go what owners reach at a generation alone, a portion at a time.

    Returns what `after` is to be next time, None when there is no more. To be called inside a
    transaction; what a crash leaves is let go another time.
    """
    found = fetch(connection, _AT, (generation, after, PORTION))
    if not found:
        return None
    had = _read(connection, [owner for owner, *_ in found])
    dropped = {}
    for owner, source, key in found:
        left = {number: calls for number, calls in had[owner].items() if number != generation}
        gone = had[owner][generation] - _all(left)
        if gone and source is not None:
            dropped[source, key] = gone
    _let_go(connection, dropped, day_of(now))
    rows = [(owner, generation) for owner, *_ in found]
    driver(connection).executemany("DELETE FROM reach WHERE owner = ? AND generation = ?", rows)
    return int(found[-1][0])


def _now(commit: OwnerCommit, had: Mapping[int, set[bytes]]) -> dict[int, set[bytes]]:
    """Return what an owner reaches by this commit, by generation.

    Where it failed, also what it was served from before, which it still is.
    """
    if commit.calls is None:
        return {generation: set() for generation in _skipped(commit)}
    kept = {
        end.generation
        for end in commit.ends
        if end.state not in (OwnerState.SUCCEEDED, OwnerState.SKIPPED)
    }
    found = {}
    for generation, keys in commit.calls.items():
        calls = {short(key) for key in keys}
        found[generation] = calls | had.get(generation, set()) if generation in kept else calls
    return found


def _skipped(commit: OwnerCommit) -> list[int]:
    """Return where an owner is skipped; at all of its ends, then in groups, too."""
    found = [end.generation for end in commit.ends if end.state is OwnerState.SKIPPED]
    return [*found, TO_GROUPS] if found and len(found) == len(commit.ends) else found


def _read(connection: Connection, owners: Sequence[int]) -> _Reach:
    found: _Reach = {}
    for owner, generation, calls in fetch_among(connection, _OF, owners):
        found.setdefault(owner, {})[generation] = set(part(calls))
    return found


def _all(calls: Mapping[int, set[bytes]]) -> set[bytes]:
    return set().union(*calls.values())


def _let_go(
    connection: Connection, dropped: Mapping[tuple[int, str], set[bytes]], today: int
) -> None:
    """Begin the time that memos of these calls stay, and write down whose they were."""
    bare = driver(connection)
    rows = []
    for place, calls in dropped.items():
        if calls:
            before = bare.execute(_BEFORE, place).fetchone()
            rows.append((*place, join(calls.union(part(before[0]) if before else ()))))
    bare.executemany(_PUT_BEFORE, rows)
    gone = set().union(*dropped.values())
    bare.executemany(_LET_GO, [(today, *bounds(call), today) for call in gone])
