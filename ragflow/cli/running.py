"""How does a command carry out a run, and say what it came to?"""

from datetime import datetime
from typing import TYPE_CHECKING

import typer

from ragflow.cli.failures import ExitCode
from ragflow.cli.output import Results, say
from ragflow.core.states import RunState
from ragflow.errors import RunCancelled, RunError

if TYPE_CHECKING:
    from ragflow.core.pipeline_graph import PipelineGraph
    from ragflow.runtime.home import Home
    from ragflow.runtime.request import Request


def carry_out(home: "Home", request: "Request", out: Results, *, as_json: bool) -> None:
    """Carry out a run with progress, and print what it came to.

    Exits with 3 where documents failed, and with 130 where it was interrupted or cancelled.
    """
    from ragflow.runtime.run import run
    from ragflow.views.progress import Quiet, open_progress
    from ragflow.views.tables import summary_text

    progress = Quiet() if as_json else open_progress(request.graph)
    try:
        with progress:
            summary = run(home, request, progress)
    except KeyboardInterrupt:
        say("interrupted; what was done is kept, and the next run goes on from there")
        raise typer.Exit(ExitCode.INTERRUPTED) from None
    except RunCancelled:
        say(_cancelled(home, _number(home, request)))
        raise typer.Exit(ExitCode.INTERRUPTED) from None
    except RunError as error:
        number = _number(home, request)
        error.hint = error.hint or f"`ragflow show {number}` tells more"
        raise
    if as_json:
        out.json(summary)
    else:
        due = first_due(home, request.instance) if summary["dead_letters"] else None
        steps = steps_alone(request.graph)
        out.line(summary_text(summary, width=out.width, due=due, steps=steps))
    out.flush()
    if summary["state"] == RunState.SUCCEEDED_WITH_FAILURES:
        say(f"hint: `ragflow show {summary['run']}` lists what failed and why")
        raise typer.Exit(ExitCode.FAILED_DOCUMENTS)


def steps_alone(graph: "PipelineGraph") -> list[str]:
    """Return the steps of a pipeline that has nothing else; of any other, nothing."""
    if any(node.origin for node in graph.nodes.values()):
        return []
    return list(graph.nodes)


def first_due(home: "Home", instance: str) -> datetime | None:
    """Return when the first dead letter of an instance that waits for an instant is due."""
    letters = home.metadata.dead_letters.list(instance=instance)
    waiting = [letter.not_before for letter in letters if letter.not_before is not None]
    first = min(waiting, default=None)
    return first if first is not None and first > home.clock.now() else None


def _number(home: "Home", request: "Request") -> int:
    if request.how.resumes is not None:
        return request.how.resumes
    return home.metadata.runs.recent(limit=1, instance=request.instance)[0].id


def _cancelled(home: "Home", number: int) -> str:
    asked = home.metadata.audit.list(run=number, action="control.cancel", limit=1)
    by = f" by {asked[0].actor}" if asked else ""
    return (
        f"run {number} was cancelled{by}; what was done is kept, "
        f"and `ragflow resume {number}` goes on from there"
    )
