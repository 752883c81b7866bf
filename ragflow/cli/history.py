"""``ragflow runs`` and ``ragflow show``: what happened in each run."""

import contextlib
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ragflow.cli.options import LARGEST, Json, RunNumber, Tracebacks
from ragflow.cli.output import Results, enveloped, plain, results, say
from ragflow.core.records import CUT_OFF, RunRecord, TaskTotal
from ragflow.core.states import RunState

if TYPE_CHECKING:
    from ragflow.core.run_records import Lease
    from ragflow.interfaces.orchestration import MetadataStore
    from ragflow.runtime.home import Home

#: What the audit calls that a run stands otherwise than running.
_MARKED = {RunState.PAUSED: "run.paused", RunState.CANCELLING: "run.cancelling"}


def list_runs(
    *,
    number: Annotated[int, typer.Option("-n", min=1, max=LARGEST, help="The most runs.")] = 20,
    as_json: Json = False,
) -> None:
    """List the runs of the project, newest first."""
    from ragflow.api.runs import OPEN, holders
    from ragflow.runtime.home import open_home
    from ragflow.views.listings import runs_table

    with results() as out, open_home() as home:
        runs = home.metadata.runs.recent(limit=number)
        held = holders(home.metadata, runs)
        dead = {run.id for run in runs if run.state in OPEN and run.id not in held}
        at_work = {number: _seconds(home, lease) for number, lease in held.items()}
        if as_json:
            totals = home.metadata.runs.totals
            found = [_summary(run, totals(run.id), dead, at_work.get(run.id)) for run in runs]
            out.json(enveloped(runs=found))
        elif runs:
            out.table(runs_table(runs, cut_off=dead, at_work=at_work))
        else:
            say("no runs yet: `ragflow run NAME` makes one")


def show_run(run: RunNumber, *, traceback: Tracebacks = False, as_json: Json = False) -> None:
    """Show one run: counts, times, failed attempts.

    Of a run that is not over, also who holds it and what it is at.
    """
    from ragflow.api.runs import find_run
    from ragflow.runtime.home import open_home

    with results() as out, open_home() as home:
        found = find_run(home.metadata, run)
        if as_json:
            out.json(described(home, found))
        else:
            _show(out, home, found, with_tracebacks=traceback)


def described(home: "Home", run: RunRecord) -> Mapping[str, Any]:
    """Return the object that ``show --json`` prints."""
    from ragflow.api.runs import holder

    lease = holder(home.metadata, run)
    summary = _summarized(home, run, lease)
    more: dict[str, Any] = {}
    if lease is not None:
        more["held_by"] = {
            name: plain(getattr(lease, name)) for name in ("owner", "pid", "host", "since")
        }
    attempts = home.metadata.runs.attempts(run.id)
    if attempts:
        more["attempts"] = [_without_run(plain(attempt)) for attempt in attempts]
    return {**summary, **more}


def _show(out: Results, home: "Home", run: RunRecord, *, with_tracebacks: bool) -> None:
    from ragflow.api.runs import holder
    from ragflow.views.listings import failures_table, run_text, tracebacks_text, work_table

    lease = holder(home.metadata, run)
    summary = _summarized(home, run, lease)
    standing = _standing(home.metadata, run, lease)
    out.line(run_text(run, summary, width=out.width, standing=standing))
    left = home.metadata.assignments.left_of(run.id)
    if left:
        out.line()
        out.table(work_table(left))
    attempts = home.metadata.runs.attempts(run.id)
    if attempts:
        out.line()
        out.table(failures_table(attempts))
        if with_tracebacks:
            out.line()
            out.line(tracebacks_text(attempts))


def _standing(
    store: "MetadataStore", run: RunRecord, lease: "Lease | None"
) -> list[tuple[str, str]]:
    """Return what is known of a run that is not over, or that somebody may go on with."""
    from ragflow.views.quantities import instant

    facts = []
    if lease is not None:
        facts.append(("held by", f"process {lease.pid} on {lease.host}, {lease.owner}"))
        marked = _MARKED.get(run.state)
        events = store.audit.list(run=run.id, action=marked, limit=1) if marked else ()
        facts += [("since", instant(event.at)) for event in events]
    is_unfinished = run.state not in (RunState.SUCCEEDED, RunState.SUCCEEDED_WITH_FAILURES)
    if run.state is RunState.PAUSED or (lease is None and is_unfinished):
        facts.append(("go on", f"`ragflow resume {run.id}`"))
    return facts


def _summarized(home: "Home", run: RunRecord, lease: "Lease | None") -> Mapping[str, Any]:
    from ragflow.api.runs import OPEN

    is_dead = run.state in OPEN and lease is None
    totals = _in_order(home, run, home.metadata.runs.totals(run.id))
    at_work = None if lease is None else _seconds(home, lease)
    return _summary(run, totals, {run.id} if is_dead else set(), at_work)


def _in_order(
    home: "Home", run: RunRecord, totals: Mapping[str, TaskTotal]
) -> Mapping[str, TaskTotal]:
    """Return what each task did in the order of the pipeline, where that can be loaded."""
    from ragflow.api.project import find_pipeline

    if run.summary is not None or len(totals) < 2:
        return totals
    order: list[str] = []
    # It is the user's code of today, and may be gone, or wrong, or take other parameters.
    with contextlib.suppress(Exception):
        order = list(find_pipeline(home.project, run.pipeline).graph(**run.parameters).nodes)
    known = [name for name in order if name in totals]
    return {name: totals[name] for name in dict.fromkeys((*known, *totals))}


def _seconds(home: "Home", lease: "Lease") -> float:
    """Return for how long a run has been held; of one that was taken up, only since then."""
    return max(0.0, (home.clock.now() - lease.since).total_seconds())


def _summary(
    run: RunRecord,
    totals: Mapping[str, TaskTotal],
    cut_off: Collection[int],
    at_work: float | None = None,
) -> Mapping[str, Any]:
    """Return the object the run printed; where it came to none, what is known of it.

    `at_work` is for how many seconds it has been held.
    """
    if run.summary is not None:
        return run.summary
    from ragflow.runtime.summary import DOCUMENTS

    is_dead = run.id in cut_off
    ended = run.ended_at or run.started_at
    seconds = (ended - run.started_at).total_seconds() if at_work is None else at_work
    summary = {
        "schema": 1,
        "run": run.id,
        "instance": run.instance,
        "state": (RunState.FAILED if is_dead else run.state).value,
        "documents": dict.fromkeys((*DOCUMENTS, "deleted"), 0),
        "chunks": dict.fromkeys(("total", "embedded", "reused", "upserted", "deleted"), 0),
        "tasks": {name: plain(total) for name, total in totals.items()},
        "seconds": {
            "total": round(seconds, 3),
            "start": 0.0,
            "embed": 0.0,
        },
        "dead_letters": 0,
    }
    error = CUT_OFF if is_dead else run.error
    return summary if error is None else {**summary, "error": error}


def _without_run(attempt: Mapping[str, Any]) -> Mapping[str, Any]:
    return {name: value for name, value in attempt.items() if name != "run"}
