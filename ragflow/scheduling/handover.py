"""How does the loop hand work to executors and hear of it again?"""

import heapq
import itertools
import queue
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import Any

from ragflow.clock import Clock
from ragflow.interfaces.orchestration import Executor

#: Called in the loop's thread with what it was submitted with and the finished future, whose
#: result is (outcome, seconds it took).
Then = Callable[..., None]
#: Depth (negated, for the heap), number, call, then, its arguments.
_Waiting = tuple[int, int, Callable[[], Any], Then, tuple[Any, ...]]


class Handover:
    """Submits calls and brings what came out back to the thread of the loop.

    Of the calls that wait the deepest goes first, so that an owner is finished before another
    is begun; an executor is given few more than it has slots for, or its own queue would decide.
    """

    def __init__(self, executors: Mapping[str, Executor], clock: Clock) -> None:
        self._executors = executors
        self._clock = clock
        self._events: queue.SimpleQueue[tuple[Then, tuple[Any, ...]]] = queue.SimpleQueue()
        self._waiting: dict[str, list[_Waiting]] = {name: [] for name in executors}
        self._begun: dict[str, int] = dict.fromkeys(executors, 0)
        self._numbers = itertools.count()
        #: Calls waiting or under way, by executor.
        self.under_way: dict[str, int] = dict.fromkeys(executors, 0)

    def submit(
        self, executor: str, call: Callable[[], Any], then: Then, *arguments: Any, depth: int = 0
    ) -> None:
        """Begin a call as soon as its turn comes; `then` hears of its end."""
        self.under_way[executor] += 1
        waiting = self._waiting[executor]
        heapq.heappush(waiting, (-depth, next(self._numbers), call, then, arguments))
        self._begin(executor)

    def _begin(self, executor: str) -> None:
        """Hand over the calls whose turn it is."""
        waiting = self._waiting[executor]
        room = 2 * self._executors[executor].slots + 2
        while waiting and self._begun[executor] < room:
            _, _, call, then, arguments = heapq.heappop(waiting)
            self._begun[executor] += 1
            self._hand_over(executor, call, then, arguments)

    def _hand_over(
        self, executor: str, call: Callable[[], Any], then: Then, arguments: tuple[Any, ...]
    ) -> None:
        clock = self._clock

        def timed() -> tuple[Any, float]:
            begun = clock.elapsed()
            return call(), clock.elapsed() - begun

        future = self._executors[executor].submit(timed)
        future.add_done_callback(
            lambda done: self._events.put((self._back, (executor, then, *arguments, done)))
        )

    def _back(self, executor: str, then: Then, *arguments: Any) -> None:
        self._begun[executor] -= 1
        self.under_way[executor] -= 1
        then(*arguments)
        self._begin(executor)

    def is_busy(self, *executors: str) -> bool:
        """Tell whether any of these executors has a call under way."""
        return any(self.under_way[name] for name in executors)

    def hear(self) -> None:
        """Wait for the end of one call, then take every other that has ended."""
        handle, arguments = self._events.get()
        handle(*arguments)
        while not self._events.empty():
            handle, arguments = self._events.get()
            handle(*arguments)

    def wake(self) -> None:
        """Let `hear` return though nothing ended; may be called inside a signal handler."""
        self._events.put((_nothing, ()))

    def close(self, executor: str) -> list[tuple[Then, tuple[Any, ...], Future[Any]]]:
        """Drop what has not begun, wait for what has; return what ended unheard."""
        self._waiting[executor].clear()
        self._executors[executor].close()
        ended = []
        while not self._events.empty():
            handle, arguments = self._events.get()
            if handle is not _nothing:
                _, then, *given, future = arguments
                ended.append((then, tuple(given), future))
        return ended


def _nothing() -> None:
    """Do nothing: somebody woke the loop."""
