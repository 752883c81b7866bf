"""What was a row made of, and what is made of a document?"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from ragflow.api.answers import Answers
from ragflow.api.explaining import Known
from ragflow.core.explanations import Lineage, Made, Related, Standing, TaskUsed
from ragflow.core.reasons import KeptReason, KnownEnd, KnownOwner
from ragflow.core.recipes import Recipe
from ragflow.core.states import OwnerState
from ragflow.runtime.home import Home, open_home
from ragflow.views.explanations import lineage_tables

_IN_VAIN = (OwnerState.FAILED, OwnerState.HELD_BACK)


class Lineages(Answers[Lineage]):
    """What `lineage` answers, one for each instance and source that has such a key."""

    noun = "lineage"


def lineage(
    key: str, *, instance: str | None = None, project: Path | str | None = None
) -> Lineages:
    """Follow a row back to its document, or a document forward to all of its rows.

    `key` is the id of a hit (32 hex digits, or the first of them that no other row has) or
    the key of a document. Told are the version of the document, the tasks with code, model and
    parameters, the run and its time, and the groups a document belongs to. Raises
    `NotFoundError` for what nobody knows, with the nearest.
    """
    with open_home(None if project is None else Path(project)) as home:
        return Lineages(trace(home, key, instance=instance), lineage_tables)


def trace(home: Home, key: str, *, instance: str | None = None) -> list[Lineage]:
    """Return what `lineage` does, for a home that is open."""
    known = Known(home)
    instances = known.instances(instance)
    owners = known.owners(key, instances)
    if owners:
        return [_traced(known, owner) for owner in owners]
    holders = known.rows(key, instances)
    if not holders:
        raise known.unknown(key)
    wanted = {each.generation: each.row for each in holders}
    found = known.store.reasons.owner(holders[0].owner)
    assert found is not None
    return [_traced(known, found, wanted)]


def _traced(known: Known, owner: KnownOwner, wanted: Mapping[int, str] | None = None) -> Lineage:
    """Return the lineage of an owner; of one row by generation where one is `wanted`."""
    reasons = known.store.reasons
    ends = _made(known, owner, wanted)
    kept = reasons.of(owner.owner)
    by = _made_by([each.standing for each in ends], kept)
    return Lineage(
        key=owner.key,
        source=owner.source,
        instance=owner.instance,
        pipeline=owner.pipeline,
        version=None if owner.content is None else owner.content.hex(),
        token=owner.token.hex(),
        metadata=owner.metadata,
        ends=ends,
        made_by=None if by is None else known.worked(by, owner.source),
        groups=[
            Related(key=group.key, source=group.source, ends=_made(known, group))
            for group in (reasons.groups(owner.owner) if wanted is None else ())
        ],
        members=[
            Related(key=each.key, source=each.source) for each in reasons.members(owner.owner)
        ],
    )


def _made_by(standings: Sequence[Standing], kept: Sequence[KeptReason]) -> KeptReason | None:
    """Return the run that made what is served: where the last one failed, an earlier one."""
    runs = {each.run for each in standings if each.state not in _IN_VAIN}
    if runs:
        return next((each for each in kept if each.run in runs), None)
    served = (each for each in kept if each.state is OwnerState.SUCCEEDED)
    return next(served, None) if any(each.rows for each in standings) else None


def _made(known: Known, owner: KnownOwner, wanted: Mapping[int, str] | None = None) -> list[Made]:
    found = []
    for end in known.store.reasons.ends(owner.owner):
        if wanted is not None and end.generation not in wanted:
            continue
        if wanted is not None:
            ids = [wanted[end.generation]]
        else:
            ids = sorted(known.store.ledger.held(end.generation, [owner.owner])[owner.owner])
        found.append(
            Made(
                standing=known.standing(end),
                version=None if end.served_content is None else end.served_content.hex(),
                tasks=_tasks(known, end),
                rows=known.rows_at(end, ids, with_text=wanted is not None),
            )
        )
    return found


def _tasks(known: Known, end: KnownEnd) -> list[TaskUsed]:
    definition = end.served_definition
    recipe: Recipe | None = None if definition is None else known.store.recipes.get(definition)
    return [
        TaskUsed(
            name=task.name,
            shape=task.shape,
            code=None if task.code is None else task.code.hex(),
            version=task.version,
            parameters=task.parameters,
            resources=task.resources,
            data=task.data,
        )
        for task in (() if recipe is None else recipe.tasks)
    ]
