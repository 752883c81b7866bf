"""Connections to the database of a home."""

import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy.pool import QueuePool

from ragflow.errors import HomeError
from ragflow.stores.metadata.faults import in_words_of_ours

#: Values asked for in one question; SQLite takes 999 parameters at least.
AMONG = 500


class Connections:
    """Opens connections to one database; those for reading are used again.

    Every statement stands alone unless BEGIN and COMMIT are sent. Safe for threads; refuses
    to work in a process forked from the one that made it.
    """

    def __init__(self, database: Path, *, read_only: bool, patience: timedelta) -> None:
        self.database = database
        self.read_only = read_only
        self._patience = patience
        self._process = os.getpid()
        self.engine: Engine = create_engine(
            "sqlite+pysqlite://",
            creator=self._open,
            poolclass=QueuePool,
            pool_size=4,
            max_overflow=-1,
        )

    @property
    def is_foreign(self) -> bool:
        """Whether this is a fork of the process that opened the database."""
        return os.getpid() != self._process

    def check_process(self) -> None:
        """Raise `HomeError` in a fork: a connection carried across one damages the database."""
        if self.is_foreign:
            raise HomeError(
                f"database {str(self.database)!r} was opened by another process",
                hint="open the home again in the process that was forked",
            )

    def _open(self) -> sqlite3.Connection:
        mode = "ro" if self.read_only else "rwc"
        address = f"file:{quote(str(self.database))}?mode={mode}"
        if self.read_only and self._is_at_rest():
            address += "&immutable=1"
        return sqlite3.connect(
            address,
            uri=True,
            timeout=self._patience.total_seconds(),
            isolation_level=None,
            check_same_thread=False,
        )

    def _is_at_rest(self) -> bool:
        # A folder that cannot be written lets SQLite make no index of the log, and without
        # a log there is nothing that could change below the reader.
        log = self.database.with_name(self.database.name + "-wal")
        effective = os.access in os.supports_effective_ids
        may_write = os.access(self.database.parent, os.W_OK, effective_ids=effective)
        return not may_write and not log.exists()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Lend a connection; what goes wrong is raised as `HomeError` or `BusyError`."""
        self.check_process()
        with in_words_of_ours(self.database), self.engine.connect() as connection:
            yield connection

    def fetch(
        self, statement: str, parameters: tuple[Any, ...] | Mapping[str, Any] = ()
    ) -> list[tuple[Any, ...]]:
        """Return every row of one question."""
        with self.reading() as connection:
            return fetch(connection, statement, parameters)

    def close(self) -> None:
        """Close what is not lent; nothing happens in a fork."""
        if not self.is_foreign:
            self.engine.dispose()


@contextmanager
def transaction(connection: Connection, kind: str = "") -> Iterator[None]:
    """Make what is done inside one transaction, taken back where it raises."""
    connection.exec_driver_sql(f"BEGIN {kind}")
    try:
        yield
    except BaseException:
        connection.exec_driver_sql("ROLLBACK")
        raise
    connection.exec_driver_sql("COMMIT")


def driver(connection: Connection) -> sqlite3.Connection:
    """Return what the connection wraps, for what is done so often that the wrapping counts.

    It wraps a statement in 15 µs, three times what a small one takes.
    """
    found = connection.connection.driver_connection
    assert isinstance(found, sqlite3.Connection)
    return found


def fetch(
    connection: Connection,
    statement: str,
    parameters: tuple[Any, ...] | Mapping[str, Any] = (),
) -> list[tuple[Any, ...]]:
    """Return every row of one question."""
    return driver(connection).execute(statement, parameters).fetchall()


def fetch_among(
    connection: Connection, statement: str, values: Sequence[Any], *parameters: Any
) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of a question that ends in ``IN (*)``, the star being any of the values.

    It is asked for 500 values at a time; `parameters` are those before the star.
    """
    for first in range(0, len(values), AMONG):
        portion = values[first : first + AMONG]
        stars = ",".join("?" * len(portion))
        yield from fetch(
            connection, statement.replace("(*)", f"({stars})"), (*parameters, *portion)
        )
