"""What do the steps of a pipeline return, each called once a run?

Steps are the tasks of one owner, the run itself: those that wait for nothing of each other
are called side by side.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from ragflow.core.items import Fingerprint
from ragflow.core.node import Node
from ragflow.core.pipeline_graph import PipelineGraph
from ragflow.core.records import Loaded
from ragflow.core.rules import Decision, Rule, decide
from ragflow.core.shapes import Shape
from ragflow.errors import RunError, SkipDocument
from ragflow.incremental.encoding import encode
from ragflow.incremental.fingerprint import fingerprint, fingerprint_encoded
from ragflow.scheduling.calls import Call, Stop, make_call
from ragflow.scheduling.datum import Datum
from ragflow.scheduling.definitions import Definitions
from ragflow.scheduling.descent import MISSING, BlockedError, LeftOut, Outcome, Verdict, whole
from ragflow.scheduling.policies import policy_of
from ragflow.scheduling.shell import Shell
from ragflow.scheduling.stage import Entering
from ragflow.scheduling.surroundings import Surroundings
from ragflow.scheduling.transitions.events import Begin


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


class Steps:
    """The steps of one stage of a run."""

    origin = ""

    def __init__(
        self,
        nodes: Sequence[Node],
        definitions: Definitions,
        before: "Called",
        surroundings: Surroundings,
        over: Mapping[str, Verdict],
    ) -> None:
        self.nodes = nodes
        self._definitions = definitions
        self._s = surroundings
        self._over = over
        self.called = Called(dict(before.values), dict(before.stops))
        self._has_entered = not nodes

    def enter(self) -> Entering | None:
        """Let the run itself enter, once."""
        if self._has_entered:
            return None
        self._has_entered = True
        return Entering(0, 0, Begin.WALK)

    def key(self, owner: int) -> str:
        """Return nothing: a step is for no item."""
        del owner
        return ""

    def load_name(self, owner: int) -> Fingerprint:
        """Refuse: a run is not loaded."""
        raise NotImplementedError

    def loading(self, owner: int) -> Callable[[], Loaded]:
        """Refuse: a run is not loaded."""
        raise NotImplementedError

    def loaded(self, owner: int, outcome: Loaded | Stop) -> None:
        """Refuse: a run is not loaded."""
        raise NotImplementedError

    def place(self, owner: int) -> tuple[int, bool]:
        """Refuse: a run is not loaded."""
        raise NotImplementedError

    def calls(self, owner: int, task: int) -> list[Call]:
        """Return the call of a step, none where its rule does not let it be called."""
        del owner
        node = self.nodes[task]
        verdict = whole(self._verdict(name) for name in (*node.data, *node.after))
        decision = decide(
            node.rule,
            succeeded=verdict.succeeded,
            skipped=verdict.skipped,
            failed=verdict.failed,
        )
        if decision is Decision.BLOCK:
            why = BlockedError(f"something before the step {node.name!r} failed")
            self.called.stops[node.name] = Stop(node.name, (), why)
            return []
        if decision is Decision.SKIP:
            why_not = LeftOut(f"{node.name!r} is called {node.rule.value.replace('_', ' ')}")
            self.called.stops[node.name] = Stop(node.name, (), why_not)
            return []
        inputs = tuple(self.called.values.get(name, MISSING) for name in node.data)
        return [self._call(node, inputs)]

    def _call(self, node: Node, inputs: tuple[Datum, ...]) -> Call:
        call = make_call(node, (), inputs, "", self._definitions.tasks[node.name])
        if call.key is None or node.task.settings.memo == "home":
            return call
        if self._s.run is None or node.rule is not Rule.ALL_SUCCEEDED:
            # A plan remembers no step; and what cleans up does so again when its run is taken
            # up and fails once more.
            return msgspec.structs.replace(call, key=None)
        # Remembered for its run: never called twice in one, always again in the next.
        run = [self._s.instance.identity, str(self._s.run).encode(), node.name.encode()]
        return msgspec.structs.replace(call, key=fingerprint("step", [*run, call.key]))

    def _verdict(self, name: str) -> Verdict:
        if name in self.called.values:
            return Verdict(succeeded=1)
        stop = self.called.stops.get(name)
        if stop is None:
            return self._over.get(name, Verdict(succeeded=1))
        return _verdict_of(stop)

    def stopped(self, owner: int, task: int) -> tuple[int, int]:
        """Return how many calls of a step its rule skipped and blocked."""
        del owner
        stop = self.called.stops.get(self.nodes[task].name)
        if stop is None:
            return 0, 0
        return (1, 0) if isinstance(stop.error, SkipDocument) else (0, 1)

    def refuses(self, owner: int, call: Call) -> Stop | None:
        """Refuse nothing: a plan is given only the steps that it needs."""
        del owner, call
        return None

    def asked(self, owner: int, ran: int, memoized: int) -> None:
        """Nothing to count: a step has a name of its own."""

    def settle(
        self, owner: int, task: int, calls: Sequence[Call], outcomes: Sequence[Outcome]
    ) -> None:
        """Take what a step returned."""
        del owner
        node = self.nodes[task]
        for _, outcome in zip(calls, outcomes, strict=True):
            if isinstance(outcome, Stop):
                self.called.stops[node.name] = outcome
            else:
                kind = self._definitions.kinds[node.name]
                self.called.values[node.name] = _only(outcome, kind)

    def arrive(self, owner: int, *, is_unread: bool) -> tuple[int, bool]:
        """Return that there are no rows; which steps failed is said by name."""
        del owner, is_unread
        return 0, False

    def restart(self, owner: int) -> None:
        """Refuse: a run begins once."""
        raise NotImplementedError

    def preferred(self) -> list[int]:
        """Prefer none: a run has its steps once."""
        return []

    def commit(self, owners: Sequence[int]) -> Callable[[], Any] | None:
        """Write nothing: memos are what makes a step durable."""
        del owners
        return None

    def committed(self, owners: Sequence[int], written: Any) -> None:
        """Nothing to forget."""

    def drop(self, owner: int) -> None:
        """Nothing to forget."""


class Called(msgspec.Struct):
    """What steps came to."""

    #: What they returned, by node.
    values: dict[str, Datum] = {}
    #: Why others returned nothing.
    stops: dict[str, Stop] = {}

    @property
    def has_failed(self) -> bool:
        """Whether a step failed, or was blocked by one that did."""
        return any(not isinstance(stop.error, SkipDocument) for stop in self.stops.values())

    def verdicts(self) -> dict[str, Verdict]:
        """Return what became of the steps that returned nothing, for what looks at them."""
        return {name: _verdict_of(stop) for name, stop in self.stops.items()}

    def check(self) -> None:
        """Raise `RunError` naming the first step that failed, if one did."""
        for name, stop in self.stops.items():
            error = stop.error
            if not isinstance(error, SkipDocument | BlockedError):
                raise RunError(
                    f"the step {name!r} failed: {type(error).__name__}: {error}",
                    hint=getattr(error, "hint", None),
                ) from error


def call_steps(
    steps: Sequence[Node],
    definitions: Definitions,
    before: Called,
    surroundings: Surroundings,
    over: Mapping[str, Verdict] | None = None,
) -> Called:
    """Call the steps, each after what it waits for; return what all came to by now.

    `over` says what became of tasks over items. A step declared ``memo="home"`` is remembered
    beyond its run. A step that fails stops those that wait for it, unless their rule says
    otherwise, and no other; see `Called.check`.
    """
    if not steps:
        return before
    stage = Steps(steps, definitions, before, surroundings, over or {})
    # How many owners failed ends no step: some are there to say so, or to clean up.
    room = msgspec.structs.replace(surroundings.room, max_failed=None)
    policy = policy_of(steps, room, load=False)
    Shell(surroundings, policy, stage, definitions.kinds).run()
    return stage.called


def _verdict_of(stop: Stop) -> Verdict:
    is_skipped = isinstance(stop.error, SkipDocument)
    return Verdict(skipped=1) if is_skipped else Verdict(failed=1)


def _only(parts: list[Datum], kind: str) -> Datum:
    """Return the one value of a step; a step that returned nothing is worth None."""
    if parts:
        return parts[0]
    return Datum(fingerprint_encoded(kind, encode(None)), {}, value=None)
