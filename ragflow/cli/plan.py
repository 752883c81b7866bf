"""``ragflow plan``: what a run would do."""

from ragflow.cli.options import (
    Force,
    From,
    Instance,
    Json,
    Only,
    PipelineName,
    Settings,
    Until,
    parameters_of,
)
from ragflow.cli.output import results
from ragflow.cli.running import steps_alone


def plan_pipeline(
    name: PipelineName,
    *,
    settings: Settings = None,
    instance: Instance = None,
    until: Until = None,
    only: Only = None,
    since: From = None,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Say what a run would do; embeds and writes nothing."""
    from ragflow.api.project import find_pipeline
    from ragflow.runtime.home import open_home
    from ragflow.runtime.plan import plan
    from ragflow.views.progress import Quiet, open_progress
    from ragflow.views.tables import summary_text

    with results() as out, open_home() as home:
        request = find_pipeline(home.project, name).request(
            parameters_of(settings),
            project=home.project,
            texts=True,
            instance=instance,
            until=until,
            only=tuple(only or ()),
            since=since,
            force=force,
            trigger="command",
        )
        with Quiet() if as_json else open_progress(request.graph) as progress:
            summary = plan(home, request, progress)
        if as_json:
            out.json(summary)
        else:
            steps = steps_alone(request.graph)
            out.line(summary_text(summary, width=out.width, steps=steps))
