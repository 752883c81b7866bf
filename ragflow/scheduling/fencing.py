"""How is it known that a call which could not be stopped is over at last?"""

from collections.abc import Callable
from typing import Any

from ragflow.interfaces.execution import Work


class Fenceable:
    """Work that may be given up while its thread goes on; says when that has come to its end.

    What it needs beside its slot stays in use until then: a pool of two is not of three because
    one call hangs.
    """

    def __init__(self, work: Work, over: Callable[[], None]) -> None:
        self._work = work
        self._over = over
        #: Set before its executor is asked to stop it: so its end is told, whichever is first.
        self.is_fenced = False

    def __call__(self) -> Any:
        """Do the work."""
        try:
            return self._work()
        finally:
            if self.is_fenced:
                self._over()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._work, name)
