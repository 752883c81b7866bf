"""Which finished owners are committed together, and when?"""

from collections.abc import Callable, Sequence

from ragflow.clock import Clock
from ragflow.scheduling.commits import Served

#: Rows or owners that make a portion full.
FULL = 500
#: Seconds after which what is finished is committed though the portion is not full.
LINGER = 1.0
#: Portions that may wait to be written before finished owners hold the run back.
WAITING = 2


class Portions:
    """Gathers finished owners; lets a portion go when it is full or has waited long enough."""

    def __init__(self, send: Callable[[Sequence[Served]], None], clock: Clock) -> None:
        self._send = send
        self._clock = clock
        self._finished: list[Served] = []
        self._rows = 0
        self._since = 0.0
        self.under_way = 0

    def add(self, served: Served) -> None:
        """Take a finished owner."""
        if not self._finished:
            self._since = self._clock.elapsed()
        self._finished.append(served)
        self._rows += sum(len(end.rows or ()) for end in served.ends)

    def let_go(self, *, idle: bool) -> None:
        """Send the portion when it is time; `idle` says that nothing else is under way."""
        if not self._finished or self.under_way >= WAITING:
            return
        late = self._clock.elapsed() - self._since > LINGER and not self.under_way
        if self._is_full or late or idle:
            self.under_way += 1
            self._send(self.take())

    def take(self) -> list[Served]:
        """Return the portion as it is and begin another."""
        portion, self._finished, self._rows = self._finished, [], 0
        return portion

    @property
    def is_stemmed(self) -> bool:
        """Whether finished owners wait behind portions that are being written."""
        return self.under_way >= WAITING and self._is_full

    @property
    def _is_full(self) -> bool:
        return self._rows >= FULL or len(self._finished) >= FULL

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits and nothing is being written."""
        return not self._finished and not self.under_way
