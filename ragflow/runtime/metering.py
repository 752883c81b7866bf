"""What does a call take of the process that does it?"""

import sys
from contextlib import suppress
from pathlib import Path

from ragflow.clock import Clock
from ragflow.scheduling.travel import Spent

_ITSELF = Path("/proc/self")


class Meter:
    """Measures calls one after another, in a process that does nothing else meanwhile.

    Memory is the most that lay in memory at any moment of the call: of the process, or of a
    program that it ran if that took more. It is 0 where the system does not tell (not Linux).
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._began = clock.elapsed()
        self._processor = 0.0
        self._children = 0

    def begin(self) -> None:
        """Begin with a call."""
        self._began = self._clock.elapsed()
        self._processor, self._children = _used()
        with suppress(OSError):
            # Forget the peak so far: from now on it is this call's.
            (_ITSELF / "clear_refs").write_text("5", encoding="ascii")

    def spent(self) -> Spent:
        """Return what the call took."""
        processor, children = _used()
        # The system only tells the most of all programs so far: a smaller one says nothing.
        grown = children if children > self._children else 0
        seconds = self._clock.elapsed() - self._began
        return Spent(seconds, processor - self._processor, max(_most(), grown))


def _most() -> int:
    with suppress(OSError):
        for line in (_ITSELF / "status").read_text(encoding="ascii", errors="replace").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return 0


def _used() -> tuple[float, int]:
    """Return the processor seconds of this process and its programs, and the most bytes of one."""
    if sys.platform == "win32":
        return 0.0, 0
    import resource

    mine, theirs = (
        resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    seconds = mine.ru_utime + mine.ru_stime + theirs.ru_utime + theirs.ru_stime
    return seconds, theirs.ru_maxrss * 1024 if sys.platform == "linux" else 0
