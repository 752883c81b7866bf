"""Everything a home remembers, in one SQLite database."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from datetime import timedelta
from pathlib import Path
from typing import Any

from ragflow.clock import Clock, SystemClock
from ragflow.core.records import Instance
from ragflow.errors import HomeError
from ragflow.interfaces.orchestration import ArtifactStore, Generations, Ledger, Memos, Runs
from ragflow.stores.metadata.connections import Connections
from ragflow.stores.metadata.definitions import Definitions
from ragflow.stores.metadata.encoding import slug
from ragflow.stores.metadata.generations import SqliteGenerations
from ragflow.stores.metadata.holds import Holds
from ragflow.stores.metadata.instances import Instances
from ragflow.stores.metadata.ledger import SqliteLedger
from ragflow.stores.metadata.memos import SqliteMemos
from ragflow.stores.metadata.runs import SqliteRuns
from ragflow.stores.metadata.schema import is_current, make_current
from ragflow.stores.metadata.writer import Writer

#: Name of the database in its home.
DATABASE = "ragflow.db"
#: How long a write waits for another process that keeps the database locked.
PATIENCE = timedelta(seconds=10)


class SqliteMetadataStore:
    """Everything a home remembers; one writer thread, group commit.

    Safe for threads and for several processes at once; a forked process opens its own.
    Methods that write raise `BusyError` when another process keeps the database locked for
    10 s, and `HomeError` where it cannot be written.
    """

    def __init__(
        self,
        connections: Connections,
        holds: Holds,
        clock: Clock,
        artifacts: ArtifactStore | None,
    ) -> None:
        definitions = Definitions()
        self._connections = connections
        self._holds = holds
        self._writer = Writer(connections)
        self._instances = Instances(connections, self._writer, clock)
        self.ledger: Ledger = SqliteLedger(connections, self._writer, definitions, clock)
        self.memos: Memos = SqliteMemos(connections, self._writer, definitions, clock, artifacts)
        self.generations: Generations = SqliteGenerations(connections, self._writer, clock)
        self.runs: Runs = SqliteRuns(connections, self._writer, clock)

    def instance(self, name: str, pipeline: str, scope: Mapping[str, Any]) -> Instance:
        """Return the instance of this name and scope, adding it when it is new."""
        return self._instances.get(name, pipeline, scope)

    def instances(self) -> list[Instance]:
        """Return every instance, by name."""
        return self._instances.all()

    def hold(self, instance: Instance, *, owner: str, wait: bool) -> AbstractContextManager[None]:
        """Keep every other process from running this instance while the context lives.

        Raises `BusyError` naming who holds it and since when, unless `wait`. Dies with the
        process. Two contexts of one process exclude each other too.
        """
        if self._connections.read_only:
            raise HomeError(f"home {str(self._connections.database.parent)!r} is open for reading")
        words = slug(instance.name, limit=40)
        name = f"{words}-{instance.identity.hex()}" if words else instance.identity.hex()
        what = f"instance {instance.name!r}"
        return self._holds.hold(name, what=what, owner=owner, wait=wait)

    def flush(self) -> None:
        """Return when everything put so far is durable."""
        self._writer.flush()

    def close(self) -> None:
        """Flush and let go; may be called twice. Raises a failed write nobody was told of."""
        try:
            self._writer.close()
        finally:
            self._connections.close()


def open_store(
    home: Path,
    *,
    clock: Clock | None = None,
    artifacts: ArtifactStore | None = None,
    read_only: bool = False,
    patience: timedelta = PATIENCE,
) -> SqliteMetadataStore:
    """Open what this home remembers, making the folder and the database when they are new.

    Values too large for the database go to `artifacts`; without, they stay inside. Reading
    only, nothing is made or changed. Raises `HomeError` where the home cannot be used or was
    made by a newer version, and `BusyError` where another process keeps it locked.
    """
    clock = clock or SystemClock()
    database = home / DATABASE
    holds = Holds(home / "locks", clock)
    if read_only and not database.is_file():
        raise HomeError(
            f"there is nothing in home {str(home)!r}",
            hint="run a pipeline first, or name another home",
        )
    if not read_only:
        _make_folder(home)
    connections = Connections(database, read_only=read_only, patience=patience)
    try:
        _check_schema(connections, holds)
    except BaseException:
        connections.close()
        raise
    return SqliteMetadataStore(connections, holds, clock, artifacts)


def _make_folder(home: Path) -> None:
    try:
        home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise HomeError(
            f"home {str(home)!r} cannot be made: {error.strerror}",
            hint="check the permissions of its folder, or choose another home",
        ) from error


def _check_schema(connections: Connections, holds: Holds) -> None:
    with connections.reading() as connection:
        if is_current(connection, connections.database):
            return
    if connections.read_only:
        raise HomeError(
            f"{str(connections.database)!r} was made by an older version of ragflow",
            hint="run a pipeline once: that brings it up to date",
        )
    # Two processes that turn a new database to WAL at once would find it locked.
    making = holds.hold("schema", what="the home", owner="making its tables", wait=True)
    with making, connections.reading() as connection:
        make_current(connection, connections.database)
