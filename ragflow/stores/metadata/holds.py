"""Who may run an instance now? File locks that die with their process."""

import fcntl
import json
import os
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

from ragflow.clock import Clock
from ragflow.errors import BusyError, HomeError

#: Seconds given to a holder to write who it is.
_INTRODUCTION = 0.5
#: Seconds in which those who look at a lock are done with it, though others come meanwhile.
_LOOKS = 2.0


class Holds:
    """Locks under one folder, by name.

    A lock is kept by the open file, so it is free at once when its process dies; a process
    forked meanwhile lets go of its share.
    """

    def __init__(self, folder: Path, clock: Clock) -> None:
        self._folder = folder
        self._clock = clock
        self._open: set[int] = set()
        os.register_at_fork(after_in_child=partial(_let_go, weakref.ref(self)))

    @contextmanager
    def hold(self, name: str, *, what: str, owner: str, wait: bool) -> Iterator[None]:
        """Keep everybody else, threads of this process too, from holding this name.

        `what` says in an error what is held, `owner` who holds it. Raises `BusyError` naming
        the holder and since when, unless `wait`.
        """
        file = self._take(name, what=what, wait=wait)
        try:
            introduction = {
                "owner": owner,
                "pid": os.getpid(),
                "since": self._clock.now().isoformat(timespec="seconds"),
            }
            # A full disk must not keep anybody from the lock: whoever waits is told less.
            with suppress(OSError):
                os.pwrite(file, json.dumps(introduction).encode(), 0)
            yield
        finally:
            # In a fork it is closed already, and the number may be another file's.
            if file in self._open:
                self._open.discard(file)
                os.ftruncate(file, 0)
                # Closing alone would leave it to a fork that has not let go of it yet.
                fcntl.flock(file, fcntl.LOCK_UN)
                os.close(file)

    def is_held(self, name: str) -> bool:
        """Return whether somebody holds this name; makes and changes nothing."""
        try:
            file = os.open(self._folder / f"{name}.lock", os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            # Shared, so that two who look do not see each other.
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(file)
        return False

    def _take(self, name: str, *, what: str, wait: bool) -> int:
        path = self._folder / f"{name}.lock"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        except OSError as error:
            raise HomeError(
                f"lock {str(path)!r} cannot be made: {error.strerror}",
                hint="check the permissions of the home, or choose another home",
            ) from error
        self._open.add(file)
        try:
            if wait:
                fcntl.flock(file, fcntl.LOCK_EX)
            else:
                self._lock_at_once(file)
        except BlockingIOError:
            self._open.discard(file)
            os.close(file)
            raise BusyError(
                f"{what} is held by {self._holder(path)}",
                hint="wait for it with --wait, or stop that process",
            ) from None
        except BaseException:
            self._open.discard(file)
            os.close(file)
            raise
        os.ftruncate(file, 0)
        return file

    def _lock_at_once(self, file: int) -> None:
        """Lock it, though others look whether it is; raise `BlockingIOError` where one holds it."""
        until = self._clock.elapsed() + _LOOKS
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                # Beside those who look there is room for one more, beside a holder there is not.
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
                fcntl.flock(file, fcntl.LOCK_UN)
                if self._clock.elapsed() > until:
                    raise
            else:
                return
            self._clock.sleep(0.002)

    def _holder(self, path: Path) -> str:
        # The holder may have taken the lock this instant and not have said who it is.
        until = self._clock.elapsed() + _INTRODUCTION
        while True:
            try:
                told = json.loads(path.read_bytes())
                return f"{told['owner']} (process {told['pid']}) since {told['since']}"
            except (ValueError, KeyError, TypeError):
                if self._clock.elapsed() > until:
                    return "another process"
                self._clock.sleep(0.02)

    def let_go(self) -> None:
        """Close every lock without giving it up: in a fork, the other process goes on."""
        for file in self._open:
            os.close(file)
        self._open.clear()


def _let_go(holds: "weakref.ref[Holds]") -> None:
    found = holds()
    if found is not None:
        found.let_go()
