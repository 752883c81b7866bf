"""Which keys do other processes ask a run to serve before all others?"""

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection

from ragflow.clock import Clock
from ragflow.core.states import RunState
from ragflow.errors import NotFoundError, UsageError
from ragflow.stores.metadata.audit import Entry, record
from ragflow.stores.metadata.connections import Connections, fetch, fetch_among
from ragflow.stores.metadata.writer import Writes

_ALIVE = (RunState.RUNNING, RunState.PAUSED)
_RUN = "SELECT r.state, i.name FROM run AS r JOIN instance AS i ON i.id = r.instance \
WHERE r.id = ?"


class SqliteWanted:
    """The keys asked of the runs of a home. Safe for threads and processes."""

    def __init__(self, connections: Connections, writer: Writes, clock: Clock) -> None:
        self._connections = connections
        self._writer = writer
        self._clock = clock

    def ask(self, run: int, keys: Sequence[str], *, actor: str) -> list[int]:
        """Ask a run for these; return a number for each, in their order.

        Raises `NotFoundError` when there is no such run, and `UsageError` when it is over.
        """
        now = self._clock.now()

        def write(connection: Connection) -> list[int]:
            rows = fetch(connection, _RUN, (run,))
            if not rows:
                raise NotFoundError(f"there is no run {run}")
            state, name = rows[0]
            if RunState(state) not in _ALIVE:
                raise UsageError(f"run {run} is over: it is {state}")
            statement = "INSERT INTO wanted (run, key) VALUES (?, ?) RETURNING id"
            numbers = [int(fetch(connection, statement, (run, key))[0][0]) for key in keys]
            detail = {"keys": list(keys)}
            record(connection, [Entry("control.serve", actor, name, detail, run)], now)
            return numbers

        return self._writer.run(write)

    def asked(self, run: int, *, after: int) -> list[tuple[int, str]]:
        """Return (number, key) of what was asked of a run after that number."""
        statement = "SELECT id, key FROM wanted WHERE run = ? AND id > ? ORDER BY id"
        return [(number, key) for number, key in self._connections.fetch(statement, (run, after))]

    def answer(self, answers: Mapping[int, str]) -> None:
        """Say by number what became of keys; returns at once."""
        rows = [(answer, number) for number, answer in answers.items()]

        def write(connection: Connection) -> None:
            connection.exec_driver_sql("UPDATE wanted SET answer = ? WHERE id = ?", rows)

        if rows:
            self._writer.later(write)

    def answers(self, numbers: Sequence[int]) -> dict[int, str]:
        """Return what became of those of these that were answered."""
        statement = "SELECT id, answer FROM wanted WHERE answer IS NOT NULL AND id IN (*)"
        with self._connections.reading() as connection:
            return dict(fetch_among(connection, statement, numbers))
