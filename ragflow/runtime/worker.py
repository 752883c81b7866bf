"""What does a worker process do with an assignment?"""

import atexit
import contextvars
import logging
from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import msgspec

from ragflow.clock import SystemClock
from ragflow.config import Project, ProjectConfig
from ragflow.core.items import Fingerprint
from ragflow.core.node import Node
from ragflow.core.options import Options
from ragflow.core.resource_use import ResourceUse
from ragflow.core.shapes import Shape
from ragflow.core.source_reference import SourceReference, Whole
from ragflow.core.task import Task
from ragflow.errors import RunError
from ragflow.incremental.memo import unpack
from ragflow.incremental.task_code import code_fingerprint
from ragflow.interfaces.execution import over_limit
from ragflow.interfaces.orchestration import Source
from ragflow.interfaces.packed_error import PackedError, pack
from ragflow.runtime.home import Home
from ragflow.runtime.metering import Meter
from ragflow.runtime.scratch import Scratch
from ragflow.scheduling.calls import Call, Performed, perform, perform_async, perform_batch
from ragflow.scheduling.carrying import caught, caught_async, only_owner
from ragflow.scheduling.datum import Datum
from ragflow.scheduling.owners import ContentChangedError, of_one, sentence_of
from ragflow.scheduling.printing import Line, Logged, Masks, Speaker, hear_of_all, listening
from ragflow.scheduling.resources import OpenResources, taken_usage
from ragflow.scheduling.travel import (
    SMALL,
    Answer,
    Assignment,
    Came,
    SentInput,
    SentResource,
    SentSource,
    SentTask,
    Spent,
    Told,
    find_code,
    receive_value,
    unpack_parameters,
)
from ragflow.secrets import resolve

#: Lines and letters of them that one assignment tells; more were no use to anybody.
_MOST_LINES, _MOST_BYTES = 5000, 1 << 20
#: The worker keeps no memos: that a call is remembered is for the scheduler to say.
_ANY_KEY = b"key"


class Worker:
    """Does what it is sent, one assignment after another, and is closed with its process.

    Tasks, resources and sources are found and opened once; values it made or was given are
    held for calls to come, the latest first.
    """

    def __init__(self) -> None:
        self._masks = Masks()
        self._resources = OpenResources(self._masks.over(resolve))
        self._held = Held()
        self._nodes: dict[bytes, tuple[Node, str]] = {}
        self._sources: dict[SentSource, Source] = {}
        self._loop: Any = None
        self._clock = SystemClock()
        self.meter = Meter(self._clock)
        self._scratch = Scratch()
        self._listening = ExitStack()
        self._listening.enter_context(listening())
        # What libraries warn of is counted as what they log is.
        logging.captureWarnings(capture=True)
        self._listening.callback(logging.captureWarnings, capture=False)
        atexit.register(self.close)

    def perform(self, data: bytes, tell: Callable[[bytes], None]) -> bytes:
        """Call what an assignment says and return an `Answer`, encoded.

        What calls print and log is told as it comes, each line a `Told`, encoded. An error
        comes back without the secrets that resources here were told, `RunError` where the
        task cannot be had as the scheduler has it. Raises `MemoryError`.
        """
        try:
            return self._perform(data, tell)
        except MemoryError:
            raise
        except Exception as error:  # noqa: BLE001 - whoever packs it knows no secrets
            return msgspec.msgpack.encode(Answer(error=self.packed(error)))

    def packed(self, error: BaseException) -> PackedError:
        """Return an error as it travels, without secrets."""
        one = of_one(error) if isinstance(error, SystemExit) else error
        return pack(one, self._masks.masked)

    def _perform(self, data: bytes, tell: Callable[[bytes], None]) -> bytes:
        assignment = msgspec.msgpack.decode(data, type=Assignment)
        lacks = [
            sent.fingerprint
            for call in assignment.calls
            for sent in call.inputs
            if _is_by_name(sent) and sent.fingerprint not in self._held
        ]
        if assignment.scratch is not None:
            self._scratch.use(assignment.scratch)
        if lacks:
            return msgspec.msgpack.encode(Answer(lacks=lacks))
        node, kind = self._node(assignment.task)
        return _Performance(self, node, kind, assignment, tell).answer()

    def _node(self, data: bytes) -> tuple[Node, str]:
        found = self._nodes.get(data)
        if found is None:
            sent = msgspec.msgpack.decode(data, type=SentTask)
            try:
                found = self._nodes[data] = (_node(sent), sent.kind)
            except (MemoryError, RunError):
                raise
            except Exception as error:
                raise RunError(
                    f"the task {sent.name!r} cannot be had in a worker: {sentence_of(error)}",
                    hint="what it is defined in must be importable without this program",
                ) from error
        return found

    # --- What calls are given ---------------------------------------------------------------

    def input(self, sent: SentInput, room: int) -> Datum:
        """Return an input; one of a source is loaded when it is first asked for."""
        name = sent.fingerprint
        if name in self._held:
            return Datum(name, sent.envelope, value=self._held[name])
        if sent.source is None:
            return Datum(name, sent.envelope, value=receive_value(sent))
        return Datum(name, sent.envelope, fetch=lambda: self._load(sent, room))

    def _load(self, sent: SentInput, room: int) -> Any:
        assert sent.source is not None
        source = self._sources.get(sent.source)
        if source is None:
            source = self._sources[sent.source] = _open(sent.source)
        loaded = source.load(sent.key, sent.token)
        if loaded.content != sent.fingerprint:
            raise ContentChangedError("the content changed behind its token")
        self._held.hold(sent.fingerprint, loaded.value, loaded.size, room)
        return loaded.value

    def hold(self, name: Fingerprint, value: Any, size: int, room: int) -> bool:
        """Hold a value for calls to come; False where it does not fit."""
        return self._held.hold(name, value, size, room)

    def opened(self, node: Node) -> dict[str, Any]:
        """Return what a task needs opened."""
        return self._resources.get(node.resources, node.parameters)

    def awaited(self, call: Call, kind: str, opened: dict[str, Any]) -> Any:
        """Return what came of an `async def` task, in one loop for all."""
        import asyncio  # 15 ms that a pipeline without such tasks is spared

        if self._loop is None:
            self._loop = asyncio.Runner()
        context = contextvars.copy_context()
        return self._loop.run(caught_async(perform_async(call, kind, opened)), context=context)

    def speaker(self, logged: Logged, owner: str) -> Speaker:
        """Return who hears what a call prints."""
        return Speaker(logged, self._masks, "", owner)

    def seconds(self) -> float:
        """Return seconds from a fixed point."""
        return self._clock.elapsed()

    def close(self) -> None:
        """Close what was opened; may be called twice."""
        atexit.unregister(self.close)
        self._resources.close()
        if self._loop is not None:
            self._loop.close()
            self._loop = None
        self._listening.close()
        self._scratch.close()


class _Performance:
    """One assignment while it is done."""

    def __init__(
        self,
        worker: Worker,
        node: Node,
        kind: str,
        assignment: Assignment,
        tell: Callable[[bytes], None],
    ) -> None:
        self._worker = worker
        self._node = node
        self._kind = kind
        self._assignment = assignment
        self._lines = Lines(tell)
        self._holds: list[Fingerprint] = []
        self._used: dict[str, float] = {}
        # By call, where each is called by itself.
        self._spent: list[Spent] = []

    def answer(self) -> bytes:
        begun = self._worker.seconds()
        error, came = None, []
        outcomes = self._outcomes()
        if isinstance(outcomes, BaseException):
            error = self._worker.packed(outcomes)
        else:
            came = [self._came(place, outcome) for place, outcome in enumerate(outcomes)]
        seconds = self._worker.seconds() - begun
        return msgspec.msgpack.encode(
            Answer(came=came, error=error, held=self._holds, seconds=seconds, used=self._used)
        )

    def _outcomes(self) -> Sequence[Performed | BaseException] | BaseException:
        """Return what came of each call, or what a batch raised."""
        worker, node = self._worker, self._node
        opened = worker.opened(node)
        room = self._assignment.room
        calls = [
            Call(
                node,
                (),
                tuple(worker.input(each, room) for each in sent.inputs),
                sent.owner,
                _ANY_KEY,
            )
            for sent in self._assignment.calls
        ]
        if node.shape is Shape.BATCH:
            found: Any = self._heard(only_owner(calls), perform_batch, calls, self._kind, opened)
        else:
            call_one = worker.awaited if node.task.signature.is_async else perform
            found = [self._metered(call_one, call, opened) for call in calls]
        self._keep_inputs(calls)
        for each in found if isinstance(found, list) else [found]:
            if isinstance(each, MemoryError):
                raise each  # what could not be finished still fills the heap
        self._used = taken_usage(opened.values())
        return found  # type: ignore[no-any-return]

    def _metered(self, call_one: Callable[..., Any], call: Call, opened: dict[str, Any]) -> Any:
        meter = self._worker.meter
        meter.begin()
        found = self._heard(call.owner, call_one, call, self._kind, opened)
        self._spent.append(meter.spent())
        return found

    def _heard(self, owner: str, function: Callable[..., Any], *arguments: Any) -> Any:
        speaker = self._worker.speaker(self._lines.add, owner)
        with speaker:
            hear_of_all(speaker)
            try:
                return caught(function, *arguments)
            finally:
                hear_of_all(None)

    def _keep_inputs(self, calls: Sequence[Call]) -> None:
        """Hold what was sent as bytes: the next task may be given it, too."""
        for call, sent_call in zip(calls, self._assignment.calls, strict=True):
            for datum, sent in zip(call.inputs, sent_call.inputs, strict=True):
                if sent.data is not None and len(sent.data) > SMALL:
                    self._hold(datum.fingerprint, datum.value(), len(sent.data))

    def _hold(self, name: Fingerprint, value: Any, size: int) -> bool:
        held = self._worker.hold(name, value, size, self._assignment.room)
        if held:
            self._holds.append(name)
        return held

    def _came(self, place: int, outcome: Performed | BaseException) -> Came:
        spent = self._spent[place] if self._spent else Spent()
        if isinstance(outcome, BaseException):
            return Came(error=self._worker.packed(outcome), spent=spent)
        memo = outcome.memo
        assert memo is not None
        output = self._assignment.output
        if output is not None and len(memo) > output:
            return Came(error=pack(over_limit("output", output)), spent=spent)
        sizes = [len(data) for data, _ in unpack(memo)]
        comes_back = self._assignment.calls[place].comes_back
        # What is small is rather sent again; and what is made last must not push out the first.
        if comes_back or len(memo) <= SMALL or sum(sizes) > self._assignment.room // 2:
            for part, size in zip(outcome.parts, sizes, strict=True):
                if size > SMALL:
                    self._hold(part.fingerprint, part.value(), size)
            return Came(memo=memo, spent=spent)
        for part, size in zip(outcome.parts, sizes, strict=True):
            self._hold(part.fingerprint, part.value(), size)
        parts = [(part.fingerprint, part.envelope) for part in outcome.parts]
        return Came(parts=parts, spent=spent)


class Held:
    """Values by fingerprint; those not asked for longest go when others need the room."""

    def __init__(self) -> None:
        self._values: OrderedDict[Fingerprint, tuple[Any, int]] = OrderedDict()
        self._size = 0

    def __contains__(self, name: Fingerprint) -> bool:
        return name in self._values

    def __getitem__(self, name: Fingerprint) -> Any:
        self._values.move_to_end(name)
        return self._values[name][0]

    def hold(self, name: Fingerprint, value: Any, size: int, room: int) -> bool:
        """Hold a value within so many bytes; return whether it fits."""
        if size > room:
            return False
        if name in self._values:
            self._values.move_to_end(name)
            return True
        self._values[name] = (value, size)
        self._size += size
        while self._size > room:
            _, (_, gone) = self._values.popitem(last=False)
            self._size -= gone
        return True


class Lines:
    """Tells what calls of one assignment say, up to a limit, with a last line that says so."""

    def __init__(self, tell: Callable[[bytes], None]) -> None:
        self._tell = tell
        self._count = 0
        self._size = 0

    def add(self, task: str, owner: str, stream: str, level: str | None, text: str) -> None:
        """Tell a line of an owner's call."""
        del task  # there is only one
        if self._count > _MOST_LINES or self._size > _MOST_BYTES:
            return
        self._count += 1
        self._size += len(text)
        line = Line(stream, level, text)
        if self._count > _MOST_LINES or self._size > _MOST_BYTES:
            self._size = _MOST_BYTES + 1
            line = Line("log", "warning", "what it said after this was dropped")
        self._tell(msgspec.msgpack.encode(Told(owner, line)))


def _is_by_name(sent: SentInput) -> bool:
    return sent.data is None and sent.source is None and sent.members is None


def _open(sent: SentSource) -> Source:
    home = Home(Project(Path(sent.root), Path(sent.home), ProjectConfig()))
    reference = SourceReference(sent.plugin, unpack_parameters(sent.parameters))
    return home.source(Whole(reference) if sent.is_whole else reference)


def _node(sent: SentTask) -> Node:
    """Return the task as the scheduler's graph has it."""
    found = find_code(sent.place)
    function = found.function if isinstance(found, Task) else found
    version = found.version if isinstance(found, Task) else sent.version
    if code_fingerprint(function, version) != sent.code:
        raise RunError(
            f"the code of the task {sent.name!r} is not what it was when the run began",
            hint="its file changed meanwhile: run again; or a global that it reads was changed by "
            "the program: make it a parameter",
        )
    task: Task[Any, Any, Any] = Task(
        function,
        shape=Shape(sent.shape),
        version=version,
        options=Options(name=sent.name, memo=sent.memo),
    )
    return Node(
        name=sent.name,
        shape=task.shape,
        task=task,
        parameters=task.signature.parameters.convert(unpack_parameters(sent.parameters)),
        resources={name: _use(resource) for name, resource in sent.resources.items()},
    )


def _use(sent: SentResource) -> ResourceUse:
    return ResourceUse(find_code(sent.place), unpack_parameters(sent.parameters))
