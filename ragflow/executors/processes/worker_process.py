"""A worker as its parent sees it."""

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress

from ragflow.clock import Clock
from ragflow.errors import PluginError
from ragflow.executors.processes.frames import OUT_OF_MEMORY, Begin, Channel, Ended, Setup
from ragflow.interfaces.execution import Limits, WorkerDiedError, out_of_time, over_limit
from ragflow.interfaces.packed_error import rebuild

#: What the interpreter of a worker runs. The path is the parent's, and comes first of all:
#: without it ragflow itself might not be found.
_PROGRAM = (
    "import sys; sys.path[:] = sys.argv[3:]; "
    "from ragflow.executors.processes.worker import main; main()"
)
#: Seconds between two looks whether a silent worker is alive.
_PULSE = 1.0
#: Seconds from the end of its socket to its own: killed meanwhile it would not say how it ended.
_DYING_WITHIN = 2.0


class WorkerProcess:
    """A process that does one work at a time.

    It dies with the thread that made it, since that is what the kernel calls its parent.
    Every method but `kill` belongs to that thread.
    """

    def __init__(self, bootstrap: str, limits: Limits, *, prints_to: int, clock: Clock) -> None:
        self._bootstrap = bootstrap
        self._clock = clock
        self._reaping = threading.Lock()
        self._setup = Setup(bootstrap, memory=limits.memory, network=limits.network)
        ours, theirs = socket.socketpair()
        with theirs:
            place = [str(theirs.fileno()), str(os.getpid())]
            try:
                self._process = subprocess.Popen(
                    [sys.executable, "-c", _PROGRAM, *place, *map(str, sys.path)],
                    stdin=subprocess.DEVNULL,
                    stdout=prints_to,
                    stderr=prints_to,
                    pass_fds=[theirs.fileno()],
                    process_group=0,  # so what a task started is ended with it
                )
            except BaseException:
                ours.close()
                raise
        self._end = ours
        self._channel = _Watched(ours, self._process.pid, clock)
        self._leaves = False

    @property
    def is_sound(self) -> bool:
        """Whether it lives and may be given another work."""
        if self._leaves or self._process.returncode is not None:
            return False
        return not _is_over(self._process.pid)

    def prepare(self, number: int, *, within: float) -> None:
        """Return once it is ready, to do this assignment.

        Raises `PluginError` when its bootstrap fails, or is not over in time, and
        `WorkerDiedError` when it ends.
        """
        try:
            self._channel.allow(within)
            self._channel.send(self._setup)
            ended, _ = self._channel.receive(Ended)
        except _OverdueError:
            self.reap()
            raise PluginError(
                f"a worker was not ready within {within:g} s",
                hint=f"its bootstrap {self._bootstrap!r} takes too long, or the machine is busy",
            ) from None
        except (EOFError, ValueError):
            raise WorkerDiedError.of(number, self._found_dead()) from None
        if ended.error is not None:
            self.reap()
            raise PluginError(
                f"bootstrap {self._bootstrap!r} of workers failed: {ended.error.message}",
                hint="it is called once in each worker, and must return what performs",
            ) from rebuild(ended.error)

    def do(
        self, number: int, data: bytes, limits: Limits, *, hear: Callable[[bytes], None]
    ) -> bytes:
        """Do the work and return its result; what it tells on the way is heard as it comes.

        Raises what the work raised, `TimedOutError`, `LimitError` or `WorkerDiedError`;
        after an error it may not be sound.
        """
        try:
            self._channel.allow(limits.seconds)
            self._channel.send(Begin(limits.output), data)
            ended, answer = self._answer(limits.output, hear)
        except _OverdueError:
            self.reap()
            assert limits.seconds is not None
            raise out_of_time(limits.seconds) from None
        except OverflowError:
            self.reap()
            raise over_limit("output", limits.output) from None
        except EOFError:
            returned = self._found_dead()
            if returned == OUT_OF_MEMORY and limits.memory is not None:
                raise over_limit("memory", limits.memory) from None
            raise WorkerDiedError.of(number, returned) from None
        except ValueError:  # a task wrote into the socket
            self.reap()
            raise WorkerDiedError(number, why="gave an answer that cannot be read") from None
        except BaseException:
            self.reap()
            raise
        if ended.error is None:
            return answer
        self._leaves = ended.leaves
        raise rebuild(ended.error)

    def _answer(self, output: int | None, hear: Callable[[bytes], None]) -> tuple[Ended, bytes]:
        while True:
            header, body = self._channel.receive_answer(at_most=output)
            if isinstance(header, Ended):
                return header, body
            with suppress(Exception):  # what a work says is no part of what it does
                hear(body)

    def kill(self) -> None:
        """End it and what its tasks started, now; may be called from any thread."""
        with self._reaping:
            if self._process.returncode is None:
                with suppress(OSError):
                    os.killpg(self._process.pid, signal.SIGKILL)

    def end(self, *, within: float) -> None:
        """Let it end by itself, and kill it when it has not by then."""
        if self._process.returncode is not None:
            return
        with suppress(OSError):
            # Not merely closed: a fork of this process may hold the descriptor, too.
            self._end.shutdown(socket.SHUT_RDWR)
        self._await_end(within)
        self.reap()

    def _found_dead(self) -> int:
        """Return the return code of a worker whose end of the socket is closed."""
        self._await_end(_DYING_WITHIN)
        return self.reap()

    def _await_end(self, within: float) -> None:
        until = self._clock.elapsed() + within
        while not _is_over(self._process.pid) and self._clock.elapsed() < until:
            self._clock.sleep(0.002)

    def reap(self) -> int:
        """Kill it where it lives, wait for its end and return its return code."""
        if self._process.returncode is not None:
            return self._process.returncode
        self.kill()
        with suppress(ChildProcessError):
            # Waits without reaping, so that `kill` never meets a number that is another's.
            os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOWAIT)
        with self._reaping:
            self._end.close()
            return self._process.wait()


class _OverdueError(Exception):
    """It took longer than it was allowed."""


class _Watched(Channel):
    """The parent's end: it notices that the time is over, or that the worker is."""

    def __init__(self, end: socket.socket, pid: int, clock: Clock) -> None:
        super().__init__(end)
        self._pid = pid
        self._clock = clock
        self._until: float | None = None

    def allow(self, seconds: float | None) -> None:
        """Allow what follows this long."""
        self._until = None if seconds is None else self._clock.elapsed() + seconds

    def patience(self) -> float:
        """Return the seconds to the next look, at most to the end of the time allowed."""
        if self._until is None:
            return _PULSE
        # Zero would make the socket one that never waits.
        return min(max(self._until - self._clock.elapsed(), 0.001), _PULSE)

    def grow_impatient(self) -> None:
        """Raise when the time is over, or the worker though its socket lives on in a fork."""
        if self._until is not None and self._clock.elapsed() >= self._until:
            raise _OverdueError
        if _is_over(self._pid):
            raise EOFError


def _is_over(pid: int) -> bool:
    """Return whether a child has ended, without reaping it."""
    try:
        return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is not None
    except ChildProcessError:
        return True
