"""``ragflow plan``: what a run would do."""

from ragflow.cli.options import Instance, Json, PipelineName, Settings, parameters_of
from ragflow.cli.output import results


def plan_pipeline(
    name: PipelineName,
    *,
    settings: Settings = None,
    instance: Instance = None,
    as_json: Json = False,
) -> None:
    """Say what a run would do; embeds and writes nothing."""
    from ragflow.api.project import find_pipeline
    from ragflow.runtime.home import open_home
    from ragflow.runtime.run import plan
    from ragflow.views.progress import Quiet, open_progress
    from ragflow.views.tables import summary_text

    with results() as out, open_home() as home:
        request = find_pipeline(home.project, name).request(
            parameters_of(settings),
            project=home.project,
            texts=True,
            instance=instance,
            trigger="command",
        )
        with Quiet() if as_json else open_progress(request.graph) as progress:
            summary = plan(home, request, progress)
        if as_json:
            out.json(summary)
        else:
            out.line(summary_text(summary, width=out.width))
