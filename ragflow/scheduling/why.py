"""Why did a run stop before its end, or a call fail that no worker held?"""

from datetime import timedelta

from ragflow.core.options import Timeouts
from ragflow.errors import DocumentError, RunError, TimedOutError
from ragflow.scheduling.transitions.policy import DEATHS
from ragflow.scheduling.transitions.state import State


def reason_to_stop(state: State) -> RunError:
    """Return the error of a run that the core ended by itself."""
    most = state.policy.max_failed
    if most is not None and state.failed_owners > most:
        return RunError(
            f"{state.failed_owners} failed, more than the {most} that the run may fail",
            hint="see `ragflow dead-letters list`; raise --max-failed where that is as expected",
        )
    return RunError("the run could not go on")


def reason_to_fail(reason: str | None, timeouts: Timeouts) -> DocumentError | None:
    """Return the error of a call that the core let fail, where that was not the call's own."""
    if reason == "deaths":
        return DocumentError(
            f"its worker died {DEATHS} times with nothing else in it",
            code="poison",
            hint="it kills what it runs in: give the task executor='processes' and a memory_limit, "
            "or leave this item out",
        )
    if reason == "queue":
        return TimedOutError("queue", timeouts.queue or timedelta(0))
    if reason == "total":
        return TimedOutError("total", timeouts.total or timedelta(0))
    return None
