"""Which scheduler may write for an instance: a file lock, and a row with an epoch."""

import os
import platform
import threading
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from typing import Any

import msgspec
from sqlalchemy import Connection

from ragflow.clock import Clock
from ragflow.core.records import Instance
from ragflow.core.run_records import Lease
from ragflow.errors import BusyError, LeaseLostError, RagflowError
from ragflow.stores.metadata.audit import Entry, record
from ragflow.stores.metadata.connections import Connections, fetch
from ragflow.stores.metadata.encoding import from_microseconds, slug, to_microseconds
from ragflow.stores.metadata.fences import check_lease, forget_checked
from ragflow.stores.metadata.holds import Holds
from ragflow.stores.metadata.writer import Writer

#: How long a lease counts after it was renewed.
LIFETIME = timedelta(seconds=30)
#: Seconds between two renewals; a third of its life, so that one may fail.
RENEWAL = 10.0
#: Seconds between two looks at a lease that somebody waits for.
PATIENCE = 0.2
#: Seconds in which a holder that has the file lock comes to have the lease, or to let go of both.
TRANSITION = 0.5

_SELECT = "SELECT epoch, holder, owner, pid, host, is_locked, taken_at, renewed_at \
FROM lease WHERE instance = ?"
_TAKE = "INSERT INTO lease (instance, epoch, holder, owner, pid, host, is_locked, taken_at, \
renewed_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (instance) DO UPDATE SET \
epoch = excluded.epoch, holder = excluded.holder, owner = excluded.owner, pid = excluded.pid, \
host = excluded.host, is_locked = excluded.is_locked, taken_at = excluded.taken_at, \
renewed_at = excluded.renewed_at"
_RENEW = "UPDATE lease SET renewed_at = ? WHERE instance = ? AND epoch = ?"
_RELEASE = "UPDATE lease SET renewed_at = NULL WHERE instance = ? AND epoch = ?"


class HeldError(BusyError):
    """Another holds the lease: not the database, which is for whoever waits for that."""


class SqliteLeases:
    """The leases of a home. Safe for threads and processes; every taking is atomic."""

    def __init__(
        self, connections: Connections, writer: Writer, holds: Holds, clock: Clock
    ) -> None:
        self._connections = connections
        self._writer = writer
        self._holds = holds
        self._clock = clock
        self._holder = uuid.uuid4().hex

    def take(self, instance: Instance, owner: str, *, is_locked: bool = False) -> Lease:
        """Take the lease; every lease of the instance before it counts no more, at once.

        It is free when nobody holds it, when it was not renewed for 30 s, and when its holder
        held the file lock, which `is_locked` says is in our hands now. Raises `BusyError`
        where it is not.
        """
        now = self._clock.now()

        def write(connection: Connection) -> Lease:
            epoch, held = _find(connection, instance)
            is_freed = is_locked and held is not None and held.is_locked
            if held is not None and held.until > now and not is_freed:
                raise _busy(instance, held)
            lease = Lease(
                instance=instance.id,
                epoch=epoch + 1,
                holder=self._holder,
                owner=owner,
                pid=os.getpid(),
                host=platform.node(),
                since=now,
                until=now + LIFETIME,
                is_locked=is_locked,
            )
            told = (self._holder, owner, lease.pid, lease.host, is_locked)
            at = to_microseconds(now)
            forget_checked(connection)
            connection.exec_driver_sql(_TAKE, (instance.id, lease.epoch, *told, at, at))
            if held is not None:
                detail = {"epoch": lease.epoch, "from": held.owner, "pid": held.pid}
                entry = Entry("lease.taken_over", owner, instance.name, detail)
                record(connection, [entry], now)
            return lease

        return self._writer.submit(write).result()

    def renew(self, lease: Lease) -> Lease:
        """Keep it for 30 s from now. Raises `LeaseLostError` when it is another's by now."""
        now = self._clock.now()

        def write(connection: Connection) -> None:
            check_lease(connection, lease)
            values = (to_microseconds(now), lease.instance, lease.epoch)
            connection.exec_driver_sql(_RENEW, values)

        self._writer.submit(write).result()
        return msgspec.structs.replace(lease, until=now + LIFETIME)

    def check(self, lease: Lease) -> None:
        """Raise `LeaseLostError` when the lease is another's by now; writes nothing."""
        with self._connections.reading() as connection:
            check_lease(connection, lease)

    def release(self, lease: Lease) -> None:
        """Let go of it; nothing happens when it is another's by now."""

        def write(connection: Connection) -> None:
            forget_checked(connection)
            connection.exec_driver_sql(_RELEASE, (lease.instance, lease.epoch))

        self._writer.submit(write).result()

    def holder(self, instance: Instance) -> Lease | None:
        """Return the lease that counts, None where nobody holds it or its holder died.

        One that was not renewed in time is returned: its holder is stopped or hangs.
        """
        lease = self._find(instance)
        if lease is not None and lease.is_locked and not self._holds.is_held(_lock_name(instance)):
            return None
        return lease

    @contextmanager
    def hold(self, instance: Instance, *, owner: str, wait: bool) -> Iterator[Lease]:
        """Hold file lock and lease, or the lease alone where the lock's holder is stopped.

        The lock's holder is that when it did not renew its lease in time, and when it lost it to
        another that is over by now.
        The lease is renewed by a thread while the context lives. Raises `BusyError` naming
        who holds it and since when, unless `wait`.
        """
        with ExitStack() as locks:
            lease = self._obtain(locks, instance, owner=owner, wait=wait)
            try:
                with self._renewing(lease):
                    yield lease
            finally:
                # Before the lock: whoever gets that would find the lease of one that died.
                self._let_go(lease)

    def _obtain(self, locks: ExitStack, instance: Instance, *, owner: str, wait: bool) -> Lease:
        free_since: float | None = None
        while True:
            now = self._clock.elapsed()
            # Who has the lock alone is about to take the lease, or has just let go of it; else it
            # was stopped, lost the lease, and is refused when it comes back.
            is_left = free_since is not None and now - free_since >= TRANSITION
            try:
                return self._try(locks, instance, owner, is_left=is_left)
            except HeldError:
                locks.close()
                is_free = self._find(instance) is None
                if not wait and not is_free:
                    raise
            free_since = (now if free_since is None else free_since) if is_free else None
            self._clock.sleep(PATIENCE if wait else PATIENCE / 10)

    def _try(self, locks: ExitStack, instance: Instance, owner: str, *, is_left: bool) -> Lease:
        what = f"instance {instance.name!r}"
        lock = self._holds.hold(_lock_name(instance), what=what, owner=owner, wait=False)
        try:
            locks.enter_context(lock)
        except BusyError as error:
            held = self._find(instance)
            is_kept = held is not None and held.is_locked and held.until > self._clock.now()
            if is_kept or (held is None and not is_left):
                raise HeldError(str(error), hint=error.hint) from None
            return self.take(instance, owner)
        return self.take(instance, owner, is_locked=True)

    def _find(self, instance: Instance) -> Lease | None:
        with self._connections.reading() as connection:
            return _find(connection, instance)[1]

    @contextmanager
    def _renewing(self, lease: Lease) -> Iterator[None]:
        over = threading.Event()
        thread = threading.Thread(
            target=self._keep, args=(lease, over), name="ragflow-lease", daemon=True
        )
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def _keep(self, lease: Lease, over: threading.Event) -> None:
        while not over.wait(RENEWAL):
            try:
                self.renew(lease)
            except LeaseLostError:
                return
            except RagflowError:
                # A database that is locked now may be free in ten seconds.
                continue

    def _let_go(self, lease: Lease) -> None:
        try:
            self.release(lease)
        except RagflowError:
            # The lock that is given up next says the same to who holds it after us.
            return


def _find(connection: Connection, instance: Instance) -> tuple[int, Lease | None]:
    """Return the epoch of the last lease, 0 before the first, and the lease if it is held."""
    rows = fetch(connection, _SELECT, (instance.id,))
    if not rows:
        return 0, None
    epoch, *_, renewed_at = rows[0]
    return epoch, None if renewed_at is None else _lease(instance, rows[0])


def _lease(instance: Instance, row: tuple[Any, ...]) -> Lease:
    epoch, holder, owner, pid, host, is_locked, taken_at, renewed_at = row
    return Lease(
        instance=instance.id,
        epoch=epoch,
        holder=holder,
        owner=owner,
        pid=pid,
        host=host,
        since=from_microseconds(taken_at),
        until=from_microseconds(renewed_at) + LIFETIME,
        is_locked=bool(is_locked),
    )


def _lock_name(instance: Instance) -> str:
    words = slug(instance.name, limit=40)
    return f"{words}-{instance.identity.hex()}" if words else instance.identity.hex()


def _busy(instance: Instance, held: Lease) -> HeldError:
    since = held.since.isoformat(timespec="seconds")
    return HeldError(
        f"instance {instance.name!r} is held by {held.owner} (process {held.pid}) since {since}",
        hint="wait for it with --wait, or stop that process",
    )
