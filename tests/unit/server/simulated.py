"""Services under a clock that jumps: the real loop, the real home; runs only take their time."""

import hashlib
import heapq
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from ragflow.api.schedules import Known
from ragflow.core.fires import Defined, FireRecord, Firing
from ragflow.core.run_records import Lease
from ragflow.core.run_records import Request as Control
from ragflow.core.states import RunState
from ragflow.errors import BusyError, FireTakenError
from ragflow.scheduling.schedules import Schedule
from ragflow.server.service import Service
from ragflow.stores.metadata.sqlite import SqliteMetadataStore, open_store


class Clock:
    """Stands where it is put."""

    def __init__(self, instant: datetime) -> None:
        self.instant = instant

    def now(self) -> datetime:
        return self.instant

    def nanoseconds(self) -> int:
        return int(self.instant.timestamp()) * 10**9

    def elapsed(self) -> float:
        return self.instant.timestamp()

    def sleep(self, seconds: float) -> None:
        self.instant += timedelta(seconds=seconds)


class World:
    """A home, the services that share it, and what is to happen when."""

    def __init__(self, folder: Path, begun: datetime, schedules: dict[str, Schedule]) -> None:
        self.clock = Clock(begun)
        self.begun = begun
        self.schedules = schedules
        self.store: SqliteMetadataStore = open_store(folder, clock=self.clock)
        self.services: list[SimulatedService] = []
        self._agenda: list[tuple[datetime, int, Callable[[], None]]] = []
        self._number = 0
        #: How long runs take, by schedule and instant.
        self.longest: dict[str, timedelta] = {}
        #: Which runs ended how often.
        self.ended: list[int] = []
        self.turns = 0
        defined = [
            Defined(name=name, pipeline="p", schedule=schedule.plain())
            for name, schedule in schedules.items()
        ]
        self.store.schedules.keep(defined)

    def begin_service(self) -> "SimulatedService":
        """Let another service share the home."""
        service = SimulatedService(self)
        self.services.append(service)
        return service

    def later(self, instant: datetime, act: Callable[[], None]) -> None:
        """Let something happen at an instant."""
        self._number += 1
        heapq.heappush(self._agenda, (instant, self._number, act))

    def duration(self, name: str, instant: datetime) -> timedelta:
        """Return how long the run of a fire takes: something between nothing and the longest."""
        drawn = hashlib.blake2b(f"{name}{instant.isoformat()}".encode(), digest_size=4).digest()
        share = int.from_bytes(drawn, "big") / 2**32
        return self.longest.get(name, timedelta(minutes=2)) * share

    def come_to_rest(self) -> None:
        """Let what waits and what is at work end; from now on runs take no time."""
        self.longest = dict.fromkeys(self.schedules, timedelta(0))
        while self.store.schedules.queued() or self.store.schedules.left():
            self.live_until(self.clock.instant + timedelta(minutes=20))

    def live_until(self, end: datetime) -> None:
        """Let time pass, and every service take a turn whenever something is due."""
        while self.clock.instant < end:
            coming = [end]
            for service in list(self.services):
                until = service.turns_until_quiet()
                if until is not None:
                    coming.append(until)
            if self._agenda:
                coming.append(self._agenda[0][0])
            self.clock.instant = max(self.clock.instant, min(coming))
            while self._agenda and self._agenda[0][0] <= self.clock.instant:
                heapq.heappop(self._agenda)[2]()


class SimulatedService:
    """A service and the runs it carries out."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.is_alive = True
        self._at: dict[int, tuple[FireRecord, Lease, int]] = {}
        home: Any = SimpleNamespace(metadata=world.store, clock=world.clock)
        waiting: Any = None
        self.service = Service(home, self, waiting, again=timedelta(hours=1))

    def turns_until_quiet(self) -> datetime | None:
        """Take turns until one has nothing to do now; return when there is more."""
        while True:
            until = self.service.turn()
            self.world.turns += 1
            self._end_cancelled()
            if until is None or until > self.world.clock.now():
                return until

    def start(self, fire: FireRecord, known: Known) -> None:
        store, now = self.world.store, self.world.clock.now()
        instance = store.instance(known.name, "p", {})
        try:
            lease = store.leases.take(instance, "service")
        except BusyError:
            return
        firing = Firing(schedule_id=fire.schedule_id, instant=fire.instant)
        try:
            if fire.run is None:
                run = store.runs.begin(instance, {}, trigger="schedule", firing=firing)
            else:
                run = fire.run
                store.runs.take_up(run, firing=firing)
        except FireTakenError:
            store.leases.release(lease)
            return
        self._at[run] = (fire, lease, run)
        ends = now + self.world.duration(known.name, fire.instant)
        self.world.later(ends, lambda: self._end(run, RunState.SUCCEEDED))

    def has_room(self) -> bool:
        return True

    def is_at(self, fire: FireRecord) -> bool:
        return any(each.id == fire.id for each, _, _ in self._at.values())

    def stop(self) -> None:
        """End in order: hand back what is at work."""
        self.world.services.remove(self)
        for run in list(self._at):
            self._end(run, RunState.CANCELLED)
            assert self.world.store.schedules.hand_back(run, was_cancelled=True)

    def kill(self) -> None:
        """Die, as a process does: locks are gone, and what was at work says that it is."""
        self.world.services.remove(self)
        for _, lease, _ in self._at.values():
            self.world.store.leases.release(lease)
        self._at.clear()

    def _end_cancelled(self) -> None:
        for run in list(self._at):
            if self.world.store.controls.asked(run) is Control.CANCEL:
                self._end(run, RunState.CANCELLED)

    def _end(self, run: int, state: RunState) -> None:
        if run not in self._at:
            return
        _, lease, _ = self._at.pop(run)
        self.world.store.runs.end(run, state, summary=None, totals={})
        self.world.store.leases.release(lease)
        if state is RunState.SUCCEEDED:
            self.world.ended.append(run)
