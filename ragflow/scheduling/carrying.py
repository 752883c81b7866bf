"""What does a worker do with an assignment, and what does it bring back?"""

from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from typing import Any

import msgspec

from ragflow.clock import Clock
from ragflow.core.records import Loaded
from ragflow.core.shapes import Shape
from ragflow.interfaces.execution import Limits
from ragflow.interfaces.packed_error import rebuild
from ragflow.scheduling.calls import (
    Call,
    Performed,
    arguments_of,
    perform,
    perform_async,
    perform_batch,
    recall,
)
from ragflow.scheduling.datum import Datum
from ragflow.scheduling.elsewhere import Elsewhere
from ragflow.scheduling.printing import Logged, Masks, Speaker
from ragflow.scheduling.resources import OpenResources, taken_usage
from ragflow.scheduling.travel import HELD, Answer, Assignment, Came, SentCall, Spent, Told


class Brought(msgspec.Struct, frozen=True):
    """What came of an assignment: of each call in its order, what it made or raised."""

    outcomes: Sequence[Any]
    #: Seconds it took, waiting for a slot left out.
    seconds: float
    #: What each call took, where that is known.
    spent: Sequence[Spent] = ()


class Lacking(msgspec.Struct, frozen=True):
    """A worker did nothing, for it does not hold what it was to hold: it is to be asked again."""


class Carried:
    """The calls of one assignment, as executors carry them.

    Calls of a bundle are called one after another, each failing by itself; those of a batch
    at once, failing together. What services say was used is told at once, whatever becomes of
    the calls: it is paid for.
    """

    def __init__(
        self,
        number: int,
        calls: Sequence[Call],
        kind: str,
        limits: Limits,
        *,
        resources: OpenResources,
        clock: Clock,
        elsewhere: Elsewhere,
        logged: Logged,
        masks: Masks,
        used: Callable[[Mapping[str, float]], None],
    ) -> None:
        self.number = number
        self.limits = limits
        self.node = calls[0].node
        self.is_async = self.node.task.signature.is_async and self.node.shape is not Shape.BATCH
        # What an owner came to in one worker is best gone on with there, part by part.
        self.near: Hashable | None = (calls[0].owner, calls[0].path)
        self._calls = calls
        self._kind = kind
        self._resources = resources
        self._clock = clock
        self._elsewhere = elsewhere
        self._logged = logged
        self._masks = masks
        # Told on whichever thread carries them.
        self._used = used
        # What the worker said that it does not hold.
        self._lacks: frozenset[bytes] = frozenset()

    def __call__(self) -> Any:
        """Call them here; a coroutine where the task is one and is called for one item."""
        if self.is_async:
            return self._awaited()
        begun = self._clock.elapsed()
        opened = self._resources.get(self.node.resources, self.node.parameters)
        outcomes: Sequence[Performed | BaseException]
        spent: list[Spent] = []
        try:
            if self.node.shape is Shape.BATCH:
                with self._speaker(only_owner(self._calls)):
                    outcomes = perform_batch(self._calls, self._kind, opened)
            else:
                outcomes, at = [], begun
                for call in self._calls:
                    with self._speaker(call.owner):
                        outcomes.append(caught(perform, call, self._kind, opened))
                    at, since = self._clock.elapsed(), at
                    spent.append(Spent(at - since))
        finally:
            self._used(taken_usage(opened.values()))
        return Brought(outcomes, self._clock.elapsed() - begun, spent)

    async def _awaited(self) -> Brought:
        begun = self._clock.elapsed()
        opened = self._resources.get(self.node.resources, self.node.parameters)
        outcomes = []
        try:
            for call in self._calls:
                with self._speaker(call.owner):
                    outcomes.append(await caught_async(perform_async(call, self._kind, opened)))
        finally:
            self._used(taken_usage(opened.values()))
        return Brought(outcomes, self._clock.elapsed() - begun)

    def _speaker(self, owner: str) -> Speaker:
        return Speaker(self._logged, self._masks, self.node.name, owner)

    def stays(self) -> bool:
        """Tell whether their task trusts all that they are given, so that they are done here."""
        trusted = self.node.task.settings.trusted
        if trusted is None or self.is_async:
            return False
        try:
            return all(
                trusted(*arguments_of(self.node, call.owner, call.inputs)) for call in self._calls
            )
        except Exception:  # noqa: BLE001 - what cannot be had is found out where it is used
            return False

    def encode(self) -> bytes:
        """Return them as plain data.

        Raises `ContentChangedError` where an input is neither here nor held any more, and
        what getting an input raises.
        """
        limits, node = self.limits, self.node
        elsewhere, calls = self._elsewhere, []
        for call in self._calls:
            inputs = [
                elsewhere.sent_input(node, place, datum, self._lacks)
                for place, datum in enumerate(call.inputs)
            ]
            comes_back = call.key is not None or elsewhere.comes_back(node, call.owner)
            calls.append(SentCall(owner=call.owner, inputs=inputs, comes_back=comes_back))
        room = HELD if limits.memory is None else min(HELD, limits.memory // 8)
        return msgspec.msgpack.encode(
            Assignment(
                task=elsewhere.task(node),
                calls=calls,
                room=room,
                output=limits.output,
                scratch=elsewhere.scratch,
            )
        )

    def decode(self, data: bytes) -> Brought | Lacking:
        """Return what came back, or that the worker lacks something.

        Raises what a batch raised.
        """
        answer = msgspec.msgpack.decode(data, type=Answer)
        if answer.lacks:
            self._lacks |= set(answer.lacks)
            return Lacking()
        self._used(answer.used)
        if answer.error is not None:
            raise rebuild(answer.error)
        self._elsewhere.hold(answer.held)
        outcomes = [
            self._outcome(call, came) for call, came in zip(self._calls, answer.came, strict=True)
        ]
        return Brought(outcomes, answer.seconds, [came.spent for came in answer.came])

    def hear(self, data: bytes) -> None:
        """Take a line that a call printed or logged in a worker."""
        told = msgspec.msgpack.decode(data, type=Told)
        line = told.line
        self._logged(self.node.name, told.owner, line.stream, line.level, line.text)

    def _outcome(self, call: Call, came: Came) -> Performed | Exception:
        if came.error is not None:
            return rebuild(came.error)
        if came.memo is not None:
            parts = recall(call, came.memo, self._kind)
            return Performed(parts, None if call.key is None else came.memo)
        lost = self._elsewhere.losing(call.owner)
        return Performed([Datum(name, env, fetch=lost) for name, env in came.parts], None)


class Fetching:
    """The loads of one assignment."""

    limits = Limits()
    is_async = False

    def __init__(
        self, number: int, loads: Sequence[Callable[[], Loaded]], near: str, clock: Clock
    ) -> None:
        self.number = number
        self.near: Hashable | None = near
        self._loads = loads
        self._clock = clock

    def __call__(self) -> Brought:
        """Load them one after another, each failing by itself."""
        begun = self._clock.elapsed()
        outcomes = [caught(load) for load in self._loads]
        return Brought(outcomes, self._clock.elapsed() - begun)

    def stays(self) -> bool:
        """Tell that they do: sources are opened by the scheduler."""
        return True

    def encode(self) -> bytes:
        """Refuse: they stay."""
        raise NotImplementedError

    def decode(self, data: bytes) -> Any:
        """Refuse, for the same reason."""
        raise NotImplementedError

    def hear(self, data: bytes) -> None:
        """Refuse, for the same reason."""
        raise NotImplementedError


def only_owner(calls: Sequence[Call]) -> str:
    """Return the owner of calls that are all of one, else nothing."""
    owners = {call.owner for call in calls}
    return owners.pop() if len(owners) == 1 else ""


def caught(function: Callable[..., Any], *arguments: Any) -> Any:
    """Return what a function returns or raises, `SystemExit` of a library's included."""
    try:
        return function(*arguments)
    except BaseException as error:  # noqa: BLE001 - the boundary of the user's code
        return error


async def caught_async(awaited: Awaitable[Performed]) -> Performed | BaseException:
    """Await it and return what it returns or raises."""
    try:
        return await awaited
    except Exception as error:  # noqa: BLE001 - the boundary of the user's code
        return error
