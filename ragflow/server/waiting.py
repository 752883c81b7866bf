"""How does a service wait without work, and hear at once of what others write?"""

import threading
from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from ragflow.clock import Clock

#: Seconds between two looks at whether the home changed: all that an idle service does.
PACE = 1.0


class Waiting(Protocol):
    """Waits for an instant, for a change of the home, or until it is woken."""

    def wait(self, until: datetime | None, seen: object, is_over: Callable[[], bool]) -> None:
        """Return at `until`, when the home is not as it was `seen`, or when `wake` is called.

        Also, within a second, when `is_over`: a signal handler can say so, and cannot wake.
        """

    def wake(self) -> None:
        """End the wait under way, or the next one."""


class QuietWaiting:
    """Looks once a second whether the files of the home changed, and does nothing else.

    So a service that has nothing to do uses next to nothing, and looks once a second at most
    while runs write. Safe for threads; signal handlers must not call `wake`.
    """

    def __init__(self, clock: Clock, changes: Callable[[], object]) -> None:
        self._clock = clock
        self._changes = changes
        self._woken = threading.Event()
        #: How often it looked whether anything changed.
        self.looks = 0

    def wait(self, until: datetime | None, seen: object, is_over: Callable[[], bool]) -> None:
        """Return at `until`, when the home is not as it was `seen`, or when `wake` is called.

        Also, within a second, when `is_over`: a signal handler can say so, and cannot wake.
        """
        while not is_over():
            left = PACE
            if until is not None:
                left = min(left, (until - self._clock.now()).total_seconds())
            if self._woken.wait(max(0.0, left)):
                break
            self.looks += 1
            is_due = until is not None and self._clock.now() >= until
            if is_due or self._changes() != seen:
                break
        self._woken.clear()

    def wake(self) -> None:
        """End the wait under way, or the next one."""
        self._woken.set()
