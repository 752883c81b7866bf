"""Writes that count only while a lease is held."""

from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

from sqlalchemy import Connection

from ragflow.core.run_records import Lease
from ragflow.errors import LeaseLostError
from ragflow.stores.metadata.connections import driver, fetch
from ragflow.stores.metadata.writer import CHECKED, Write, Writes, origin_of

T = TypeVar("T")

_IS_HELD = "SELECT 1 FROM lease WHERE instance = ? AND epoch = ? AND renewed_at IS NOT NULL"
_HOLDER = "SELECT owner FROM lease WHERE instance = ? AND renewed_at IS NOT NULL"


def check_lease(connection: Connection, lease: Lease) -> None:
    """Raise `LeaseLostError` unless the lease still counts.

    Inside a transaction that writes, it counts until that ends: no other can begin.
    """
    place = (lease.instance, lease.epoch)
    # What counted at the beginning of a transaction counts until its end.
    checked: set[tuple[int, int]] | None = connection.info.get(CHECKED)
    if checked is not None and place in checked:
        return
    held = driver(connection).execute(_IS_HELD, place)
    if held.fetchone() is not None:
        if checked is not None:
            checked.add(place)
        return
    holder = fetch(connection, _HOLDER, (lease.instance,))
    by = f"{holder[0][0]} took it over" if holder else "it was let go"
    raise LeaseLostError(
        f"the lease of {lease.owner!r} counts no more: {by}",
        hint="what was committed is kept; run again when the other run is over",
    )


def forget_checked(connection: Connection) -> None:
    """Let leases be compared anew: one changes hands in this very transaction."""
    checked: set[tuple[int, int]] = connection.info.get(CHECKED, set())
    checked.clear()


class FencedWriter:
    """Hands writes on for the holder of a lease, each behind a comparison of the epoch.

    Once the lease is another's, what is waited for raises `LeaseLostError` and what is not is
    dropped; neither changes anything, and writes of others go on.
    """

    def __init__(self, writer: Writes, lease: Lease) -> None:
        self._writer = writer
        self._lease = lease

    def run(self, act: Callable[[Connection], T]) -> T:
        """Call the function in a transaction and return its result once that is on the disk."""
        return self._writer.run(self._fenced(act))

    def submit(self, act: Callable[[Connection], T]) -> Future[T]:
        """Call the function in a transaction at once; the future is done when it is committed."""
        return self._writer.submit(self._fenced(act))

    def later(self, act: Callable[[Connection], None]) -> None:
        """Call the function in a transaction soon, if the lease is still held then."""
        fenced = self._fenced(act)

        def write(connection: Connection) -> None:
            try:
                fenced(connection)
            except LeaseLostError:
                # Nobody waits; whoever writes next and waits is told.
                return

        write.__qualname__ = act.__qualname__
        self._writer.later(write)

    def post(self, write: Write) -> None:
        """Take a write, if the lease is still held when its turn comes; returns at once."""
        self._writer.post(_FencedWrite(write, self._lease))

    def _fenced(self, act: Callable[[Connection], T]) -> Callable[[Connection], T]:
        def write(connection: Connection) -> T:
            check_lease(connection, self._lease)
            return act(connection)

        # Points and tracebacks name the write, not what compares the epoch before it.
        write.__qualname__ = act.__qualname__
        return write


class _FencedWrite:
    """A posted write behind a comparison of the epoch."""

    def __init__(self, write: Write, lease: Lease) -> None:
        self.origin = origin_of(write)
        self._write = write
        self._lease = lease

    def prepare(self) -> None:
        """Make ready."""
        self._write.prepare()

    def write(self, connection: Connection) -> None:
        """Write, if the lease is still held."""
        try:
            check_lease(connection, self._lease)
        except LeaseLostError:
            return
        self._write.write(connection)

    def written(self) -> None:
        """Hear that its turn is over."""
        self._write.written()
