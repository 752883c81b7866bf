"""``ragflow resume``, ``pause`` and ``cancel``: go on with a run, or stop one, from anywhere."""

from typing import TYPE_CHECKING, Annotated

import typer

from ragflow.cli.history import described
from ragflow.cli.options import (
    LARGEST,
    Accept,
    Deletions,
    Json,
    MaxCost,
    MaxFailed,
    Only,
    Until,
    Wait,
    most_failed,
)
from ragflow.cli.output import results, say
from ragflow.cli.running import carry_out
from ragflow.core.run_records import Request

if TYPE_CHECKING:
    from ragflow.core.run_records import Lease
    from ragflow.runtime.home import Home

LAST = "Number of a run; the last that did not succeed unless given."
Started = Annotated[
    int | None,
    typer.Argument(
        metavar="[RUN]",
        min=1,
        max=LARGEST,
        help="Number of a run; needed where several are at work.",
    ),
]


def resume_run(
    number: Annotated[
        int | None, typer.Argument(metavar="[RUN]", min=1, max=LARGEST, help=LAST)
    ] = None,
    *,
    max_failed: MaxFailed = None,
    max_cost: MaxCost = None,
    until: Until = None,
    only: Only = None,
    accept: Accept = False,
    allow_deletions: Deletions = False,
    wait: Wait = False,
    as_json: Json = False,
) -> None:
    """Go on with a run that did not come to its end.

    One that was paused, cut off, cancelled or failed; it keeps its number, parameters and
    instance, while options such as --until are given again. A paused run goes on in its own
    process, and this command is over at once.
    """
    most = most_failed(max_failed)
    from ragflow.api.people import user_name
    from ragflow.api.runs import ask, find_to_resume, resumption
    from ragflow.runtime.home import open_home

    with results() as out, open_home() as home:
        run, is_held = find_to_resume(home.metadata, number, home.clock.now())
        if is_held:
            run, lease = ask(home.metadata, run.id, Request.RESUME, actor=user_name())
            if as_json:
                out.json(described(home, run))
            else:
                out.line(f"run {run.id} of {run.instance} goes on in process {lease.pid}")
            _warn(home, lease)
            return
        request = resumption(
            home,
            run,
            max_failed=most,
            max_cost=max_cost,
            until=until,
            only=tuple(only or ()),
            accept=accept,
            allow_deletions=allow_deletions,
            wait=wait,
            trigger="command",
            actor=user_name(),
        )
        say(f"run {run.id} of {run.instance} is taken up")
        carry_out(home, request, out, as_json=as_json)


def pause_run(number: Started = None) -> None:
    """Let a run stand still until it is resumed.

    It finishes what it is at and begins nothing. Without RUN, the only one at work.
    """
    _ask(number, Request.PAUSE, "pauses", "`ragflow resume {}` lets it go on")


def cancel_run(number: Started = None) -> None:
    """Let a run end early; what was done is kept.

    It finishes what it is at and begins nothing. Without RUN, the only one at work.
    """
    _ask(number, Request.CANCEL, "is cancelled", "`ragflow resume {}` takes it up again")


def _ask(number: int | None, request: Request, becomes: str, afterwards: str) -> None:
    from ragflow.api.people import user_name
    from ragflow.api.runs import ask
    from ragflow.runtime.home import open_home

    with results() as out, open_home() as home:
        run, lease = ask(home.metadata, number, request, actor=user_name())
        out.line(
            f"run {run.id} of {run.instance} {becomes}: what is at work is finished, "
            f"nothing new begins; {afterwards.format(run.id)}"
        )
        _warn(home, lease)


def _warn(home: "Home", lease: "Lease") -> None:
    """Say where the process that holds a run has not shown itself in time."""
    if lease.until < home.clock.now():
        from ragflow.views.quantities import instant

        say(
            f"note: process {lease.pid} on {lease.host} should have shown itself by "
            f"{instant(lease.until)}; it is stopped or hangs, and hears of it when it goes on"
        )
