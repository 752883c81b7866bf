"""Which executors does a run have? Each is opened when a task first needs it."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from typing import Any

import msgspec

from ragflow.core.node import Node
from ragflow.core.options import IN_PROCESS, Options, without
from ragflow.core.pipeline_graph import PipelineGraph
from ragflow.core.shapes import Shape
from ragflow.errors import PipelineError, PluginError
from ragflow.interfaces.execution import Executor
from ragflow.plugins import find
from ragflow.scheduling.policies import LOOP
from ragflow.scheduling.travel import is_elsewhere, stays_because

#: What each worker process calls first.
BOOTSTRAP = "ragflow.runtime.worker:Worker"
#: Calls of `async def` tasks under way at the same time, as the executor ``threads`` has it.
TOGETHER = 64
#: What an executor's class says, and of what kind that is.
_SAID: Mapping[str, type] = {"keeps": frozenset, "elsewhere": bool, "isolated": bool}


class Workers(Mapping[str, Executor]):
    """The executors of one run, by name; opened on first use and closed together."""

    def __init__(self, slots: int, graph: PipelineGraph | None = None) -> None:
        """Take how many calls run at the same time, and the tasks that are to be called."""
        self._slots = slots
        self._others = [name for name in executors_of(graph) if name not in IN_PROCESS]
        self._open: dict[str, Executor] = {}

    def __getitem__(self, name: str) -> Executor:
        if name not in self._open:
            plugin: Any = find("executors", name)
            self._open[name] = plugin(self._slots, bootstrap=BOOTSTRAP)
        return self._open[name]

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
        """Return how many calls each executor has room for at a time; opens those that say it."""
        others = {name: self[name].slots for name in self._others}
        return {"inline": 1, "threads": self._slots, LOOP: TOGETHER, **others}

    def isolated(self) -> frozenset[str]:
        """Return the executors whose workers may die without this process."""
        return frozenset(name for name in self._others if said_by(name, "isolated"))


def executors_of(graph: PipelineGraph | None) -> list[str]:
    """Return the names of the executors that a graph's tasks are called by, sorted."""
    nodes = [] if graph is None else graph.nodes.values()
    return sorted({node.task.settings.executor for node in nodes if node.task is not None})


def said_by(name: str, what: str) -> Any:
    """Return what the class of an executor says it can, without opening one.

    Raises `PluginError` where there is none of that name, or it does not say it.
    """
    said = getattr(find("executors", name), what, None)
    if not isinstance(said, _SAID[what]):
        raise PluginError(
            f"the executor {name!r} does not say {what!r}",
            hint="its class must, as `ragflow.interfaces.execution.Executor` has it",
        )
    return said


def settled(graph: PipelineGraph, noted: Callable[[str], None]) -> PipelineGraph:
    """Return the graph with those tasks called in threads that cannot travel to a process.

    Says so of each. Raises `PipelineError` for a task with limits that its executor does not
    keep, and `PluginError` for an executor that is not installed.
    """
    travels = {
        name: said_by(name, "elsewhere") for name in executors_of(graph) if name not in IN_PROCESS
    }
    shapes = (Shape.ITEM, Shape.BATCH, Shape.GROUP, Shape.STEP)
    reasons = {
        node.name: why
        for node in graph.shaped(*shapes)
        if is_elsewhere(node)
        and travels[node.task.settings.executor]
        and (why := stays_because(node)) is not None
    }
    nodes = []
    for node in graph.nodes.values():
        if node.name in reasons:
            nodes.append(_in_threads(node, reasons[node.name]))
            noted(f"{node.name} is called in threads, for it cannot travel: {reasons[node.name]}")
        elif node.task is not None and is_elsewhere(node):
            nodes.append(_with_limits(node))
        else:
            nodes.append(node)
    is_same = all(node is graph.nodes[node.name] for node in nodes)
    return graph if is_same else PipelineGraph(graph.pipeline, nodes)


def _with_limits(node: Node) -> Node:
    """Return the task with the limits that are kept here; raises where it needs others."""
    options: Options = node.task.settings
    keeps = said_by(options.executor, "keeps")
    limits = _limits(options)
    if said_by(options.executor, "isolated"):  # of others the scheduler keeps the time
        limits["timeout"] = ("seconds", options.timeout.attempt is not None)
    unkept = [name for name, (limit, stated) in limits.items() if stated and limit not in keeps]
    if not unkept:
        return node
    if options.strict:
        raise PipelineError(
            f"the task {node.name!r} has {unkept[0]}, which the executor {options.executor!r} "
            "cannot keep here",
            hint=f"it keeps {', '.join(sorted(keeps)) or 'no limit'}; leave {unkept[0]} out, or "
            "choose another executor",
        )
    task = node.task.options(**without(options, [name.partition("=")[0] for name in unkept]))
    return msgspec.structs.replace(node, task=task)


def _limits(options: Options) -> dict[str, tuple[str, bool]]:
    """Return the limits by the option that states them: what executors call it, and if it is."""
    return {
        "memory_limit": ("memory", options.memory_limit is not None),
        "output_limit": ("output", options.output_limit is not None),
        "network=False": ("network", not options.network),
    }


def _in_threads(node: Node, why: str) -> Node:
    limits = _limits(node.task.settings)
    stated = next((name for name, (_, is_stated) in limits.items() if is_stated), None)
    if stated is not None and node.task.settings.strict:
        raise PipelineError(
            f"the task {node.name!r} has {stated}, which is kept in another process only, where it "
            f"cannot go: {why}",
            hint="define it at the top of a module of the project",
        )
    return msgspec.structs.replace(node, task=node.task.options(executor="threads"))
