"""What has a run done so far?"""

import threading
from collections import Counter
from collections.abc import Mapping

from msgspec.structs import astuple

from ragflow.core.pipeline_graph import PipelineGraph
from ragflow.core.records import TaskTotal
from ragflow.core.shapes import BUILT_IN
from ragflow.scheduling.travel import Spent


class Totals:
    """Counts of one run: documents by what became of them, calls by task, rows."""

    def __init__(self, graph: PipelineGraph) -> None:
        self.documents: Counter[str] = Counter()
        self.deleted = 0
        self.tasks: dict[str, TaskTotal] = {
            node.name: TaskTotal() for node in graph.nodes.values() if node.shape not in BUILT_IN
        }
        self.upserted = 0
        self.rows_deleted = 0
        #: Groups that failed: owners that are no documents.
        self.failed_groups = 0
        #: What services that were asked say was used, by unit.
        self.used: dict[str, float] = {}
        self._using = threading.Lock()
        #: By task, the most that one of its calls took of each.
        self.most: dict[str, Spent] = {}

    def count(self, word: str, *, instead_of: str | None = None) -> None:
        """Count a listed owner under the word for what became of it, and under no other."""
        if instead_of is not None:
            self.uncount(instead_of)
        self.documents[word] += 1

    def uncount(self, word: str) -> None:
        """Take back that an owner was counted: it is not what it was taken for."""
        self.documents[word] -= 1

    def use(self, used: Mapping[str, float]) -> None:
        """Add what services say was used; for any thread."""
        with self._using:
            for unit, amount in used.items():
                self.used[unit] = self.used.get(unit, 0) + amount

    def spend(self, task: str, spent: Spent) -> None:
        """Note what a call of a task took, where no other took as much."""
        most = self.most.get(task, Spent())
        self.most[task] = Spent(*map(max, astuple(most), astuple(spent)))

    def count_untouched(self, counts: Mapping[str, int]) -> None:
        """Count the owners a comparison found to need nothing, each under one name."""
        standing = {name: counts.get(name, 0) for name in ("skipped", "held_back")}
        self.documents.update(standing)
        self.documents["unchanged"] += counts.get("unchanged", 0) - sum(standing.values())

    @property
    def failed(self) -> int:
        """How many owners this run failed, documents and groups."""
        return self.documents["failed"] + self.failed_groups
