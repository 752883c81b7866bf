"""What does a plan find out about calls it does not make and rows it does not write?"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from ragflow.core.items import Fingerprint
from ragflow.core.node import Node
from ragflow.core.records import OwnerRemoval
from ragflow.core.shapes import Shape
from ragflow.errors import DocumentError
from ragflow.incremental.reconcile import reconcile
from ragflow.interfaces.execution import Cost
from ragflow.interfaces.orchestration import Ledger
from ragflow.scheduling.calls import Call, Stop
from ragflow.scheduling.commits import Served
from ragflow.scheduling.descent import is_counted
from ragflow.scheduling.resources import OpenResources


class Rows(msgspec.Struct):
    """Rows that a run would write and delete, over all ends."""

    add: int = 0
    update: int = 0
    delete: int = 0
    #: Whether that is what a run would do; else what is known of it.
    is_exact: bool = True


class Reckoning:
    """Counts what a run would do beyond what a plan does itself: equal calls once."""

    def __init__(self, ledger: Ledger, resources: OpenResources) -> None:
        self._ledger = ledger
        self._resources = resources
        self._calls: dict[str, set[Fingerprint]] = defaultdict(set)
        self._costs: Counter[str] = Counter()
        #: By task: what its cost is counted in.
        self.units: dict[str, str] = {}
        #: By task: US dollars for one of that; a task that costs none is not named.
        self.prices: dict[str, float] = {}
        #: Calls over what counted calls would give, by task; equal ones may be among them.
        self.possible: Counter[str] = Counter()
        #: What those may cost at most; a task that has no most is not named.
        self.possible_costs: Counter[str] = Counter()
        #: Tasks over parts that counted calls would cut: nobody can say how many.
        self.boundless: set[str] = set()
        self.rows = Rows()

    def calls(self, task: str) -> int:
        """Return how many calls of a task were counted instead of made."""
        return len(self._calls.get(task, ()))

    def cost(self, task: str) -> int:
        """Return what they cost, in the unit of the task."""
        return self._costs[task]

    def refuses(self, call: Call, ends: Mapping[str, Node]) -> bool:
        """Count a call instead of letting it be made, where it has a price or nothing follows it.

        What nothing follows is done for its own sake, and a plan does nothing. Raises
        `ContentChangedError` where what it would be given proves to have changed.
        """
        node = call.node
        if node.task.settings.plan != "count" and node.name not in ends:
            return False
        if call.ticket not in self._calls[node.name]:
            cost = 0 if node.cost is None else self._measured(call)
            self._calls[node.name].add(call.ticket)
            self._costs[node.name] += cost
        return True

    def _measured(self, call: Call) -> int:
        try:
            values = [datum.value() for datum in call.inputs]
        except (OSError, DocumentError):
            return 0  # a run could not make the call either
        return self._cost_of(call.node).of(*values)

    def _cost_of(self, node: Node) -> Cost:
        assert node.cost is not None
        opened: Cost = self._resources.get({"cost": node.cost}, node.parameters)["cost"]
        self.units[node.name] = opened.unit
        price = getattr(opened, "price", None)
        if price is not None:
            self.prices[node.name] = price
        return opened

    def below(self, node: Node, stops: Iterable[Stop]) -> None:
        """Take why parts of a task are not called: what counted calls give may have to be."""
        if node.task is None:
            return
        cuts = len(node.lineage) - bool(node.task.signature.cuts)
        number = 0
        for stop in stops:
            if is_counted(stop):
                number += 1
                if len(stop.part) < cuts:
                    self.boundless.add(node.name)
        if not number:
            return
        self.possible[node.name] += number
        if node.cost is not None:
            most = self._cost_of(node).most
            if most is None:
                self.boundless.add(node.name)
            else:
                self.possible_costs[node.name] += number * most

    # Rows

    def take(self, portion: Sequence[Served]) -> None:
        """Count the rows that owners would gain and lose."""
        known = [served.owner for served in portion if served.owner is not None]
        numbers = {end.commit.generation for served in portion for end in served.ends}
        held = {number: self._ledger.held(number, known) for number in numbers} if known else {}
        for served in portion:
            for end in served.ends:
                if end.rows is None:
                    continue
                now: Mapping[str, Any] = {}
                if served.owner is not None:
                    now = held[end.commit.generation][served.owner]
                wanted = {name: row.held for name, row in end.rows.items()}
                difference = reconcile(wanted, now)
                for row in difference.upserts:
                    if row.id not in now:
                        self.rows.add += 1
                        continue
                    self.rows.update += 1
                    if not row.value:  # it may prove to be what it was
                        self.rows.is_exact = False
                self.rows.delete += len(difference.deletes)

    def remove(self, removals: Sequence[OwnerRemoval]) -> None:
        """Count the rows of owners that are gone, wherever they hold any."""
        owners = [removal.owner for removal in removals]
        for number in self._ledger.holding(owners):
            self.rows.delete += sum(map(len, self._ledger.held(number, owners).values()))

    def unknown(self, node: Node) -> None:
        """Hear that nobody can say which rows an owner would have at an end."""
        if node.shape is Shape.TARGET:
            self.rows.is_exact = False
