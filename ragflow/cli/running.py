"""How does a command carry out a run, and say what it came to?"""

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec
import typer

from ragflow.cli.failures import ExitCode
from ragflow.cli.output import Results, say
from ragflow.cli.questions import is_confirmed, is_somebody_there
from ragflow.core.states import RunState
from ragflow.errors import GuardError, RunCancelled, RunError

if TYPE_CHECKING:
    from ragflow.core.pipeline_graph import PipelineGraph
    from ragflow.runtime.home import Home
    from ragflow.runtime.request import Request

#: Runs of a name looked through for the last one of an instance.
_LOOKED_AT = 1_000


def carry_out(home: "Home", request: "Request", out: Results, *, as_json: bool) -> None:
    """Carry out a run with progress, and print what it came to.

    Where a guard asks for ``--accept`` and a person is at the terminal, that person is asked
    instead. Exits with 3 where documents failed, and with 130 where it was interrupted or
    cancelled.
    """
    from ragflow.views.tables import summary_text

    try:
        summary = _summary_of(home, request, as_json=as_json)
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
        due = first_due(home, summary["run"]) if summary["dead_letters"] else None
        steps = steps_alone(request.graph)
        out.line(summary_text(summary, width=out.width, due=due, steps=steps))
    out.flush()
    if summary["state"] == RunState.SUCCEEDED_WITH_FAILURES:
        say(f"hint: `ragflow show {summary['run']}` lists what failed and why")
        raise typer.Exit(ExitCode.FAILED_DOCUMENTS)


def _summary_of(home: "Home", request: "Request", *, as_json: bool) -> Mapping[str, Any]:
    """Run it; once more, accepted, where a person accepts what the first was refused for."""
    from ragflow.runtime.run import run
    from ragflow.views.progress import Quiet, open_progress

    try:
        with Quiet() if as_json else open_progress(request.graph) as progress:
            return run(home, request, progress)
    except GuardError as error:
        if error.option != "accept" or as_json or not is_somebody_there():
            raise
        if not is_confirmed(f"{error}. Do it?"):
            raise
    request = msgspec.structs.replace(
        request, how=msgspec.structs.replace(request.how, accept=True)
    )
    with open_progress(request.graph) as progress:
        return run(home, request, progress)


def steps_alone(graph: "PipelineGraph") -> list[str]:
    """Return the steps of a pipeline that has nothing else; of any other, nothing."""
    if any(node.origin for node in graph.nodes.values()):
        return []
    return list(graph.nodes)


def first_due(home: "Home", number: int) -> datetime | None:
    """Return when the first dead letter that waits for an instant is due, of a run's instance."""
    from ragflow.api.dead_letters import of_instance
    from ragflow.api.runs import find_run

    letters = of_instance(home.metadata, find_run(home.metadata, number))
    waiting = [letter.not_before for letter in letters if letter.not_before is not None]
    first = min(waiting, default=None)
    return first if first is not None and first > home.clock.now() else None


def _number(home: "Home", request: "Request") -> int:
    if request.how.resumes is not None:
        return request.how.resumes
    store = home.metadata
    instance = store.instance(request.instance, request.pipeline, request.scope)
    recent = store.runs.recent(limit=_LOOKED_AT, instance=request.instance)
    return next(run.id for run in recent if run.instance_id == instance.id)


def _cancelled(home: "Home", number: int) -> str:
    asked = home.metadata.audit.list(run=number, action="control.cancel", limit=1)
    by = f" by {asked[0].actor}" if asked else ""
    return (
        f"run {number} was cancelled{by}; what was done is kept, "
        f"and `ragflow resume {number}` goes on from there"
    )
