"""What is recorded while a pipeline function runs?"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import msgspec

from ragflow.core.handles import End, Groups, Handle, Items, RecordedTask, Value, recording
from ragflow.core.joins import alike, check_join, check_rule, takes_item, united
from ragflow.core.node import Branch, Node
from ragflow.core.pipeline_graph import PipelineGraph
from ragflow.core.resource_use import Resource, ResourceUse
from ragflow.core.shapes import Shape
from ragflow.core.source_reference import SourceReference, Whole
from ragflow.errors import HandleError, PipelineError

_HANDLES: Mapping[Shape, type[Handle]] = {
    Shape.SOURCE: Items,
    Shape.ITEM: Items,
    Shape.BATCH: Items,
    Shape.GROUP: Items,
    Shape.STEP: Value,
    Shape.TARGET: End,
}


class GraphBuilder:
    """Takes the calls of tasks while a pipeline function runs."""

    def __init__(self, pipeline: str) -> None:
        self._pipeline = pipeline
        self._nodes: dict[str, Node] = {}
        # The highest number given to tasks of a name, so that twins are not counted anew.
        self._twins: dict[str, int] = {}

    def graph(self) -> PipelineGraph:
        """Return what was recorded."""
        return PipelineGraph(self._pipeline, list(self._nodes.values()))

    def add_source(self, name: str, source: Any, *, source_name: str) -> Items[Any]:
        """Record a source."""
        named = source.source if isinstance(source, Whole) else source
        if not hasattr(named, "list") and not isinstance(named, SourceReference):
            raise PipelineError(
                f"read() was given {named!r}, which is no source",
                hint='name one, for example read(files("docs"))',
            )
        name = self._free(name)
        self._check_source_name(source_name)
        self._nodes[name] = Node(
            name=name, shape=Shape.SOURCE, subject=source, origin=name, source=source_name
        )
        return Items(name)

    def add_grouping(
        self, items: Items[Any], by: Callable[[Any], str], *, source_name: str
    ) -> Groups[Any]:
        """Record that items are brought together by what `by` returns."""
        over = self._items("group", items)
        self._check_source_name(source_name)
        name = self._free("group")
        self._nodes[name] = Node(
            name=name,
            shape=Shape.GROUPING,
            data=(over.name,),
            subject=by,
            origin=name,
            source=source_name,
            alike=tuple(alike(self._nodes, over)),
        )
        return Groups(name)

    def add_branches(
        self, items: Items[Any], by: Callable[[Any], bool]
    ) -> tuple[Items[Any], Items[Any]]:
        """Record that items are parted by what `by` returns; those it says yes to come first."""
        over = self._items("split", items)
        handles = []
        for side in (True, False):
            name = self._free("split")
            self._nodes[name] = Node(
                name=name,
                shape=Shape.BRANCH,
                data=(over.name,),
                subject=Branch(by, side, takes_item(by)),
                origin=over.origin,
                lineage=over.lineage,
            )
            handles.append(Items[Any](name))
        return handles[0], handles[1]

    def add_union(self, one: Items[Any], other: Items[Any]) -> Items[Any]:
        """Record that items of one source are united, part by part."""
        sides = [self._items("|", handle) for handle in (one, other)]
        name = self._free("union")
        self._nodes[name] = Node(
            name=name,
            shape=Shape.UNION,
            data=(sides[0].name, sides[1].name),
            origin=sides[0].origin,
            lineage=united(self._nodes, name, *sides),
        )
        return Items(name)

    def _items(self, use: str, handle: object) -> Node:
        if not isinstance(handle, Items):
            raise HandleError(f"{use}() takes items, not {handle!r}")
        return self._nodes[self._known(handle)]

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
        handle = self._record(task, args, kwargs)
        if task.completion is None:
            return handle
        return self._completed(task, self._nodes[handle.node], kwargs)

    def _completed(self, task: RecordedTask, draft: Node, given: dict[str, Any]) -> Handle:
        """Record what is made of the parts of drafts, and of the drafts with it."""
        completion = task.completion
        parts = self._free(f"{draft.name}-parts")
        self._nodes[parts] = Node(
            name=parts,
            shape=Shape.PARTS,
            data=(draft.name,),
            origin=draft.origin,
            lineage=(*draft.lineage, parts),
        )
        settings = completion.options_of_parts(task.settings)
        each = completion.parts.options(**settings)
        made = self._record(
            each,
            (Items(parts), *(Items(name) for name in draft.data)),
            completion.parameters_of(each, given),
        )
        self._nodes[made.node] = msgspec.structs.replace(self._nodes[made.node], is_of_parts=True)
        whole = completion.whole.options(executor="inline", memo=task.settings.memo)
        name = self._free(whole.name)
        self._nodes[name] = Node(
            name=name,
            shape=Shape.ITEM,
            task=whole,
            data=(draft.name, parts, made.node),
            parameters=whole.signature.parameters.convert(completion.parameters_of(whole, given)),
            origin=draft.origin,
            lineage=draft.lineage,
            is_of_drafts=True,
        )
        return Items(name)

    def _record(self, task: RecordedTask, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Handle:
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
        node = Node(
            name=name,
            shape=task.shape,
            task=task,
            data=data_names,
            parameters=parameters.without(resources).convert(given),
            resources=resources,
            cost=None if task.cost is None else task.cost(),
            after=tuple(self._known(handle) for handle in task.settings.after),
            origin=name if task.shape is Shape.SOURCE else origin,
            source=(task.settings.source or "") if task.shape is Shape.SOURCE else "",
            lineage=lineage,
        )
        check_rule(self._nodes, node)
        self._nodes[name] = node
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
            check_join(self._nodes, name, over, node)
        lineage = over.lineage
        return over.origin, (*lineage, name) if task.signature.cuts else lineage

    def _known(self, handle: Handle) -> str:
        if handle.node not in self._nodes:
            raise HandleError(
                f"{handle!r} belongs to another pipeline",
                hint="a handle lives only while its own pipeline function runs",
            )
        return handle.node

    def _free(self, name: str) -> str:
        number, free = self._twins.get(name, 1), name
        while free in self._nodes:
            number += 1
            free = f"{name}-{number}"
        self._twins[name] = number
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
