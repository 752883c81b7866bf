"""Which runs are at work, which can be taken up, and what may be asked of them?"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from ragflow.api.project import find_pipeline
from ragflow.core.fires import FireRecord
from ragflow.core.parameters import plainly
from ragflow.core.records import Instance, RunRecord
from ragflow.core.run_records import Lease
from ragflow.core.run_records import Request as Control
from ragflow.core.states import RunState
from ragflow.errors import NotFoundError, UsageError
from ragflow.interfaces.orchestration import MetadataStore
from ragflow.runtime.home import Home
from ragflow.runtime.request import Request
from ragflow.scheduling.zones import find_zone

#: What a run is recorded as while it is not over.
OPEN = frozenset({RunState.RUNNING, RunState.PAUSED, RunState.CANCELLING})
_SUCCEEDED = frozenset({RunState.SUCCEEDED, RunState.SUCCEEDED_WITH_FAILURES})
#: Runs looked through for the last one that can be taken up.
_LOOKED_AT = 1_000


def find_run(store: MetadataStore, number: int) -> RunRecord:
    """Return one run. Raises `NotFoundError`, naming the newest."""
    found = store.runs.get(number)
    if found is None:
        newest = store.runs.recent(limit=1)
        raise NotFoundError(
            f"there is no run {number}",
            hint=f"the newest is {newest[0].id}" if newest else "nothing has run yet",
        )
    return found


def holders(store: MetadataStore, runs: Iterable[RunRecord]) -> dict[int, Lease]:
    """Return who holds each of these runs that is not over; one that is absent was cut off.

    A run holds its instance while it lives, and whoever takes that ends every other run of
    it, so that at most one of them is not over.
    """
    unfinished = {run.instance_id: run for run in runs if run.state in OPEN}
    held: dict[int, Lease] = {}
    for instance in store.instances() if unfinished else ():
        if instance.id in unfinished:
            lease = store.leases.holder(instance)
            if lease is not None:
                held[unfinished[instance.id].id] = lease
    return held


def left_alone(store: MetadataStore, fires: Iterable[FireRecord]) -> set[int]:
    """Return the runs of these fires that are not over and that nobody holds: they were cut off."""
    runs = [store.runs.get(fire.run) for fire in fires if fire.run is not None]
    unfinished = [run for run in runs if run is not None and run.state in OPEN]
    held = holders(store, unfinished)
    return {run.id for run in unfinished} - set(held)


def holder(store: MetadataStore, run: RunRecord) -> Lease | None:
    """Return who holds a run; None where it is over or was cut off."""
    return holders(store, [run]).get(run.id)


def find_at_work(store: MetadataStore, number: int | None) -> tuple[RunRecord, Lease]:
    """Return a run that a process holds, the only one unless it is named, and its holder.

    Raises `NotFoundError` for a number that is none, and `UsageError` where the run is over or
    was cut off, or where it must be said which one is meant.
    """
    if number is None:
        runs = [run for run in store.runs.recent(limit=_LOOKED_AT) if run.state in OPEN]
        held = holders(store, runs)
        alive = [run for run in runs if run.id in held]
        if len(alive) == 1:
            return alive[0], held[alive[0].id]
        raise _undecided(alive)
    run = find_run(store, number)
    if run.state not in OPEN:
        raise UsageError(
            f"run {number} is over: it {_in_words(run)}", hint="`ragflow runs` lists what runs"
        )
    lease = holder(store, run)
    if lease is None:
        raise UsageError(
            f"run {number} was cut off: its process ended before it did",
            hint=f"`ragflow resume {number}` takes it up",
        )
    return run, lease


def ask(
    store: MetadataStore, number: int | None, request: Control, *, actor: str
) -> tuple[RunRecord, Lease]:
    """Ask a run to cancel, pause or resume; return it as it was, and who holds it.

    Returns at once: the run hears of it within a second. Raises as `find_at_work` does, and
    `UsageError` for anything after it was asked to cancel.
    """
    run, lease = find_at_work(store, number)
    store.controls.ask(run.id, request, actor=actor)
    return run, lease


def find_to_resume(
    store: MetadataStore, number: int | None, now: datetime
) -> tuple[RunRecord, bool]:
    """Return a run to go on with, and whether a process holds it, paused.

    Without a number the last one whose instance has not succeeded since, with whatever
    parameters: it would bring back what those replaced. Raises `UsageError` where there is
    nothing to go on with.
    """
    if number is not None:
        run = find_run(store, number)
        lease = _alive(holder(store, run), now)
        refusal = _refusal(store, run, lease)
        if refusal is not None:
            raise refusal
        return run, lease is not None
    succeeded = []
    recent = store.runs.recent(limit=_LOOKED_AT)
    held = holders(store, recent)
    for run in recent:
        lease = _alive(held.get(run.id), now)
        if run.state in _SUCCEEDED:
            succeeded.append(run.instance_id)
        elif run.instance_id not in succeeded and _refusal(store, run, lease) is None:
            return run, lease is not None
    raise UsageError(
        "no run can be taken up: each is at work or succeeded, or its instance did since",
        hint="`ragflow runs` lists them",
    )


def _alive(lease: Lease | None, now: datetime) -> Lease | None:
    """Return a lease whose holder renewed it in time; else another may take the run over."""
    return lease if lease is not None and lease.until >= now else None


def _refusal(store: MetadataStore, run: RunRecord, lease: Lease | None) -> UsageError | None:
    """Return why a run cannot be gone on with, None where it can."""
    if run.state in _SUCCEEDED:
        return UsageError(
            f"run {run.id} {_in_words(run)}: there is nothing to take up",
            hint="begin a new run: it does only what is left to do",
        )
    if lease is None:
        return None
    asked = store.controls.asked(run.id)
    if run.state is RunState.CANCELLING or asked is Control.CANCEL:
        return UsageError(
            f"run {run.id} is being cancelled", hint="wait for its end, and take it up then"
        )
    if run.state is not RunState.PAUSED and asked is not Control.PAUSE:
        return UsageError(
            f"run {run.id} is at work: there is nothing to take up",
            hint=f"`ragflow show {run.id}` says how far it is",
        )
    return None


def resumption(home: Home, run: RunRecord, **how: Any) -> Request:
    """Return the request that takes a run up: its number, parameters and instance are its own.

    `how` is as in `How`. Raises as `again` does.
    """
    return again(home, run, resumes=run.id, **how)


def again(home: Home, run: RunRecord, **how: Any) -> Request:
    """Return the request for a run like an earlier one: pipeline, parameters and instance.

    Raises `ParameterError` where the pipeline takes other parameters by now, `NotFoundError`
    where it is gone, and `UsageError` where it writes elsewhere, and so is of another instance.
    """
    request = find_pipeline(home.project, run.pipeline).request(
        run.parameters,
        project=home.project,
        instance=run.instance,
        fire_date=_fire_date(home, run),
        **how,
    )
    instance = find_instance(home.metadata, run)
    if plainly(request.scope) != plainly(instance.scope):
        raise UsageError(
            f"there can be no run like run {run.id}: the pipeline {run.pipeline!r} was changed "
            "and writes elsewhere now",
            hint=f"begin a new run: `ragflow run {run.pipeline}`",
        )
    return request


def _fire_date(home: Home, run: RunRecord) -> datetime | None:
    """Return the instant that a run was fired for, by the clocks of its schedule."""
    fire = home.metadata.schedules.of_run(run.id)
    return None if fire is None else fire.instant.astimezone(find_zone(fire.zone))


def find_instance(store: MetadataStore, run: RunRecord) -> Instance:
    """Return the instance that a run is of."""
    return next(each for each in store.instances() if each.id == run.instance_id)


def _undecided(alive: list[RunRecord]) -> UsageError:
    if not alive:
        return UsageError("nothing is running", hint="`ragflow runs` lists what ran")
    named = ", ".join(f"{run.id} ({run.instance})" for run in alive)
    return UsageError(f"{len(alive)} runs are at work: {named}", hint="say which by its number")


def _in_words(run: RunRecord) -> str:
    state = run.state.value.replace("_", " ")
    return f"was {state}" if run.state is RunState.CANCELLED else state
