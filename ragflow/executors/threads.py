"""Runs calls in threads of this process."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


class ThreadExecutor:
    """Runs as many calls at a time as it has slots, first come first served."""

    def __init__(self, slots: int) -> None:
        self.slots = slots
        self._pool = ThreadPoolExecutor(slots, thread_name_prefix="ragflow")

    def submit(self, call: Callable[[], T]) -> Future[T]:
        """Begin the call as soon as a thread is free."""
        return self._pool.submit(call)

    def close(self) -> None:
        """Drop what has not begun, wait for what has, end the threads."""
        self._pool.shutdown(wait=True, cancel_futures=True)
