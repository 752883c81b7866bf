"""Which parameters of a pipeline say who it is?"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from ragflow.core.parameters import Parameters
from ragflow.core.pipeline_graph import PipelineGraph

_OTHER = "ragflow-scope-probe"


def find_scope(
    parameters: Parameters,
    values: Mapping[str, Any],
    graph_of: Callable[[Mapping[str, Any]], PipelineGraph],
) -> dict[str, Any]:
    """Return the parameters that name a target, with their values.

    Found by trying: a text or number is one when another value for it makes the pipeline
    write elsewhere. So it may be built into a longer name.
    """
    places = _places(graph_of(values))
    scope = {}
    for name in parameters.by_name:
        value = values[name]
        if isinstance(value, str):
            other: str | int = f"{value}{_OTHER}"
        elif isinstance(value, int) and not isinstance(value, bool):
            other = value + 1
        else:
            continue
        # A value it must have raises: it chooses something, it names nothing.
        with suppress(Exception):
            if _places(graph_of({**values, name: other})) != places:
                scope[name] = value
    return scope


def _places(graph: PipelineGraph) -> list[str | None]:
    return [node.end for node in graph.ends]
