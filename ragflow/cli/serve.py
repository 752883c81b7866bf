"""``ragflow serve``: run pipelines by themselves, in the foreground."""

import signal
from types import FrameType
from typing import Annotated

import typer

from ragflow.cli.output import results, say

Grace = Annotated[
    float,
    typer.Option(
        "--grace", metavar="SECONDS", min=0, help="How long a run may go on when asked to end."
    ),
]


def serve_project(*, grace: Grace = 30.0) -> None:
    """Fire the schedules of the project until it is asked to end.

    In the foreground; it tells what it does on stderr. What was missed meanwhile is made up for
    as each schedule says. Several may serve one home: each instant fires once, and one goes on
    with what another left that died. SIGTERM and Ctrl-C let the run at work end, for so many
    seconds, and then hand it back; a second one ends at once. Code that changed is read by the
    next one.
    """
    from ragflow.api.schedules import keep_schedules
    from ragflow.runtime.home import open_home
    from ragflow.server.runner import ThreadRunner
    from ragflow.server.service import Service
    from ragflow.server.waiting import QuietWaiting

    with results(), open_home() as home:
        records = keep_schedules(home)
        waiting = QuietWaiting(home.clock, home.metadata.changes)
        runner = ThreadRunner(home, waiting.wake, say)
        service = Service(home, runner, waiting)
        before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

        def stop(_number: int, _frame: FrameType | None) -> None:
            # The next one has its usual effect.
            for each, handler in before.items():
                signal.signal(each, handler)
            service.stop()

        for number in before:
            signal.signal(number, stop)
        count = len(records)
        say(f"serving {count} {'schedule' if count == 1 else 'schedules'}; Ctrl-C ends it")
        try:
            service.run()
            say("ending: what is at work may end")
            runner.end(grace)
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
