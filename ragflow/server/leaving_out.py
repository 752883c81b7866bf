"""What becomes of a fire that waits and can never run?"""

from ragflow.api.runs import OPEN, holder
from ragflow.core.fires import FireRecord
from ragflow.core.states import RunState
from ragflow.interfaces.orchestration import MetadataStore


def leave_out(
    store: MetadataStore, fire: FireRecord, reason: str, *, has_failed: bool = False
) -> None:
    """Leave a fire out for a reason; nothing happens where its run began.

    With `has_failed` the reason is what went wrong when its run was to begin.
    A run that a process left which died, and that cannot be gone on with, failed for that reason:
    else it would be taken up for ever.
    """
    store.schedules.skip(fire, reason, has_failed=has_failed)
    run = None if fire.run is None else store.runs.get(fire.run)
    if run is not None and run.state in OPEN and holder(store, run) is None:
        store.runs.end(run.id, RunState.FAILED, summary=None, totals={}, error=reason)
