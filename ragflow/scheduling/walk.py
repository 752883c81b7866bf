"""What must be called for one owner, given what came out so far?

A walk goes through the tasks below an origin in order. Each part is decided for itself: one
that failed stops what descends from it, and nothing else. It knows neither memos nor threads.
"""

from collections.abc import Generator, Iterable, Sequence

import msgspec

from ragflow.core.items import Envelope, Fingerprint
from ragflow.core.node import Node
from ragflow.core.shapes import Shape
from ragflow.scheduling.branches import Answers, ask, side, unite
from ragflow.scheduling.calls import Call, Path, Stop, make_call
from ragflow.scheduling.datum import Datum
from ragflow.scheduling.descent import Ground, Outcome, Table, Verdict, is_skip, ready

__all__ = ["Ground", "Outcome", "Table", "Verdict", "Walk", "tasks_below", "walk"]

_CALLED = (Shape.ITEM, Shape.BATCH, Shape.GROUP)
#: Yields calls, is sent what came out of them, returns what all tasks made of the owner.
Walking = Generator[list[Call], Sequence[Outcome], dict[str, Table]]


class Walk:
    """One owner on its way through the tasks below an origin.

    The tasks are taken in the order of the ground; each with `calls`, then `settle`, also where
    there is nothing to call. Both raise `ContentChangedError` when what the owner was loaded
    from proves to have changed.
    """

    __slots__ = (
        "_answers",
        "_ground",
        "_parts",
        "_passed",
        "_stops",
        "keys",
        "lapses",
        "owner",
        "tables",
    )

    def __init__(self, ground: Ground, owner: str, start: Datum) -> None:
        self._ground = ground
        #: Key of the owner.
        self.owner = owner
        #: What each task that is settled made of the owner.
        self.tables: dict[str, Table] = {ground.origin: {(): start}}
        #: By task: what memos of the calls are kept under that something came out of.
        self.keys: dict[str, list[Fingerprint]] = {}
        #: By task that makes drafts whole: why parts of them are missing.
        self.lapses: dict[str, Sequence[Stop]] = {}
        self._stops: dict[str, dict[Path, Stop]] = {}
        # What a task drafted, and the drafts that are whole as they are.
        self._parts: dict[str, Table] = {}
        self._passed: dict[str, dict[Path, Datum]] = {}
        # The sides of one split ask once.
        self._answers: dict[tuple[str, int], Answers] = {}

    def calls(self, node: Node) -> list[Call]:
        """Return the calls of a task in the order of its parts, once everything above settled.

        Rules are applied: a part that may not be called is settled without. `split` and ``|``
        call nothing.
        """
        if node.task is None:
            return []
        found = ready(node, self._ground, self.tables)
        if found.stops:
            self._stops[node.name] = found.stops
        if found.passed:
            self._passed[node.name] = found.passed
        if found.lapses:
            self.lapses[node.name] = found.lapses
        task = self._ground.definitions.tasks[node.name]
        owner = self.owner
        return [make_call(node, path, inputs, owner, task) for path, inputs in found.calls]

    def stopped(self, node: Node) -> tuple[int, int]:
        """Return how many parts of a task were skipped and blocked when its calls were found."""
        stops = self._stops.get(node.name)
        if not stops:
            return 0, 0
        skipped = sum(map(is_skip, stops.values()))
        return skipped, len(stops) - skipped

    def stops(self, node: Node) -> Iterable[Stop]:
        """Return why parts of a task are not called, as its calls were found."""
        return self._stops.get(node.name, {}).values()

    def settle(self, node: Node, calls: Sequence[Call], outcomes: Sequence[Outcome]) -> None:
        """Take what came out of the calls that `calls` returned, in their order."""
        if node.shape is Shape.BRANCH:
            self.tables[node.name] = self._side(node)
            return
        if node.shape is Shape.UNION:
            one, other = (self.tables[name] for name in node.data)
            cuts = self._ground.looks_of(node).cuts
            self.tables[node.name] = unite(node, one, other, cuts=cuts)
            return
        if node.shape is Shape.PARTS:
            self.tables[node.name] = self._parts.pop(node.data[0], {})
            return
        stops = self._stops.pop(node.name, {})
        passed = self._passed.pop(node.name, {})
        table: Table = {**stops, **passed}
        is_as_called = not table
        cuts = node.task.signature.cuts
        keys = self.keys[node.name] = []
        for call, outcome in zip(calls, outcomes, strict=True):
            if isinstance(outcome, Stop):
                table[call.path] = outcome
                continue
            if call.key is not None:
                keys.append(call.key)
            above = call.inputs[0].envelope
            if node.task.completion is not None and outcome:
                parts = self._parts.setdefault(node.name, {})
                parts.update(((*call.path, n), part) for n, part in enumerate(outcome[1:]))
                outcome = outcome[:1]  # noqa: PLW2901 - the draft itself
            for number, part in enumerate(outcome):
                path = (*call.path, number) if cuts else call.path
                envelope = {**above, **part.envelope} if part.envelope else above
                table[path] = _placed(call, number, part, envelope)
        self.tables[node.name] = table if is_as_called else dict(sorted(table.items()))

    def _side(self, node: Node) -> Table:
        over = self.tables[node.data[0]]
        asked = (node.data[0], id(node.subject.by))
        if asked not in self._answers:
            self._answers[asked] = ask(node, over, self.owner)
        return side(node.subject, over, self._answers[asked])

    def verdict(self, node_name: str) -> Verdict:
        """Count what became of the parts of a task that is settled."""
        succeeded = skipped = failed = 0
        for entry in self.tables[node_name].values():
            if not isinstance(entry, Stop):
                succeeded += 1
            elif is_skip(entry):
                skipped += 1
            else:
                failed += 1
        return Verdict(succeeded, skipped, failed)


class MemoPart(msgspec.Struct, frozen=True, gc=False):
    """Where a value is kept: the task, the key of its memo, and which of the parts in it."""

    node: Node
    key: Fingerprint
    number: int


class Remembered(Datum):
    """A value that can be had again from the memo of the call it came out of."""

    __slots__ = ("memo",)

    def __init__(self, part: Datum, envelope: Envelope, memo: MemoPart) -> None:
        super().__init__(part.fingerprint, envelope, fetch=part.value)
        #: Where it is kept.
        self.memo = memo


def _placed(call: Call, number: int, part: Datum, envelope: Envelope) -> Datum:
    if call.key is None:
        return part.at(envelope)
    return Remembered(part, envelope, MemoPart(call.node, call.key, number))


def walk(ground: Ground, owner: str, start: Datum) -> Walking:
    """Walk one owner; return what every task made of it.

    Yields the calls of one task after another, where it has any.
    """
    going = Walk(ground, owner, start)
    for node in ground.nodes:
        calls = going.calls(node)
        going.settle(node, calls, (yield calls) if calls else [])
    return going.tables


def tasks_below(nodes: Sequence[Node]) -> list[Node]:
    """Return the nodes that are walked: neither sources nor groupings nor targets."""
    walked = (*_CALLED, Shape.BRANCH, Shape.UNION, Shape.PARTS)
    return [node for node in nodes if node.shape in walked]
