"""Which waiting calls go together, and when?"""

from collections import deque
from typing import Generic, TypeVar

C = TypeVar("C")


class Batcher(Generic[C]):
    """Gathers the calls of batch tasks across owners.

    A batch leaves when it is full, or when nothing else is under way that could fill it; one
    batch a task is under way at a time, so that the next one fills meanwhile.
    """

    def __init__(self) -> None:
        self._waiting: dict[str, deque[C]] = {}
        self._busy: set[str] = set()

    def add(self, task: str, call: C) -> None:
        """Let a call wait."""
        self._waiting.setdefault(task, deque()).append(call)

    def ready(self, sizes: dict[str, int], *, idle: bool) -> list[tuple[str, list[C]]]:
        """Take the batches that leave now; `idle` says that nothing can fill them further."""
        leaving = []
        for task, waiting in self._waiting.items():
            size = sizes[task]
            if not waiting or task in self._busy or (len(waiting) < size and not idle):
                continue
            leaving.append((task, [waiting.popleft() for _ in range(min(size, len(waiting)))]))
            self._busy.add(task)
        return leaving

    def over(self, task: str) -> None:
        """Record that the batch under way of this task is over."""
        self._busy.discard(task)

    def waiting(self) -> dict[str, int]:
        """Return how many calls wait, by task."""
        return {task: len(calls) for task, calls in self._waiting.items()}
