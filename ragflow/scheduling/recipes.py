"""What is the definition of an end made of, written so that it can be compared with another?"""

from collections.abc import Mapping
from typing import Any

from ragflow.core.items import Fingerprint
from ragflow.core.node import Node
from ragflow.core.parameters import plainly, type_name
from ragflow.core.pipeline_graph import PipelineGraph
from ragflow.core.recipes import Recipe, TaskRecipe
from ragflow.core.rules import Rule
from ragflow.core.shapes import Shape
from ragflow.incremental.task_code import code_fingerprint
from ragflow.scheduling.definitions import Definitions


def recipe_of(graph: PipelineGraph, end: Node, definitions: Definitions, *, name: str) -> Recipe:
    """Write down the definition of one end; `name` is the end's own.

    It says what `define` made the definition of, and reads the code of every task above the
    end: to be asked for where the definition is new.
    """
    wanted = {end.name}
    for node in reversed(graph.nodes.values()):
        if node.name in wanted and node.shape is not Shape.STEP:  # of a step the result counts
            wanted.update(node.data)
            wanted.update(_waits_for(graph, node))
    tasks = [
        _task(graph, node, definitions.tasks[node.name])
        for node in graph.nodes.values()
        if node.name in wanted and node.name in definitions.tasks
    ]
    return Recipe(end=name, definition=definitions.definitions[end.name], tasks=tasks)


def _waits_for(graph: PipelineGraph, node: Node) -> list[str]:
    return [name for name in graph.waits_for(node) if name in graph.nodes]


def _task(graph: PipelineGraph, node: Node, known: Fingerprint) -> TaskRecipe:
    if node.shape is Shape.STEP:
        return TaskRecipe(name=node.name, shape=node.shape.value, fingerprint=known)
    code, version = _code(node)
    waits_for = _waits_for(graph, node)
    is_usual = not waits_for and node.rule is Rule.ALL_SUCCEEDED
    return TaskRecipe(
        name=node.name,
        shape=node.shape.value,
        fingerprint=known,
        code=code,
        version=version,
        parameters=_parameters(node),
        resources=plainly(node.identities()),
        returns=None if node.task is None else type_name(node.task.signature.returns),
        data=node.data,
        rule=None if is_usual else node.rule.value,
        waits_for=waits_for,
    )


def _code(node: Node) -> tuple[Fingerprint | None, str | None]:
    """Return the fingerprint of a task's code, or the version that stands for it."""
    if node.shape is Shape.SOURCE:
        return None, None  # what it finds, or makes, is content
    if node.shape is Shape.GROUPING:
        return _code_of(node.subject, getattr(node.subject, "__version__", None))
    if node.shape is Shape.BRANCH:
        by = node.subject.by
        return _code_of(by, getattr(by, "__version__", None))
    if node.task is None:
        return None, None
    return _code_of(node.task.function, node.task.version)


def _code_of(function: Any, version: str | None) -> tuple[Fingerprint | None, str | None]:
    if version is not None:
        return None, version
    return code_fingerprint(function, None), None


def _parameters(node: Node) -> Mapping[str, Any]:
    if node.shape is Shape.BRANCH:
        return {"side": node.subject.side}
    if node.task is None or node.shape is Shape.SOURCE:
        return {}
    found: Mapping[str, Any] = plainly(
        {name: value for name, value in node.parameters.items() if name != node.task.place}
    )
    return found
