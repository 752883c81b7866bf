"""What does a plan say at its end?"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from ragflow.core.node import Node
from ragflow.core.pipeline_graph import PipelineGraph
from ragflow.core.shapes import Shape
from ragflow.errors import GuardError
from ragflow.runtime.summary import documents_of
from ragflow.scheduling.reckoning import Reckoning
from ragflow.scheduling.totals import Totals

#: How far a number is from what a run would do.
Bound = Literal["exact", "at most", "at least"]


def plan_summary(
    instance: str,
    graph: PipelineGraph,
    totals: Totals,
    reckoning: Reckoning,
    *,
    refused: Sequence[GuardError],
    seconds: float | None,
) -> dict[str, Any]:
    """Return the object that ``plan --json`` prints; its schema is in the package."""
    tasks = tasks_of(graph, totals, reckoning)
    embedding = [
        tasks[node.name]
        for node in graph.nodes.values()
        if node.task is not None and node.task.space is not None
    ]
    bound = widest(each["bound"] for each in embedding)
    prices = [
        each["cost"] * reckoning.prices[name]
        for name, each in tasks.items()
        if name in reckoning.prices
    ]
    tokens = [each["cost"] for each in embedding if each["unit"] == "tokens"]
    is_counted = len(tokens) == sum(1 for each in embedding if each["calls"])
    rows = reckoning.rows
    return {
        "schema": 1,
        "instance": instance,
        "fast": False,
        "documents": documents_of(totals),
        "documents_to_extract": to_extract(graph, tasks),
        "chunks": {
            "add": rows.add,
            "update": rows.update,
            "delete": rows.delete,
            "exact": rows.is_exact,
        },
        "chunks_to_embed": sum(each["calls"] for each in embedding),
        "tokens_to_embed": sum(tokens) if is_counted else None,
        **({"usd": round(sum(prices), 6)} if prices else {}),
        "exact": bound == "exact",
        "bound": bound,
        "tasks": tasks,
        "estimated_seconds": None if seconds is None else round(seconds, 3),
        "would_be_refused": refusals(refused),
    }


def fast_summary(
    instance: str, totals: Totals, *, refused: Sequence[GuardError], seconds: float | None
) -> dict[str, Any]:
    """Return the same object where nothing was opened: what only a look inside tells is None."""
    return {
        "schema": 1,
        "instance": instance,
        "fast": True,
        "documents": documents_of(totals),
        "documents_to_extract": None,
        "chunks": None,
        "chunks_to_embed": None,
        "tokens_to_embed": None,
        "exact": False,
        "bound": None,
        "tasks": {},
        "estimated_seconds": None if seconds is None else round(seconds, 3),
        "would_be_refused": refusals(refused),
    }


def refusals(refused: Sequence[GuardError]) -> list[dict[str, Any]]:
    """Return what guards say of the run, each with what would allow it."""
    return [{"message": str(each), "hint": each.hint} for each in refused]


def tasks_of(
    graph: PipelineGraph, totals: Totals, reckoning: Reckoning
) -> dict[str, dict[str, Any]]:
    """Return what would be called of each task over items, a target's rows left out."""
    found = {}
    for name, total in totals.tasks.items():
        node = graph.nodes[name]
        if node.shape not in (Shape.ITEM, Shape.BATCH, Shape.GROUP):
            continue
        bound = bound_of(graph, reckoning, node)
        is_most = bound == "at most"
        cost = None
        if name in reckoning.units:
            cost = reckoning.cost(name) + is_most * reckoning.possible_costs[name]
        calls = total.ran + reckoning.calls(name) + is_most * reckoning.possible[name]
        found[name] = {
            "calls": calls,
            "memoized": total.memoized,
            "bound": bound,
            "cost": cost,
            "unit": reckoning.units.get(name),
        }
    return found


def bound_of(graph: PipelineGraph, reckoning: Reckoning, node: Node) -> Bound:
    """Return how far the calls of a task are known, below calls that were counted."""
    above = [each for each in graph.upstream(node.name) if each is not node]
    counted = {each.name for each in above if reckoning.calls(each.name)}
    if not counted:
        return "exact"
    for each in above:
        gathered = {one.name for one in graph.upstream(each.name)}
        if each.shape is Shape.GROUPING and counted & gathered:
            return "at least"  # nobody knows which groups there would be
    return "at least" if node.name in reckoning.boundless else "at most"


def widest(bounds: Iterable[Bound]) -> Bound:
    """Return what can be said of a sum."""
    found = set(bounds)
    if "at least" in found:
        return "at least"
    return "at most" if "at most" in found else "exact"


def to_extract(graph: PipelineGraph, tasks: Mapping[str, Mapping[str, Any]]) -> int:
    """Return how many distinct contents would be read from by tasks that documents are given to.

    Of several tasks over one source the one that reads most counts.
    """
    most: dict[str, int] = {}
    for name, task in tasks.items():
        node = graph.nodes[name]
        origin = graph.nodes[node.origin]
        if node.data[0] == origin.name and origin.shape is Shape.SOURCE:
            most[origin.name] = max(most.get(origin.name, 0), task["calls"])
    return sum(most.values())
