"""By which names do memos and ledgers know the tasks of this graph?"""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from ragflow.core.items import Fingerprint
from ragflow.core.node import Node
from ragflow.core.parameters import type_name
from ragflow.core.pipeline_graph import PipelineGraph
from ragflow.core.rules import Rule
from ragflow.core.shapes import Shape
from ragflow.incremental.fingerprint import (
    fingerprint,
    fingerprint_definition,
    fingerprint_task,
)
from ragflow.incremental.task_code import code_fingerprint


class Definitions(msgspec.Struct, frozen=True):
    """The fingerprints of every task of a graph."""

    #: By node: code, parameters and identities of its resources.
    tasks: Mapping[str, Fingerprint]
    #: By node: the name of the type it returns.
    kinds: Mapping[str, str]
    #: By node: everything above it, itself included; never a name.
    definitions: Mapping[str, Fingerprint]


def define(graph: PipelineGraph, steps: Mapping[str, Fingerprint]) -> Definitions:
    """Name every task; `steps` are the fingerprints of the values that steps returned.

    Raises `FingerprintError` when code reads what cannot be fingerprinted.
    """
    tasks: dict[str, Fingerprint] = {}
    kinds: dict[str, str] = {}
    whole: dict[str, Fingerprint] = {}
    # A function may be in the graph many times, and is read once.
    codes: dict[tuple[int, str | None], Fingerprint] = {}
    for node in graph.nodes.values():
        if node.name in steps:
            tasks[node.name] = whole[node.name] = steps[node.name]
            continue
        tasks[node.name] = _task(node, codes)
        if node.task is not None:
            kinds[node.name] = type_name(node.task.signature.returns)
        upstream = [whole[name] for name in node.data if name in whole]
        waits_for = graph.waits_for(node)
        if waits_for or node.rule is not Rule.ALL_SUCCEEDED:
            # Whether a part is called hangs on what became of it elsewhere.
            upstream += [whole[name] for name in waits_for]
            upstream.append(fingerprint("rule", [node.rule.encode()]))
        whole[node.name] = fingerprint_definition(tasks[node.name], upstream)
    return Definitions(tasks, kinds, whole)


def code_of(node: Node) -> tuple[Callable[..., Any], str | None] | None:
    """Return the function that counts, and the version declared for it.

    None where no code counts: where a source looks is its locator, and what it finds, or
    makes, is content.
    """
    if node.shape in (Shape.SOURCE, Shape.UNION, Shape.PARTS):
        return None
    if node.shape is Shape.GROUPING:
        return node.subject, getattr(node.subject, "__version__", None)
    if node.shape is Shape.BRANCH:
        return node.subject.by, getattr(node.subject.by, "__version__", None)
    return node.task.function, node.task.version


def _task(node: Node, codes: dict[tuple[int, str | None], Fingerprint]) -> Fingerprint:
    counts = code_of(node)
    if counts is None:
        return fingerprint(node.shape.value, ())
    function, version = counts
    known = (id(function), version)  # a thing that can be called need not have a hash
    if known not in codes:
        codes[known] = code_fingerprint(function, version)
    code = codes[known]
    if node.shape is Shape.GROUPING:
        return code
    if node.shape is Shape.BRANCH:
        return fingerprint("branch", (code, bytes([node.subject.side])))
    place = node.task.place
    parameters = {k: v for k, v in node.parameters.items() if k != place}
    # What a memo is decoded to counts even where a version stands for the code.
    kind = type_name(node.task.signature.returns)
    code = fingerprint("returns", (code, kind.encode()))
    return fingerprint_task(code, parameters, node.identities())


def space_of(graph: PipelineGraph, end: Node) -> Mapping[str, object]:
    """Return what the rows of an end have in common: the space of the vectors above it."""
    wanted = {end.name}
    for node in reversed(graph.nodes.values()):
        if node.name not in wanted:
            continue
        wanted.update(node.data)
        if node.task is not None and node.task.space is not None:
            identity = node.identities()[node.task.space]
            return identity if isinstance(identity, Mapping) else {"space": identity}
    return {}
