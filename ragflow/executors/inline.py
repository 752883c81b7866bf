"""Does work where it is handed over, at once."""

import asyncio
import threading
from concurrent.futures import Future
from typing import Any, ClassVar

from ragflow.interfaces.execution import CarriedError, Work, closed_error


class Inline:
    """Does each work in the caller's thread before `submit` returns; for what is tiny.

    A Ctrl-C goes through to the caller. All `async def` tasks share one loop, which runs only
    while one of them does; where the caller's thread runs a loop of its own, as a notebook's
    does, that is in a thread beside it.
    """

    keeps: ClassVar[frozenset[str]] = frozenset()
    elsewhere: ClassVar[bool] = False
    isolated: ClassVar[bool] = False
    slots = 1

    def __init__(self, slots: int = 1, *, bootstrap: str = "") -> None:
        del slots, bootstrap  # there is only the caller
        self._closed = False
        self._lock = threading.Lock()
        self._runner: asyncio.Runner | None = None
        self._running: set[int] = set()

    def submit(self, work: Work) -> Future[Any]:
        """Do the work; the future is done when it is returned."""
        if self._closed:
            raise closed_error("inline")
        future: Future[Any] = Future()
        future.set_running_or_notify_cancel()
        self._running.add(work.number)
        try:
            future.set_result(self._await(work) if work.is_async else work())
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 - the future is the boundary that records it
            future.set_exception(CarriedError.of(error))
        finally:
            self._running.discard(work.number)
        return future

    def stop(self, number: int) -> bool:
        """Return whether it is over; what another thread does here cannot be ended."""
        return number not in self._running

    def close(self) -> None:
        """Close the loop of `async def` tasks; nothing else is ever under way."""
        self._closed = True
        with self._lock:
            if self._runner is not None:
                self._runner.close()
                self._runner = None

    def abandon(self) -> None:
        """Do as `close` does."""
        self.close()

    def _await(self, work: Work) -> Any:
        async def awaited() -> Any:
            return await work()

        with self._lock:  # a loop runs in one thread at a time
            self._runner = runner = self._runner or asyncio.Runner()
            if not _loop_runs_here():
                return runner.run(awaited())
            ended: Future[Any] = Future()
            beside = threading.Thread(target=_run, args=(runner, awaited(), ended), daemon=True)
            beside.start()
            return ended.result()


def _loop_runs_here() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _run(runner: asyncio.Runner, awaited: Any, ended: Future[Any]) -> None:
    try:
        ended.set_result(runner.run(awaited))
    except BaseException as error:  # noqa: BLE001 - it is raised where the result is asked for
        ended.set_exception(error)
