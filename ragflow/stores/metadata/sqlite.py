"""Everything a home remembers, in one SQLite database."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from datetime import timedelta
from pathlib import Path
from typing import Any

from ragflow.clock import Clock, SystemClock
from ragflow.core.records import Instance
from ragflow.core.run_records import Lease
from ragflow.errors import HomeError
from ragflow.interfaces.durability import (
    Assignments,
    Audit,
    Controls,
    DeadLetters,
    Leases,
    Logs,
    Wanted,
)
from ragflow.interfaces.orchestration import ArtifactStore, Generations, Ledger, Memos, Runs
from ragflow.interfaces.reasons import Reasons, Recipes
from ragflow.interfaces.retention import Forgetting, Retention
from ragflow.interfaces.schedules import Schedules
from ragflow.interfaces.unpacking import Manifests
from ragflow.stores.metadata.assignments import SqliteAssignments
from ragflow.stores.metadata.audit import SqliteAudit
from ragflow.stores.metadata.connections import Connections
from ragflow.stores.metadata.controls import SqliteControls
from ragflow.stores.metadata.dead_letters import SqliteDeadLetters
from ragflow.stores.metadata.definitions import Definitions
from ragflow.stores.metadata.fences import FencedWriter
from ragflow.stores.metadata.forgetting import SqliteForgetting
from ragflow.stores.metadata.generations import SqliteGenerations
from ragflow.stores.metadata.holds import Holds
from ragflow.stores.metadata.instances import Instances
from ragflow.stores.metadata.leases import SqliteLeases
from ragflow.stores.metadata.ledger import SqliteLedger
from ragflow.stores.metadata.logs import SqliteLogs
from ragflow.stores.metadata.manifests import SqliteManifests
from ragflow.stores.metadata.memos import SqliteMemos
from ragflow.stores.metadata.reasons import SqliteReasons
from ragflow.stores.metadata.recipes import SqliteRecipes
from ragflow.stores.metadata.retention import SqliteRetention
from ragflow.stores.metadata.runs import SqliteRuns
from ragflow.stores.metadata.schedules import SqliteSchedules
from ragflow.stores.metadata.schema import is_current, make_current
from ragflow.stores.metadata.wanted import SqliteWanted
from ragflow.stores.metadata.writer import Writer, Writes

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
        self._connections = connections
        self._clock = clock
        self._definitions = Definitions()
        self._writer = Writer(connections)
        self._instances = Instances(connections, self._writer, clock)
        memos = SqliteMemos(connections, self._writer, self._definitions, clock, artifacts)
        self.memos: Memos = memos
        self.forgetting: Forgetting = SqliteForgetting(connections, self._writer, memos)
        self.retention: Retention = SqliteRetention(connections, self._writer, clock, artifacts)
        self._leases = SqliteLeases(connections, self._writer, holds, clock)
        self.leases: Leases = self._leases
        self._open(self._writer)

    def _open(self, writer: Writes, *, held: int | None = None) -> None:
        connections, clock = self._connections, self._clock
        self.ledger: Ledger = SqliteLedger(connections, writer, self._definitions, clock)
        self.generations: Generations = SqliteGenerations(connections, writer, clock)
        self.runs: Runs = SqliteRuns(connections, writer, clock, held=held)
        self.assignments: Assignments = SqliteAssignments(connections, writer, clock)
        self.dead_letters: DeadLetters = SqliteDeadLetters(connections, writer, clock)
        self.controls: Controls = SqliteControls(connections, writer, clock)
        self.wanted: Wanted = SqliteWanted(connections, writer, clock)
        self.audit: Audit = SqliteAudit(connections, writer, clock)
        self.logs: Logs = SqliteLogs(connections, writer)
        self.reasons: Reasons = SqliteReasons(connections, writer, self._definitions)
        self.manifests: Manifests = SqliteManifests(connections, writer, self._definitions)
        self.schedules: Schedules = SqliteSchedules(connections, writer, clock)
        self.recipes: Recipes = SqliteRecipes(connections, writer, self._definitions)

    def instance(self, name: str, pipeline: str, scope: Mapping[str, Any]) -> Instance:
        """Return the instance of this name and scope, adding it when it is new."""
        return self._instances.get(name, pipeline, scope)

    def instances(self) -> list[Instance]:
        """Return every instance, by name."""
        return self._instances.all()

    def hold(self, instance: Instance, *, owner: str, wait: bool) -> AbstractContextManager[Lease]:
        """Keep every other process from running this instance while the context lives.

        Takes the file lock, which dies with the process, and the lease, which is renewed
        every 10 s while the context lives. Where the lock is held but the lease was not
        renewed for 30 s, its holder is stopped or hangs, and the lease alone is taken.
        Raises `BusyError` naming who holds it and since when, unless `wait`. Two contexts of
        one process exclude each other too.
        """
        if self._connections.read_only:
            raise HomeError(f"home {str(self._connections.database.parent)!r} is open for reading")
        return self._leases.hold(instance, owner=owner, wait=wait)

    def leased(self, lease: Lease) -> "SqliteMetadataStore":
        """Return this store as the holder of a lease sees it.

        Every write begins by comparing the epoch; once the lease is another's, what would be
        written is not, and the write raises `LeaseLostError`. What is posted is dropped then.
        Memos are not compared: they are true whoever puts them. Closing either closes both.
        """
        return _Leased(self, lease)

    def changes(self) -> object:
        """Return what differs after any process wrote to the home; costs next to nothing."""
        database = self._connections.database
        return tuple(map(_touched, (database, database.with_name(f"{database.name}-wal"))))

    def flush(self) -> None:
        """Return when everything put so far is durable."""
        self._writer.flush()

    def close(self) -> None:
        """Flush and let go; may be called twice. Raises a failed write nobody was told of."""
        try:
            self._writer.close()
        finally:
            self._connections.close()


class _Leased(SqliteMetadataStore):
    """A store whose writes are another's, but for what they go through."""

    def __init__(self, store: SqliteMetadataStore, lease: Lease) -> None:
        vars(self).update(vars(store))
        self._open(FencedWriter(self._writer, lease), held=lease.instance)


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


def _touched(file: Path) -> tuple[int, int] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size


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
