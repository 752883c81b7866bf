"""How do the schedules of a home fire?

Each turn of the loop looks at what is due and writes down what becomes of it, hands back what a
process left that died, and begins what waits. All it knows is in the home, so any number of
services may share one, and one that begins goes on where the last ended.
"""

from contextlib import suppress
from datetime import datetime, timedelta
from typing import Protocol

from ragflow.api.runs import OPEN, left_alone
from ragflow.api.schedules import Known
from ragflow.core.fires import FireRecord, ScheduleRecord
from ragflow.core.run_records import Request as Control
from ragflow.errors import BusyError, UsageError
from ragflow.runtime.home import Home
from ragflow.scheduling.fires import LATE, SUPERSEDED, look
from ragflow.server.leaving_out import leave_out
from ragflow.server.waiting import Waiting

#: How long it waits before it looks again at what another process holds: nobody tells of a death.
AGAIN = timedelta(seconds=5)
#: Runs of an instance looked through for the one at work.
_LOOKED_AT = 20


class Runner(Protocol):
    """Carries runs out, beside the loop."""

    def start(self, fire: FireRecord, known: Known) -> None:
        """Begin the run of a fire that waits, or go on with it; returns at once."""

    def has_room(self) -> bool:
        """Tell whether another run may begin."""

    def is_at(self, fire: FireRecord) -> bool:
        """Tell whether it was given this fire and is not done with it."""


class Service:
    """Fires the schedules of one home. One thread calls it, but `stop` may be called anywhere."""

    def __init__(
        self, home: Home, runner: Runner, waiting: Waiting, *, again: timedelta = AGAIN
    ) -> None:
        self._home = home
        self._store = home.metadata
        self._runner = runner
        self._waiting = waiting
        self._again = again
        # When each is due next, by its number, while it is as it was read.
        self._next: dict[int, tuple[ScheduleRecord, datetime | None]] = {}
        self._is_stopping = False
        #: How often it looked at what is due.
        self.turns = 0

    def run(self) -> None:
        """Fire what is due until it is stopped."""
        while not self._is_stopping:
            seen = self._store.changes()
            try:
                until = self.turn()
            except BusyError:  # somebody keeps the database locked, and will let go of it
                until = self._home.clock.now() + self._again
            self._waiting.wait(until, seen, lambda: self._is_stopping)

    def stop(self) -> None:
        """Let the loop end with its turn; a signal handler may call it. Runs go on."""
        self._is_stopping = True

    def turn(self) -> datetime | None:
        """Do what is to be done now; return when there is more, None for nobody knows."""
        self.turns += 1
        now = self._home.clock.now()
        records = self._store.schedules.all()
        firing = [each for each in records if each.paused_at is None and each.defined.schedule]
        coming = [self._account(each, now) for each in firing]
        is_waiting = self._take_over()
        is_waiting = self._begin(records, now) or is_waiting
        if is_waiting:
            coming.append(now + self._again)
        return min((each for each in coming if each is not None), default=None)

    def _account(self, record: ScheduleRecord, now: datetime) -> datetime | None:
        """Write down what becomes of what is due; return when to look again."""
        read, due = self._next.get(record.id, (None, None))
        if read == record and (due is None or due > now):
            return due
        known = Known(defined=record.defined, record=record)
        assert known.schedule is not None
        found = look(
            known.schedule,
            known.name,
            cursor=record.cursor,
            now=now,
            known=self._store.schedules.known(record),
            is_busy=lambda: self._is_busy(record),
        )
        if found.cursor == record.cursor:
            self._next[record.id] = (record, found.next_due)
            return found.next_due
        supersedes = SUPERSEDED if found.cancels else None
        is_ours = self._store.schedules.account(
            record, found.accounted, found.cursor, supersedes=supersedes
        )
        if is_ours and found.cancels:
            self._cancel(known.name)
        # Another service was first: what it wrote is read at once.
        return found.next_due if is_ours else now

    def _is_busy(self, record: ScheduleRecord) -> bool:
        if any(fire.schedule_id == record.id for fire in self._store.schedules.queued()):
            return True
        return self._is_held(record.defined.name)

    def _is_held(self, name: str) -> bool:
        return any(
            self._store.leases.holder(instance) is not None
            for instance in self._store.instances()
            if instance.name == name
        )

    def _cancel(self, name: str) -> None:
        for run in self._store.runs.recent(limit=_LOOKED_AT, instance=name):
            if run.state in OPEN:
                with suppress(UsageError):  # it ended meanwhile
                    self._store.controls.ask(run.id, Control.CANCEL, actor=f"schedule {name}")

    def _take_over(self) -> bool:
        """Let what a process left that died wait again; tell whether others are at work."""
        left = [fire for fire in self._store.schedules.left() if not self._runner.is_at(fire)]
        alone = left_alone(self._store, left)
        for run in sorted(alone):
            self._store.schedules.hand_back(run)
        return len(alone) < len(left)

    def _begin(self, records: list[ScheduleRecord], now: datetime) -> bool:
        """Begin the runs of fires that wait, in order; tell whether some wait on."""
        known = {each.id: Known(defined=each.defined, record=each) for each in records}
        is_waiting = False
        begun: set[int] = set()
        for fire in self._store.schedules.queued():
            schedule = known.get(fire.schedule_id)
            if self._runner.is_at(fire):
                begun.add(fire.schedule_id)
            elif schedule is None:
                leave_out(self._store, fire, "the schedule is defined no more")
            elif _is_late(fire, schedule, now):
                leave_out(self._store, fire, LATE)
            elif schedule.paused_at is not None:
                continue
            elif fire.schedule_id in begun or not self._runner.has_room():
                is_waiting = True
            elif self._is_held(schedule.name):
                begun.add(fire.schedule_id)
                is_waiting = True
            else:
                begun.add(fire.schedule_id)
                self._runner.start(fire, schedule)
        return is_waiting


def _is_late(fire: FireRecord, known: Known, now: datetime) -> bool:
    """Tell whether a fire waited too long for its run to begin."""
    lateness = None if known.schedule is None else known.schedule.longest_lateness
    return lateness is not None and fire.run is None and now - fire.due > lateness
