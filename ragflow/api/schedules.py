"""Which schedules has a project, when do they fire, and what became of their fires?"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import msgspec

from ragflow.api.people import user_name
from ragflow.api.pipeline import Pipeline
from ragflow.api.project import find_pipeline, load_pipelines
from ragflow.api.results import Run
from ragflow.api.runs import left_alone
from ragflow.config import Project
from ragflow.core.fires import Accounted, Defined, FireRecord, Firing, ScheduleRecord
from ragflow.core.parameters import plainly
from ragflow.core.states import RunState
from ragflow.errors import NotFoundError, UsageError
from ragflow.interfaces.orchestration import MetadataStore, Observer
from ragflow.runtime.home import Home, open_home
from ragflow.runtime.request import Request
from ragflow.scheduling.fires import while_paused
from ragflow.scheduling.schedules import Schedule, first_of, read_schedule
from ragflow.scheduling.zones import find_zone

#: Instants that one backfill goes through at most.
MOST = 100_000
_NOT_AGAIN = frozenset({RunState.SUCCEEDED, RunState.SUCCEEDED_WITH_FAILURES})
_SECOND = timedelta(seconds=1)


class Known(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """A schedule as it is defined, and as the home keeps it."""

    defined: Defined
    #: None where no service, nor anybody else, has had to do with it.
    record: ScheduleRecord | None = None

    @property
    def name(self) -> str:
        """Its own name, and that of the instance it runs."""
        return self.defined.name

    @property
    def schedule(self) -> Schedule | None:
        """When it fires; None where it does by hand alone."""
        return None if self.defined.schedule is None else read_schedule(self.defined.schedule)

    @property
    def paused_at(self) -> datetime | None:
        """Since when it is paused; None where it is not."""
        return None if self.record is None else self.record.paused_at

    def next(self, now: datetime, most: int) -> list[datetime]:
        """Return the next instants after `now`, none while it is paused."""
        schedule = self.schedule
        if schedule is None or self.paused_at is not None:
            return []
        return [each.astimezone(schedule.clocks) for each in first_of(schedule.instants(now), most)]


class Backfill(Sequence[datetime]):
    """The instants of a range that a schedule is still to be fired for, oldest first.

    Nothing is done until `run`.
    """

    def __init__(self, name: str, instants: Sequence[datetime], done: int, **how: Any) -> None:
        #: Name of the schedule.
        self.name = name
        #: How many instants of the range were fired for and are left out.
        self.done = done
        self._instants = tuple(instants)
        self._how = how

    def run(self, observer: Observer | None = None) -> list[Run]:
        """Fire for each, one after the other, and return the runs.

        Each instant is recorded with its run, so that the rest is left after an interruption.
        Raises what the first run raises that fails as a whole.
        """
        project = self._how.get("project")
        with open_home(project) as home:
            known = find_schedule(home, self.name)
            is_again = self._how.get("is_again", False)
            return [
                Run(fire(home, known, instant, observer, is_again=is_again)) for instant in self
            ]

    def __getitem__(self, index: Any) -> Any:
        return self._instants[index]

    def __len__(self) -> int:
        return len(self._instants)

    def __repr__(self) -> str:
        if not self._instants:
            return f"<backfill of {self.name}: nothing to do>"
        first, last = self._instants[0].isoformat(), self._instants[-1].isoformat()
        return f"<backfill of {self.name}: {len(self)} runs, {first} to {last}>"


class Schedules:
    """The schedules of a project.

    `project` is a folder of it, the working directory unless given.
    """

    def __init__(self, project: Path | str | None = None) -> None:
        self._project = None if project is None else Path(project)

    def list(self) -> list[Known]:
        """Return every schedule, by name."""
        with open_home(self._project) as home:
            return known_schedules(home)

    def add(
        self,
        name: str,
        pipeline: str,
        schedule: Any = None,
        *,
        parameters: Mapping[str, Any] | None = None,
    ) -> None:
        """Let a pipeline run by itself under this name, from now on; or otherwise than before.

        `schedule` is a cron expression, a `Schedule`, or None for one that fires by hand. Raises
        `NotFoundError` for a pipeline that is not there, `ParameterError` for what it does not
        take, and `UsageError` for a name that a pipeline or ragflow.toml has given.
        """
        spec = None if schedule is None else read_schedule(schedule).plain()
        with open_home(self._project) as home:
            given = dict(parameters or {})
            found = find_pipeline(home.project, pipeline)
            stated = home.project.config.parameters.get(pipeline, {})
            found.values({**stated, **given})
            keep_schedules(home)
            defined = Defined(
                name=name,
                pipeline=pipeline,
                parameters=plainly(given),
                schedule=spec,
                origin="api",
            )
            home.metadata.schedules.add(defined, actor=user_name())

    def remove(self, name: str) -> None:
        """Let one that was added fire no more. Raises as `add` does, and `NotFoundError`."""
        with self._keeping() as store:
            store.schedules.remove(name, actor=user_name())

    def pause(self, name: str) -> None:
        """Let one not fire until it is resumed. Raises `NotFoundError`."""
        with open_home(self._project) as home:
            pause(home, name, actor=user_name())

    def resume(self, name: str) -> None:
        """Let one fire again; what came meanwhile is left out. Raises `NotFoundError`."""
        with open_home(self._project) as home:
            resume(home, name, actor=user_name())

    def fires(self, name: str | None = None, *, limit: int = 20) -> Sequence[FireRecord]:
        """Return what became of the last fires, newest first."""
        with open_home(self._project) as home:
            return home.metadata.schedules.fires(schedule=name, limit=limit)

    def fire(self, name: str, at: datetime | None = None, *, again: bool = False) -> Run:
        """Fire one now, for the instant `at` (now, unless given), and return the run.

        Raises `FireTakenError` where it was fired for that instant, unless `again`, and what
        `Pipeline.run` does.
        """
        with open_home(self._project) as home:
            known = find_schedule(home, name)
            instant = moment_of(known, at or home.clock.now().replace(microsecond=0))
            return Run(fire(home, known, instant, is_again=again))

    def backfill(
        self, name: str, begin: date | datetime, end: date | datetime, *, again: bool = False
    ) -> Backfill:
        """Return what is to be done so that a schedule was fired for all of a range.

        `begin` and `end` belong to it, a date as a whole day. Instants that were fired for and
        whose run succeeded are left out, unless `again`; those to come always.
        """
        with open_home(self._project) as home:
            found = plan_backfill(home, find_schedule(home, name), begin, end, again=again)
        return Backfill(name, *found, project=self._project, is_again=again)

    @contextmanager
    def _keeping(self) -> Iterator[MetadataStore]:
        with open_home(self._project) as home:
            keep_schedules(home)
            yield home.metadata


def defined_schedules(project: Project, pipelines: Mapping[str, Pipeline]) -> list[Defined]:
    """Return the schedules that pipelines and ragflow.toml define, by name.

    An instance of ragflow.toml that is called as a pipeline takes the place of what that says.
    Raises `NotFoundError` for an instance of a pipeline that is not there.
    """
    found = {
        name: Defined(name=name, pipeline=name, schedule=pipeline.schedule.plain())
        for name, pipeline in pipelines.items()
        if pipeline.schedule is not None
    }
    for instance in project.config.instances:
        pipeline = instance.pipeline or instance.name
        if pipeline not in pipelines:
            raise NotFoundError(
                f"the instance {instance.name!r} of ragflow.toml is of the pipeline {pipeline!r}, "
                "which is not there",
                hint=f"pipelines: {', '.join(pipelines) or 'none'}",
            )
        spec = None if instance.schedule is None else read_schedule(instance.schedule).plain()
        found[instance.name] = Defined(
            name=instance.name,
            pipeline=pipeline,
            parameters=plainly(instance.parameters),
            schedule=spec,
            origin="file",
        )
    return [found[name] for name in sorted(found)]


def keep_schedules(home: Home) -> list[ScheduleRecord]:
    """Let the home know the schedules that are defined; return all of them."""
    defined = defined_schedules(home.project, load_pipelines(home.project))
    home.metadata.schedules.keep(defined)
    return home.metadata.schedules.all()


def known_schedules(home: Home) -> list[Known]:
    """Return every schedule, by name; writes nothing."""
    defined = defined_schedules(home.project, load_pipelines(home.project))
    records = {each.defined.name: each for each in home.metadata.schedules.all()}
    found = {name: each.defined for name, each in records.items() if each.defined.origin == "api"}
    found.update({each.name: each for each in defined})
    return [Known(defined=found[name], record=records.get(name)) for name in sorted(found)]


def find_schedule(home: Home, name: str) -> Known:
    """Return one schedule, kept by the home. Raises `NotFoundError`, naming those there are."""
    records = {each.defined.name: each for each in keep_schedules(home)}
    if name not in records:
        raise NotFoundError(
            f"there is no schedule {name!r}",
            hint=f"schedules: {', '.join(records)}"
            if records
            else '`@pipeline(schedule="30 6 * * *")` makes one, as [[instances]] do',
        )
    return Known(defined=records[name].defined, record=records[name])


def pause(home: Home, name: str, *, actor: str) -> Known:
    """Let a schedule not fire until it is resumed; return it."""
    find_schedule(home, name)
    home.metadata.schedules.pause(name, actor=actor)
    return find_schedule(home, name)


def resume(home: Home, name: str, *, actor: str) -> Known:
    """Let a schedule fire again; return it. What came since it was paused is left out."""
    known = find_schedule(home, name)
    schedule, record, now = known.schedule, known.record, home.clock.now()
    accounted: Sequence[Accounted] = ()
    if schedule is not None and record is not None and record.paused_at is not None:
        accounted = while_paused(
            schedule, name, cursor=record.cursor, paused_at=record.paused_at, now=now
        )
    home.metadata.schedules.resume(name, accounted, now, actor=actor)
    return find_schedule(home, name)


def fire_request(
    home: Home, known: Known, instant: datetime, firing: Firing | None, **how: Any
) -> Request:
    """Return the request for the run of a fire; `how` is as in `How`.

    Raises `NotFoundError` where its pipeline is gone, and what the pipeline raises.
    """
    zone = "UTC" if known.schedule is None else known.schedule.zone
    return find_pipeline(home.project, known.defined.pipeline).request(
        known.defined.parameters,
        project=home.project,
        instance=known.name,
        fire_date=instant.astimezone(find_zone(zone)),
        firing=firing,
        **{"trigger": "schedule", "actor": f"schedule {known.name}", **how},
    )


def fire(
    home: Home,
    known: Known,
    instant: datetime,
    observer: Observer | None = None,
    *,
    is_again: bool = False,
    **how: Any,
) -> dict[str, Any]:
    """Fire a schedule by hand for an instant and carry its run out; return what it came to."""
    from ragflow.runtime.run import run

    return run(home, by_hand(home, known, instant, is_again=is_again, **how), observer)


def by_hand(
    home: Home, known: Known, instant: datetime, *, is_again: bool = False, **how: Any
) -> Request:
    """Return the request for the run of a fire that a person asks for."""
    assert known.record is not None
    firing = Firing(
        schedule_id=known.record.id, instant=instant, is_queued=False, is_again=is_again
    )
    return fire_request(home, known, instant, firing, **{"actor": user_name(), **how})


def moment_of(known: Known, moment: datetime) -> datetime:
    """Return the instant that is meant, by the clocks of the schedule where it names no offset."""
    if moment.tzinfo is None:
        zone = "UTC" if known.schedule is None else known.schedule.zone
        moment = moment.replace(tzinfo=find_zone(zone))
    return moment.astimezone(UTC)


def plan_backfill(
    home: Home,
    known: Known,
    begin: date | datetime,
    end: date | datetime,
    *,
    again: bool = False,
) -> tuple[list[datetime], int]:
    """Return the instants of a range to fire for, and how many were fired for already.

    Raises `UsageError` where there is no schedule, nothing between the two, or too much.
    """
    schedule = known.schedule
    if schedule is None or known.record is None:
        raise UsageError(
            f"{known.name!r} fires by hand alone, so no range has instants of it",
            hint="give it a schedule, or fire it for each: `ragflow schedules fire`",
        )
    first = moment_of(known, _whole(begin, is_end=False))
    last = min(moment_of(known, _whole(end, is_end=True)), home.clock.now())
    if _whole(end, is_end=True) < _whole(begin, is_end=False):
        raise UsageError(f"the range ends ({end}) before it begins ({begin})", hint="swap them")
    instants = []
    for instant in schedule.instants(first - _SECOND):
        if instant > last:
            break
        instants.append(instant.astimezone(schedule.clocks))
        if len(instants) > MOST:
            raise UsageError(
                f"there are more than {MOST:,} fires of {known.name!r} in that range",
                hint="choose a shorter one",
            )
    fired = home.metadata.schedules.fired(known.record)
    done = {
        instant
        for instant in instants
        if instant in fired and _is_done(fired[instant], again=again)
    }
    done -= _cut_off(home.metadata, known.record)
    return [instant for instant in instants if instant not in done], len(done)


def _cut_off(store: MetadataStore, record: ScheduleRecord) -> set[datetime]:
    """Return the instants of a schedule whose run a process left that died."""
    left = [fire for fire in store.schedules.left() if fire.schedule_id == record.id]
    alone = left_alone(store, left)
    return {fire.instant for fire in left if fire.run in alone}


def _is_done(state: RunState | None, *, again: bool) -> bool:
    """Tell whether a fire that waits, or whose run is in that state, needs no other."""
    if state in _NOT_AGAIN:
        return not again
    return state not in (RunState.FAILED, RunState.CANCELLED)


def _whole(moment: date | datetime, *, is_end: bool) -> datetime:
    """Return an instant; for a date its first, or its last second."""
    if isinstance(moment, datetime):
        return moment
    return datetime.combine(moment, time(23, 59, 59) if is_end else time())
