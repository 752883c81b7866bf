"""What do the steps of a pipeline return, each called once a run?"""

from collections.abc import Mapping

from ragflow.core.pipeline_graph import Node, PipelineGraph
from ragflow.core.shapes import Shape
from ragflow.errors import RunError
from ragflow.incremental.encoding import encode
from ragflow.incremental.fingerprint import fingerprint_encoded
from ragflow.scheduling.calls import Performed, make_call, perform, recall
from ragflow.scheduling.datum import Datum
from ragflow.scheduling.definitions import Definitions
from ragflow.scheduling.surroundings import Surroundings


def early_steps(graph: PipelineGraph) -> list[Node]:
    """Return the steps that are called before any item, in order."""
    return [node for node in graph.shaped(Shape.STEP) if node.name in graph.early]


def late_steps(graph: PipelineGraph) -> list[Node]:
    """Return the steps that begin when the items they wait for are over, in order."""
    return [node for node in graph.shaped(Shape.STEP) if node.name not in graph.early]


def steps_for_items(graph: PipelineGraph) -> list[Node]:
    """Return the early steps whose values items are given: all that a plan needs to call."""
    wanted = {
        above.name
        for node in graph.nodes.values()
        if node.shape is not Shape.STEP
        for above in graph.upstream(node.name)
    }
    return [node for node in early_steps(graph) if node.name in wanted]


def call_steps(
    steps: list[Node],
    definitions: Definitions,
    values: Mapping[str, Datum],
    surroundings: Surroundings,
) -> dict[str, Datum]:
    """Call the steps one after another; return what they returned, by node.

    A step declared ``memo="home"`` is remembered beyond its run. Raises `RunError` naming
    the step that failed.
    """
    found = dict(values)
    for node in steps:
        found[node.name] = _call(node, definitions, found, surroundings)
    return found


def _call(
    node: Node, definitions: Definitions, values: Mapping[str, Datum], s: Surroundings
) -> Datum:
    inputs = tuple(values[name] for name in node.data)
    call = make_call(node, (), inputs, "", definitions.tasks[node.name])
    kind = definitions.kinds[node.name]
    total = s.totals.tasks[node.name]
    remembered = node.task.settings.memo == "home" and call.key is not None
    if remembered and call.key is not None:
        memo = s.memos.get_many([call.key]).get(call.key)
        if memo is not None:
            total.memoized += 1
            return _only(recall(call, memo, kind), kind)
    begun = s.clock.elapsed()
    try:
        performed: Performed = perform(call, kind, s.resources.get(node.resources, node.parameters))
    except Exception as error:
        total.failed += 1
        raise RunError(f"the step {node.name!r} failed: {type(error).__name__}: {error}") from error
    total.ran += 1
    total.seconds += s.clock.elapsed() - begun
    if remembered and performed.memo is not None and call.key is not None:
        s.memos.put(call.key, performed.memo, task=node.name)
    return _only(performed.parts, kind)


def _only(parts: list[Datum], kind: str) -> Datum:
    """Return the one value of a step; a step that returned nothing is worth None."""
    if parts:
        return parts[0]
    return Datum(fingerprint_encoded(kind, encode(None)), {}, value=None)
