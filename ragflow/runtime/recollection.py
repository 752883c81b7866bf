"""Which rows do memos alone say an owner has? Nothing is called, loaded or embedded."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Self

import msgspec

from ragflow.core.items import Fingerprint
from ragflow.core.node import Node
from ragflow.core.pipeline_graph import PipelineGraph
from ragflow.core.records import Generation, Instance
from ragflow.core.shapes import Shape
from ragflow.core.standings import OwnerStanding
from ragflow.core.states import OwnerState
from ragflow.errors import RagflowError
from ragflow.runtime.ends import where
from ragflow.runtime.home import Home
from ragflow.runtime.request import Request
from ragflow.scheduling.calls import Call, Counted, Stop, make_call, recall
from ragflow.scheduling.datum import Datum
from ragflow.scheduling.definitions import Definitions, define
from ragflow.scheduling.resources import OpenResources
from ragflow.scheduling.rows import WantedRow, wanted_rows
from ragflow.scheduling.steps import steps_for_items
from ragflow.scheduling.walk import Ground, Outcome, Walk, tasks_below
from ragflow.secrets import resolve

#: Returns the requests of runs that an instance had, each of other parameters, newest first.
Requests = Callable[[Instance], Iterable[Request]]


class Recalled(msgspec.Struct, frozen=True):
    """The rows of an owner, as its memos make them."""

    rows: Mapping[str, WantedRow]
    #: The calls that gave vectors, with what came of each.
    embedded: Sequence[tuple[Call, Datum]] = ()


class Unknown(msgspec.Struct, frozen=True):
    """Why memos do not say which rows an owner has."""

    #: Calls that would have to be made, by task; at least: what lies below them is not known.
    calls: Mapping[str, int] = {}
    reason: str | None = None


class _NotRememberedError(RagflowError):
    """A value is needed that no memo keeps."""


class _Gathered:
    """Stands for the members of a group, which are not gathered here.

    Rules ask whether any are missing; of a group that was served none were that counted.
    """

    missing: Sequence[str] = ()

    def __len__(self) -> int:
        return 1


class _Way(msgspec.Struct, frozen=True):
    """How the rows of one source get to a place, by one definition."""

    ground: Ground
    end: Node
    definition: Fingerprint
    #: Whether steps decide what is made, which a run alone calls.
    has_steps: bool
    #: Whether its owners are groups.
    is_grouping: bool


class Recollection:
    """Makes rows of one generation out of memos; close it, or use it in a ``with``."""

    def __init__(self, home: Home, generation: Generation, requests: Requests) -> None:
        self._home = home
        self._memos = home.metadata.memos
        self._generation = generation
        self._requests = requests
        self._resources = OpenResources(resolve)
        self._known: dict[int, list[Request]] = {}
        self._faults: dict[int, str] = {}
        #: By instance and source, newest first.
        self._ways: dict[tuple[int, str], list[_Way]] = {}
        self._definitions: dict[int, list[tuple[PipelineGraph, Definitions]]] = {}
        self._instances = {each.id: each for each in home.metadata.instances()}

    def requests(self, instance: int) -> list[Request]:
        """Return the requests of runs that an instance had; none where it cannot be told."""
        if instance not in self._known:
            self._known[instance] = []
            try:
                self._known[instance] += self._requests(self._instances[instance])
            except RagflowError as error:
                self._faults[instance] = str(error)
        return self._known[instance]

    def rows(self, standing: OwnerStanding) -> Recalled | Unknown:
        """Return the rows of an owner, made of what it was served from; or why nobody knows.

        With the definition it was served by; for one that a crash made uncertain, by the newest.
        """
        if standing.state is OwnerState.SKIPPED and standing.is_up_to_date:
            return Recalled({})
        if standing.content is None:
            return Unknown(reason="it was never read")
        ways = self._ways_of(standing.instance, standing.source)
        if not ways:
            fault = self._faults.get(standing.instance)
            if fault is None and standing.state is None and self._named(standing.instance):
                return Recalled({})  # its instance writes elsewhere
            return Unknown(reason=fault or "no pipeline of this project makes it")
        for way in ways:
            if standing.definition in (None, way.definition):
                return self._walk(way, standing)
        if any(way.has_steps for way in ways):
            return Unknown(reason="what the steps of its pipeline give is known to a run alone")
        return Unknown(reason="its pipeline was changed since")

    def definitions(self) -> Iterator[tuple[PipelineGraph, Definitions]]:
        """Yield every graph that instances of this home ran, with the names of its tasks."""
        for instance in self._instances:
            yield from self._named(instance)

    def source(self, instance: int, source: str) -> Node | None:
        """Return the node of a source that can be listed without calling anybody's code."""
        for request in self.requests(instance):
            for node in request.graph.shaped(Shape.SOURCE):
                if node.source == source and node.task is None:
                    return node
        return None

    def _named(self, instance: int) -> list[tuple[PipelineGraph, Definitions]]:
        if instance not in self._definitions:
            found = self._definitions[instance] = []
            for request in self.requests(instance):
                try:
                    found.append((request.graph, define(request.graph, {})))
                except RagflowError as error:
                    self._faults.setdefault(instance, str(error))
        return self._definitions[instance]

    def _ways_of(self, instance: int, source: str) -> list[_Way]:
        known = self._ways.get((instance, source))
        if known is None:
            known = self._ways[instance, source] = [
                _Way(
                    _ground(graph, end, definitions),
                    end,
                    definitions.definitions[end.name],
                    bool(steps_for_items(graph)),
                    graph.nodes[end.origin].shape is Shape.GROUPING,
                )
                for graph, definitions in self._named(instance)
                for end in graph.ends
                if graph.nodes[end.origin].source == source and self._is_here(end, instance)
            ]
        return known

    def _is_here(self, end: Node, instance: int) -> bool:
        place = (self._generation.target, self._generation.place)
        return where(end, self._instances[instance]) == place

    def _walk(self, way: _Way, standing: OwnerStanding) -> Recalled | Unknown:
        assert standing.content is not None
        content, metadata = standing.content, standing.metadata
        if way.is_grouping:
            start = Datum(content, metadata, value=_Gathered())
        else:
            start = Datum(content, metadata, fetch=_not_remembered)
        walk = Walk(way.ground, standing.key, start)
        missing: Counter[str] = Counter()
        embedded: list[tuple[Call, Datum]] = []
        try:
            for node in way.ground.nodes:
                calls = walk.calls(node)
                outcomes = self._recall(way.ground, calls, missing)
                walk.settle(node, calls, outcomes)
                if node.task is not None and node.task.space is not None:
                    embedded += _answered(calls, outcomes)
            rows = wanted_rows(
                way.end,
                way.ground,
                walk.tables,
                resources=self._resources.get(way.end.resources, way.end.parameters),
                instance=self._instances[standing.instance].identity,
                source=standing.source,
                key=standing.key,
            )
        except RagflowError as error:
            return Unknown(missing, None if missing else str(error))
        except Exception as error:  # noqa: BLE001 - functions of targets and splits are users' code
            return Unknown(missing, f"{type(error).__name__}: {error}")
        if isinstance(rows, Stop):
            return Unknown(missing, None if missing else str(rows.error))
        return Recalled(rows, embedded)

    def _recall(
        self, ground: Ground, calls: Sequence[Call], missing: Counter[str]
    ) -> list[Outcome]:
        keys = [call.key for call in calls if call.key is not None]
        memos = self._memos.get_many(keys) if keys else {}
        outcomes: list[Outcome] = []
        for call in calls:
            memo = None if call.key is None else memos.get(call.key)
            if memo is None:
                missing[call.node.name] += 1
                outcomes.append(Stop(call.node.name, call.path, Counted()))
            else:
                outcomes.append(recall(call, memo, ground.definitions.kinds[call.node.name]))
        return outcomes

    def close(self) -> None:
        """Close what targets needed."""
        self._resources.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _not_remembered() -> Any:
    raise _NotRememberedError("the document itself would have to be read")


def _ground(graph: PipelineGraph, end: Node, definitions: Definitions) -> Ground:
    """Return what leads from a source to one end, and nothing beside it."""
    above = {node.name for node in graph.upstream(end.name)}
    nodes = [node for node in graph.order() if node.name in above and node.origin == end.origin]
    return Ground(end.origin, tasks_below(nodes), definitions, {})


def _answered(calls: Sequence[Call], outcomes: Sequence[Outcome]) -> list[tuple[Call, Datum]]:
    return [
        (call, part)
        for call, outcome in zip(calls, outcomes, strict=True)
        if not isinstance(outcome, Stop)
        for part in outcome
    ]


def by_others(call: Call, others: Iterable[tuple[PipelineGraph, Definitions]]) -> list[Call]:
    """Return the calls that other pipelines, or other parameters, would make of the same items.

    Of a task by the same function, with another name for its memo.
    """
    found: dict[Fingerprint, Call] = {}
    for graph, definitions in others:
        for node in graph.nodes.values():
            if node.task is None or node.task.space is None:
                continue
            if len(node.data) != len(call.inputs):
                continue
            made = make_call(node, call.path, call.inputs, call.owner, definitions.tasks[node.name])
            if made.key is not None and made.key != call.key:
                found[made.key] = made
    return list(found.values())
