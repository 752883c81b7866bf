"""Does work in threads of this process, and `async def` tasks in one loop they share."""

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import CancelledError, Future, wait
from dataclasses import dataclass, field
from typing import Any, ClassVar

from ragflow.errors import RunError
from ragflow.interfaces.execution import (
    CarriedError,
    Work,
    closed_error,
    open_error,
    out_of_time,
)

#: Threads that were let go and go on, beyond which no more work is taken.
MOST_LET_GO = 32


@dataclass(eq=False, slots=True)
class _Call:
    """A work on its way, from `submit` until its future ends."""

    work: Work
    future: Future[Any] = field(default_factory=Future)
    #: Where it runs, once it has begun.
    thread: threading.Thread | None = None
    task: asyncio.Task[None] | None = None
    timer: asyncio.TimerHandle | None = None


class Threads:
    """Does as many works at a time as it has slots, first come first served.

    `async def` tasks take no thread: up to `together` of them run in one loop; a stopped one
    has `grace` seconds to clean up before it is left to end by itself. A call in a
    thread cannot be ended: when it is stopped or out of time its outcome is dropped, another
    thread takes its slot, and it is left to end by itself. While 32 such threads go on it
    takes no more works for threads. Its threads do not keep the process from ending.
    """

    keeps: ClassVar[frozenset[str]] = frozenset({"seconds"})
    elsewhere: ClassVar[bool] = False
    isolated: ClassVar[bool] = False

    def __init__(
        self, slots: int, *, bootstrap: str = "", together: int = 64, grace: float = 5.0
    ) -> None:
        del bootstrap  # work stays in this process
        self.slots = slots
        #: Async works it does at the same time, beside its slots.
        self.together = together
        self._grace = grace
        self._changed = threading.Condition()
        self._closed = False
        self._open: dict[int, _Call] = {}
        self._waiting: deque[_Call] = deque()
        self._waiting_async: deque[_Call] = deque()
        self._threads: set[threading.Thread] = set()
        self._let_go_on: set[threading.Thread] = set()
        self._idle = 0
        self._awaited = 0
        self._loop: _Loop | None = None

    def submit(self, work: Work) -> Future[Any]:
        """Begin the work as soon as a thread is free, or the loop where it is async."""
        call = _Call(work)
        with self._changed:
            if self._closed:
                raise closed_error("threads")
            if work.number in self._open:
                raise open_error(work.number)
            if not work.is_async:
                self._check_let_go()
            self._open[work.number] = call
            if work.is_async:
                self._waiting_async.append(call)
                self._the_loop().soon(self._begin_async)
            else:
                self._waiting.append(call)
                if self._idle < len(self._waiting) and len(self._threads) < self.slots:
                    self._start_thread()
                self._changed.notify()
        return call.future

    def stop(self, number: int) -> bool:
        """End it where it has not begun or is async; else drop its outcome and return False."""
        with self._changed:
            call = self._open.get(number)
            if call is None:
                return True
        if self._drop(call):
            return True
        if self._cancel(call) and wait([call.future], timeout=self._grace).done:
            return True
        return not self._let_go(call, CancelledError())

    def close(self) -> None:
        """Drop what has not begun, wait for what has, end the threads.

        What was let go before is not waited for.
        """
        self._end(stop=False)

    def abandon(self) -> None:
        """Drop what has not begun, stop what has; threads that go on are left to end."""
        self._end(stop=True)

    # --- Threads --------------------------------------------------------------------------------

    def _check_let_go(self) -> None:
        """Refuse to fill the process with threads that nobody can end; the lock is held."""
        self._let_go_on = {thread for thread in self._let_go_on if thread.is_alive()}
        if len(self._let_go_on) >= MOST_LET_GO:
            raise RunError(
                f"{len(self._let_go_on)} calls were stopped and go on in threads that cannot be "
                "ended: no more are begun",
                hint='executor="processes" ends what takes too long',
            )

    def _start_thread(self) -> None:
        thread = threading.Thread(target=self._serve, name="ragflow", daemon=True)
        self._threads.add(thread)
        thread.start()

    def _serve(self) -> None:
        me = threading.current_thread()
        while (call := self._next(me)) is not None:
            if call.work.limits.seconds is not None:
                self._limit(call, call.work.limits.seconds)
            try:
                result, error = call.work(), None
            except BaseException as raised:  # noqa: BLE001 - the future records it
                result, error = None, CarriedError.of(raised)
            if not self._claim(call):
                return  # it was let go, and another thread has its slot
            _settle(call.future, result, error)
            del call, result, error  # a waiting thread must not keep a large result alive

    def _next(self, me: threading.Thread) -> _Call | None:
        with self._changed:
            while True:
                self._idle += 1
                while not self._waiting and not self._closed:
                    self._changed.wait()
                self._idle -= 1
                if not self._waiting:
                    self._threads.discard(me)
                    return None
                call = self._waiting.popleft()
                if call.future.set_running_or_notify_cancel():
                    call.thread = me
                    return call
                del self._open[call.work.number]

    def _limit(self, call: _Call, seconds: float) -> None:
        def begin() -> None:
            with self._changed:
                if self._open.get(call.work.number) is call:
                    call.timer = asyncio.get_running_loop().call_later(seconds, end)

        def end() -> None:
            self._let_go(call, out_of_time(seconds, goes_on=True))

        with self._changed:
            loop = self._the_loop()
        loop.soon(begin)

    # --- The loop -------------------------------------------------------------------------------

    def _the_loop(self) -> "_Loop":
        if self._loop is None:
            self._loop = _Loop()
        return self._loop

    def _begin_async(self) -> None:
        """Begin what may begin; runs in the loop."""
        with self._changed:
            while self._waiting_async and self._awaited < self.together:
                call = self._waiting_async.popleft()
                if call.future.set_running_or_notify_cancel():
                    self._awaited += 1
                    call.task = asyncio.get_running_loop().create_task(self._await(call))
                else:
                    del self._open[call.work.number]

    async def _await(self, call: _Call) -> None:
        seconds = call.work.limits.seconds
        result: Any = None
        error: BaseException | None = None
        scope = asyncio.timeout(seconds)
        try:
            async with scope:
                result = await call.work()
        except asyncio.CancelledError:
            error = CancelledError()
        except BaseException as raised:  # noqa: BLE001 - the future records it
            error = CarriedError.of(raised)
            if seconds is not None and scope.expired():
                error = out_of_time(seconds)
        claimed = self._claim(call)
        with self._changed:
            self._awaited -= 1
        self._begin_async()
        if claimed:
            _settle(call.future, result, error)

    # --- Ends -----------------------------------------------------------------------------------

    def _claim(self, call: _Call) -> bool:
        """Return True to the one that may end its future."""
        with self._changed:
            if self._open.get(call.work.number) is not call:
                return False
            del self._open[call.work.number]
            self._changed.notify_all()
            if call.timer is not None and self._loop is not None:
                self._loop.soon(call.timer.cancel)
            return True

    def _drop(self, call: _Call) -> bool:
        """End the future of a call that has not begun; False when it has."""
        with self._changed:
            lane = self._waiting_async if call.work.is_async else self._waiting
            if call not in lane:
                return False
            lane.remove(call)
            del self._open[call.work.number]
        call.future.cancel()
        call.future.set_running_or_notify_cancel()
        return True

    def _cancel(self, call: _Call) -> bool:
        """Ask a call in the loop to end; False when it is in a thread, where nobody hears."""
        with self._changed:
            if call.task is None or self._loop is None:
                return False
            self._loop.soon(call.task.cancel)
            return True

    def _let_go(self, call: _Call, error: BaseException) -> bool:
        """End the future of a call that goes on, and give its slot to another thread."""
        with self._changed:
            if not self._claim(call):
                return False
            if call.thread is not None:
                self._threads.discard(call.thread)
                self._let_go_on.add(call.thread)
                if self._waiting and not self._closed:
                    self._start_thread()
        _settle(call.future, None, error)
        return True

    def _end(self, *, stop: bool) -> None:
        with self._changed:
            self._closed = True
            waiting = [*self._waiting, *self._waiting_async]
            self._changed.notify_all()
        for call in waiting:
            self._drop(call)
        with self._changed:
            begun = list(self._open.values()) if stop else []
        for call in begun:
            self._cancel(call)
        wait([call.future for call in begun if call.task is not None], timeout=self._grace)
        for call in begun:
            self._let_go(call, CancelledError())
        with self._changed:
            me = threading.current_thread()
            self._changed.wait_for(lambda: all(call.thread is me for call in self._open.values()))
            threads, loop, self._loop = list(self._threads - {me}), self._loop, None
        for thread in threads:
            thread.join()
        if loop is not None:
            loop.end()


class _Loop:
    """A thread that runs one event loop."""

    def __init__(self) -> None:
        self._loop: Future[asyncio.AbstractEventLoop] = Future()
        self._over: asyncio.Event | None = None
        self._thread = threading.Thread(target=self._run, name="ragflow-loop", daemon=True)
        self._thread.start()

    def soon(self, call: Callable[[], object]) -> None:
        """Have the loop call this; does nothing once it has ended."""
        try:
            self._loop.result().call_soon_threadsafe(call)
        except RuntimeError:
            return

    def end(self) -> None:
        """Cancel what still runs, and return when the loop is closed."""
        self.soon(lambda: self._over.set() if self._over else None)
        if self._thread is not threading.current_thread():
            self._thread.join()

    def _run(self) -> None:
        asyncio.run(self._live())

    async def _live(self) -> None:
        self._over = asyncio.Event()
        self._loop.set_result(asyncio.get_running_loop())
        await self._over.wait()


def _settle(future: Future[Any], result: Any, error: BaseException | None) -> None:
    if error is None:
        future.set_result(result)
    else:
        future.set_exception(error)
