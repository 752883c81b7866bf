"""Pipelines and summaries that the tests of views look at."""

from typing import Any

from ragflow.api.pipeline import pipeline
from ragflow.core.pipeline_graph import PipelineGraph
from ragflow.core.records import TaskTotal
from ragflow.core.task import task
from ragflow.tasks import chunk, embed, extract, files, read, upsert


@pipeline
def handbook(folder: str = "docs", collection: str = "handbook") -> None:
    """Keep the handbook's index fresh."""
    chunks = chunk(extract(read(files(folder))), model="hashing")
    upsert(chunks, embed(chunks, model="hashing"), collection=collection)


@task(per="run", version="1")
def begin() -> int:
    return 0


@task(per="run", version="1")
def add(number: int) -> int:
    return number + 1


def chain(length: int) -> PipelineGraph:
    """Return the graph of steps, each of which is given what the one before returned."""

    @pipeline
    def steps() -> None:
        number = begin()
        for _ in range(length - 1):
            number = add(number)

    return steps.graph()


def graph() -> PipelineGraph:
    """Return the graph of a usual pipeline."""
    return handbook.graph()


def ran(number: int, *, memoized: int = 0, failed: int = 0) -> TaskTotal:
    """Return what a task did."""
    return TaskTotal(ran=number, memoized=memoized, failed=failed, seconds=0.5)


def summary(**changes: Any) -> dict[str, Any]:
    """Return the object of a usual run."""
    documents = dict.fromkeys(
        ("added", "modified", "stale", "moved", "unchanged", "failed", "skipped", "held_back"), 0
    )
    return {
        "schema": 1,
        "run": 3,
        "instance": "handbook",
        "state": "succeeded",
        "documents": {**documents, "added": 2, "unchanged": 1200, "deleted": 1},
        "chunks": {"total": 9000, "embedded": 12, "reused": 8988, "upserted": 12, "deleted": 4},
        "tasks": {"read": {"ran": 2, "memoized": 0, "failed": 0, "seconds": 0.01}},
        "seconds": {"total": 2.34, "start": 0.2, "embed": 1.1},
        "dead_letters": 0,
        **changes,
    }


class FakeClock:
    """A clock that moves when it is told to."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def elapsed(self) -> float:
        return self.seconds
