"""Has this call been computed before?"""

import threading
import zlib
from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import Connection

from ragflow.clock import Clock
from ragflow.core.items import Fingerprint
from ragflow.interfaces.orchestration import ArtifactStore
from ragflow.stores.metadata.connections import Connections, driver, fetch_among
from ragflow.stores.metadata.definitions import Definitions
from ragflow.stores.metadata.encoding import to_microseconds
from ragflow.stores.metadata.writer import Writer

#: Bytes below which packing saves less than it takes.
WORTH_PACKING = 512
#: Bytes above which a value lies beside the database.
INLINE = 32 * 1024

_PLAIN, _PACKED, _ARTIFACT, _PACKED_ARTIFACT = range(4)
_DAY = timedelta(days=1) // timedelta(microseconds=1)
_CHECKSUM = 4

_PUT = "INSERT INTO memo (key, encoding, task, day, value) VALUES (?, ?, ?, ?, ?) \
ON CONFLICT (key) DO UPDATE SET encoding = excluded.encoding, task = excluded.task, \
day = excluded.day, value = excluded.value"

#: What one transaction takes at most, so that nobody waits long behind it.
PORTION_MEMOS = 1000
PORTION_BYTES = 8 * 1024 * 1024


def encode(value: bytes, artifacts: ArtifactStore | None) -> tuple[int, bytes]:
    """Return how a value is kept and as which bytes; large ones go to the artifacts."""
    packed = zlib.compress(value) if _is_worth_packing(value) else value
    is_packed = len(packed) < len(value)
    kept = packed if is_packed else value
    if artifacts is not None and len(kept) > INLINE:
        return (_PACKED_ARTIFACT if is_packed else _ARTIFACT), artifacts.put(kept)
    if is_packed:
        return _PACKED, kept
    return _PLAIN, kept + zlib.crc32(kept).to_bytes(_CHECKSUM, "big")


def _is_worth_packing(value: bytes) -> bool:
    # Vectors and images hold most bytes there are, text never does; to find that packing
    # saves nothing takes ten times as long as to count.
    return len(value) > WORTH_PACKING and len(set(value[:WORTH_PACKING])) < 160


def decode(encoding: int, data: bytes, artifacts: ArtifactStore | None) -> bytes | None:
    """Return the value, None where it is damaged or its artifact is gone."""
    if encoding in (_ARTIFACT, _PACKED_ARTIFACT):
        kept = None if artifacts is None else artifacts.get(data)
        if kept is None or encoding == _ARTIFACT:
            return kept
        return _unpacked(kept)
    if encoding == _PACKED:
        return _unpacked(data)
    value, checksum = data[:-_CHECKSUM], data[-_CHECKSUM:]
    return value if zlib.crc32(value).to_bytes(_CHECKSUM, "big") == checksum else None


def _unpacked(data: bytes) -> bytes | None:
    try:
        return zlib.decompress(data)
    except zlib.error:
        return None


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

    def put(self, key: Fingerprint, value: bytes, *, task: str) -> None:
        """Remember; returns at once, durable with the next group commit."""
        with self._lock:
            last = self._portions[-1] if self._portions else None
            if last is not None and last.take(key, value, task):
                return
            portion = _Portion(self)
            portion.take(key, value, task)
            self._portions.append(portion)
        self._writer.post(portion)

    def get_many(self, keys: Sequence[Fingerprint]) -> dict[Fingerprint, bytes]:
        """Return what is remembered of these calls; what was put is seen at once.

        A value that is damaged, or lies in an artifact that is gone, is not remembered.
        """
        found = self._uncommitted(keys)
        missing = [key for key in keys if key not in found]
        if not missing:
            return found
        statement = "SELECT key, encoding, value FROM memo WHERE key IN (*)"
        with self._connections.reading() as connection:
            for key, encoding, data in fetch_among(connection, statement, missing):
                value = decode(encoding, data, self._artifacts)
                if value is not None:
                    found[key] = value
        return found

    def _uncommitted(self, keys: Sequence[Fingerprint]) -> dict[Fingerprint, bytes]:
        # Looked at before the database: what leaves here has been committed there.
        found: dict[Fingerprint, bytes] = {}
        with self._lock:
            for portion in self._portions:
                values = portion.values
                found.update({key: values[key][0] for key in keys if key in values})
        return found

    def seal(self, portion: "_Portion") -> None:
        """Let nothing more join a portion."""
        with self._lock:
            portion.is_open = False

    def rows(self, values: "_Values") -> list["_Row"]:
        """Return key, encoding, task, day and bytes of each; large values become artifacts."""
        day = to_microseconds(self._clock.now()) // _DAY
        rows = []
        for key, (value, task) in values.items():
            encoding, data = encode(value, self._artifacts)
            rows.append((key, encoding, task, day, data))
        return rows

    def write(self, connection: Connection, rows: Sequence["_Row"]) -> None:
        """Write these rows inside the transaction that is open."""
        names = {task for _, _, task, _, _ in rows}
        tasks = {name: self._definitions.add_task(connection, name) for name in names}
        driver(connection).executemany(
            _PUT,
            [(key, encoding, tasks[task], day, data) for key, encoding, task, day, data in rows],
        )

    def let_go(self, portion: "_Portion") -> None:
        """Forget a portion that is committed."""
        with self._lock:
            self._portions.remove(portion)


#: Value and task by key.
_Values = dict[Fingerprint, tuple[bytes, str]]
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

    def take(self, key: Fingerprint, value: bytes, task: str) -> bool:
        """Add a memo, unless the portion is full or on its way."""
        if not self.is_open or len(self.values) >= PORTION_MEMOS or self._size > PORTION_BYTES:
            return False
        self.values[key] = (value, task)
        self._size += len(value)
        return True

    def prepare(self) -> None:
        """Pack the values before the database is locked; once, however often it is tried."""
        if self._rows is None:
            self._memos.seal(self)
            self._rows = self._memos.rows(self.values)

    def write(self, connection: Connection) -> None:
        """Write them."""
        self._memos.write(connection, self._rows or [])

    def written(self) -> None:
        """Forget them: they are committed."""
        self._memos.let_go(self)
