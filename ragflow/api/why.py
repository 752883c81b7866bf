"""Why is a document as it is, and why is one not in the index?"""

from pathlib import Path

from ragflow.api.answers import Answers
from ragflow.api.explaining import Known
from ragflow.core.explanations import Explanation, Next, Worked
from ragflow.core.reasons import Cause, KnownOwner, RowHolder
from ragflow.core.records import Instance, RunRecord
from ragflow.errors import UsageError
from ragflow.runtime.home import Home, open_home
from ragflow.views.explanations import explanation_tables


class Explanations(Answers[Explanation]):
    """What `why` answers, one for each source that has such a key."""

    noun = "explanation"


def why(
    key: str,
    *,
    run: int | None = None,
    instance: str | None = None,
    project: Path | str | None = None,
) -> Explanations:
    """Say what the last run did with a document and why, how it stands, and what comes next.

    `key` is that of a document, or the id of a row (32 hex digits, or the first of them that
    no other row has). `run` is the number of another run than the last. What the next run
    would do is found by listing the source; a file whose token changed is opened, and no task
    is called. Raises `NotFoundError` for a key that nobody knows, with the nearest, and
    `UsageError` for one that several instances have.
    """
    with open_home(None if project is None else Path(project)) as home:
        return Explanations(explain(home, key, run=run, instance=instance), explanation_tables)


def explain(
    home: Home, key: str, *, run: int | None = None, instance: str | None = None
) -> list[Explanation]:
    """Return what `why` does, for a home that is open."""
    known = Known(home)
    instances = known.instances(instance)
    record = None if run is None else _run(known, run)
    if record is not None:
        instances = [each for each in instances if each.id == record.instance_id]
    owners = known.owners(key, instances)
    if owners:
        _check_one(key, owners)
        return [_explained(known, owner, record) for owner in owners]
    holders = known.rows(key, instances)
    if holders:
        found = known.store.reasons.owner(holders[0].owner)
        assert found is not None
        return [_explained(known, found, record, holders=holders)]
    gone = _gone(known, key, instances, record)
    return gone or _never_seen(known, key, instances)


def _run(known: Known, number: int) -> RunRecord:
    from ragflow.api.runs import find_run

    return find_run(known.store, number)


def _check_one(key: str, owners: list[KnownOwner]) -> None:
    """Raise `UsageError` where several instances have a key: what is true of one is not of all."""
    numbers = {owner.instance_id for owner in owners}
    if len(numbers) < 2:
        return
    names = sorted({owner.instance for owner in owners})
    if len(names) == 1:
        return  # of one name, in several scopes: all are told
    raise UsageError(
        f"{key!r} is a document of {len(names)} instances: {', '.join(names)}",
        hint=f"say which: --instance {names[0]}",
    )


def _explained(
    known: Known,
    owner: KnownOwner,
    run: RunRecord | None,
    *,
    holders: list[RowHolder] | None = None,
) -> Explanation:
    kept = known.store.reasons.of(owner.owner)
    ends = known.store.reasons.ends(owner.owner)
    standings = [known.standing(end) for end in ends]
    told = [known.worked(each, owner.source) for each in kept]
    last = told[0] if told else None
    if run is not None:
        last = next((each for each in told if each.run == run.id), _idle(run))
    by_generation = {each.generation: each.row for each in holders or ()}
    newest = known.last_run(owner.instance_id)
    return Explanation(
        key=owner.key,
        source=owner.source,
        instance=owner.instance,
        pipeline=owner.pipeline,
        version=None if owner.content is None else owner.content.hex(),
        last_run=None if newest is None else newest.id,
        stopped_by=None if newest is None else newest.error,
        last=last,
        earlier=[each for each in told if last is None or each.run < last.run],
        ends=standings,
        next=known.next(owner, standings),
        rows=[
            row
            for end in ends
            if end.generation in by_generation
            for row in known.rows_at(end, [by_generation[end.generation]], with_text=True)
        ],
    )


def _idle(run: RunRecord) -> Worked:
    """Return that a run did nothing with an owner."""
    return Worked(
        run=run.id,
        started_at=run.started_at,
        cause=Cause.UNCHANGED,
        sentence="it found nothing to do for it, or what it did is forgotten",
        changed=[],
    )


def _gone(
    known: Known, key: str, instances: list[Instance], run: RunRecord | None
) -> list[Explanation]:
    """Return what became of a key that was known once; nothing where it never was."""
    found = []
    departures = known.departures(key, instances)
    for place in dict.fromkeys((each.instance_id, each.source) for each in departures):
        told = [
            known.departed(each) for each in departures if (each.instance_id, each.source) == place
        ]
        if run is not None:
            told = [each for each in told if each.run == run.id] or [_idle(run)]
        instance = next(each for each in instances if each.id == place[0])
        found.append(_without_owner(known, key, instance, place[1], told))
    return found


def _never_seen(known: Known, key: str, instances: list[Instance]) -> list[Explanation]:
    """Return what the next run would do with a key that no run has seen.

    Raises `NotFoundError` where no source lists it either.
    """
    found = []
    for instance in instances:
        looked = known.look(instance.id, key)
        for each in [] if isinstance(looked, str) else looked:
            if each.listed is not None:
                told = known.next_of(each)
                found.append(_without_owner(known, key, instance, each.source, [], next_told=told))
    if not found:
        raise known.unknown(key)
    return found


def _without_owner(
    known: Known,
    key: str,
    instance: Instance,
    source: str,
    told: list[Worked],
    *,
    next_told: Next | None = None,
) -> Explanation:
    newest = known.last_run(instance.id)
    if next_told is None:
        looked = known.look(instance.id, key, source)
        if isinstance(looked, str):
            next_told = Next(cause=None, sentence=looked)
        elif not looked or looked[0].listed is None:
            next_told = Next(cause=None, sentence="nothing: it is not listed", is_listed=False)
        else:
            next_told = known.next_of(looked[0])
    return Explanation(
        key=key,
        source=source,
        instance=instance.name,
        pipeline=instance.pipeline,
        version=None,
        last_run=None if newest is None else newest.id,
        stopped_by=None if newest is None else newest.error,
        last=told[0] if told else None,
        earlier=told[1:],
        ends=[],
        next=next_told,
    )
