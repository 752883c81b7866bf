"""Who answers the calls of walks: memos, calls already under way, or workers?"""

from collections import deque
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Future
from typing import Any, Generic, TypeVar

from ragflow.core.shapes import Shape
from ragflow.errors import SkipDocument
from ragflow.scheduling.batches import Batcher
from ragflow.scheduling.calls import Call, Counted, Performed, Stop, perform, perform_batch, recall
from ragflow.scheduling.handover import Handover
from ragflow.scheduling.owners import ContentChangedError, ends_the_run, of_one
from ragflow.scheduling.surroundings import Surroundings
from ragflow.scheduling.walk import Ground, Outcome

W = TypeVar("W")


class Calling(Generic[W]):
    """Answers calls; `W` is what waits for an answer.

    Equal calls under way are one call with several waiters. A batch that fails is halved, so
    that one bad item is found in log2(n) rounds and fails alone.
    """

    def __init__(
        self,
        surroundings: Surroundings,
        ground: Ground,
        handover: Handover,
        *,
        deliver: Callable[[W, Outcome], None],
        failed: Callable[[W, Stop], None],
        begin_again: Callable[[Sequence[W]], None],
    ) -> None:
        self._s = surroundings
        self._handover = handover
        self._kinds = ground.definitions.kinds
        self._deliver = deliver
        self._failed = failed
        self._begin_again = begin_again
        self._nodes = {node.name: node for node in ground.nodes}
        self._depths = {node.name: depth for depth, node in enumerate(ground.nodes, start=1)}
        self._sizes = {
            node.name: node.task.settings.batch
            for node in ground.nodes
            if node.shape is Shape.BATCH
        }
        self._asking: deque[tuple[W, Call, Exception | None]] = deque()
        self._waiters: dict[Hashable, list[W]] = {}
        self._batcher: Batcher[Call] = Batcher()

    def ask(self, waiter: W, call: Call, *, unknown: Exception | None = None) -> None:
        """Let a call wait for its answer.

        With `unknown` it is not begun: where no memo answers, it stops with that error.
        """
        self._asking.append((waiter, call, unknown))

    @property
    def waiting(self) -> dict[str, int]:
        """How many calls wait for a batch, by task."""
        return self._batcher.waiting()

    def answer(self) -> None:
        """Answer what memos know and begin the rest; ends when nothing asks any more."""
        while self._asking:
            asked = list(self._asking)
            self._asking.clear()
            keys = list({call.key for _, call, _ in asked if call.key is not None})
            found = self._s.memos.get_many(keys) if keys else {}
            for waiter, call, unknown in asked:
                total = self._s.totals.tasks[call.node.name]
                memo = found.get(call.key) if call.key is not None else None
                if memo is not None:
                    total.memoized += 1
                    self._deliver(waiter, recall(call, memo, self._kinds[call.node.name]))
                elif unknown is not None:
                    self._deliver(waiter, Stop(call.node.name, call.path, unknown))
                elif call.ticket in self._waiters:
                    total.memoized += 1
                    self._waiters[call.ticket].append(waiter)
                else:
                    self._begin(waiter, call)

    def _begin(self, waiter: W, call: Call) -> None:
        settings = call.node.task.settings
        if self._s.serve is None and settings.plan == "count":
            self._s.totals.count_call(call.node.name, call.ticket)
            self._deliver(waiter, Stop(call.node.name, call.path, Counted()))
            return
        self._waiters[call.ticket] = [waiter]
        if call.node.shape is Shape.BATCH:
            self._batcher.add(call.node.name, call)
            return

        def performing() -> Performed:
            resources = self._s.resources.get(call.node.resources, call.node.parameters)
            return perform(call, self._kinds[call.node.name], resources)

        depth = self._depths[call.node.name]
        self._handover.submit(settings.executor, performing, self._called, call, depth=depth)

    def _called(self, call: Call, future: Future[Any]) -> None:
        error = future.exception()
        if error is not None:
            self._fail(call, error)
            return
        performed, seconds = future.result()
        self._s.totals.tasks[call.node.name].seconds += seconds
        self._succeed(call, performed)

    def send_batches(self, *, idle: bool) -> None:
        """Send the batches that are full, or all when nothing else can fill them."""
        for name, calls in self._batcher.ready(self._sizes, idle=idle):
            self._send(name, calls, [len(calls)])

    def _send(self, name: str, calls: Sequence[Call], open_calls: list[int]) -> None:
        node = self._nodes[name]

        def performing() -> list[Performed]:
            resources = self._s.resources.get(node.resources, node.parameters)
            return perform_batch(calls, self._kinds[name], resources)

        self._handover.submit("batches", performing, self._batch_called, calls, open_calls)

    def _batch_called(
        self, calls: Sequence[Call], open_calls: list[int], future: Future[Any]
    ) -> None:
        """Take the answers of a batch; `open_calls` counts what is left of it over halves."""
        name = calls[0].node.name
        error = future.exception()
        halved = error is not None and not ends_the_run(error)
        if halved and len(calls) > 1:
            middle = len(calls) // 2
            self._send(name, calls[:middle], open_calls)
            self._send(name, calls[middle:], open_calls)
            return
        open_calls[0] -= len(calls)
        if not open_calls[0]:
            self._batcher.over(name)
        if error is not None:
            self._fail(calls[0], error)
            return
        outcomes, seconds = future.result()
        self._s.totals.tasks[name].seconds += seconds
        for call, performed in zip(calls, outcomes, strict=True):
            self._succeed(call, performed)

    def _succeed(self, call: Call, performed: Performed) -> None:
        self._s.totals.tasks[call.node.name].ran += 1
        self._remember(call, performed)
        for waiter in self._waiters.pop(call.ticket):
            self._deliver(waiter, performed.parts)

    def _remember(self, call: Call, performed: Performed) -> None:
        if performed.memo is not None and call.key is not None:
            self._s.memos.put(call.key, performed.memo, task=call.node.name)

    def _fail(self, call: Call, error: BaseException) -> None:
        error = of_one(error)
        waiters = self._waiters.pop(call.ticket)
        if isinstance(error, ContentChangedError):
            self._begin_again(waiters)
            return
        total = self._s.totals.tasks[call.node.name]
        if isinstance(error, SkipDocument):
            total.ran += 1  # it found that there is nothing to do, and that is an answer
        else:
            total.failed += 1
        stop = Stop(call.node.name, call.path, error)
        for waiter in waiters:
            self._failed(waiter, stop)
            self._deliver(waiter, stop)

    def remember_unheard(self) -> None:
        """Wait for the calls under way and remember what they computed; begin nothing."""
        for executor in ("threads", "inline", "batches"):
            for then, arguments, future in self._handover.close(executor):
                if future.cancelled() or future.exception() is not None:
                    continue
                outcome, _seconds = future.result()
                if then == self._called:
                    self._remember(arguments[0], outcome)
                elif then == self._batch_called:
                    for call, performed in zip(arguments[0], outcome, strict=True):
                        self._remember(call, performed)
