"""Has this call been computed before?"""

import threading
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from sqlalchemy import Connection

from ragflow.clock import Clock
from ragflow.core.items import Fingerprint
from ragflow.interfaces.orchestration import ArtifactStore
from ragflow.stores.metadata.connections import Connections, driver, fetch, fetch_among
from ragflow.stores.metadata.definitions import Definitions
from ragflow.stores.metadata.encoding import day_of
from ragflow.stores.metadata.memo_values import (
    ARTIFACT,
    DELTA,
    KEY,
    PACKED_ARTIFACT,
    Packing,
    decode,
    encode,
    encode_beside,
    is_comparable,
)
from ragflow.stores.metadata.writer import Writer

#: Days after which a memo that is used is told that it was; more often would only cost.
RENEWED_AFTER = 7

_GET = "SELECT m.key, m.encoding, m.day, v.value FROM memo AS m \
JOIN memo_value AS v ON v.id = m.id WHERE m.key IN (*)"
_THERE = "SELECT id FROM memo WHERE key IN (*)"
_DROP_VALUE = "DELETE FROM memo_value WHERE id = ?"
_PUT_VALUE = "INSERT INTO memo_value (id, value) VALUES (?, ?)"
_PUT = "INSERT INTO memo (key, id, encoding, task, day, size) VALUES (?, ?, ?, ?, ?, ?) \
ON CONFLICT (key) DO UPDATE SET id = excluded.id, encoding = excluded.encoding, \
task = excluded.task, day = excluded.day, size = excluded.size"
_RENEW = "UPDATE memo SET day = max(day, ?) WHERE key = ?"

#: What one transaction takes at most, so that nobody waits long behind it.
PORTION_MEMOS = 1000
PORTION_BYTES = 8 * 1024 * 1024


class SqliteMemos:
    """The memos of a home. Safe for threads.

    What was put is seen at once by this process, and by others when it is committed; a crash
    in between costs the call, not the truth. Values are checked as they are read.
    """

    def __init__(
        self,
        connections: Connections,
        writer: Writer,
        definitions: Definitions,
        clock: Clock,
        artifacts: ArtifactStore | None,
    ) -> None:
        self._connections = connections
        self._writer = writer
        self._definitions = definitions
        self._clock = clock
        self._artifacts = artifacts
        self._lock = threading.Lock()
        #: What is not committed, oldest first; the last may still grow.
        self._portions: list[_Portion] = []

    def put(
        self, key: Fingerprint, value: bytes, *, task: str, base: Fingerprint | None = None
    ) -> None:
        """Remember; returns at once, durable with the next group commit.

        `base` is the memo that the value was made of: a value that repeats it is kept as what
        differs, and is remembered only while that is.
        """
        with self._lock:
            last = self._portions[-1] if self._portions else None
            if last is not None and last.take(key, _Value(value, task, base)):
                return
            portion = _Portion(self)
            portion.take(key, _Value(value, task, base))
            self._portions.append(portion)
        self._writer.post(portion)

    def get_many(self, keys: Sequence[Fingerprint]) -> dict[Fingerprint, bytes]:
        """Return what is remembered of these calls; what was put is seen at once.

        A value that is damaged, or lies in an artifact that is gone, or differs from one that
        is not remembered, is not remembered.
        """
        found = self._uncommitted(keys)
        missing = [key for key in keys if key not in found]
        if not missing:
            return found
        with self._connections.reading() as connection:
            kept = list(fetch_among(connection, _GET, missing))
        today = self.today()
        aged = []
        bases = self._bases(data[:KEY] for _, encoding, _, data in kept if encoding == DELTA)
        for key, encoding, day, data in kept:
            value = decode(encoding, data, self._artifacts, bases.get)
            if value is not None:
                found[key] = value
                if day <= today - RENEWED_AFTER:
                    aged.append(key)
        if aged and not self._connections.read_only:
            self._renew(aged, today)
        return found

    def _bases(self, keys: Iterable[Fingerprint]) -> dict[Fingerprint, bytes]:
        # A value differs from one that was put before it, so this comes to an end.
        wanted = list(dict.fromkeys(keys))
        return self.get_many(wanted) if wanted else {}

    def _renew(self, keys: Sequence[Fingerprint], today: int) -> None:
        """Say that memos were used, lest they are forgotten meanwhile."""
        values = [(today, key) for key in keys]

        def write(connection: Connection) -> None:
            driver(connection).executemany(_RENEW, values)

        self._writer.later(write)

    def today(self) -> int:
        """Return the number of the day that memos are told they were put on."""
        return day_of(self._clock.now())

    def _uncommitted(self, keys: Sequence[Fingerprint]) -> dict[Fingerprint, bytes]:
        # Looked at before the database: what leaves here has been committed there.
        found: dict[Fingerprint, bytes] = {}
        with self._lock:
            for portion in self._portions:
                values = portion.values
                found.update({key: values[key].data for key in keys if key in values})
        return found

    def seal(self, portion: "_Portion") -> None:
        """Let nothing more join a portion."""
        with self._lock:
            portion.is_open = False

    def rows(self, values: "_Values") -> list["_Row"]:
        """Return key, encoding, task, day and bytes of each; large values become artifacts."""
        day = self.today()
        bases = self._bases(
            each.base for each in values.values() if each.base and is_comparable(each.data)
        )
        rows = []
        for key, (value, task, base) in values.items():
            kept, of = None, Packing(value)
            if base in bases and base != key:
                kept = encode_beside(base, bases[base], of)
            encoding, data = kept or encode(of, self._artifacts)
            rows.append((key, encoding, task, day, data))
        return rows

    def write(self, connection: Connection, rows: Sequence["_Row"], values: "_Values") -> None:
        """Write these rows, made of these values, inside the transaction that is open."""
        self._put_again(rows, values)
        names = {task for _, _, task, _, _ in rows}
        tasks = {name: self._definitions.add_task(connection, name) for name in names}
        there = list(fetch_among(connection, _THERE, [row[0] for row in rows]))
        bare = driver(connection)
        bare.executemany(_DROP_VALUE, there)
        first = fetch(connection, "SELECT coalesce(max(id), 0) + 1 FROM memo_value")[0][0]
        numbered = list(enumerate(rows, first))
        bare.executemany(_PUT_VALUE, [(number, data) for number, (*_, data) in numbered])
        bare.executemany(
            _PUT,
            [
                (key, number, encoding, tasks[task], day, len(data))
                for number, (key, encoding, task, day, data) in numbered
            ],
        )

    def _put_again(self, rows: Sequence["_Row"], values: "_Values") -> None:
        """Put artifacts that somebody removed since, seeing that no memo referred to them."""
        for key, encoding, _, _, digest in rows:
            if encoding not in (ARTIFACT, PACKED_ARTIFACT) or self._artifacts is None:
                continue
            if not self._artifacts.has(digest):
                encode(Packing(values[key].data), self._artifacts)

    def let_go(self, portion: "_Portion") -> None:
        """Forget a portion that is committed."""
        with self._lock:
            self._portions.remove(portion)


class _Value(NamedTuple):
    """What is to be remembered of a call."""

    data: bytes
    task: str
    base: Fingerprint | None


_Values = dict[Fingerprint, _Value]
#: Key, encoding, task, day, bytes.
_Row = tuple[Fingerprint, int, str, int, bytes]


class _Portion:
    """Memos that one transaction writes: those that came until it began or had enough."""

    def __init__(self, memos: SqliteMemos) -> None:
        self.values: _Values = {}
        self.is_open = True
        self._memos = memos
        self._size = 0
        self._rows: list[_Row] | None = None

    def take(self, key: Fingerprint, value: _Value) -> bool:
        """Add a memo, unless the portion is full or on its way."""
        if not self.is_open or len(self.values) >= PORTION_MEMOS or self._size > PORTION_BYTES:
            return False
        self.values[key] = value
        self._size += len(value.data)
        return True

    def prepare(self) -> None:
        """Pack the values before the database is locked; once, however often it is tried."""
        if self._rows is None:
            self._memos.seal(self)
            self._rows = self._memos.rows(self.values)

    def write(self, connection: Connection) -> None:
        """Write them."""
        self._memos.write(connection, self._rows or [], self.values)

    def written(self) -> None:
        """Forget them: they are committed."""
        self._memos.let_go(self)
