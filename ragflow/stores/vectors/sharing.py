"""Who may touch the folder of an embedded store now, and has somebody else changed it?

Three locked files, let go by the system when their holder dies:

*writer* is held for a whole session of writing, so that writers take turns; ``writer.json``
beside it says who holds it and since when. *data* is held while the folder is touched: by any
number of readers at once, or by one process *alone*, for one portion. *gate* is passed on the
way to *data*: who waits for *data* holds it, so that a stream of readers cannot keep a writer
out, nor a writer of many portions the readers.

``commits`` counts the changes. It is odd while a change is under way; whoever holds *data* and
finds it odd knows that a writer died half-way.
"""

import fcntl
import json
import os
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import msgspec

from ragflow.clock import Clock
from ragflow.errors import BusyError, HomeError

#: Between two looks at a lock that is held for a portion, and at one held for a session.
_GLANCE = 0.002
_LOOK = 0.05
#: What a writer waits between portions: long enough for everybody at the gate to look again.
COURTESY = 0.005


class Holder(msgspec.Struct, frozen=True):
    """Who holds a store for writing."""

    pid: int
    owner: str
    since: str

    def __str__(self) -> str:
        return f"{self.owner!r} (process {self.pid}) since {self.since}"


class Sharing:
    """The locks and the count of commits in one folder.

    Safe for threads: every hold is a descriptor of its own, so two threads exclude each other
    as two processes do. Holds are not inherited by a forked child.
    """

    def __init__(self, folder: Path, *, clock: Clock, patience: timedelta) -> None:
        self._folder = folder
        self._clock = clock
        self._patience = patience.total_seconds()
        self._held: set[int] = set()
        # A child forked in a hold shares it, and would keep it beyond its parent's death.
        forget = weakref.WeakMethod(self._forget)
        os.register_at_fork(after_in_child=lambda: (method := forget()) and method())

    @contextmanager
    def shared(self) -> Iterator[None]:
        """Hold the data together with other readers; raises `BusyError` after the patience."""
        with self._data(fcntl.LOCK_SH):
            yield

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Hold the data with nobody else; raises `BusyError` after the patience."""
        with self._data(fcntl.LOCK_EX):
            yield

    @contextmanager
    def writer(self, *, owner: str, patience: float | None) -> Iterator[None]:
        """Be the only one who writes, until the end of the block or of the process.

        Raises `BusyError` naming the holder when `patience` in seconds is over; None waits.
        """
        lock = self._take("writer", fcntl.LOCK_EX, patience=patience, pause=_LOOK)
        try:
            self._sign(owner)
            yield
        finally:
            self._let_go(lock)

    def commits(self) -> int:
        """Return the count of commits; call it while holding the data."""
        try:
            return int.from_bytes((self._folder / "commits").read_bytes(), "big")
        except FileNotFoundError:
            return 0
        except OSError as error:
            raise self._unusable(error) from error

    def record(self, commits: int) -> None:
        """Set the count of commits; call it while holding the data alone."""
        # In place and of fixed length: one write of eight bytes is never seen half done.
        flags = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC
        try:
            file = os.open(self._folder / "commits", flags, 0o644)
            try:
                os.pwrite(file, commits.to_bytes(8, "big"), 0)
            finally:
                os.close(file)
        except OSError as error:
            raise self._unusable(error) from error

    @contextmanager
    def _data(self, mode: int) -> Iterator[None]:
        gate = self._take("gate", fcntl.LOCK_EX, patience=self._patience, pause=_GLANCE)
        try:
            data = self._take("data", mode, patience=self._patience, pause=_GLANCE)
        finally:
            self._let_go(gate)
        try:
            yield
        finally:
            self._let_go(data)

    def _take(self, name: str, mode: int, *, patience: float | None, pause: float) -> int:
        lock = self._open(f"{name}.lock")
        self._held.add(lock)
        try:
            began = self._clock.elapsed()
            while not _locked(lock, mode):
                if patience is not None and self._clock.elapsed() - began >= patience:
                    raise self._busy(name)
                self._clock.sleep(pause)
        except BaseException:
            self._let_go(lock)
            raise
        return lock

    def _let_go(self, lock: int) -> None:
        if lock in self._held:
            self._held.discard(lock)
            # A descriptor that a child has for a moment shares the lock: end it, not only ours.
            fcntl.flock(lock, fcntl.LOCK_UN)
            os.close(lock)

    def _forget(self) -> None:
        """Give up every hold without ending it for whom it belongs to: the parent of a fork."""
        for lock in self._held:
            os.close(lock)
        self._held.clear()

    def _open(self, name: str) -> int:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            return os.open(self._folder / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise self._unusable(error) from error

    def _sign(self, owner: str) -> None:
        since = self._clock.now().isoformat(timespec="seconds")
        holder = Holder(pid=os.getpid(), owner=owner, since=since)
        fresh = self._folder / "writer.json.new"
        try:
            fresh.write_text(json.dumps(msgspec.to_builtins(holder)), encoding="ascii")
            fresh.replace(self._folder / "writer.json")
        except OSError as error:
            raise self._unusable(error) from error

    def _busy(self, name: str) -> BusyError:
        try:
            signed = (self._folder / "writer.json").read_bytes()
            holder = str(msgspec.json.decode(signed, type=Holder))
        except (OSError, msgspec.DecodeError):
            holder = "another process"
        store = self._folder.parent
        if name == "writer":
            return BusyError(
                f"the store in {store} is being written by {holder}",
                hint="wait for it with --wait, or stop it",
            )
        return BusyError(
            f"the store in {store} stayed locked for {self._patience:g} s; "
            f"it was last held for writing by {holder}",
            hint="another process is writing a large portion or repairing it; try again",
        )

    def _unusable(self, error: OSError) -> HomeError:
        return HomeError(
            f"the store in {self._folder.parent} cannot be used: {error.strerror}",
            hint="check who may write there, and whether the disk is full",
        )


def _locked(lock: int, mode: int) -> bool:
    try:
        fcntl.flock(lock, mode | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
