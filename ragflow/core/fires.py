"""The plain records of schedules and their fires, as services and stores hand them each other."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec


class FireState(StrEnum):
    """What became of a fire. Each has one state, and each that is not queued is accounted for."""

    QUEUED = "queued"  #: due, and waits for its run to begin or to go on
    FIRED = "fired"  #: a run began for it
    SKIPPED = "skipped"  #: it was left out, for a reason
    FAILED = "failed"  #: its run could not even begin, for a reason
    MISSED = "missed"  #: no service was there, and nothing makes up for it


class Defined(msgspec.Struct, frozen=True, kw_only=True):
    """A schedule as a pipeline, ragflow.toml or a program defines it."""

    #: Its own name, and that of the instance it runs.
    name: str
    pipeline: str
    parameters: Mapping[str, Any] = {}
    #: When it fires, as JSON says it; None where it only fires by hand.
    schedule: Mapping[str, Any] | None = None
    #: Where it was defined: ``pipeline``, ``file`` or ``api``.
    origin: str = "pipeline"


class ScheduleRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A schedule as a home keeps it."""

    #: Never given again.
    id: int
    defined: Defined
    #: The last instant that is accounted for, with all before it.
    cursor: datetime
    #: Since when it does not fire; None while it does.
    paused_at: datetime | None = None


class Accounted(msgspec.Struct, frozen=True, kw_only=True):
    """What is to become of one fire, or of several that follow each other."""

    #: The instant, or the first of several.
    instant: datetime
    state: FireState
    #: When it is due: the instant and its jitter.
    due: datetime
    reason: str | None = None
    #: The last of several.
    last: datetime | None = None
    count: int = 1


class FireRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One fire of a schedule as a home keeps it, or several in a row that had the same fate."""

    #: Grows with every fire.
    id: int
    schedule_id: int
    #: Name of the schedule, and the zone by whose clocks it fires.
    schedule: str
    zone: str
    #: The instant it stands for: the pipeline's `fire_date`.
    instant: datetime
    #: The last instant of several; the same for one.
    last: datetime
    #: How many fires it stands for.
    count: int
    state: FireState
    #: When it was due.
    due: datetime
    #: When it was accounted for, or last changed.
    at: datetime
    reason: str | None = None
    #: The run that began for it.
    run: int | None = None


class Firing(msgspec.Struct, frozen=True, kw_only=True):
    """Says for which fire a run begins; the two are recorded in one transaction, or neither."""

    schedule_id: int
    instant: datetime
    #: Whether it must wait in the queue; else it may be a new one, or one whose run failed.
    is_queued: bool = True
    #: Whether one that succeeded may be fired again: the new run takes the place of the old.
    is_again: bool = False
