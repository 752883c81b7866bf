"""What did a pipeline function record, and does it make sense?

Nodes are tasks with their parameters bound; edges say where data comes from. Data are
joined along the line of descent: a node's *lineage* is the chain of cuts above its items,
and another node can be joined when its lineage is a beginning of that chain.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from ragflow.core.handles import recording
from ragflow.core.node import Node
from ragflow.core.shapes import Shape
from ragflow.errors import NotFoundError, PipelineError

if TYPE_CHECKING:
    import networkx

__all__ = ["Node", "PipelineGraph", "recording"]


class PipelineGraph:
    """The tasks of one pipeline, in the order they were recorded (each after its inputs)."""

    def __init__(self, pipeline: str, nodes: Sequence[Node]) -> None:
        self.pipeline = pipeline
        self.nodes: dict[str, Node] = {node.name: node for node in nodes}
        self._check_ends()
        self._check_order()

    @functools.cached_property
    def early(self) -> frozenset[str]:
        """The steps that wait for nothing but other early steps: called before any item."""
        early: set[str] = set()
        for node in self.shaped(Shape.STEP):
            if early.issuperset({*node.data, *node.after}):
                early.add(node.name)
        return frozenset(early)

    def _check_order(self) -> None:
        """Refuse items that would wait for what is over only after them.

        Sources are streamed one after another, each through all of its tasks at once.
        """
        begun: dict[str, None] = {}
        for node in self.nodes.values():
            if node.shape is Shape.STEP:
                continue
            begun.setdefault(node.origin)
            earlier = list(begun)[: list(begun).index(node.origin)]
            for name in (*node.data, *node.after):
                other = self.nodes[name]
                is_late = other.shape is Shape.STEP and name not in self.early
                streams = name in node.after and other.shape is not Shape.STEP
                same_items = other.origin == node.origin and other.shape is not Shape.TARGET
                if is_late or (streams and not same_items and other.origin not in earlier):
                    raise PipelineError(
                        f"pipeline {self.pipeline!r}: {node.name} cannot wait for {name}, "
                        "which is over only after it",
                        hint="a task over items waits for what tasks made of the same items, for "
                        "steps that need no items, or for a source recorded before its own",
                    )

    def _check_ends(self) -> None:
        seen: dict[str, str] = {}
        for node in self.ends:
            end = node.end or ""
            if end in seen:
                raise PipelineError(
                    f"pipeline {self.pipeline!r}: {seen[end]} and {node.name} both write {end}",
                    hint="unite what they write before one target, or use two collections",
                )
            seen[end] = node.name

    @property
    def ends(self) -> list[Node]:
        """The targets."""
        return self.shaped(Shape.TARGET)

    @property
    def leaves(self) -> list[Node]:
        """The tasks over items that no other task over them is given, or waits for.

        A side of a split, and what is united, is no task: it counts where a task follows it.
        """
        given: set[str] = set()
        for node in reversed(self.nodes.values()):
            is_passed_on = node.shape in (Shape.BRANCH, Shape.UNION)
            if not is_passed_on or node.name in given:
                given.update((*node.data, *self.waits_for(node)))
        shapes = (Shape.ITEM, Shape.BATCH, Shape.GROUP)
        return [node for node in self.shaped(*shapes) if node.name not in given]

    def until(self, name: str) -> PipelineGraph:
        """Return the graph of what a task depends on, and the task itself."""
        if name not in self.nodes:
            raise NotFoundError(
                f"pipeline {self.pipeline!r} has no task {name!r}",
                hint=f"tasks: {', '.join(self.nodes)}",
            )
        wanted = {name}
        for node in reversed(self.nodes.values()):
            if node.name in wanted:
                wanted.update(node.data, node.after)
        return PipelineGraph(self.pipeline, [n for n in self.nodes.values() if n.name in wanted])

    def shaped(self, *shapes: Shape) -> list[Node]:
        """Return the nodes of these shapes, in order."""
        return [node for node in self.nodes.values() if node.shape in shapes]

    def surrounded(self, **facts: Any) -> PipelineGraph:
        """Return the graph with facts of the project given to resources that ask for them.

        A resource asks by having a parameter of that name, which the pipeline left open.
        """
        nodes = [
            msgspec.structs.replace(
                node,
                resources={k: use.surrounded(facts) for k, use in node.resources.items()},
                cost=None if node.cost is None else node.cost.surrounded(facts),
            )
            for node in self.nodes.values()
        ]
        return PipelineGraph(self.pipeline, nodes)

    def upstream(self, name: str) -> list[Node]:
        """Return every node that decides what `name` makes of an item, and itself, in order.

        Those its data come from, and those it waits for with the same items.
        """
        wanted = {name}
        for node in reversed(self.nodes.values()):
            if node.name in wanted:
                wanted.update(node.data, self.waits_for(node))
        return [node for node in self.nodes.values() if node.name in wanted]

    def waits_for(self, node: Node) -> list[str]:
        """Return what a task over items waits for an item at a time: tasks over the same items."""
        if not node.origin:
            return []
        return [name for name in node.after if self.nodes[name].origin == node.origin]

    def members(self, origin: str) -> list[Node]:
        """Return the nodes over items of one source or grouping, in order."""
        return [node for node in self.nodes.values() if node.origin == origin]

    @functools.cached_property
    def network(self) -> networkx.DiGraph[str]:
        """The graph for ordering and drawing; edges go downstream."""
        import networkx

        graph: networkx.DiGraph[str] = networkx.DiGraph()
        for node in self.nodes.values():
            graph.add_node(node.name, node=node)
            graph.add_edges_from((upstream, node.name) for upstream in node.data)
            graph.add_edges_from((before, node.name, {"after": True}) for before in node.after)
        return graph

    def order(self) -> list[Node]:
        """Return the nodes so that each follows what it depends on, else as recorded."""
        import networkx

        place = {name: number for number, name in enumerate(self.nodes)}
        names = networkx.lexicographical_topological_sort(self.network, key=place.__getitem__)
        return [self.nodes[name] for name in names]
