"""Why did a run stop before its end, or a call fail that no worker held?"""

from datetime import timedelta

from ragflow.core.items import Fingerprint
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


class PoisonError(DocumentError):
    """A call killed what it ran in, alone and often enough."""

    code = "poison"

    def __init__(self, call: Fingerprint) -> None:
        super().__init__(
            f"what it ran in died {DEATHS} times with nothing else in it",
            hint="leave this item out or mend it; where memory ran out, fewer calls at a time may "
            "help; with executor='processes' nothing else is lost; "
            "`ragflow dead-letters replay` tries it again",
        )
        #: What it is known by, in every run.
        self.call = call


def reason_to_fail(
    reason: str | None, timeouts: Timeouts, call: Fingerprint
) -> DocumentError | None:
    """Return the error of a call that the core let fail, where that was not the call's own."""
    if reason == "deaths":
        return PoisonError(call)
    if reason == "queue":
        return TimedOutError("queue", timeouts.queue or timedelta(0))
    if reason == "total":
        return TimedOutError("total", timeouts.total or timedelta(0))
    return None
