"""``ragflow backfill``: run a schedule for instants that are past."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ragflow.cli.failures import ExitCode
from ragflow.cli.options import Accept, Deletions, Json, MaxCost, MaxFailed, Wait, most_failed
from ragflow.cli.output import Results, enveloped, results, say
from ragflow.cli.questions import is_confirmed
from ragflow.cli.schedule_commands import Again, Name, moment_said
from ragflow.core.states import RunState
from ragflow.errors import FireTakenError, GuardError, RunError

if TYPE_CHECKING:
    from ragflow.api.schedules import Known
    from ragflow.runtime.home import Home


def backfill_schedule(
    name: Name,
    *,
    begin: Annotated[str, typer.Option("--from", metavar="DATE", help="The first day or instant.")],
    end: Annotated[
        str, typer.Option("--to", metavar="DATE", help="The last day or instant, itself included.")
    ],
    again: Again = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say how many runs there would be, and do nothing.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    max_failed: MaxFailed = None,
    max_cost: MaxCost = None,
    accept: Accept = False,
    allow_deletions: Deletions = False,
    wait: Wait = False,
    as_json: Json = False,
) -> None:
    """Fire a schedule for every instant of a range, oldest first.

    Says how many runs that makes, and asks. Instants whose run succeeded are left out, so one
    that was interrupted goes on where it was. Ends with the first run that fails as a whole.
    """
    most = most_failed(max_failed)
    from ragflow.api.schedules import find_schedule, plan_backfill
    from ragflow.runtime.home import open_home
    from ragflow.views.schedules import backfill_text

    with results() as out, open_home() as home:
        known = find_schedule(home, name)
        first, last = moment_said("--from", begin), moment_said("--to", end)
        instants, done = plan_backfill(home, known, first, last, again=again)
        preview = backfill_text(name, instants, done)
        fires: list[dict[str, Any]] = []
        if dry_run and not as_json:
            out.line(preview)
        elif instants and not dry_run:
            if not yes and not is_confirmed(f"{preview}. Do it?"):
                say("nothing was done")
                raise typer.Exit(ExitCode.FAILED)
            how = {
                "max_failed": most,
                "max_cost": max_cost,
                "accept": accept,
                "allow_deletions": allow_deletions,
                "wait": wait,
            }
            _fire_all(home, known, instants, fires, is_again=again, **how)
        elif not as_json:
            say(preview)
        _tell(out, name, instants, done, fires, as_json=as_json)
        code = _code(fires)
    if code:
        raise typer.Exit(code)


def _fire_all(
    home: "Home",
    known: "Known",
    instants: Sequence[datetime],
    fires: list[dict[str, Any]],
    **how: Any,
) -> None:
    """Fire for one instant after the other until a run fails; add what each came to."""
    from ragflow.api.schedules import fire

    for number, instant in enumerate(instants, 1):
        say(f"{number} of {len(instants)}: {instant.isoformat()}")
        came_to: dict[str, Any] = {"instant": instant.isoformat(), "run": None, "error": None}
        fires.append(came_to)
        try:
            summary = fire(home, known, instant, **how)
            came_to.update(run=summary["run"], state=summary["state"])
        except FireTakenError as error:  # a service, or another backfill, was first
            came_to.update(state="taken", error=str(error))
        except (GuardError, RunError) as error:
            came_to.update(state=RunState.FAILED.value, error=str(error))
            with suppress(IndexError):
                came_to["run"] = home.metadata.runs.recent(limit=1, instance=known.name)[0].id
            say(f"error: {error}")
            if error.hint:
                say(f"hint: {error.hint}")
            return


def _tell(
    out: Results,
    name: str,
    instants: Sequence[datetime],
    done: int,
    fires: Sequence[dict[str, Any]],
    *,
    as_json: bool,
) -> None:
    if as_json:
        out.json(
            enveloped(
                schedule=name,
                count=len(instants),
                done=done,
                instants=[instant.isoformat() for instant in instants],
                fires=list(fires),
            )
        )
    elif fires:
        well = sum(fire["state"] != RunState.FAILED for fire in fires)
        out.line(f"{well} of {len(instants)} runs of {name} are done")


def _code(fires: Sequence[dict[str, Any]]) -> int:
    states = {fire["state"] for fire in fires}
    if RunState.FAILED.value in states:
        return ExitCode.FAILED
    if RunState.SUCCEEDED_WITH_FAILURES.value in states:
        return ExitCode.FAILED_DOCUMENTS
    return ExitCode.SUCCEEDED
