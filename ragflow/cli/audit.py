"""``ragflow audit``: what people, schedules and runs did."""

from typing import Annotated

import typer

from ragflow.cli.options import LARGEST, Json, since_when
from ragflow.cli.output import enveloped, plain, results, say

ACTION = "Only actions that begin so: run., control., dead_letter., attempt."
SINCE = "Only what was done since: 2026-05-04, 2026-05-04T12:30, or 30min, 2h, 7d ago."


def list_audit(
    *,
    run: Annotated[
        int | None,
        typer.Option(
            "--run", metavar="RUN", min=1, max=LARGEST, help="Only what has to do with this run."
        ),
    ] = None,
    action: Annotated[str | None, typer.Option("--action", metavar="PREFIX", help=ACTION)] = None,
    since: Annotated[str | None, typer.Option("--since", metavar="WHEN", help=SINCE)] = None,
    limit: Annotated[
        int, typer.Option("--limit", min=1, max=LARGEST, help="The most events.")
    ] = 100,
    as_json: Json = False,
) -> None:
    """List who did what and when, newest first."""
    from ragflow.api.runs import find_run
    from ragflow.runtime.home import open_home
    from ragflow.views.events import audit_table

    with results() as out, open_home() as home:
        if run is not None:
            find_run(home.metadata, run)
        start = since_when(since, home.clock.now())
        events = home.metadata.audit.list(since=start, limit=limit, run=run, action=action)
        if as_json:
            out.json(enveloped(events=plain(events)))
        elif events:
            out.table(audit_table(events))
        else:
            say("nothing of that kind was done")
