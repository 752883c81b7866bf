"""What becomes of the fires that are due? A function of the schedule, the instant and no more."""

from collections import deque
from collections.abc import Callable, Collection, Iterator
from datetime import datetime, timedelta

import msgspec

from ragflow.core.fires import Accounted, FireState
from ragflow.scheduling.schedules import Schedule

#: A fire that is found later than that after it was due was missed: no service was there.
ON_TIME = timedelta(seconds=60)

#: Fires that were missed or left out and are told one by one; those before are one record.
TOLD = 1_000

#: Reasons for which a fire is left out.
OVERLAP = "its pipeline was still running"
SUPERSEDED = "a later fire took its place"
PAUSED = "the schedule was paused"
LATE = "it could not begin in time"


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """What one look at a schedule comes to."""

    accounted: tuple[Accounted, ...]
    #: The last instant that is accounted for.
    cursor: datetime
    #: When the next fire is due; None where there is none.
    next_due: datetime | None
    #: Whether the run at work is to be cancelled, and what waits before these left out.
    cancels: bool = False


def look(
    schedule: Schedule,
    name: str,
    *,
    cursor: datetime,
    now: datetime,
    known: Collection[datetime] = (),
    is_busy: Callable[[], bool],
) -> Look:
    """Decide about every fire after `cursor` that is due at `now`.

    Fires keep their order: one waits for those before it, whatever its jitter. Those found more
    than a minute late were missed: the latest of them are made up for, as many as the schedule
    says, and wait for each other whatever the overlap. `known` are instants that are accounted
    for already; `is_busy` tells whether the pipeline runs or waits to.
    """
    judged = _Judged(schedule, now)
    following: datetime | None = None
    last = cursor
    for instant, due in _due(schedule, name, cursor):
        if due > now:
            following = due
            break
        last = instant
        if instant not in known:
            judged.add(instant, due)
    accounted, cancels = judged.end(is_busy)
    return Look(accounted=accounted, cursor=last, next_due=following, cancels=cancels)


def while_paused(
    schedule: Schedule, name: str, *, cursor: datetime, paused_at: datetime, now: datetime
) -> tuple[Accounted, ...]:
    """Account for what would have fired since `cursor`, for a schedule that fires again now.

    What was due before the pause was missed, and what came in it was left out.
    """
    spans = _Spans()
    for instant, due in _due(schedule, name, cursor):
        if instant > now:
            break
        if due <= paused_at:
            spans.add(instant, due, FireState.MISSED, None)
        else:
            spans.add(instant, due, FireState.SKIPPED, PAUSED)
    return spans.found


def _due(schedule: Schedule, name: str, cursor: datetime) -> Iterator[tuple[datetime, datetime]]:
    latest: datetime | None = None
    for instant in schedule.instants(cursor):
        due = schedule.due(name, instant)
        latest = due if latest is None else max(latest, due)
        yield instant, latest


class _Spans:
    """Fires with what becomes of them; the older of very many that have one fate are one record."""

    def __init__(self) -> None:
        self._found: deque[Accounted] = deque()
        self._summed: list[Accounted] = []

    @property
    def found(self) -> tuple[Accounted, ...]:
        """All of them, oldest first."""
        return (*self._summed, *self._found)

    def add(self, instant: datetime, due: datetime, state: FireState, reason: str | None) -> None:
        """Add one, later than all before."""
        self._found.append(Accounted(instant=instant, due=due, state=state, reason=reason))
        while len(self._found) > TOLD and self._found[0].state is not FireState.QUEUED:
            self._sum_up(self._found.popleft())

    def supersede(self) -> None:
        """Leave out what waits."""
        self._found = deque(
            msgspec.structs.replace(one, state=FireState.SKIPPED, reason=SUPERSEDED)
            if one.state is FireState.QUEUED
            else one
            for one in self._found
        )

    def _sum_up(self, fire: Accounted) -> None:
        before = self._summed[-1] if self._summed else None
        if before is None or (before.state, before.reason) != (fire.state, fire.reason):
            self._summed.append(fire)
        else:
            self._summed[-1] = msgspec.structs.replace(
                before, last=fire.instant, count=before.count + 1
            )


class _Judged:
    """Fires that are due, told one after the other."""

    def __init__(self, schedule: Schedule, now: datetime) -> None:
        self._schedule = schedule
        self._now = now
        self._spans = _Spans()
        # Those that may yet fire: the latest, and those on time.
        self._kept: deque[tuple[datetime, datetime]] = deque()

    def add(self, instant: datetime, due: datetime) -> None:
        self._kept.append((instant, due))
        # One more than is made up for, and it is missed: a year of minutes needs no memory.
        while len(self._kept) > self._schedule.made_up_for and not self._is_on_time(self._kept[0]):
            self._spans.add(*self._kept.popleft(), FireState.MISSED, None)

    def end(self, is_busy: Callable[[], bool]) -> tuple[tuple[Accounted, ...], bool]:
        """Return what becomes of all, and whether the run at work is cancelled for one."""
        lateness, overlap = self._schedule.longest_lateness, self._schedule.overlap
        waits = cancels = False
        for instant, due in self._kept:
            state, reason = FireState.QUEUED, None
            if lateness is not None and self._now - due > lateness:
                state, reason = FireState.SKIPPED, LATE
            elif self._is_on_time((instant, due)) and (waits or is_busy()):
                if overlap == "skip":
                    state, reason = FireState.SKIPPED, OVERLAP
                elif overlap == "cancel_running":
                    self._spans.supersede()
                    cancels = True
            waits = waits or state is FireState.QUEUED
            self._spans.add(instant, due, state, reason)
        return self._spans.found, cancels

    def _is_on_time(self, fire: tuple[datetime, datetime]) -> bool:
        return self._now - fire[1] <= ON_TIME
