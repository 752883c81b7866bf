"""``ragflow run``: bring an index up to date."""

from typing import Annotated

import typer

from ragflow.cli.failures import ExitCode
from ragflow.cli.options import Instance, Json, PipelineName, Settings, Wait, parameters_of
from ragflow.cli.output import results, say

ACCEPT = "Make everything again because the model changed."
DELETIONS = "Allow that a folder which lost everything, or another folder, deletes rows."


def run_pipeline(
    name: PipelineName,
    *,
    settings: Settings = None,
    instance: Instance = None,
    accept: Annotated[bool, typer.Option("--accept", help=ACCEPT)] = False,
    allow_deletions: Annotated[bool, typer.Option("--allow-deletions", help=DELETIONS)] = False,
    wait: Wait = False,
    as_json: Json = False,
) -> None:
    """Bring an index up to date with its documents.

    Ends with 0 when every document is served, 3 when this run failed a document, 1 when the
    run failed, 2 for wrong usage and 130 when it was interrupted.
    """
    from ragflow.api.project import find_pipeline
    from ragflow.core.states import RunState
    from ragflow.runtime.home import open_home
    from ragflow.runtime.run import run
    from ragflow.views.progress import Quiet, open_progress
    from ragflow.views.tables import summary_text

    with results() as out, open_home() as home:
        request = find_pipeline(home.project, name).request(
            parameters_of(settings),
            project=home.project,
            texts=True,
            instance=instance,
            accept=accept,
            allow_deletions=allow_deletions,
            wait=wait,
            trigger="command",
        )
        progress = Quiet() if as_json else open_progress(request.graph)
        try:
            with progress:
                summary = run(home, request, progress)
        except KeyboardInterrupt:
            say("interrupted; what was done is kept, and the next run goes on from there")
            raise typer.Exit(ExitCode.INTERRUPTED) from None
        if as_json:
            out.json(summary)
        else:
            out.line(summary_text(summary, width=out.width))
    if summary["state"] == RunState.SUCCEEDED_WITH_FAILURES:
        say(f"hint: `ragflow show {summary['run']}` lists what failed and why")
        raise typer.Exit(ExitCode.FAILED_DOCUMENTS)
