"""Runs a call where it is handed over, at once."""

from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

T = TypeVar("T")


class InlineExecutor:
    """Runs each call in the caller's thread before `submit` returns; for what is tiny."""

    slots = 1

    def __init__(self, slots: int = 1) -> None:
        del slots  # there is only the caller

    def submit(self, call: Callable[[], T]) -> Future[T]:
        """Run the call; the future is done when it is returned."""
        future: Future[T] = Future()
        try:
            future.set_result(call())
        except Exception as error:  # noqa: BLE001 - the future is the boundary that records it
            future.set_exception(error)
        return future

    def close(self) -> None:
        """Do nothing: nothing is ever under way."""
