"""The contract of what a home remembers of schedules, so that each fires once."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from ragflow.core.fires import Accounted, Defined, FireRecord, ScheduleRecord
from ragflow.core.states import RunState


class Schedules(Protocol):
    """Keeps schedules, and what became of each of their fires.

    An instant of a schedule is accounted for once, whoever tries how often: the cursor moves and
    the fires are added in one transaction, and a fire and its run begin in one (`Runs.begin`).
    """

    def keep(self, defined: Sequence[Defined]) -> None:
        """Make the schedules that pipelines and ragflow.toml define these, and no others.

        One that is new, fires otherwise or runs another pipeline than before, begins now: nothing
        before is missed. Others keep their cursor. Writes nothing where nothing changed.
        """

    def add(self, defined: Defined, *, actor: str) -> None:
        """Add one that a program defines, or define it anew; it begins now.

        Raises `UsageError` where a pipeline or ragflow.toml defines one of that name.
        """

    def remove(self, name: str, *, actor: str) -> None:
        """Let one that a program defined fire no more; its fires stay.

        Raises `NotFoundError` where there is none, and `UsageError` where a pipeline or
        ragflow.toml defines it.
        """

    def all(self) -> list[ScheduleRecord]:
        """Return every schedule that is defined, by name."""

    def pause(self, name: str, *, actor: str) -> None:
        """Let it not fire until it is resumed; nothing happens where it does not already.

        Raises `NotFoundError` where there is none.
        """

    def resume(
        self, name: str, accounted: Sequence[Accounted], cursor: datetime, *, actor: str
    ) -> None:
        """Let it fire again, and account for what came meanwhile.

        Nothing happens where it is not paused. Raises `NotFoundError` where there is none.
        """

    def account(
        self,
        schedule: ScheduleRecord,
        accounted: Sequence[Accounted],
        cursor: datetime,
        *,
        supersedes: str | None = None,
    ) -> bool:
        """Account for fires and move the cursor; True where it was done.

        Nothing is done where the schedule is not as it was read: another service was first, or
        somebody paused or changed it. Instants that are accounted for are left as they are. With
        `supersedes` what of this schedule waits already is left out, for that reason, and runs
        that were handed back are cancelled.
        """

    def queued(self) -> list[FireRecord]:
        """Return the fires that wait, in the order they were due."""

    def left(self) -> list[FireRecord]:
        """Return the fires whose run is not over, oldest first, whoever holds it or nobody."""

    def hand_back(self, run: int, *, was_cancelled: bool = False) -> bool:
        """Let the fire of a run that is not over wait for who takes it up.

        With `was_cancelled` also that of one that was: only who cancelled it to hand it back says
        so, since others do not know whether it is to go on. Returns whether it waits now.
        """

    def skip(self, fire: FireRecord, reason: str, *, has_failed: bool = False) -> None:
        """Leave out a fire that waits; nothing happens where it does not any more.

        With `has_failed` its run was to begin and could not. One whose run began did fire.
        """

    def get(self, fire: int) -> FireRecord | None:
        """Return what became of one fire."""

    def of_run(self, run: int) -> FireRecord | None:
        """Return the fire that a run began for, None where it began by hand."""

    def fires(self, *, schedule: str | None = None, limit: int = 20) -> list[FireRecord]:
        """Return what became of fires, newest first."""

    def known(self, schedule: ScheduleRecord) -> Collection[datetime]:
        """Return the instants after the cursor that are accounted for already."""

    def fired(self, schedule: ScheduleRecord) -> Mapping[datetime, RunState | None]:
        """Return the instants that fired or wait, and the state of the run that began for each."""


class Changes(Protocol):
    """Tells whether anything was written, at next to no cost."""

    def changes(self) -> object:
        """Return what differs after any process wrote to the home."""
