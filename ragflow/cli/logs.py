"""``ragflow logs``: what the tasks of a run logged and printed."""

from typing import Annotated

import typer

from ragflow.cli.options import RunNumber
from ragflow.cli.output import plain, results, say


def print_logs(
    run: RunNumber,
    task: Annotated[
        str | None, typer.Argument(metavar="[TASK]", help="Only what this task said.")
    ] = None,
    key: Annotated[
        str | None, typer.Argument(metavar="[KEY]", help="Only what it said of this document.")
    ] = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")] = False,
) -> None:
    """Print what the tasks of a run logged and printed, in order."""
    from ragflow.api.runs import find_run
    from ragflow.runtime.home import open_home
    from ragflow.views.events import log_table

    with results() as out, open_home() as home:
        find_run(home.metadata, run)
        lines = home.metadata.logs.read(run, task=task, key=key)
        if as_json:
            for line in lines:
                out.json(plain(line), indent=None)
        elif lines:
            out.table(log_table(lines))
        else:
            of = "".join(f" of {each}" for each in (task, key) if each is not None)
            say(f"nothing was logged{of} in run {run}")
