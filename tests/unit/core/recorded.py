"""Tasks to record, and what recording them comes to: a graph or a refusal."""

from collections.abc import Callable

import pytest

from ragflow import Part, Row, task
from ragflow.core.graph_builder import record
from ragflow.core.pipeline_graph import PipelineGraph
from ragflow.core.source_reference import SourceReference
from ragflow.errors import PipelineError, RagflowError

SOURCE = SourceReference("files", {"folder": "docs"})


@task(version="1")
def extract(document: str, *, size: int = 3) -> str: ...
@task(version="1")
def cut(content: str) -> list[Part[str]]: ...
@task(version="1")
def words(chunk: str) -> list[str]: ...
@task(version="1")
def join(one: str, other: str) -> str: ...
@task(version="1", per="run")
def stamp() -> str: ...
@task(version="1", per="target", target="table", place="table")
def save(chunk: str, *, table: str = "t") -> Row: ...


def graph_of(function: Callable[[], object]) -> PipelineGraph:
    """Return the graph that a pipeline function records."""
    with record("p") as builder:
        function()
    return builder.graph()


def refused(
    function: Callable[[], object], error: type[RagflowError] = PipelineError
) -> tuple[str, str | None]:
    """Return what is said, and what helps, where a pipeline function is refused."""
    with record("p"), pytest.raises(error) as raised:
        function()
    return str(raised.value), raised.value.hint
