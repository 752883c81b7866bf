"""What time is it? The only place that asks the machine."""

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """A source of instants; tests pass one of their own."""

    def now(self) -> datetime:
        """Return the current instant, aware, in UTC."""

    def nanoseconds(self) -> int:
        """Return the current instant in nanoseconds since 1970, as file systems count."""

    def elapsed(self) -> float:
        """Return seconds from an arbitrary fixed point; never goes back."""

    def sleep(self, seconds: float) -> None:
        """Wait."""


class SystemClock:
    """The clock of the machine."""

    def now(self) -> datetime:
        """Return the current instant, aware, in UTC."""
        return datetime.now(UTC)

    def nanoseconds(self) -> int:
        """Return the current instant in nanoseconds since 1970, as file systems count."""
        return time.time_ns()

    def elapsed(self) -> float:
        """Return seconds from an arbitrary fixed point; never goes back."""
        return time.perf_counter()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)
