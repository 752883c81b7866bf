"""``ragflow runs`` and ``ragflow show``: what happened in each run."""

from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping
from contextlib import ExitStack
from typing import Annotated, Any

import typer

from ragflow.cli.options import Json
from ragflow.cli.output import enveloped, plain, results, say
from ragflow.core.records import CUT_OFF, RunRecord, TaskTotal
from ragflow.core.states import RunState
from ragflow.errors import BusyError, NotFoundError


def list_runs(
    *,
    number: Annotated[int, typer.Option("-n", min=1, help="The most runs.")] = 20,
    as_json: Json = False,
) -> None:
    """List the runs of the project, newest first."""
    from ragflow.runtime.home import open_home
    from ragflow.views.listings import runs_table

    with results() as out, open_home() as home:
        runs = home.metadata.runs.recent(limit=number)
        dead = _cut_off(home.metadata, runs)
        if as_json:
            found = [_summary(run, home.metadata.runs.totals(run.id), dead) for run in runs]
            out.json(enveloped(runs=found))
        elif runs:
            out.table(runs_table(runs, cut_off=dead))
        else:
            say("no runs yet: `ragflow run NAME` makes one")


def show_run(
    run: Annotated[int, typer.Argument(metavar="RUN", help="Number of a run.")],
    *,
    as_json: Json = False,
) -> None:
    """Show one run: counts, times and failures."""
    from ragflow.runtime.home import open_home
    from ragflow.views.listings import failures_table, run_text

    with results() as out, open_home() as home:
        history = home.metadata.runs
        found = history.get(run)
        if found is None:
            newest = history.recent(limit=1)
            raise NotFoundError(
                f"there is no run {run}",
                hint=f"the newest is {newest[0].id}" if newest else "nothing has run yet",
            )
        dead = _cut_off(home.metadata, [found])
        summary = _summary(found, history.totals(run), dead)
        if as_json:
            out.json(summary)
            return
        out.line(run_text(found, summary, width=out.width))
        attempts = history.attempts(run)
        if attempts:
            out.line()
            out.table(failures_table(attempts))


def _summary(
    run: RunRecord, totals: Mapping[str, TaskTotal], cut_off: Container[int]
) -> Mapping[str, Any]:
    """Return the object the run printed; where it came to none, what is known of it."""
    if run.summary is not None:
        return run.summary
    from ragflow.runtime.summary import DOCUMENTS

    is_dead = run.id in cut_off
    ended = run.ended_at or run.started_at
    summary = {
        "schema": 1,
        "run": run.id,
        "instance": run.instance,
        "state": (RunState.FAILED if is_dead else run.state).value,
        "documents": dict.fromkeys((*DOCUMENTS, "deleted"), 0),
        "chunks": dict.fromkeys(("total", "embedded", "reused", "upserted", "deleted"), 0),
        "tasks": {name: plain(total) for name, total in totals.items()},
        "seconds": {
            "total": round((ended - run.started_at).total_seconds(), 3),
            "start": 0.0,
            "embed": 0.0,
        },
        "dead_letters": 0,
    }
    error = CUT_OFF if is_dead else run.error
    return summary if error is None else {**summary, "error": error}


def _cut_off(store: Any, runs: Iterable[RunRecord]) -> set[int]:
    """Return those recorded as running that no process holds any more.

    A run holds its instance while it lives, so of the runs of one name at most as many live
    as instances of that name are held, and they are the newest.
    """
    open_runs = [run for run in runs if run.state is RunState.RUNNING]
    if not open_runs:
        return set()
    held = Counter(_held_names(store, {run.instance for run in open_runs}))
    dead = set()
    for run in sorted(open_runs, key=lambda run: -run.id):
        if held[run.instance] > 0:
            held[run.instance] -= 1
        else:
            dead.add(run.id)
    return dead


def _held_names(store: Any, names: set[str]) -> Iterator[str]:
    for instance in store.instances():
        if instance.name not in names:
            continue
        with ExitStack() as stack:
            try:
                stack.enter_context(store.hold(instance, owner="ragflow runs", wait=False))
            except BusyError:
                yield instance.name
