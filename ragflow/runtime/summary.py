"""What does a run say at its end?"""

from collections.abc import Mapping
from typing import Any

from ragflow.core.pipeline_graph import PipelineGraph
from ragflow.scheduling.totals import Totals

#: Each listed document is counted under exactly one of these.
DOCUMENTS = (
    "added",
    "modified",
    "stale",
    "moved",
    "unchanged",
    "failed",
    "skipped",
    "held_back",
)


def documents_of(totals: Totals) -> dict[str, int]:
    """Return the documents by what became of them, and apart the deleted."""
    counts = {name: totals.documents[name] for name in DOCUMENTS}
    return {**counts, "deleted": totals.deleted}


def tasks_of(totals: Totals) -> dict[str, dict[str, Any]]:
    """Return what each task did."""
    return {
        name: {
            "ran": total.ran,
            "memoized": total.memoized,
            "failed": total.failed,
            "seconds": round(total.seconds, 3),
            **_most_of(totals, name),
        }
        for name, total in totals.tasks.items()
    }


def _most_of(totals: Totals, task: str) -> dict[str, Any]:
    """Return the most that one call of a task took, where it is known; never of which document.

    What is forgotten must leave no key behind in the history of runs.
    """
    most = totals.most.get(task)
    if most is None:
        return {}
    found = {"seconds": round(most.seconds, 3)}
    if most.processor or most.memory:
        found |= {"processor": round(most.processor, 3), "memory": most.memory}
    return {"most": found}


def embedded_of(graph: PipelineGraph, totals: Totals) -> tuple[int, float]:
    """Return how many vectors were computed and the seconds it took."""
    tasks = [
        totals.tasks[node.name]
        for node in graph.nodes.values()
        if node.task is not None and node.task.space is not None
    ]
    return sum(task.ran for task in tasks), sum(task.seconds for task in tasks)


def run_summary(
    *,
    run: int | None,
    instance: str,
    state: str,
    graph: PipelineGraph,
    totals: Totals,
    rows: int,
    seconds: Mapping[str, float],
) -> dict[str, Any]:
    """Return the object that ``run --json`` prints; its schema is in the package."""
    embedded, embedding = embedded_of(graph, totals)
    documents = documents_of(totals)
    used = {unit: round(amount, 6) for unit, amount in sorted(totals.used.items())}
    return {
        **({"used": used} if used else {}),
        "schema": 1,
        "run": run,
        "instance": instance,
        "state": state,
        "documents": documents,
        "chunks": {
            "total": rows,
            "embedded": embedded,
            "reused": max(0, rows - embedded),
            "upserted": totals.upserted,
            "deleted": totals.rows_deleted,
        },
        "tasks": tasks_of(totals),
        "seconds": {
            "total": round(seconds["total"], 3),
            "start": round(seconds["start"], 3),
            "embed": round(embedding, 3),
        },
        "dead_letters": documents["failed"] + documents["held_back"],
    }
