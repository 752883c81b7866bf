"""The contract of executors: what they carry, what they keep, and how what they carry ends."""

import signal
from collections.abc import Callable, Hashable, Mapping
from concurrent.futures import Future
from datetime import timedelta
from typing import Any, ClassVar, Literal, Protocol, Self

import msgspec

from ragflow.core.needs import show_size
from ragflow.errors import LimitError, RagflowError, TimedOutError, UsageError

# --- What is carried ----------------------------------------------------------------------------


class Limits(msgspec.Struct, frozen=True):
    """What one attempt may use; None is as much as there is."""

    #: Of wall time, from the moment it begins.
    seconds: float | None = None
    #: Bytes of memory, on top of what its worker holds before its first task.
    memory: int | None = None
    #: Bytes of what comes back.
    output: int | None = None
    #: Whether it may speak to other machines, or to this one by its network.
    network: bool = True


class Work(Protocol):
    """One assignment, as an executor carries it."""

    #: The number of the assignment; no two open ones of an executor share it.
    number: int
    limits: Limits
    #: Whether calling it returns something to await.
    is_async: bool
    #: Works with an equal `near` profit from one worker: it holds what the earlier one made.
    near: Hashable | None

    def __call__(self) -> Any:
        """Do it here and return the result, or what to await for it."""

    def stays(self) -> bool:
        """Tell whether it is to be done where it was submitted, though limits are not kept there.

        Asked by an executor that carries it elsewhere, once, on a thread of its own.
        """

    def encode(self) -> bytes:
        """Return it as plain data, for an executor that carries it elsewhere."""

    def decode(self, data: bytes) -> Any:
        """Return the result out of what came back from elsewhere."""

    def hear(self, data: bytes) -> None:
        """Take what its performer told on the way; called before its future ends, in order."""


# --- Who carries it -----------------------------------------------------------------------------


class Performer(Protocol):
    """Does works in a worker; what a bootstrap returns, called once in each.

    It may hold what one work made for a later one that is `near`.
    """

    def perform(self, data: bytes, tell: Callable[[bytes], None]) -> bytes:
        """Do the work that `Work.encode` gave, `async def` tasks too, and return the result.

        The bytes are what `Work.decode` is given. An error it raises is what the work raised.
        What it tells meanwhile, on any thread, is what `Work.hear` is given, also when this
        worker dies or is ended after it told that; once it has returned nothing is told.
        """


class Executor(Protocol):
    """Carries work to where it is done; safe to use from several threads.

    It is made with its number of slots and, by keyword, `bootstrap`: the import path, as
    ``module:callable``, of what makes the `Performer` of a worker elsewhere. What it can is
    said by its class, so that a run is refused before one is made.

    A future ends with what the work returned or raised; with `TimedOutError` or `LimitError`
    when it went past a limit in `keeps`; with `WorkerDiedError` when what did it is gone; with
    `PluginError` when no worker can be had, which is no fault of the work; with
    `CarriedError` in place of an error that cannot be had here, or that is no `Exception`;
    and with `concurrent.futures.CancelledError` when it was stopped or dropped. A future that
    ended has given its slot back. Callbacks of futures must return at once.
    """

    #: The names of the limits it keeps; it ignores the others.
    keeps: ClassVar[frozenset[str]]
    #: Whether work leaves the process, and so must be able to `encode` itself.
    elsewhere: ClassVar[bool]
    #: Whether its workers may die without the process that submits, which lives on.
    isolated: ClassVar[bool]
    #: Works it does at the same time.
    slots: int

    def submit(self, work: Work) -> Future[Any]:
        """Begin the work as soon as a slot is free, first come first served.

        Of several free workers it takes the one that last did work with an equal `near`.
        Raises `UsageError` when it is closed or an open work has that number, and `RunError`
        when it can do no more work because of what it could not end.
        """

    def stop(self, number: int) -> bool:
        """End the work of this number; return whether it is really over.

        True: it never began, it is over already, or what did it was ended. False: it goes on
        where it cannot be reached, and its outcome will be dropped. Its future, unless it
        ended before, ends with `CancelledError` either way.
        """

    def close(self) -> None:
        """Drop what has not begun, wait for what has, leave nothing behind; may be repeated."""

    def abandon(self) -> None:
        """Drop what has not begun, stop what has, and leave nothing behind that can be ended."""


# --- How it may end -----------------------------------------------------------------------------


class Cost(Protocol):
    """Says what a call of a task would cost, for plans; opened as a resource.

    It may also have a `price`: the US dollars that one of what it counts costs.
    """

    #: What is counted, in the plural: ``tokens``.
    unit: str
    #: The most that one call may cost; None where there is no limit.
    most: int | None

    def of(self, *data: Any) -> int:
        """Return what a call costs that is given these values; of a batch task, one item's."""


class Metered(Protocol):
    """A resource that knows what its use costs, as a client of a service does."""

    def take_usage(self) -> Mapping[str, float]:
        """Return what was used since this was last asked, by unit (``tokens``, ``usd``)."""


class WorkerDiedError(RagflowError):
    """The worker ended while it did this work; nothing is known of how far it came."""

    def __init__(
        self,
        number: int,
        *,
        exit_code: int | None = None,
        signal_name: str | None = None,
        why: str | None = None,
    ) -> None:
        if why is None and signal_name is not None:
            why = f"was killed by {signal_name}"
        elif why is None:
            why = "ended" if exit_code is None else f"ended with exit code {exit_code}"
        super().__init__(
            f"the worker of assignment {number} {why}",
            hint="the machine may have run out of memory: use fewer slots, or set a memory limit"
            if signal_name == "SIGKILL"
            else None,
        )
        self.number = number
        #: The exit code, where the worker ended by itself.
        self.exit_code = exit_code
        #: The name of the signal that ended it, as in ``SIGSEGV``.
        self.signal_name = signal_name

    @classmethod
    def of(cls, number: int, returned: int) -> Self:
        """Return the error for a process that gave this return code, negative for a signal."""
        if returned >= 0:
            return cls(number, exit_code=returned)
        known = {each.value: each.name for each in signal.Signals}
        return cls(number, signal_name=known.get(-returned, f"signal {-returned}"))


class CarriedError(RagflowError):
    """A task raised an error that cannot be given here as it was raised."""

    def __init__(self, message: str, *, kinds: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        #: The class and its bases as ``module:name``, nearest first.
        self.kinds = kinds

    @classmethod
    def of(cls, error: BaseException) -> Exception:
        """Return the error itself, or, where it would end who reads it, one that stands for it."""
        if isinstance(error, Exception):
            return error
        carried = cls(f"{type(error).__name__}: {error}", kinds=kinds_of(type(error)))
        return carried.with_traceback(error.__traceback__)


def kinds_of(error: type[BaseException]) -> tuple[str, ...]:
    """Return the names of a class of errors and of its bases, nearest first."""
    return tuple(
        f"{kind.__module__}:{kind.__qualname__}"
        for kind in error.__mro__
        if issubclass(kind, BaseException)
    )


def out_of_time(seconds: float, *, goes_on: bool = False) -> TimedOutError:
    """Return the error for an attempt that took longer than its limit.

    `goes_on` when it could not be ended, so that only its outcome is dropped.
    """
    hint = "its thread cannot be ended and goes on; in the executor 'processes' it would be ended"
    return TimedOutError("attempt", timedelta(seconds=seconds), hint=hint if goes_on else None)


def over_limit(limit: Literal["memory", "output", "network"], value: float | None) -> LimitError:
    """Return the error for a call that went past this field of its `Limits`."""
    if limit == "network":
        return LimitError(
            "the call asked for the network, which its task may not use",
            hint="allow the task the network, or give it what it needs as an input",
        )
    what = {"memory": "the call needs more memory", "output": "the call gives back more"}[limit]
    size = show_size(value or 0)
    hint = f'allow its task more: {limit}_limit="..."'
    return LimitError(f"{what} than {size}, the limit of its task", hint=hint)


def closed_error(name: str) -> UsageError:
    """Return the error for work that is given to an executor after its end."""
    return UsageError(f"executor {name!r} is closed", hint="open another one")


def open_error(number: int) -> UsageError:
    """Return the error for an assignment that is under way already."""
    return UsageError(f"assignment {number} is open", hint="give each assignment its own number")
