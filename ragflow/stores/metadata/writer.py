"""The one thread that writes, and how writes that come together share a transaction."""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any, Protocol, TypeVar

from sqlalchemy import Connection

from ragflow.core.commit_points import is_heard, reached
from ragflow.errors import BusyError, HomeError
from ragflow.stores.metadata.connections import Connections, driver
from ragflow.stores.metadata.faults import home_error

T = TypeVar("T")

#: Seconds that writes nobody waits for gather company, once there are some.
GATHER = 0.05
#: Seconds the thread stays without work, and at most leaves alone what nobody waits for; it holds
#: up the end of the interpreter as long.
LINGER = 0.1
#: Bytes that the log keeps of the disk when it is empty again.
LOG_SIZE = 16 * 1024 * 1024
#: Writes in one transaction at most.
GROUP = 16


#: What was compared in the transaction that is open, on its connection.
CHECKED = "ragflow.checked"


class Write(Protocol):
    """Something to be written, in three steps."""

    def prepare(self) -> None:
        """Make ready, outside any transaction; called again when the database was locked."""

    def write(self, connection: Connection) -> None:
        """Write, inside a transaction."""

    def written(self) -> None:
        """Hear that it is committed."""


class Writes(Protocol):
    """Takes what is to be written. See `Writer` for what each way of handing it over promises."""

    def run(self, act: Callable[[Connection], T]) -> T:
        """Call the function in a transaction and return its result once that is on the disk."""

    def submit(self, act: Callable[[Connection], T]) -> "Future[T]":
        """Call the function in a transaction at once; the future is done when it is committed."""

    def later(self, act: Callable[[Connection], None]) -> None:
        """Call the function in a transaction soon; returns at once."""

    def post(self, write: Write) -> None:
        """Take a write; returns at once."""


class _Awaited:
    """A function that somebody waits for; on the disk, or safe from the end of the process."""

    def __init__(self, act: Callable[[Connection], Any], *, is_for_disk: bool) -> None:
        self.future: Future[Any] = Future()
        self.is_for_disk = is_for_disk
        self.origin = act.__qualname__
        self._act = act
        self._result: Any = None

    def prepare(self) -> None:
        """Nothing to make ready."""

    def write(self, connection: Connection) -> None:
        """Call the function."""
        self._result = self._act(connection)

    def written(self) -> None:
        """Hand the result to who waits."""
        self.future.set_result(self._result)


class _Posted:
    """A function that nobody waits for."""

    def __init__(self, act: Callable[[Connection], None]) -> None:
        self.origin = act.__qualname__
        self.write = act

    def prepare(self) -> None:
        """Nothing to make ready."""

    def written(self) -> None:
        """Nobody waits."""


def origin_of(write: Write) -> str:
    """Return the name of the function whose write it is, or else of its class."""
    found: str = getattr(write, "origin", type(write).__qualname__)
    return found.partition(".<locals>")[0]


def _point(group: list[Write], what: str) -> None:
    if is_heard():
        for write in group:
            reached(f"{origin_of(write)}: {what}")


class Writer:
    """Runs writes inside transactions, in the order they came, one group a transaction.

    What is run is on the disk when it returns (synchronous=FULL); what is submitted is safe
    from the end of the process when its future is done, what is posted soon is, and both are
    safe from a loss of power with the next write that is run. A write that raises takes back
    what it wrote, and nothing else of its group; where nobody waits for it, later writes raise
    in its place. A transaction that cannot be committed fails every write of its group and all
    that follow. A database that stays locked fails the writes that waited for it; those posted
    are tried again.

    The thread runs while there is work and ends soon after: nothing has to be closed for the
    interpreter to end, and what was posted is written before it does.
    """

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._connection: Connection | None = None
        self._synchronous = ""
        self._queue: deque[Write] = deque()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._failure: BaseException | None = None
        self._is_failure_told = False
        self._is_closed = False

    def run(self, act: Callable[[Connection], T]) -> T:
        """Call the function in a transaction and return its result once that is durable."""
        write = _Awaited(act, is_for_disk=True)
        self.post(write)
        result: T = write.future.result()
        return result

    def submit(self, act: Callable[[Connection], T]) -> Future[T]:
        """Call the function in a transaction at once; the future is done when it is committed.

        What waits for the future runs in the one thread that writes, and must be quick.
        """
        write = _Awaited(act, is_for_disk=False)
        self.post(write)
        return write.future

    def later(self, act: Callable[[Connection], None]) -> None:
        """Call the function in a transaction soon; returns at once."""
        self.post(_Posted(act))

    def post(self, write: Write) -> None:
        """Take a write; returns at once."""
        self._connections.check_process()
        if self._connections.read_only:
            raise HomeError(
                f"database {str(self._connections.database)!r} is open for reading only"
            )
        with self._changed:
            if self._failure is not None:
                raise self._refusal(self._failure)
            if self._is_closed:
                raise HomeError(f"database {str(self._connections.database)!r} is closed")
            self._queue.append(write)
            if self._thread is None:
                self._thread = threading.Thread(target=self._serve, name="ragflow-writer")
                self._thread.start()
            # What nobody waits for is found when the thread looks; waking it costs both threads
            # more than a small write does.
            if isinstance(write, _Awaited) or len(self._queue) >= GROUP:
                self._changed.notify_all()

    def flush(self) -> None:
        """Return when everything posted so far is durable; raise what kept it from being so."""
        self.run(lambda _: None)
        if self._failure is not None:
            raise self._refusal(self._failure)

    def close(self) -> None:
        """Write what is left, end the thread and close; raise a failure nobody was told."""
        if self._connections.is_foreign:
            return
        with self._changed:
            if self._is_closed:
                return
            self._is_closed = True
            thread = self._thread
            self._changed.notify_all()
        if thread is not None:
            thread.join()
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        if self._failure is not None and not self._is_failure_told:
            raise self._refusal(self._failure)

    def _refusal(self, failure: BaseException) -> HomeError:
        self._is_failure_told = True
        known = home_error(failure, self._connections.database)
        if known is None and isinstance(failure, HomeError):
            known = failure
        if known is None:
            refusal = HomeError(f"a write to the home failed: {failure!r}")
        else:
            refusal = type(known)(str(known), hint=known.hint)
        refusal.__cause__ = failure
        return refusal

    def _serve(self) -> None:
        while group := self._next_group():
            try:
                self._write(group)
            except BaseException as error:  # noqa: BLE001 - whoever waits must hear of it
                self._break(group, error)

    def _next_group(self) -> list[Write]:
        with self._changed:
            patience = GATHER if self._queue else LINGER
            self._changed.wait_for(self._is_hurried, patience)
            if not self._queue:
                self._thread = None
                return []
            return [self._queue.popleft() for _ in range(min(GROUP, len(self._queue)))]

    def _is_hurried(self) -> bool:
        if self._is_closed or len(self._queue) >= GROUP:
            return True
        return any(isinstance(write, _Awaited) for write in self._queue)

    def _write(self, group: list[Write]) -> None:
        connection = self._connect(group)
        ready = deque(write for write in group if self._is_prepared(write))
        written: list[Write] = []
        while ready:
            # What fails before anything is written ends its transaction: the next begins another.
            if not written and not self._begin(connection, ready):
                return
            write = ready.popleft()
            if self._act(connection, write, is_first=not written):
                written.append(write)
        if not written:
            return
        _point(written, "written")
        driver(connection).execute("COMMIT")
        del connection.info[CHECKED]
        _point(written, "committed")
        for write in written:
            write.written()

    def _begin(self, connection: Connection, waiting: Sequence[Write]) -> bool:
        """Begin a transaction; where others keep the database locked, put off what waits."""
        try:
            driver(connection).execute("BEGIN IMMEDIATE")
        except Exception as error:
            busy = home_error(error, self._connections.database)
            if not isinstance(busy, BusyError):
                raise
            self._postpone(waiting, busy)
            return False
        # Whatever was compared in another transaction may have changed since.
        connection.info[CHECKED] = set()
        return True

    def _connect(self, group: list[Write]) -> Connection:
        if self._connection is None:
            self._connection = self._connections.engine.connect()
            self._connection.exec_driver_sql(f"PRAGMA journal_size_limit={LOG_SIZE}")
            # What is deleted may be somebody's: its bytes go, too.
            self._connection.exec_driver_sql("PRAGMA main.secure_delete=ON")
        is_for_disk = any(isinstance(write, _Awaited) and write.is_for_disk for write in group)
        synchronous = "FULL" if is_for_disk else "NORMAL"
        if synchronous != self._synchronous:
            self._connection.exec_driver_sql(f"PRAGMA synchronous={synchronous}")
            self._synchronous = synchronous
        return self._connection

    def _act(self, connection: Connection, write: Write, *, is_first: bool) -> bool:
        """Write, or take back what was written of it and tell why; `is_first` in its group."""
        bare = driver(connection)
        if not is_first:  # with nothing before it the transaction itself is taken back
            bare.execute("SAVEPOINT one")
        try:
            write.write(connection)
        except Exception as error:
            # SQLite takes back the whole transaction when the disk is full or fails.
            if not driver(connection).in_transaction:
                raise
            self._tell(write, error)
            if is_first:
                bare.execute("ROLLBACK")
                del connection.info[CHECKED]
                return False
            bare.execute("ROLLBACK TO one")
            bare.execute("RELEASE one")
            return False
        if not is_first:
            bare.execute("RELEASE one")
        return True

    def _is_prepared(self, write: Write) -> bool:
        try:
            write.prepare()
        except Exception as error:  # noqa: BLE001 - handed to who waits, or to the next write
            self._tell(write, error)
            return False
        return True

    def _tell(self, write: Write, error: BaseException) -> None:
        if isinstance(write, _Awaited):
            known = home_error(error, self._connections.database)
            write.future.set_exception(known or error)
        elif self._failure is None:
            self._failure = error

    def _postpone(self, group: Sequence[Write], busy: BusyError) -> None:
        posted = [write for write in group if not isinstance(write, _Awaited)]
        with self._changed:
            if not self._is_closed:
                self._queue.extendleft(reversed(posted))
            elif posted:
                self._failure = self._failure or busy
        for write in group:
            if isinstance(write, _Awaited):
                write.future.set_exception(busy)

    def _break(self, group: list[Write], error: BaseException) -> None:
        with self._changed:
            self._failure = self._failure or error
            lost = group + list(self._queue)
            self._queue.clear()
        for write in lost:
            if isinstance(write, _Awaited) and not write.future.done():
                write.future.set_exception(self._refusal(self._failure))
        if self._connection is not None:
            # It may be in any state; closing takes back what was not committed.
            self._connection.invalidate()
            self._connection.close()
            self._connection = None
