"""Why is an owner to be worked on, and what became different between two definitions? Pure."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

import msgspec

from ragflow.core.items import Fingerprint
from ragflow.core.reasons import Because, Cause, Reason
from ragflow.core.recipes import Recipe, TaskRecipe
from ragflow.core.records import EndNow, EndStanding, OwnerChange
from ragflow.core.shapes import Shape
from ragflow.core.states import Change, OwnerState

#: What `ragflow.stores.metadata.recovery` gives as the reason of an owner it distrusts.
INTERRUPTED = "interrupted"

#: Of several causes the first in this order is told; the others follow from it, or wait for it.
_ORDER = (
    Cause.RECOVERED,
    Cause.REBUILT,
    Cause.STALE,
    Cause.NEW_END,
    Cause.REPLAYED,
    Cause.RETRIED,
    Cause.RELEASED,
    Cause.MODIFIED,
)
#: How a recipe calls the shape of a step.
_STEP = Shape.STEP.value


class Situation(msgspec.Struct, frozen=True, kw_only=True):
    """What a run knows of an owner when it decides what to do with it."""

    change: OwnerChange
    #: How it changed, once its content is known; else as the listing says.
    became: Change
    #: The content and metadata it has now; a content of None was not read.
    content: Fingerprint | None
    metadata: Mapping[str, Any]
    #: The fingerprint of both.
    input: Fingerprint | None
    #: The ends it is to be served at.
    ends: Sequence[EndNow]
    #: Whether an end writes a generation that is to replace one that serves.
    is_rebuilding: bool = False
    #: Whether what is unchanged is done again, and whether somebody named the owner.
    is_again: bool = False
    is_asked: bool = False
    came_from: str | None = None
    now: datetime


def reason_of(situation: Situation) -> Reason:
    """Return why a run works on an owner; calls are counted by whoever makes them."""
    change = situation.change
    found = [_cause_at(situation, end, change.ends.get(end.generation)) for end in situation.ends]
    causes = {cause for cause, _ in found if cause is not None}
    cause = _cause(situation, causes)
    released = [
        standing.requirement
        for end in situation.ends
        if (standing := change.ends.get(end.generation)) is not None
    ]
    pairs = dict.fromkeys(pair for _, pair in found if pair is not None)
    because = Because(
        definitions=list(pairs),
        requirement=next(filter(None, released), None) if cause is Cause.RELEASED else None,
        is_asked=situation.is_asked,
    )
    return Reason(cause=cause, because=because, came_from=situation.came_from)


def _cause(situation: Situation, causes: set[Cause]) -> Cause:
    change = situation.change
    if situation.became is Change.MOVED:
        return Cause.MOVED
    if Cause.RECOVERED in causes:
        return Cause.RECOVERED
    if change.content is None and not change.ends:
        return Cause.ADDED
    if situation.content is None or change.content is None:  # nobody can compare them
        if change.token_seen is not None and change.token != change.token_seen:
            return Cause.MODIFIED
    elif situation.content != change.content:
        return Cause.MODIFIED
    elif situation.metadata != change.metadata:
        return Cause.METADATA
    for cause in _ORDER:
        if cause in causes:
            return cause
    return _otherwise(situation)


def _otherwise(situation: Situation) -> Cause:
    """Return the cause where no end says one."""
    change = situation.change
    if situation.is_again:
        return Cause.FORCED
    if change.token_seen is None:
        return Cause.MODIFIED  # it was never read, and is listed otherwise than when it was tried
    return Cause.UNCHANGED if change.token == change.token_seen else Cause.TOUCHED


def _cause_at(
    situation: Situation, end: EndNow, standing: EndStanding | None
) -> tuple[Cause | None, tuple[Fingerprint | None, Fingerprint] | None]:
    """Return why an owner is to be served at one end, and the definitions where they differ."""
    if standing is None:
        is_known = situation.change.content is not None
        cause = Cause.REBUILT if situation.is_rebuilding and is_known else Cause.NEW_END
        return cause, None
    if standing.reason == INTERRUPTED and standing.state is OwnerState.FAILED:
        return Cause.RECOVERED, None
    before = standing.tried_definition or standing.served_definition
    if before is not None and before != end.definition:
        return Cause.STALE, (before, end.definition)
    if standing.state is OwnerState.FAILED:
        if standing.not_before is None:
            return Cause.REPLAYED, None
        if standing.not_before <= situation.now:
            return Cause.RETRIED, None
    # Touched, or asked for again, it is worked on whether or not what it needs is there.
    is_same = situation.change.token == situation.change.token_seen
    if standing.requirement is not None and is_same and not situation.is_again:
        return Cause.RELEASED, None
    if situation.input is not None and situation.input != standing.tried_input:
        return Cause.MODIFIED, None
    return None, None


What = Literal[
    "code",
    "version",
    "parameter",
    "resource",
    "returns",
    "inputs",
    "rule",
    "result",
    "task_added",
    "task_removed",
    "other",
]


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is different in a definition."""

    #: The task; empty where it cannot be said which.
    task: str
    #: ``code``, ``version``, ``parameter``, ``resource`` (a model, say), ``returns`` (the type),
    #: ``inputs``, ``rule``, ``result`` (of a step), ``task_added``, ``task_removed``, ``other``.
    what: What
    #: Of a parameter or a resource its name; of an entry of a resource ``model.revision``.
    name: str = ""
    #: Plain values; None where there was, or is, none, and for code.
    before: Any = None
    after: Any = None


def differences(before: Recipe, after: Recipe) -> list[Difference]:
    """Return what is different in a later definition, by task in its order; renamed tasks are not.

    Never empty for two definitions that differ: what no part of a recipe shows is ``other``.
    """
    if before.definition == after.definition:
        return []
    old = {task.name: task for task in before.tasks}
    new = {task.name: task for task in after.tasks}
    names = _renamed(old, new)
    old = {names.get(name, name): task for name, task in old.items()}
    found: list[Difference] = []
    for name, task in new.items():
        if name in old:
            found += _task(old[name], task, names)
        else:
            found.append(Difference(task=name, what="task_added"))
    found += [Difference(task=name, what="task_removed") for name in old if name not in new]
    return found or [Difference(task="", what="other")]


def _renamed(old: Mapping[str, TaskRecipe], new: Mapping[str, TaskRecipe]) -> dict[str, str]:
    """Return the present names of tasks that were only renamed: names are in no definition."""
    fresh = {task.fingerprint: name for name, task in new.items() if name not in old}
    return {
        name: fresh.pop(task.fingerprint)
        for name, task in old.items()
        if name not in new and task.fingerprint in fresh
    }


def _task(old: TaskRecipe, new: TaskRecipe, names: Mapping[str, str]) -> Iterable[Difference]:
    name = new.name
    if new.shape == old.shape == _STEP:  # only what it returned counts
        if old.fingerprint != new.fingerprint:
            yield Difference(task=name, what="result")
        return
    if (old.version, new.version) != (None, None):
        if old.version != new.version:
            yield Difference(task=name, what="version", before=old.version, after=new.version)
    elif old.code != new.code:
        yield Difference(task=name, what="code")
    yield from _entries(name, "parameter", old.parameters, new.parameters)
    for each in dict.fromkeys([*old.resources, *new.resources]):
        yield from _resource(name, each, old.resources.get(each), new.resources.get(each))
    if old.returns != new.returns:
        yield Difference(task=name, what="returns", before=old.returns, after=new.returns)
    data = [names.get(above, above) for above in old.data]
    if data != list(new.data):
        yield Difference(task=name, what="inputs", before=data, after=list(new.data))
    waits = [names.get(above, above) for above in old.waits_for]
    if (old.rule, waits) != (new.rule, list(new.waits_for)):
        yield Difference(task=name, what="rule", before=old.rule, after=new.rule)


def _resource(task: str, name: str, old: Any, new: Any) -> Iterable[Difference]:
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        yield from _entries(task, "resource", old, new, prefix=f"{name}.")
    elif old != new:
        yield Difference(task=task, what="resource", name=name, before=old, after=new)


def _entries(
    task: str,
    what: Literal["parameter", "resource"],
    old: Mapping[str, Any],
    new: Mapping[str, Any],
    *,
    prefix: str = "",
) -> Iterable[Difference]:
    for name in dict.fromkeys([*old, *new]):
        before, after = old.get(name), new.get(name)
        if before != after or (name in old) != (name in new):
            yield Difference(
                task=task, what=what, name=f"{prefix}{name}", before=before, after=after
            )
