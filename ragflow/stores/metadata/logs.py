"""What did tasks log and print?"""

import threading
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from ragflow.core.run_records import LogLine
from ragflow.stores.metadata.connections import Connections
from ragflow.stores.metadata.encoding import from_microseconds, to_microseconds
from ragflow.stores.metadata.writer import Writes

#: What is kept of a run.
MOST_LINES = 20_000
MOST_BYTES = 8 * 1024 * 1024
#: Letters kept of one line.
LINE = 16 * 1024

_ADD = "INSERT INTO log (run, task, key, at, stream, level, text) VALUES (?, ?, ?, ?, ?, ?, ?)"
_READ = "SELECT run, task, key, at, stream, level, text FROM log WHERE run = :run \
AND (:task IS NULL OR task = :task) AND (:key IS NULL OR key = :key) ORDER BY id"
_KEPT = "SELECT count(*), total(length(CAST(text AS BLOB))), \
total(task IS NULL AND stream = 'log' AND text LIKE ?) FROM log WHERE run = ?"
_NO_MORE = "no more is kept of this run: "


class SqliteLogs:
    """The logs of a home. Safe for threads; a run is logged by one process."""

    def __init__(self, connections: Connections, writer: Writes) -> None:
        self._connections = connections
        self._writer = writer
        self._lock = threading.Lock()
        #: Lines and bytes that each run may still log.
        self._room: dict[int, tuple[int, int]] = {}
        self._portion: _Portion | None = None

    def add(
        self,
        run: int,
        text: str,
        *,
        at: datetime,
        stream: str = "log",
        level: str | None = None,
        task: str | None = None,
        key: str | None = None,
    ) -> None:
        """Keep one line; returns at once, read once the next group is committed.

        A run keeps 20,000 lines and 8 MiB; one more line says that the rest was dropped. Of a
        line 16,384 letters are kept.
        """
        if len(text) > LINE:
            text = f"{text[:LINE]} … ({len(text) - LINE} letters more)"
        row = (run, task, key, to_microseconds(at), stream, level, text)
        with self._lock:
            if run not in self._room:
                self._room[run] = self._left(run)
            lines, size = self._room[run]
            if lines < 0:
                return
            left = (lines - 1, size - len(text.encode()))
            if min(left) < 0:
                left = (-1, 0)
                told = f"{_NO_MORE}{MOST_LINES:,} lines or {MOST_BYTES:,} bytes"
                row = (run, None, None, to_microseconds(at), "log", "warning", told)
            self._room[run] = left
            if self._portion is not None and self._portion.take(row):
                return
            portion = self._portion = _Portion(self._lock, row)
        self._writer.post(portion)

    def _left(self, run: int) -> tuple[int, int]:
        """Return the lines and bytes left of a run, which another process may have begun."""
        lines, size, told = self._connections.fetch(_KEPT, (f"{_NO_MORE}%", run))[0]
        return (-1, 0) if told else (MOST_LINES - lines, MOST_BYTES - int(size))

    def read(self, run: int, *, task: str | None = None, key: str | None = None) -> list[LogLine]:
        """Return what was kept, in order."""
        parameters = {"run": run, "task": task, "key": key}
        return [_line(row) for row in self._connections.fetch(_READ, parameters)]


class _Portion:
    """Lines that one transaction writes: those that came until it began."""

    def __init__(self, lock: threading.Lock, row: tuple[Any, ...]) -> None:
        self._lock = lock
        self._rows = [row]
        self._is_open = True

    def take(self, row: tuple[Any, ...]) -> bool:
        """Add a line, unless these are on their way; the lock is held."""
        if self._is_open:
            self._rows.append(row)
        return self._is_open

    def prepare(self) -> None:
        """Let nothing more join."""
        with self._lock:
            self._is_open = False

    def write(self, connection: Connection) -> None:
        """Write them."""
        connection.exec_driver_sql(_ADD, self._rows)

    def written(self) -> None:
        """Nobody waits."""


def _line(row: tuple[Any, ...]) -> LogLine:
    run, task, key, at, stream, level, text = row
    return LogLine(
        run=run,
        task=task,
        key=key,
        at=from_microseconds(at),
        stream=stream,
        level=level,
        text=text,
    )
