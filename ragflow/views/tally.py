"""How far is a run: for each task what is done, of how many, how fast, how long still?

Tasks that are called once a document have a known total. How many parts documents are cut
into is known only afterwards, so that total is what the documents cut so far suggest.
"""

from collections.abc import Mapping

import msgspec

from ragflow.clock import Clock
from ragflow.core.pipeline_graph import Node, PipelineGraph
from ragflow.core.records import TaskTotal
from ragflow.core.shapes import BUILT_IN, Shape

#: What a comparison counts as work.
CHANGES = ("added", "modified", "stale")


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """How far one task is."""

    task: str
    done: int
    failed: int
    #: None while nobody can know.
    total: int | None
    #: Whether the total is only what the documents so far suggest.
    is_estimate: bool
    #: Calls a second since the task's first; None before that can be told.
    rate: float | None
    #: Seconds still to go; None where the total or the rate is not known.
    left: float | None


class Tally:
    """Keeps what a run has told so far and says how far each task is."""

    def __init__(self, graph: PipelineGraph, clock: Clock) -> None:
        self._graph = graph
        self._clock = clock
        # Targets are no calls: their rows are written a portion at a time.
        self._nodes = [
            node
            for node in graph.nodes.values()
            if node.shape not in BUILT_IN and node.shape is not Shape.TARGET
        ]
        self._unlisted = [node.name for node in graph.shaped(Shape.SOURCE)]
        self._documents: dict[str, int] = {}
        self._totals: dict[str, TaskTotal] = {}
        self._waiting: Mapping[str, int] = {}
        #: By task: when its first calls were heard of, and how many they were.
        self._first: dict[str, tuple[float, int]] = {}

    def listed(self, counts: Mapping[str, int]) -> None:
        """Take the comparison of the next source, in the order of the graph."""
        if self._unlisted:
            changed = sum(counts.get(kind, 0) for kind in CHANGES)
            self._documents[self._unlisted.pop(0)] = changed

    def progressed(self, totals: Mapping[str, TaskTotal], waiting: Mapping[str, int]) -> None:
        """Take the counts of every task."""
        now = self._clock.elapsed()
        self._totals = dict(totals)
        self._waiting = waiting
        for name in totals:
            if done := self._done(name):
                self._first.setdefault(name, (now, done))

    def lines(self) -> list[Line]:
        """Return a line a task, in the order of the pipeline."""
        return [self._line(node) for node in self._nodes if self._is_shown(node)]

    def tasks(self) -> list[str]:
        """Return every task that may come to have a line, in the order of the pipeline."""
        return [node.name for node in self._nodes]

    def _is_shown(self, node: Node) -> bool:
        """Tell whether a task has a line: what completes drafts, once there are any."""
        if not (node.is_of_parts or node.is_of_drafts):
            return True
        return bool(self._done(node.name) or self._waiting.get(node.name))

    def _done(self, name: str) -> int:
        total = self._totals.get(name)
        return 0 if total is None else total.ran + total.memoized + total.failed

    def _line(self, node: Node) -> Line:
        done = self._done(node.name)
        total, is_estimate = self._total(node, done)
        now = self._clock.elapsed()
        begun, before = self._first.get(node.name, (now, done))
        rate = (done - before) / (now - begun) if now > begun and done > before else None
        missing = None if total is None else total - done
        failed = self._totals[node.name].failed if node.name in self._totals else 0
        return Line(
            task=node.name,
            done=done,
            failed=failed,
            total=total,
            is_estimate=is_estimate,
            rate=rate,
            left=missing / rate if rate and missing is not None else None,
        )

    def _total(self, node: Node, done: int) -> tuple[int | None, bool]:
        """Return how many calls there will be, where known, and whether that is a guess."""
        if node.shape is Shape.STEP:
            return 1, False
        documents = self._documents.get(node.origin)
        if documents is None:
            return None, False
        cut = self._first_cut(node)
        if cut is None:
            return max(documents - self._lost_above(node), done), False
        cut_so_far = self._done(cut)
        if not cut_so_far:
            return None, False
        to_cut = documents - self._lost_above(self._graph.nodes[cut])
        seen = done + self._waiting.get(node.name, 0)
        if cut_so_far >= to_cut:
            return seen, False
        return max(seen, round(seen * to_cut / cut_so_far)), True

    def _lost_above(self, node: Node) -> int:
        """Return how many documents came to an end before this task."""
        above = [one.name for one in self._graph.upstream(node.name) if one is not node]
        return sum(self._totals[name].failed for name in above if name in self._totals)

    def _first_cut(self, node: Node) -> str | None:
        """Return the task that first cut the documents into what this one is called on."""
        if not node.data:
            return None
        lineage = self._graph.nodes[node.data[0]].lineage
        return lineage[0] if lineage else None
