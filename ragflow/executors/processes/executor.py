"""Gives each work to the worker that suits it best, and replaces workers that end."""

import sys
import threading
from collections import deque
from collections.abc import Hashable
from concurrent.futures import CancelledError, Future, wait
from dataclasses import dataclass, field
from typing import Any, ClassVar

from ragflow.clock import Clock, SystemClock
from ragflow.errors import PluginError
from ragflow.executors.processes.worker_process import WorkerProcess
from ragflow.interfaces.execution import (
    CarriedError,
    Limits,
    Work,
    WorkerDiedError,
    closed_error,
    open_error,
)

#: Seconds a worker has to end by itself.
_ENDS_WITHIN = 5.0
#: Seconds that `stop` waits for a killed process; one that waits for a disk may take longer.
_KILLED_WITHIN = 10.0
#: Times that a worker which dies before it is ready is started, and seconds before each other.
_STARTS = 3
_STARTS_AGAIN_AFTER = 0.2
#: Values of `near` that a slot is known for.
_REMEMBERED = 8


@dataclass(eq=False, slots=True)
class _Call:
    """A work on its way, from `submit` until its future ends."""

    work: Work
    future: Future[Any] = field(default_factory=Future)
    worker: WorkerProcess | None = None
    is_stopped: bool = False


@dataclass(eq=False, slots=True)
class _Slot:
    """Room for one worker, and the thread that serves it."""

    thread: threading.Thread | None = None
    call: _Call | None = None
    worker: WorkerProcess | None = None
    #: What its worker is confined to, and what it worked on of late.
    confined_to: tuple[int | None, bool] | None = None
    nears: deque[Hashable] = field(default_factory=lambda: deque(maxlen=_REMEMBERED))
    used: int = 0
    wake: threading.Condition = field(default_factory=threading.Condition)


class ProcessExecutor:
    """Does as many works at a time as it has slots, each in a process that lives on.

    `bootstrap` names, as ``module:callable``, what each worker calls once; it returns a
    `Performer`. A worker that dies costs the work it did, and is replaced; so is one that went
    past its time or its memory. One that dies before it is ready costs nothing: it is started
    again, and where it dies three times the work fails with `PluginError`. A worker confined in
    memory or network does only works with those same limits. Where the kernel lets no process
    cut its own network, that limit holds for Python code only. Workers ignore Ctrl-C and die
    with this process, with all they started, at once and however it ends (on other systems
    than Linux within a second, unless compiled code holds them up). What tasks print goes to
    the descriptor `prints_to`; a worker not ready `ready_within` seconds is killed.
    """

    keeps: ClassVar[frozenset[str]] = frozenset(
        {"seconds", "output", "network"} | ({"memory"} if sys.platform == "linux" else set())
    )
    elsewhere: ClassVar[bool] = True
    isolated: ClassVar[bool] = True

    def __init__(
        self,
        slots: int,
        *,
        bootstrap: str,
        prints_to: int = 2,
        ready_within: float = 300.0,
        clock: Clock | None = None,
    ) -> None:
        self.slots = slots
        self._bootstrap = bootstrap
        self._prints_to = prints_to
        self._ready_within = ready_within
        self._clock = clock or SystemClock()
        self._lock = threading.RLock()
        self._closed = False
        self._open: dict[int, _Call] = {}
        self._waiting: deque[_Call] = deque()
        self._slots = [_Slot(wake=threading.Condition(self._lock)) for _ in range(slots)]
        self._uses = 0

    def submit(self, work: Work) -> Future[Any]:
        """Begin the work as soon as a slot is free, in the worker that suits it best."""
        call = _Call(work)
        with self._lock:
            if self._closed:
                raise closed_error("processes")
            if work.number in self._open:
                raise open_error(work.number)
            self._open[work.number] = call
            self._waiting.append(call)
            self._assign()
        return call.future

    def stop(self, number: int) -> bool:
        """Drop it, or kill the worker that does it; True unless the kernel holds that up."""
        with self._lock:
            call = self._open.get(number)
            if call is None:
                return True
            if call not in self._waiting:
                call.is_stopped = True
                if call.worker is not None:
                    call.worker.kill()
        if not call.is_stopped:
            return self._drop(call) or self.stop(number)
        return bool(wait([call.future], timeout=_KILLED_WITHIN).done)

    def close(self) -> None:
        """Drop what has not begun, wait for what has, end the workers and reap them."""
        self._end(stop=False)

    def abandon(self) -> None:
        """Drop what has not begun, kill the workers that do something, and end the others."""
        self._end(stop=True)

    # --- Which slot -----------------------------------------------------------------------------

    def _assign(self) -> None:
        """Give waiting calls to free slots, in order; the lock is held."""
        free = [slot for slot in self._slots if slot.call is None]
        while free and self._waiting:
            call = self._waiting.popleft()
            if not call.future.set_running_or_notify_cancel():
                del self._open[call.work.number]
                continue
            slot = min(free, key=lambda slot: _unfitness(slot, call.work))
            free.remove(slot)
            self._uses += 1
            slot.call, slot.used = call, self._uses
            if slot.thread is None:
                slot.thread = threading.Thread(target=self._serve, args=(slot,), daemon=True)
                slot.thread.start()
            slot.wake.notify()

    # --- The thread of a slot -------------------------------------------------------------------

    def _serve(self, slot: _Slot) -> None:
        while (call := self._next(slot)) is not None:
            result, error = None, None
            try:
                result = self._carry(slot, call)
            except BaseException as raised:  # noqa: BLE001 - the future records it
                error = CarriedError.of(raised)
            self._watch(call, None)
            if slot.worker is not None and (call.is_stopped or not slot.worker.is_sound):
                self._retire(slot)
            with self._lock:
                # Free before the future ends: whoever waits for it may submit the next.
                del self._open[call.work.number]
                slot.call = None
                self._assign()
            if error is None:
                call.future.set_result(result)
            else:
                call.future.set_exception(CancelledError() if call.is_stopped else error)
            del call, result, error  # a waiting thread must not keep a large result alive
        self._retire(slot)

    def _next(self, slot: _Slot) -> _Call | None:
        with self._lock:
            slot.wake.wait_for(lambda: slot.call is not None or self._closed)
            return slot.call

    def _carry(self, slot: _Slot, call: _Call) -> Any:
        work = call.work
        if work.stays():
            return work()
        data = work.encode()
        worker = self._worker(slot, call)
        if work.near is not None and work.near not in slot.nears:
            slot.nears.append(work.near)
        return work.decode(worker.do(work.number, data, work.limits, hear=work.hear))

    def _worker(self, slot: _Slot, call: _Call) -> WorkerProcess:
        """Return a worker confined as the work asks, starting one where there is none."""
        limits = call.work.limits
        # One that was killed while it had nothing to do must cost nothing.
        sound = slot.worker is not None and slot.worker.is_sound
        if slot.worker is not None and sound and slot.confined_to == _confinement(limits):
            self._watch(call, slot.worker)
            return slot.worker
        for start in range(1, _STARTS + 1):
            self._retire(slot)
            try:
                return self._start(slot, call)
            except (WorkerDiedError, OSError) as error:
                # The work was not begun, so it is not to blame: the machine is, or the code.
                if call.is_stopped:
                    raise
                if start == _STARTS:
                    raise PluginError(
                        f"no worker can be started, tried {_STARTS} times: {_why(error)}",
                        hint="the machine may be out of memory or processes: use fewer slots",
                    ) from error
            self._clock.sleep(_STARTS_AGAIN_AFTER)
        raise AssertionError("the last start returns or raises")

    def _start(self, slot: _Slot, call: _Call) -> WorkerProcess:
        limits = call.work.limits
        worker = WorkerProcess(
            self._bootstrap, limits, prints_to=self._prints_to, clock=self._clock
        )
        slot.worker, slot.confined_to = worker, _confinement(limits)
        self._watch(call, worker)
        worker.prepare(call.work.number, within=self._ready_within)
        return worker

    def _watch(self, call: _Call, worker: WorkerProcess | None) -> None:
        """Let `stop` know whom to kill; it may have been asked before."""
        with self._lock:
            call.worker = worker
            if call.is_stopped and worker is not None:
                worker.kill()

    def _retire(self, slot: _Slot) -> None:
        worker, slot.worker, slot.confined_to = slot.worker, None, None
        slot.nears.clear()
        if worker is not None:
            worker.end(within=_ENDS_WITHIN)

    # --- Ends -----------------------------------------------------------------------------------

    def _drop(self, call: _Call) -> bool:
        """End the future of a call that has not begun; False when it has."""
        with self._lock:
            if call not in self._waiting:
                return False
            self._waiting.remove(call)
            del self._open[call.work.number]
        call.future.cancel()
        call.future.set_running_or_notify_cancel()
        return True

    def _end(self, *, stop: bool) -> None:
        with self._lock:
            self._closed = True
            waiting = list(self._waiting)
        for call in waiting:
            self._drop(call)
        with self._lock:
            for slot in self._slots:
                slot.wake.notify()
            begun = list(self._open)
            threads = [slot.thread for slot in self._slots if slot.thread is not None]
        for number in begun if stop else ():
            self.stop(number)
        for thread in threads:
            if thread is not threading.current_thread():
                thread.join()


def _why(error: Exception) -> str:
    """Return how a worker ended that never heard of its work."""
    if isinstance(error, WorkerDiedError):
        how = error.signal_name or f"exit code {error.exit_code}"
        return f"it ended with {how} before it was ready"
    return str(error)


def _confinement(limits: Limits) -> tuple[int | None, bool]:
    return limits.memory, limits.network


def _unfitness(slot: _Slot, work: Work) -> tuple[int, int]:
    """Return what the least of belongs to the slot that suits the work best."""
    if slot.worker is None:
        rank = 2
    elif slot.confined_to != _confinement(work.limits):
        rank = 3
    else:
        rank = 0 if work.near in slot.nears else 1
    return rank, slot.used
