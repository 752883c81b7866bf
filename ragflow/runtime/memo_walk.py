"""Which calls of an owner do memos answer now, and why do they not answer the others?"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal

import msgspec

from ragflow.core.items import Fingerprint
from ragflow.core.node import Node
from ragflow.core.reasons import KnownOwner
from ragflow.core.recipes import Recipe
from ragflow.core.records import Instance
from ragflow.core.shapes import Shape
from ragflow.errors import RagflowError
from ragflow.incremental.why import Difference, differences
from ragflow.interfaces.orchestration import MetadataStore
from ragflow.runtime.ends import ends_of
from ragflow.runtime.home import Home
from ragflow.runtime.recipes import recipe_at
from ragflow.runtime.request import Request
from ragflow.scheduling.calls import Call, Counted, Stop, recall
from ragflow.scheduling.datum import Datum
from ragflow.scheduling.definitions import Definitions, define
from ragflow.scheduling.walk import Ground, Outcome, Walk, tasks_below

#: ``definition``: code, version, a parameter or a resource of the task changed; ``input``: what it
#: is given did; ``removed``: it was remembered and is gone or damaged; ``expired``: the same, after
#: no document needed it; ``new``: it was never called.
Why = Literal["definition", "input", "removed", "expired", "new"]


class CallStanding(msgspec.Struct, frozen=True, kw_only=True):
    """One call and whether a memo answers it."""

    task: str
    #: Which part of the document it runs over, as ``0.3``; empty for all of it.
    part: str
    key: Fingerprint
    is_hit: bool
    why: Why | None = None


class MemoStanding(msgspec.Struct, frozen=True, kw_only=True):
    """The calls of one owner, as far as memos tell which there are."""

    instance: str
    source: str
    key: str
    calls: Sequence[CallStanding]
    #: By task that is not as it was when the owner was served: what changed.
    changed: Mapping[str, Sequence[Difference]]
    #: Why not all calls are known, in a sentence; None where they are.
    problem: str | None = None


def stand(
    home: Home,
    owner: KnownOwner,
    requests: Callable[[Instance], Iterable[Request]],
    *,
    task: str | None = None,
) -> MemoStanding:
    """Return which calls of an owner memos answer, by what it was last read as; calls nothing.

    With the parameters of its instance's last run; with a name of that task alone.
    """
    named: dict[str, Any] = {
        "instance": owner.instance,
        "source": owner.source,
        "key": owner.key,
    }
    if owner.content is None:
        return MemoStanding(**named, calls=(), changed={}, problem="it was never read")
    instance = next(each for each in home.metadata.instances() if each.id == owner.instance_id)
    try:
        request = next(iter(requests(instance)), None)
        if request is None:
            return MemoStanding(**named, calls=(), changed={}, problem="nothing ran yet")
        definitions = define(request.graph, {})
    except RagflowError as error:
        return MemoStanding(**named, calls=(), changed={}, problem=str(error))
    walking = _Walking(home.metadata, owner, request, definitions)
    walking.walk()
    calls = [call for call in walking.calls if task in (None, call.task)]
    changed = {name: found for name, found in walking.changed.items() if task in (None, name)}
    return MemoStanding(**named, calls=calls, changed=changed, problem=walking.problem)


class _Walking:
    """Walks one owner from memos."""

    def __init__(
        self, store: MetadataStore, owner: KnownOwner, request: Request, definitions: Definitions
    ) -> None:
        self._store = store
        self._owner = owner
        self._request = request
        self._graph = request.graph
        self._definitions = definitions
        self._ends = store.reasons.ends(owner.owner)
        self.calls: list[CallStanding] = []
        self.changed = self._changes()
        self.problem: str | None = None

    def _changes(self) -> dict[str, list[Difference]]:
        """Return what is different in each task since the owner was served, or tried."""
        before: list[Recipe] = []
        for end in self._ends:
            for definition in (end.served_definition, end.tried_definition):
                recipe = None if definition is None else self._store.recipes.get(definition)
                if recipe is not None:
                    before.append(recipe)
        found: dict[str, list[Difference]] = {}
        now = [recipe_at(self._graph, end, self._definitions) for end in ends_of(self._request)]
        for old in before:
            for new in now:
                if old.end == new.end:
                    for each in differences(old, new):
                        told = found.setdefault(each.task, [])
                        if each not in told:
                            told.append(each)
        return found

    def walk(self) -> None:
        """Find the calls of one task after the other, as far as memos go."""
        node = self._source()
        if node is None:
            self.problem = "the pipeline does not have its source any more"
            return
        members = {each.name for each in self._graph.members(node.name)}
        nodes = tasks_below([each for each in self._graph.order() if each.name in members])
        ground = Ground(node.name, nodes, self._definitions, {})
        assert self._owner.content is not None
        start = Datum(self._owner.content, self._owner.metadata, fetch=_not_remembered)
        walk = Walk(ground, self._owner.key, start)
        try:
            for each in nodes:
                calls = walk.calls(each)
                walk.settle(each, calls, self._asked(each, calls))
        except Exception as error:  # noqa: BLE001 - functions of splits are users' code
            self.problem = f"not all calls are known: {error}"

    def _source(self) -> Node | None:
        for node in self._graph.nodes.values():
            is_origin = node.shape in (Shape.SOURCE, Shape.GROUPING)
            if is_origin and node.source == self._owner.source:
                return node
        return None

    def _asked(self, node: Node, calls: Sequence[Call]) -> list[Outcome]:
        keys = [call.key for call in calls if call.key is not None]
        memos = self._store.memos.get_many(keys)
        missed = [key for key in keys if key not in memos]
        standings = self._store.retention.standings(self._owner.owner, missed) if missed else {}
        outcomes: list[Outcome] = []
        for call in calls:
            memo = None if call.key is None else memos.get(call.key)
            if call.key is not None:
                why = None if memo is not None else self._why(node, standings.get(call.key))
                part = ".".join(map(str, call.path))
                self.calls.append(
                    CallStanding(
                        task=node.name, part=part, key=call.key, is_hit=memo is not None, why=why
                    )
                )
            if memo is None:
                outcomes.append(Stop(node.name, call.path, Counted()))
                self.problem = f"what lies below calls of {node.name} is known once they are made"
            else:
                outcomes.append(recall(call, memo, self._definitions.kinds[node.name]))
        return outcomes

    def _why(self, node: Node, standing: str | None) -> Why:
        if standing == "reached":
            return "removed"
        if standing == "former":
            return "expired"
        if node.name in self.changed:
            return "definition"
        above = {each.name for each in self._graph.upstream(node.name)}
        served = {end.served_content for end in self._ends} - {None}
        if above & self.changed.keys() or (served and self._owner.content not in served):
            return "input"
        return "new"


def _not_remembered() -> Any:
    raise OSError("the document itself would have to be read")
