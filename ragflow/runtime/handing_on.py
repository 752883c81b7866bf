"""What if keys are asked for while a run of everything holds the instance?"""

from collections.abc import Callable

import msgspec

from ragflow.core.parameters import plainly
from ragflow.core.records import RunRecord
from ragflow.core.states import RunState
from ragflow.runtime.going_first import POLL
from ragflow.runtime.home import Home
from ragflow.runtime.request import Request

#: Runs of an instance looked through for the one at work.
_LOOKED_AT = 20
_AT_WORK = (RunState.RUNNING, RunState.PAUSED)


class HandedOn(msgspec.Struct, frozen=True):
    """What a run that was at work did with the keys it was asked for."""

    run: int
    #: By key: ``served``, ``failed``, ``unchanged`` or ``missing``; keys that the run ended
    #: before it came to are absent.
    answers: dict[str, str]


def hand_on(home: Home, request: Request, *, asked: Callable[[RunRecord], None]) -> HandedOn | None:
    """Ask the run at work for the keys of a request, and wait until it has served them.

    It lets them in before all it has not begun with. `asked` is told which run that is. None
    where no run of the instance is at work, or one with other parameters or options.
    """
    how = request.how
    if not how.only or how.is_again or how.until is not None or how.resumes is not None:
        return None
    run = _at_work(home, request)
    if run is None:
        return None
    store = home.metadata
    numbers = store.wanted.ask(run.id, how.only, actor=how.actor or how.trigger)
    asked(run)
    by_number = dict(zip(numbers, how.only, strict=True))
    while True:
        is_over = _is_over(home, run)
        answers = store.wanted.answers(numbers)
        if is_over or len(answers) == len(numbers):
            return HandedOn(run.id, {by_number[number]: told for number, told in answers.items()})
        home.clock.sleep(POLL)


def _at_work(home: Home, request: Request) -> RunRecord | None:
    store = home.metadata
    instance = store.instance(request.instance, request.pipeline, request.scope)
    if store.leases.holder(instance) is None:
        return None
    for run in store.runs.recent(limit=_LOOKED_AT, instance=request.instance):
        if run.instance_id == instance.id and run.state in _AT_WORK:
            is_alike = plainly(run.parameters) == plainly(request.parameters)
            return run if is_alike else None
    return None


def _is_over(home: Home, run: RunRecord) -> bool:
    now = home.metadata.runs.get(run.id)
    if now is None or now.state not in _AT_WORK:
        return True
    instance = next(each for each in home.metadata.instances() if each.id == run.instance_id)
    return home.metadata.leases.holder(instance) is None
