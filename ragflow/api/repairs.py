"""With which requests were the rows of an instance made?"""

from collections.abc import Iterator

from ragflow.api.runs import again
from ragflow.core.records import Instance, RunRecord
from ragflow.core.states import RunState
from ragflow.errors import RagflowError
from ragflow.runtime.home import Home
from ragflow.runtime.recollection import Requests
from ragflow.runtime.request import Request

#: Runs of an instance that are looked through, and how many of other parameters are tried.
_LOOKED_AT, _TRIED = 1_000, 8
_SUCCEEDED = (RunState.SUCCEEDED, RunState.SUCCEEDED_WITH_FAILURES)


def requests_of(home: Home) -> Requests:
    """Return what finds the requests of an instance's runs, each of other parameters.

    Newest first, and those that succeeded before others: one that was refused made no rows.
    What is raised where none can be made again says why: the pipeline is gone, or raises.
    """

    def requests(instance: Instance) -> Iterator[Request]:
        recent = home.metadata.runs.recent(limit=_LOOKED_AT, instance=instance.name)
        mine = [run for run in recent if run.instance_id == instance.id]
        mine.sort(key=lambda run: run.state not in _SUCCEEDED)
        failure: RagflowError | None = None
        found = False
        for run in _distinct(mine):
            try:
                yield again(home, run)
                found = True
            except RagflowError as error:
                failure = failure or error
        if failure is not None and not found:
            raise failure

    return requests


def _distinct(runs: list[RunRecord]) -> list[RunRecord]:
    """Return the first run of each set of parameters."""
    found: list[RunRecord] = []
    for run in runs:
        if len(found) < _TRIED and all(run.parameters != each.parameters for each in found):
            found.append(run)
    return found
