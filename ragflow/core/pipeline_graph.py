"""What did a pipeline function record, and does it make sense?

Nodes are tasks with their parameters bound; edges say where data comes from. Data are
joined along the line of descent: a node's *lineage* is the chain of cuts above its items,
and another node can be joined when its lineage is a beginning of that chain.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from ragflow.core.handles import End, Groups, Handle, Items, Value
from ragflow.core.resource_use import Resource, ResourceUse
from ragflow.core.shapes import Shape
from ragflow.core.signature import Signature
from ragflow.core.source_reference import SourceReference
from ragflow.errors import HandleError, PipelineError

if TYPE_CHECKING:
    import networkx


class RecordedTask(Protocol):
    """What the graph needs to know of a task."""

    @property
    def name(self) -> str:
        """Its name, before a number tells twins apart."""

    shape: Shape
    signature: Signature
    settings: Any
    target: str | None
    place: str | None


recording: ContextVar[GraphBuilder | None] = ContextVar("recording", default=None)

_HANDLES: Mapping[Shape, type[Handle]] = {
    Shape.SOURCE: Items,
    Shape.ITEM: Items,
    Shape.BATCH: Items,
    Shape.GROUP: Items,
    Shape.STEP: Value,
    Shape.TARGET: End,
    Shape.GROUPING: Groups,
}


class Node(msgspec.Struct, frozen=True, kw_only=True):
    """One task in a pipeline, with everything bound that is known before the run."""

    name: str
    shape: Shape
    #: The task; None for `read` and `group`, which are built in.
    task: Any = None
    #: Names of the nodes its data come from, in the order of the call.
    data: tuple[str, ...] = ()
    #: What it computes with.
    parameters: Mapping[str, Any] = {}
    #: What is opened for it.
    resources: Mapping[str, ResourceUse] = {}
    #: The source object, for a source; the function that names the group, for a grouping.
    subject: Any = None
    #: Names of the nodes that must be over before.
    after: tuple[str, ...] = ()
    #: What the ledger knows a source or grouping by; "" for a pipeline's first source.
    source: str = ""
    #: The source or grouping its items descend from; "" for a step.
    origin: str = ""
    #: The cuts between origin and its items.
    lineage: tuple[str, ...] = ()

    def identities(self) -> dict[str, Any]:
        """Return the identity of each resource."""
        return {
            name: use.resource.identity(use.bound(self.parameters))
            for name, use in self.resources.items()
        }

    @property
    def end(self) -> str | None:
        """The end's name, ``target:place``, for a target."""
        if self.shape is not Shape.TARGET:
            return None
        return f"{self.task.target}:{self.parameters[self.task.place]}"


class PipelineGraph:
    """The tasks of one pipeline, in the order they were recorded (each after its inputs)."""

    def __init__(self, pipeline: str, nodes: Sequence[Node]) -> None:
        self.pipeline = pipeline
        self.nodes: dict[str, Node] = {node.name: node for node in nodes}
        self._check_ends()
        self._check_order()

    @functools.cached_property
    def early(self) -> frozenset[str]:
        """The steps that wait for nothing but other early steps: called before any item."""
        early: set[str] = set()
        for node in self.shaped(Shape.STEP):
            if early.issuperset({*node.data, *node.after}):
                early.add(node.name)
        return frozenset(early)

    def _check_order(self) -> None:
        """Refuse items that would wait for what is over only after them.

        Sources are streamed one after another, each through all of its tasks at once.
        """
        begun: dict[str, None] = {}
        for node in self.nodes.values():
            if node.shape is Shape.STEP:
                continue
            begun.setdefault(node.origin)
            earlier = list(begun)[: list(begun).index(node.origin)]
            for name in (*node.data, *node.after):
                other = self.nodes[name]
                is_late = other.shape is Shape.STEP and name not in self.early
                streams = name in node.after and other.shape is not Shape.STEP
                if is_late or (streams and other.origin not in earlier):
                    raise PipelineError(
                        f"pipeline {self.pipeline!r}: {node.name} cannot wait for {name}, "
                        "which is over only after it",
                        hint="a task over items waits for steps that need no items, or for "
                        "tasks over the items of another source recorded before its own",
                    )

    def _check_ends(self) -> None:
        seen: dict[str, str] = {}
        for node in self.ends:
            end = node.end or ""
            if end in seen:
                raise PipelineError(
                    f"pipeline {self.pipeline!r}: {seen[end]} and {node.name} both write {end}",
                    hint="unite what they write before one target, or use two collections",
                )
            seen[end] = node.name

    @property
    def ends(self) -> list[Node]:
        """The targets."""
        return self.shaped(Shape.TARGET)

    def shaped(self, *shapes: Shape) -> list[Node]:
        """Return the nodes of these shapes, in order."""
        return [node for node in self.nodes.values() if node.shape in shapes]

    def surrounded(self, **facts: Any) -> PipelineGraph:
        """Return the graph with facts of the project given to resources that ask for them.

        A resource asks by having a parameter of that name, which the pipeline left open.
        """
        nodes = [
            msgspec.structs.replace(
                node, resources={k: use.surrounded(facts) for k, use in node.resources.items()}
            )
            for node in self.nodes.values()
        ]
        return PipelineGraph(self.pipeline, nodes)

    def upstream(self, name: str) -> list[Node]:
        """Return every node that `name` depends on by data, and itself, in order."""
        wanted = {name}
        for node in reversed(self.nodes.values()):
            if node.name in wanted:
                wanted.update(node.data)
        return [node for node in self.nodes.values() if node.name in wanted]

    def members(self, origin: str) -> list[Node]:
        """Return the nodes over items of one source or grouping, in order."""
        return [node for node in self.nodes.values() if node.origin == origin]

    @functools.cached_property
    def network(self) -> networkx.DiGraph[str]:
        """The graph for ordering and drawing; edges go downstream."""
        import networkx

        graph: networkx.DiGraph[str] = networkx.DiGraph()
        for node in self.nodes.values():
            graph.add_node(node.name, node=node)
            graph.add_edges_from((upstream, node.name) for upstream in node.data)
            graph.add_edges_from((before, node.name, {"after": True}) for before in node.after)
        return graph

    def order(self) -> list[Node]:
        """Return the nodes so that each follows what it depends on, else as recorded."""
        import networkx

        place = {name: number for number, name in enumerate(self.nodes)}
        names = networkx.lexicographical_topological_sort(self.network, key=place.__getitem__)
        return [self.nodes[name] for name in names]


class GraphBuilder:
    """Takes the calls of tasks while a pipeline function runs."""

    def __init__(self, pipeline: str) -> None:
        self._pipeline = pipeline
        self._nodes: dict[str, Node] = {}

    def graph(self) -> PipelineGraph:
        """Return what was recorded."""
        return PipelineGraph(self._pipeline, list(self._nodes.values()))

    def add_source(self, name: str, source: Any, *, source_name: str) -> Items[Any]:
        """Record a source."""
        if not hasattr(source, "list") and not isinstance(source, SourceReference):
            raise PipelineError(
                f"read() was given {source!r}, which is no source",
                hint='name one, for example read(files("docs"))',
            )
        name = self._free(name)
        self._check_source_name(source_name)
        self._nodes[name] = Node(
            name=name, shape=Shape.SOURCE, subject=source, origin=name, source=source_name
        )
        return Items(name)

    def add_grouping(
        self, items: Items[Any], by: Callable[..., str], *, source_name: str
    ) -> Groups[Any]:
        """Record that items are brought together by what `by` returns."""
        if not isinstance(items, Items):
            raise HandleError(f"group() takes items, not {items!r}")
        self._check_source_name(source_name)
        name = self._free("group")
        self._nodes[name] = Node(
            name=name,
            shape=Shape.GROUPING,
            data=(self._known(items),),
            subject=by,
            origin=name,
            source=source_name,
        )
        return Groups(name)

    def _check_source_name(self, source_name: str) -> None:
        taken = {n.source for n in self._nodes.values() if n.origin == n.name}
        if source_name in taken:
            what = (
                f"two sources are named {source_name!r}"
                if source_name
                else ("the second source has no name")
            )
            raise PipelineError(
                f"pipeline {self._pipeline!r}: {what}",
                hint='name it: read(..., name="mail"), group(..., name="by-team"), or '
                'task.options(source="mail")() for a source that is a task',
            )

    def record(self, task: RecordedTask, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Handle:
        """Record one call of a task; return the handle of what will come out."""
        name = self._free(task.name)
        self._check_data(task, args)
        resources = {
            key: ResourceUse(declared, {}) for key, declared in task.signature.resources.items()
        }
        given = dict(kwargs)
        parameters = task.signature.parameters
        for key, value in kwargs.items():
            if isinstance(value, Resource | ResourceUse):
                if key not in resources:
                    parameters.check_names([key])
                use = given.pop(key)
                resources[key] = use if isinstance(use, ResourceUse) else use()
            elif isinstance(value, Handle):
                raise HandleError(
                    f"{task.name}: {key}= was given {value!r}",
                    hint="data are positional, only parameters are keywords",
                )
            elif key in resources:
                raise PipelineError(
                    f"{task.name}: {key}= is a resource and was given {value!r}",
                    hint=f"pass a resource: {key}=make_{key}(...), declared with @resource",
                )
        data = [arg for arg in args if isinstance(arg, Handle)]
        data_names = tuple(self._known(handle) for handle in data)
        origin, lineage = self._descent(task, name, data_names)
        if task.shape is Shape.SOURCE:
            self._check_source_name(task.settings.source or "")
        self._nodes[name] = Node(
            name=name,
            shape=task.shape,
            task=task,
            data=data_names,
            parameters=parameters.without(resources).convert(given),
            resources=resources,
            after=tuple(self._known(handle) for handle in task.settings.after),
            origin=name if task.shape is Shape.SOURCE else origin,
            source=(task.settings.source or "") if task.shape is Shape.SOURCE else "",
            lineage=lineage,
        )
        return _HANDLES[task.shape](name)

    def _check_data(self, task: RecordedTask, args: tuple[Any, ...]) -> None:
        wanted = task.signature.data
        for position, arg in enumerate(args):
            if not isinstance(arg, Handle):
                label = wanted[position] if position < len(wanted) else f"argument {position + 1}"
                raise HandleError(
                    f"{task.name}: {label} was given {arg!r}, which no task made",
                    hint="data come from other tasks; plain values are keyword parameters",
                )
        if len(args) != len(wanted):
            raise PipelineError(
                f"{task.name} takes {len(wanted)} positional data "
                f"({', '.join(wanted) or 'none'}), not {len(args)}",
                hint="data are positional; in the signature parameters stand behind a *",
            )

    def _descent(
        self, task: RecordedTask, name: str, data: tuple[str, ...]
    ) -> tuple[str, tuple[str, ...]]:
        """Return origin and lineage of a call, checking that its data can be joined."""
        inputs = [self._nodes[upstream] for upstream in data]
        if task.shape in (Shape.STEP, Shape.SOURCE):
            for node in inputs:
                if node.shape is not Shape.STEP:
                    raise PipelineError(
                        f"{name} is a {task.shape} and is given the items of {node.name}",
                        hint="bring them together with group(...), or wait with after=...",
                    )
            return "", ()
        over, joined = inputs[0], inputs[1:]
        for node in inputs:
            if node.shape is Shape.TARGET:
                raise PipelineError(
                    f"{name} is given {node.name}, a target: nothing comes out of it",
                    hint="wait for it with after=..., or give both what the target was given",
                )
        if (task.shape is Shape.GROUP) != (over.shape is Shape.GROUPING):
            raise PipelineError(
                f"{name} (per={task.shape.value!r}) cannot run over {over.name}",
                hint='a task per="group" runs over group(...), every other over items',
            )
        if over.shape is Shape.STEP:
            raise PipelineError(f"{name} runs over {over.name}, which is one value, not items")
        for node in joined:
            self._check_join(name, over, node)
        lineage = over.lineage
        return over.origin, (*lineage, name) if task.signature.cuts else lineage

    def _check_join(self, name: str, over: Node, other: Node) -> None:
        if other.shape is Shape.STEP:
            return
        if other.origin != over.origin:
            raise PipelineError(
                f"{name} joins {over.name} and {other.name}, which do not descend from "
                f"the same source: {self._path(over)} and {self._path(other)}",
                hint="only items of one source can be joined",
            )
        if over.lineage[: len(other.lineage)] != other.lineage:
            raise PipelineError(
                f"{name} runs over {over.name} but {other.name} has many items for each of "
                f"them: {self._path(other)}",
                hint=f"make {other.name} the first argument, or group(...) it",
            )

    def _path(self, node: Node) -> str:
        names = [node.name]
        while node.data:
            node = self._nodes[node.data[0]]
            names.append(node.name)
        return " -> ".join(reversed(names))

    def _known(self, handle: Handle) -> str:
        if handle.node not in self._nodes:
            raise HandleError(
                f"{handle!r} belongs to another pipeline",
                hint="a handle lives only while its own pipeline function runs",
            )
        return handle.node

    def _free(self, name: str) -> str:
        number, free = 1, name
        while free in self._nodes:
            number += 1
            free = f"{name}-{number}"
        return free


@contextmanager
def record(pipeline: str) -> Iterator[GraphBuilder]:
    """Let calls of tasks be recorded while the context lives."""
    builder = GraphBuilder(pipeline)
    token = recording.set(builder)
    try:
        yield builder
    finally:
        recording.reset(token)
