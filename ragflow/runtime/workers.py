"""Which executors does a run have? Each is opened when a task first needs it."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from typing import Any

import msgspec

from ragflow.core.node import Node
from ragflow.core.pipeline_graph import PipelineGraph
from ragflow.core.shapes import Shape
from ragflow.errors import PipelineError
from ragflow.interfaces.execution import Executor
from ragflow.plugins import find
from ragflow.scheduling.travel import is_elsewhere, stays_because

#: What each worker process calls first.
BOOTSTRAP = "ragflow.runtime.worker:Worker"
#: Calls of `async def` tasks under way at the same time.
TOGETHER = 64


class Workers(Mapping[str, Executor]):
    """The executors of one run, by name; opened on first use and closed together."""

    def __init__(self, slots: int) -> None:
        self._slots = slots
        self._open: dict[str, Executor] = {}

    def __getitem__(self, name: str) -> Executor:
        if name not in self._open:
            self._open[name] = self._make(name)
        return self._open[name]

    def _make(self, name: str) -> Executor:
        plugin: Any = find("executors", name)
        made: Executor
        if name == "inline":
            made = plugin(1)
        elif name == "threads":
            made = plugin(self._slots, together=TOGETHER)
        else:
            made = plugin(self._slots, bootstrap=BOOTSTRAP)
        return made

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._open))

    def __len__(self) -> int:
        return len(self._open)

    def close(self) -> None:
        """Close what was opened, whatever one of them raises."""
        with ExitStack() as closing:
            for executor in self._open.values():
                closing.callback(executor.close)
            self._open = {}

    def slots(self) -> dict[str, int]:
        """Return how many calls each executor has room for at a time."""
        return {
            "inline": 1,
            "threads": self._slots,
            "loop": TOGETHER,
            "processes": self._slots,
        }


def settled(graph: PipelineGraph, noted: Callable[[str], None]) -> PipelineGraph:
    """Return the graph with those tasks called in threads that cannot travel to a process.

    Says so of each. Raises `PipelineError` for one with limits that only processes keep.
    """
    shapes = (Shape.ITEM, Shape.BATCH, Shape.GROUP, Shape.STEP)
    reasons = {
        node.name: why
        for node in graph.shaped(*shapes)
        if is_elsewhere(node) and (why := stays_because(node)) is not None
    }
    if not reasons:
        return graph
    nodes = []
    for node in graph.nodes.values():
        if node.name not in reasons:
            nodes.append(node)
            continue
        nodes.append(_in_threads(node, reasons[node.name]))
        noted(f"{node.name} is called in threads, for it cannot travel: {reasons[node.name]}")
    return PipelineGraph(graph.pipeline, nodes)


def _in_threads(node: Node, why: str) -> Node:
    options = node.task.settings
    limits = {
        "memory_limit": options.memory_limit is not None,
        "output_limit": options.output_limit is not None,
        "network=False": not options.network,
    }
    stated = next((name for name, is_stated in limits.items() if is_stated), None)
    if stated is not None:
        raise PipelineError(
            f"the task {node.name!r} has {stated}, which is kept in another process only, where it "
            f"cannot go: {why}",
            hint="define it at the top of a module of the project",
        )
    return msgspec.structs.replace(node, task=node.task.options(executor="threads"))
