"""Which items can be given together, united, or do without each other?

All of it is asked while a pipeline is recorded, so that what cannot work is refused there.
"""

import inspect
import types
import typing
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ragflow.core.items import Item
from ragflow.core.node import Node
from ragflow.core.parameters import hints_of
from ragflow.core.rules import Rule
from ragflow.core.shapes import Shape
from ragflow.errors import PipelineError

Nodes = Mapping[str, Node]


def check_join(nodes: Nodes, name: str, over: Node, other: Node) -> None:
    """Refuse to join items that the items a task runs over do not descend from."""
    if other.shape is Shape.STEP:
        return
    if other.origin != over.origin:
        raise PipelineError(
            f"{name} joins {over.name} and {other.name}, which do not descend from "
            f"the same source: {_path(nodes, over)} and {_path(nodes, other)}",
            hint="only items of one source can be joined",
        )
    if over.lineage[: len(other.lineage)] != other.lineage:
        raise PipelineError(
            f"{name} runs over {over.name} but {other.name} has many items for each of "
            f"them: {_path(nodes, other)}",
            hint=f"make {other.name} the first argument, or group(...) it",
        )


def united(nodes: Nodes, name: str, one: Node, other: Node) -> tuple[str, ...]:
    """Return the lineage of what unites two; refuse what cannot be told apart part by part."""
    paths = f"{_path(nodes, one)} and {_path(nodes, other)}"
    if one.origin != other.origin:
        raise PipelineError(
            f"{one.name} | {other.name} unites what does not descend from the same source: {paths}",
            hint="only items of one source can be united; two targets may write one after another",
        )
    if len(one.lineage) != len(other.lineage):
        raise PipelineError(
            f"{one.name} | {other.name} unites parts of different depth: {paths}",
            hint="cut both as often before they are united",
        )
    if _are_both_there(nodes, one, other):
        raise PipelineError(
            f"{one.name} | {other.name} unites what is there on both sides: {paths}",
            hint="part the items with split(...), let one side run with "
            'options(when="any_failed", after=...), or let it return None',
        )
    shared = common(one.lineage, other.lineage)
    # What was cut apart is joined with neither side's cut any more: its depth has a new name.
    return one.lineage[:shared] + (name,) * (len(one.lineage) - shared)


def common(one: tuple[str, ...], other: tuple[str, ...]) -> int:
    """Return how many cuts two lineages begin with in common."""
    shared = 0
    for mine, theirs in zip(one, other, strict=False):
        if mine != theirs:
            break
        shared += 1
    return shared


def _are_both_there(nodes: Nodes, one: Node, other: Node) -> bool:
    """Tell whether two nodes surely have a value for the same part whenever nothing fails."""
    if one.lineage != other.lineage:
        return False
    shared = _names(nodes, one) & _names(nodes, other)
    return not any(
        _may_leave_out(nodes, each)
        for side in (one, other)
        for each in _chain(nodes, side)
        if each.name not in shared
    )


def _names(nodes: Nodes, node: Node) -> set[str]:
    return {each.name for each in _chain(nodes, node)}


def _may_leave_out(nodes: Nodes, node: Node) -> bool:
    if node.task is None or node.rule is not Rule.ALL_SUCCEEDED or node.task.signature.cuts:
        return True
    returned = hints_of(node.task.function).get("return")
    answer = _answer(returned) if node.shape is Shape.BATCH else returned
    if admits_none(answer):
        return True
    asked = [nodes[name] for name in (*node.data[1:], *node.after)]
    return any(n.shape is not Shape.STEP and n.origin != n.name for n in asked)


def alike(nodes: Nodes, node: Node) -> Iterator[str]:
    """Yield a node and those above it whose items have the very same envelopes."""
    for each in _chain(nodes, node):
        yield each.name
        task = each.task
        sets_envelope = task is not None and each.shape is not Shape.SOURCE
        if sets_envelope and (task.signature.cuts or task.signature.with_envelope):
            return
        if each.shape is Shape.UNION:
            return


def check_rule(nodes: Nodes, node: Node) -> None:
    """Refuse a rule that could never hold, or whose function cannot do without what is missing.

    Raises `PipelineError`.
    """
    if node.rule is Rule.ALL_SUCCEEDED:
        return
    over_items = node.shape is not Shape.STEP
    asked = (*node.data[over_items:], *node.after)
    if node.rule is Rule.ANY_FAILED and not asked and node.shape is not Shape.GROUP:
        raise PipelineError(
            f"{node.name} runs when something failed but comes after nothing that could fail",
            hint='say what it rescues: options(when="any_failed", after=extract)',
        )
    if not over_items:
        return
    hints = hints_of(node.task.function)
    parameters = node.task.signature.data
    for parameter, name in zip(parameters[1:], node.data[1:], strict=True):
        joined = nodes[name]
        if joined.shape is Shape.STEP or joined.origin == joined.name or parameter not in hints:
            continue
        hint = hints[parameter]
        hint = _answer(hint) if node.shape is Shape.BATCH else hint
        _check_missing(node, parameter, joined, hint)


def _check_missing(node: Node, parameter: str, joined: Node, hint: Any) -> None:
    if not admits_none(hint):
        raise PipelineError(
            f"{node.name} runs {node.rule.value!r} and may lack its {parameter}, "
            f"what {joined.name} gives, but takes no None",
            hint=f"let its annotation end in `| None`: {parameter}: ... | None",
        )
    if any(typing.get_origin(each) is Item or each is Item for each in _members(hint)):
        raise PipelineError(
            f"{node.name} runs {node.rule.value!r} and asks for {parameter} as an Item that "
            "may be missing",
            hint="ask for the value alone: T | None",
        )


def admits_none(hint: Any) -> bool:
    """Tell whether an annotation lets None pass; one that says nothing does."""
    return any(
        each in (Any, None, object, type(None)) or isinstance(each, typing.TypeVar)
        for each in _members(hint)
    )


def _members(hint: Any) -> tuple[Any, ...]:
    if typing.get_origin(hint) is typing.Annotated:
        hint = typing.get_args(hint)[0]
    is_union = typing.get_origin(hint) in (typing.Union, types.UnionType)
    return typing.get_args(hint) if is_union else (hint,)


def _answer(hint: Any) -> Any:
    """Return the type of one entry of a batch."""
    arguments = typing.get_args(hint)
    return arguments[0] if arguments else Any


def takes_item(by: Callable[[Any], Any]) -> bool:
    """Tell whether a function asks for ``Item[T]`` in its first parameter."""
    try:
        parameters = list(inspect.signature(by).parameters)
    except (TypeError, ValueError):
        return False
    callee = by if inspect.isroutine(by) else getattr(by, "__call__", by)  # noqa: B004
    hint = hints_of(callee).get(parameters[0]) if parameters else None
    return any(typing.get_origin(each) is Item or each is Item for each in _members(hint))


def _chain(nodes: Nodes, node: Node) -> Iterator[Node]:
    """Yield a node and what it runs over, up to the source."""
    yield node
    while node.data:
        node = nodes[node.data[0]]
        yield node


def _path(nodes: Nodes, node: Node) -> str:
    return " -> ".join(reversed([each.name for each in _chain(nodes, node)]))
