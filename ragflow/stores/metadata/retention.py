"""What of a home is needed no more, and how is it removed while runs go on?"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta

from sqlalchemy import Connection

from ragflow.clock import Clock
from ragflow.core.items import Fingerprint
from ragflow.core.retained import Amount, Pruned, Remembered, TaskMemos
from ragflow.interfaces.orchestration import ArtifactStore
from ragflow.stores.metadata import reachable
from ragflow.stores.metadata.compaction import compact, give_back, is_quiet, rewrite, window_of
from ragflow.stores.metadata.connections import Connections, driver, fetch
from ragflow.stores.metadata.encoding import day_of, to_microseconds
from ragflow.stores.metadata.formers import trim_formers
from ragflow.stores.metadata.memo_values import ARTIFACT, PACKED_ARTIFACT
from ragflow.stores.metadata.reachable import MemoRow
from ragflow.stores.metadata.reaching import part, short
from ragflow.stores.metadata.rebasing import rebase
from ragflow.stores.metadata.writer import Writer

#: Memos, or rows of history, that one transaction removes.
PORTION = 1_000
#: Memos whose values differ from others', which differ from others' again, at most.
_CHAIN = 4

_TASKS = "SELECT id, content FROM definition WHERE kind = 1"
_DROP = "DELETE FROM memo WHERE key = ? AND day < ? RETURNING id"
_DROP_VALUE = "DELETE FROM memo_value WHERE id = ?"
_DIGESTS = "SELECT m.id, v.value FROM memo AS m JOIN memo_value AS v ON v.id = m.id \
WHERE m.encoding IN (?, ?)"
_OLD = "SELECT count(*) FROM {table} WHERE run IN (SELECT id FROM run WHERE ended_at < ?)"
_DROP_OLD = "DELETE FROM {table} WHERE id IN (SELECT t.id FROM {table} AS t JOIN run AS r \
ON r.id = t.run WHERE r.ended_at < ? LIMIT ?)"

#: The later word counts.
_STANDINGS = (
    (
        "former",
        "SELECT f.calls FROM former AS f JOIN seen AS s \
ON s.source = f.source AND s.key = f.key WHERE s.owner = ?",
    ),
    ("reached", "SELECT calls FROM reach WHERE owner = ?"),
)
#: Tables of what happened in runs.
_HISTORY = ("log", "attempt")
_BESIDE = (ARTIFACT, PACKED_ARTIFACT)
#: Digests and sizes of artifacts.
_Sizes = Sequence[tuple[bytes, int]]


class SqliteRetention:
    """Looks through what a home remembers, and removes what nobody needs.

    Safe beside runs: what they use meanwhile is either there or called again, and no
    transaction is long. Safe for threads.
    """

    def __init__(
        self,
        connections: Connections,
        writer: Writer,
        clock: Clock,
        artifacts: ArtifactStore | None,
    ) -> None:
        self._connections = connections
        self._writer = writer
        self._clock = clock
        self._artifacts = artifacts

    def survey(self, keep: timedelta) -> Remembered:
        """Return what is remembered, by task, and when the first of what nobody needs may go."""
        everything: dict[int, Amount] = defaultdict(Amount)
        left: dict[int, Amount] = defaultdict(Amount)
        days: dict[int, int] = {}
        for page, reached in self._looked_through():
            for row in page:
                amount = Amount(1, row.size)
                everything[row.task] += amount
                if short(row.key) not in reached:
                    left[row.task] += amount
                    days[row.task] = min(days.get(row.task, row.day), row.day)
        names = self._names()
        tasks = [
            TaskMemos(
                task=names[task],
                all=amount,
                unreached=left[task],
                expires=_date(days[task] + keep.days + 1) if task in days else None,
            )
            for task, amount in everything.items()
        ]
        tasks.sort(key=lambda each: (-each.all.bytes, each.task))
        sizes = [] if self._artifacts is None else [size for _, size in self._artifacts.all()]
        return Remembered(
            tasks=tasks,
            artifacts=Amount(len(sizes), sum(sizes)),
            unknown=reachable.unknown(self._connections),
        )

    def _looked_through(self) -> Iterator[tuple[Sequence[MemoRow], set[bytes]]]:
        """Yield every memo once, with the short keys that are reached of its share."""
        for share in reachable.shares(self._connections):
            reached = reachable.reached(self._connections, share)
            for page in reachable.memos(self._connections, share):
                yield page, reached

    def _names(self) -> dict[int, str]:
        return {number: name.decode() for number, name in self._connections.fetch(_TASKS)}

    def prune(self, keep: timedelta, *, dry_run: bool = False) -> Pruned:
        """Remove memos that nothing reaches and that were not needed for so long.

        Large values go with them, and the database becomes smaller where it can. While there
        are owners of which nobody knows what they reach, every memo stays. With `dry_run`
        nothing is removed.
        """
        unknown = reachable.unknown(self._connections)
        if unknown:
            return Pruned(memos={}, unknown=unknown)
        limit = day_of(self._clock.now()) - keep.days
        before = self._size()
        names = self._names()
        found: Counter[tuple[int, str]] = Counter()
        windows: Counter[int] = Counter()
        if not dry_run:
            rebase(self._connections, self._writer, self._needed(limit))
        for _ in range(_CHAIN):
            needed, is_any = self._needed(limit), False
            for portion in self._expired(limit, needed):
                is_any = True
                gone = portion if dry_run else self._drop(portion, limit, windows)
                for row in gone:
                    found[0, names[row.task]] += 1
                    found[1, names[row.task]] += row.size
            if dry_run or not is_any or not needed:
                break
        memos = {name: Amount(found[0, name], found[1, name]) for kind, name in found if not kind}
        if dry_run:
            return Pruned(memos=memos, artifacts=self._left_over(limit))
        artifacts = self.sweep()
        self._writer.flush()
        trim_formers(self._connections, self._writer)
        is_worth_it = bool(windows) and is_quiet(self._connections)
        if not is_worth_it or not rewrite(self._connections):
            compact(self._connections, self._writer, windows)
            give_back(self._connections, self._writer)
        return Pruned(memos=memos, artifacts=artifacts, shrunk=before - self._size())

    def _needed(self, limit: int) -> set[bytes]:
        """Return the short keys of memos that stay because another that stays differs from them."""
        with self._connections.reading() as connection:
            others = {short(key): short(base) for key, base in reachable.bases(connection)}
        told = {*others, *others.values()}
        going = set()
        for portion in self._expired(limit, set()):
            going |= told.intersection(short(row.key) for row in portion)
        needed: set[bytes] = set()
        # What stays only because another needs it needs its own, in turn.
        while more := {base for key, base in others.items() if base in going and key not in going}:
            needed |= more
            going -= more
        return needed

    def _expired(self, limit: int, needed: set[bytes]) -> Iterator[list[MemoRow]]:
        """Yield what may go, a portion at a time."""
        portion: list[MemoRow] = []
        for page, reached in self._looked_through():
            for row in page:
                name = short(row.key)
                if row.day < limit and name not in reached and name not in needed:
                    portion.append(row)
                    if len(portion) == PORTION:
                        yield portion
                        portion = []
        if portion:
            yield portion

    def _drop(self, portion: Sequence[MemoRow], limit: int, windows: Counter[int]) -> list[MemoRow]:
        """Remove memos that nobody used meanwhile; return them."""

        def drop(connection: Connection) -> list[MemoRow]:
            bare = driver(connection)
            # One that was put again since has another number.
            gone = [
                row._replace(id=found[0])
                for row in portion
                if (found := bare.execute(_DROP, (row.key, limit)).fetchone()) is not None
            ]
            bare.executemany(_DROP_VALUE, [(row.id,) for row in gone])
            return gone

        gone = self._writer.run(drop)
        windows.update(window_of(row.id) for row in gone)
        return gone

    def sweep(self) -> Amount:
        """Remove artifacts that no memo refers to; return how much it was.

        Looked at and removed inside a transaction: memos that refer to one are written before,
        or look whether it is there after.
        """
        store = self._artifacts
        if store is None:
            return Amount()
        with self._connections.reading() as connection:
            kept = _digests(connection)
        left = [(digest, size) for digest, size in store.all() if digest not in kept]
        gone = Amount()
        for at in range(0, len(left), PORTION):
            portion = left[at : at + PORTION]

            def sweep(connection: Connection, portion: _Sizes = portion) -> Amount:
                kept = _digests(connection)
                going = [(digest, size) for digest, size in portion if digest not in kept]
                for digest, _ in going:
                    store.remove(digest)
                return Amount(len(going), sum(size for _, size in going))

            gone += self._writer.run(sweep)
        return gone

    def _left_over(self, limit: int) -> Amount:
        """Return how many artifacts nothing would refer to."""
        if self._artifacts is None:
            return Amount()
        going = {
            row.id
            for portion in self._expired(limit, set())
            for row in portion
            if row.encoding in _BESIDE
        }
        with self._connections.reading() as connection:
            kept = _digests(connection, going)
        sizes = [size for digest, size in self._artifacts.all() if digest not in kept]
        return Amount(len(sizes), sum(sizes))

    def standings(self, owner: int, calls: Sequence[Fingerprint]) -> Mapping[Fingerprint, str]:
        """Return of each call that an owner is made of ``reached``, of those it was ``former``."""
        found: dict[Fingerprint, str] = {}
        for word, statement in _STANDINGS:
            names = {
                name
                for (row,) in self._connections.fetch(statement, (owner,))
                for name in part(row)
            }
            found |= {call: word for call in calls if short(call) in names}
        return found

    def prune_history(self, before: datetime, *, dry_run: bool = False) -> tuple[int, int]:
        """Remove logs and failed attempts of runs that ended before; return how many of each.

        With `dry_run` nothing is removed.
        """
        at = to_microseconds(before)
        if dry_run:
            ask = self._connections.fetch
            counts = [int(ask(_OLD.format(table=table), (at,))[0][0]) for table in _HISTORY]
        else:
            counts = [self._prune_table(table, at) for table in _HISTORY]
        return counts[0], counts[1]

    def _prune_table(self, table: str, at: int) -> int:
        statement = _DROP_OLD.format(table=table)

        def prune(connection: Connection) -> int:
            return driver(connection).execute(statement, (at, PORTION)).rowcount

        count = 0
        while gone := self._writer.run(prune):
            count += gone
        return count

    def _size(self) -> int:
        with self._connections.reading() as connection:
            pages = fetch(connection, "PRAGMA page_count")[0][0]
            return int(pages) * int(fetch(connection, "PRAGMA page_size")[0][0])


def _digests(connection: Connection, but_not: Collection[int] = ()) -> set[bytes]:
    """Return the artifacts that memos refer to, but for the memos of these numbers."""
    found = driver(connection).execute(_DIGESTS, _BESIDE)
    return {digest for number, digest in found if number not in but_not}


def _date(day: int) -> date:
    return date(1970, 1, 1) + timedelta(days=day)
