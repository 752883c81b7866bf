"""``ragflow plan``: what a run would do."""

from typing import Annotated

import typer

from ragflow.cli.options import (
    Force,
    From,
    Instance,
    Json,
    MaxCost,
    Only,
    PipelineName,
    Settings,
    Until,
    parameters_of,
)
from ragflow.cli.output import results
from ragflow.cli.running import steps_alone

Fast = Annotated[
    bool, typer.Option("--fast", help="Open no document: compare version tokens alone.")
]


def plan_pipeline(
    name: PipelineName,
    *,
    settings: Settings = None,
    instance: Instance = None,
    fast: Fast = False,
    max_cost: MaxCost = None,
    until: Until = None,
    only: Only = None,
    since: From = None,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Say what a run would do and cost; embeds and writes nothing.

    Documents are read and cut to find out, which is remembered; with --fast none is opened.
    """
    from ragflow.api.project import find_pipeline
    from ragflow.runtime.home import open_home
    from ragflow.runtime.plan import fast_plan, plan
    from ragflow.views.progress import Quiet, open_progress
    from ragflow.views.tables import summary_text

    with results() as out, open_home() as home:
        request = find_pipeline(home.project, name).request(
            parameters_of(settings),
            project=home.project,
            texts=True,
            instance=instance,
            max_cost=max_cost,
            until=until,
            only=tuple(only or ()),
            since=since,
            force=force,
            trigger="command",
        )
        with Quiet() if as_json else open_progress(request.graph) as progress:
            summary = (fast_plan if fast else plan)(home, request, progress)
        if as_json:
            out.json(summary)
        else:
            steps = steps_alone(request.graph)
            out.line(summary_text(summary, width=out.width, steps=steps))
