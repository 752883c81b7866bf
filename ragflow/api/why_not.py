"""Why is a document not in the index, or not found there?"""

from pathlib import Path

from ragflow.api.answers import Answers
from ragflow.api.explaining import Known
from ragflow.core.explanations import Next, Standing, Verdict, WhyNot
from ragflow.core.reasons import Cause, KnownOwner
from ragflow.core.records import Instance
from ragflow.core.states import GenerationState, OwnerState
from ragflow.runtime.home import Home, open_home
from ragflow.scheduling.groups import is_group
from ragflow.views.explanations import why_not_tables
from ragflow.views.quantities import counted

#: What `Explains.why_not` says of a key that is nowhere, which tells nobody anything.
_NOWHERE = ("is not there", "is no key")


class WhyNots(Answers[WhyNot]):
    """What `why_not` answers, one for each instance and source."""

    noun = "answer"


def why_not(key: str, *, instance: str | None = None, project: Path | str | None = None) -> WhyNots:
    """Say why a document is not in the index: not listed, skipped, failed, not run yet and so on.

    Lists the sources to find out, and opens a file whose token changed. Raises
    `NotFoundError` for a key that neither the ledger nor a source knows, with the nearest.
    """
    with open_home(None if project is None else Path(project)) as home:
        return WhyNots(explain_absence(home, key, instance=instance), why_not_tables)


def explain_absence(home: Home, key: str, *, instance: str | None = None) -> list[WhyNot]:
    """Return what `why_not` does, for a home that is open."""
    known = Known(home)
    instances = known.instances(instance)
    owners = [each for each in known.owners(key, instances) if not is_group(each.source)]
    found = [_of_owner(known, owner) for owner in owners]
    if found:
        return found
    for each in instances:
        found += _of_stranger(known, key, each)
    if not found:
        raise known.unknown(key)
    return found


def _of_owner(known: Known, owner: KnownOwner) -> WhyNot:
    standings = [known.standing(end) for end in known.store.reasons.ends(owner.owner)]
    run = known.command(owner.instance_id)
    verdict, sentence, hint = _verdict(standings, known.next(owner, standings), run)
    return WhyNot(
        key=owner.key,
        source=owner.source,
        instance=owner.instance,
        pipeline=owner.pipeline,
        verdict=verdict,
        sentence=sentence,
        hint=hint,
        ends=standings,
    )


def _verdict(standings: list[Standing], then: Next, run: str) -> tuple[Verdict, str, str | None]:
    """Return why an owner that was seen is not in the index, and what would change that.

    `run` is what to type for a run.
    """
    if then.is_listed is False:
        kept = " What it was served from goes with the next run." if _rows(standings) else ""
        return Verdict.NOT_LISTED, f"{then.sentence}.{kept}".removesuffix("."), None
    ends = [each for each in standings if not each.end.startswith("task:")] or standings
    if not ends:
        return Verdict.NOT_RUN, "it is listed, and no run has come to it yet", run
    for each in ends:
        if each.state in (OwnerState.FAILED, OwnerState.HELD_BACK):
            return _failed(each)
    for each in ends:
        if each.state is OwnerState.SKIPPED:
            told = each.message or each.reason or "there is nothing to serve"
            hint = f"make {each.requirement} available" if each.requirement else None
            return Verdict.SKIPPED, f"it was skipped: {told}", hint
    if then.cause not in (None, Cause.UNCHANGED):
        return Verdict.OUTDATED, f"it is served as it was before: {then.sentence}", run
    if not _rows(ends):
        told = "it was served, and no rows were made of it: it has no text, or a task left it out"
        return Verdict.NO_ROWS, told, "`ragflow why` says which run did that"
    if all(each.generation_state == GenerationState.BUILDING for each in ends if each.rows):
        told = "its rows are in a generation that is being built; readers see the one before"
        return Verdict.NOT_PUBLISHED, told, f"{run} --accept goes on building it"
    where = ", ".join(f"{each.end} ({counted(each.rows, 'row')})" for each in ends if each.rows)
    hint = "a search may rank it low: ask for more with -k, or look at --where"
    return Verdict.IN_INDEX, f"it is there: {where}", hint


def _failed(standing: Standing) -> tuple[Verdict, str, str | None]:
    told = standing.message or standing.reason or "it failed"
    kept = f"; what it was served from before stays ({counted(standing.rows, 'row')})"
    told = f"{told}{kept if standing.rows else ''}"
    number = standing.dead_letter
    if standing.is_discarded:
        hint = f"`ragflow dead-letters replay {number}` tries it again"
        return Verdict.DISCARDED, f"it failed, and was given up: {told}", hint
    hint = f"tried again {standing.released}"
    if number is not None:
        hint += f"; `ragflow dead-letters show {number}` tells more"
    return Verdict.FAILED, f"it failed: {told}", hint


def _rows(standings: list[Standing]) -> int:
    return sum(each.rows for each in standings)


def _of_stranger(known: Known, key: str, instance: Instance) -> list[WhyNot]:
    """Return why a key that no run of an instance keeps is not in the index."""
    looked = known.look(instance.id, key)
    found = []
    answer: tuple[Verdict, str, str | None]
    for each in [] if isinstance(looked, str) else looked:
        verdict, hint = Verdict.NOT_RUN, known.command(instance.id)
        if each.listed is None:
            if each.absence is None or each.absence.startswith(_NOWHERE):
                continue
            answer = (Verdict.NOT_LISTED, f"it {each.absence}", None)
        elif each.listed.skip is not None:
            answer = (Verdict.SKIPPED, f"its source leaves it out: it {each.listed.skip[1]}", None)
        else:
            answer = (verdict, "it is listed, and no run has come to it yet", hint)
        found.append(_told(key, instance, each.source, answer))
    if found:
        return found
    for gone in known.departures(key, [instance])[:1]:
        worked = known.departed(gone)
        is_moved = worked.moved_to is not None
        answer = (
            Verdict.MOVED if is_moved else Verdict.DELETED,
            f"{worked.sentence}; run {worked.run} removed it",
            f"look at {worked.moved_to!r}" if is_moved else None,
        )
        found.append(_told(key, instance, gone.source, answer))
    return found


def _told(
    key: str, instance: Instance, source: str, answer: tuple[Verdict, str, str | None]
) -> WhyNot:
    verdict, sentence, hint = answer
    return WhyNot(
        key=key,
        source=source,
        instance=instance.name,
        pipeline=instance.pipeline,
        verdict=verdict,
        sentence=sentence,
        hint=hint,
        ends=[],
    )
