"""How does a command hand the documents it was given to a run that is at work?"""

from typing import TYPE_CHECKING

import typer

from ragflow.cli.failures import ExitCode
from ragflow.cli.output import Results, say

if TYPE_CHECKING:
    from ragflow.core.records import RunRecord
    from ragflow.runtime.home import Home
    from ragflow.runtime.request import Request

_SAID = {
    "served": "served",
    "failed": "failed",
    "unchanged": "there was nothing to do",
    "missing": "no source lists it",
}


def is_handed_on(home: "Home", request: "Request", out: Results, *, as_json: bool) -> bool:
    """Let a run that is at work serve the documents first; tell whether it answered for each.

    Where it ended before, or none is at work, the command runs itself. Exits with 3 where one
    failed, and with 2 where no source lists one.
    """
    from ragflow.runtime.handing_on import hand_on

    def asked(run: "RunRecord") -> None:
        say(f"run {run.id} of {run.instance} is at work, and serves them first")

    try:
        handed = hand_on(home, request, asked=asked)
    except KeyboardInterrupt:
        say("interrupted; the run that was asked goes on")
        raise typer.Exit(ExitCode.INTERRUPTED) from None
    if handed is None or len(handed.answers) < len(set(request.how.only)):
        return False
    if as_json:
        from ragflow.api.runs import find_run
        from ragflow.cli.history import described

        out.json(described(home, find_run(home.metadata, handed.run)))
    else:
        for key, answer in handed.answers.items():
            out.line(f"{key}: {_SAID[answer]}; run {handed.run} goes on with the others")
    out.flush()
    if "missing" in handed.answers.values():
        raise typer.Exit(ExitCode.USAGE)
    if "failed" in handed.answers.values():
        raise typer.Exit(ExitCode.FAILED_DOCUMENTS)
    return True
