"""What do workers in other processes know and hold, and what must still be sent to them?"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from ragflow.core.items import Fingerprint
from ragflow.core.node import Node
from ragflow.core.parameters import type_name
from ragflow.core.shapes import BUILT_IN, Shape
from ragflow.core.source_reference import SourceReference, Whole
from ragflow.errors import PipelineError
from ragflow.incremental.canonical import canonical
from ragflow.incremental.task_code import code_fingerprint
from ragflow.plugins import find
from ragflow.scheduling.datum import Datum
from ragflow.scheduling.owners import ContentChangedError
from ragflow.scheduling.travel import (
    Place,
    SentInput,
    SentSource,
    SentTask,
    is_elsewhere,
    pack_parameters,
    place_of,
    send_resource,
    send_value,
    unpack_parameters,
)

#: Values that workers are known to hold.
_KNOWN = 16_384


class Listed(Datum):
    """The value a walk starts from, of a source that workers can open by themselves."""

    __slots__ = ("key", "source", "token")

    def __init__(self, start: Datum, source: SentSource, key: str, token: bytes) -> None:
        super().__init__(start.fingerprint, start.envelope, fetch=start.value)
        self.source = source
        self.key = key
        self.token = token


class Elsewhere:
    """What one run's workers elsewhere are sent. Safe for threads.

    A value that only tasks elsewhere are given, and that no memo keeps, stays in the worker
    that made it. Where that is gone, or no longer holds it, whoever asks for the value is told
    that the owner is not what it was: it begins anew, and then its values come back.
    """

    def __init__(
        self,
        nodes: Mapping[str, Node] | None = None,
        root: Path | None = None,
        home: Path | None = None,
        scratch: Path | None = None,
    ) -> None:
        """Take the graph's nodes and the folders of the project and its state.

        Below `scratch` workers keep what they write for a moment. Raises `FingerprintError` as
        `code_fingerprint` does.
        """
        self._nodes = nodes or {}
        self.scratch = None if scratch is None else str(scratch)
        going = [node for node in self._nodes.values() if is_elsewhere(node)]
        # Named now: the file may change while the run lasts.
        self._codes = {n.name: code_fingerprint(n.task.function, n.task.version) for n in going}
        self._tasks: dict[str, bytes] = {}
        self._staying = frozenset(n.name for n in going if _stays(n, self._nodes.values()))
        self._sources: dict[str, SentSource] = {}
        self._local: dict[str, bool] = {}
        if going and root is not None and home is not None:
            self._sources = _sent_sources(self._nodes.values(), root, home)
        self._lock = threading.Lock()
        self._held: OrderedDict[Fingerprint, None] = OrderedDict()
        self._coming_back: set[str] = set()

    def task(self, node: Node) -> bytes:
        """Return a task as it travels, the same bytes each time."""
        sent = self._tasks.get(node.name)
        if sent is None:
            task = node.task
            resources = {
                name: send_resource(use.resource, use.bound(node.parameters))
                for name, use in node.resources.items()
            }
            sent = self._tasks[node.name] = msgspec.msgpack.encode(
                SentTask(
                    name=node.name,
                    place=place_of(task.function),
                    code=self._codes[node.name],
                    version=task.version,
                    shape=node.shape.value,
                    memo=task.settings.memo,
                    kind=type_name(task.signature.returns),
                    parameters=pack_parameters(node.parameters),
                    resources=resources,
                )
            )
        return sent

    def from_source(self, origin: str, key: str, token: bytes, start: Datum) -> Datum:
        """Return what a walk starts from, by reference where workers can load it themselves."""
        source = self._sources.get(origin)
        return start if source is None else Listed(start, source, key, token)

    def sent_input(
        self, node: Node, place: int, datum: Datum, lacks: Collection[Fingerprint]
    ) -> SentInput:
        """Return an input of a task as it travels; as bytes where the worker `lacks` it.

        Raises `ContentChangedError` for what is held nowhere any more.
        """
        sent = self._sent(node, place, datum, lacks)
        if node.task.signature.wants_item[place]:
            return msgspec.structs.replace(sent, envelope=datum.envelope)
        return sent

    def _sent(
        self, node: Node, place: int, datum: Datum, lacks: Collection[Fingerprint]
    ) -> SentInput:
        name = datum.fingerprint
        if isinstance(datum, Listed) and self._may_load(node, datum.source):
            return SentInput(
                fingerprint=name, source=datum.source, key=datum.key, token=datum.token
            )
        if name not in lacks and self._is_held(name):
            return SentInput(fingerprint=name)
        kind = self._kind(node.data[place]) if place < len(node.data) else None
        return send_value(datum.value(), kind, fingerprint=name)

    def _may_load(self, node: Node, source: SentSource) -> bool:
        """Tell whether a task's worker reaches what a source loads."""
        if node.task.settings.network:
            return True
        if source.plugin not in self._local:
            plugin = find("sources", source.plugin)
            self._local[source.plugin] = getattr(plugin, "is_local", False)
        return self._local[source.plugin]

    def _kind(self, name: str) -> Place | None:
        """Return the task whose return type the values of a node are of, where it is one task."""
        node = self._nodes.get(name)
        while node is not None and node.shape in (Shape.BRANCH, Shape.GROUPING):
            node = self._nodes.get(node.data[0])
        if node is None or node.shape in (*BUILT_IN, Shape.SOURCE):
            return None
        if node.task.signature.returns is Any:
            return None
        try:
            return place_of(node.task.function)
        except PipelineError:  # it stays here, but what it makes may go
            return None

    def comes_back(self, node: Node, owner: str) -> bool:
        """Tell whether what a task makes is needed here."""
        return node.name not in self._staying or owner in self._coming_back

    def losing(self, owner: str) -> Callable[[], Any]:
        """Return what fetches a value that stays elsewhere: it raises, and brings the next back."""

        def lost() -> Any:
            self._coming_back.add(owner)
            raise ContentChangedError("what a worker held is gone")

        return lost

    def hold(self, names: Sequence[Fingerprint]) -> None:
        """Note that the worker of an owner holds these."""
        with self._lock:
            for name in names:
                self._held[name] = None
                self._held.move_to_end(name)
            while len(self._held) > _KNOWN:
                self._held.popitem(last=False)

    def _is_held(self, name: Fingerprint) -> bool:
        with self._lock:
            return name in self._held


def _stays(node: Node, nodes: Iterable[Node]) -> bool:
    """Tell whether a task's values are needed by the very worker that made them, if by any.

    Not those of a task that cuts, and not those given to two tasks: the work is shared then.
    """
    if node.shape not in (Shape.ITEM, Shape.BATCH, Shape.GROUP) or node.task.settings.memo:
        return False
    below = [other for other in nodes if node.name in other.data]
    if not below:
        return True
    if len(below) > 1 or below[0].shape is not Shape.ITEM or not is_elsewhere(below[0]):
        return False
    mine, its = node.task.settings, below[0].task.settings
    confined = (its.executor, its.memory_limit, its.network)
    is_alike = confined == (mine.executor, mine.memory_limit, mine.network)
    return is_alike and not node.task.signature.cuts


def _sent_sources(nodes: Iterable[Node], root: Path, home: Path) -> dict[str, SentSource]:
    found = {}
    for node in nodes:
        is_whole = isinstance(node.subject, Whole)
        reference = node.subject.source if is_whole else node.subject
        if node.shape is Shape.SOURCE and isinstance(reference, SourceReference):
            with_lists = {
                k: list(v) if isinstance(v, tuple) else v for k, v in reference.parameters.items()
            }
            try:
                sent = pack_parameters(with_lists)
                if canonical(unpack_parameters(sent)) != canonical(with_lists):
                    continue
            except PipelineError:
                continue  # then what it loads is sent
            found[node.name] = SentSource(
                plugin=reference.plugin,
                parameters=sent,
                root=str(root),
                home=str(home),
                is_whole=is_whole,
            )
    return found
