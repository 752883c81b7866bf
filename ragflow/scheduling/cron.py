"""At which instants does a cron expression fire, by the clocks of a zone?

The expression is read by cronsim, on wall clocks that never change. Where those of the zone do
is decided here, stretch by stretch of unchanged clocks: so no instant is lost, doubled or out of
order, and what happens to times that are skipped or repeated follows the policy and nothing else.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from ragflow.errors import PipelineError
from ragflow.scheduling.zones import next_change, offset, wall_offset

#: What is done about times that the clocks skip.
Gap = Literal["as_cron", "shift", "skip"]
#: What is done about times that the clocks show twice.
Fold = Literal["as_cron", "first", "second", "both"]

#: Which of two equal times fire.
FOLDS = {"first": frozenset({0}), "second": frozenset({1}), "both": frozenset({0, 1})}

_FIELDS = 5
_SECOND = timedelta(seconds=1)
_DAY = timedelta(days=1)
_NAMES = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}


class Cron:
    """A cron expression of five fields, or a name such as ``@daily``.

    Fields are those of Debian's cron, with ``L`` (the last day), ``LW`` (the last weekday),
    ``5L`` (the last Friday) and ``1#2`` (the second Monday). Raises `PipelineError` for what is
    none, and for one that never comes.
    """

    def __init__(self, expression: str) -> None:
        self.expression = " ".join(expression.split())
        self._fields = _NAMES.get(self.expression.lower(), self.expression)
        parts = self._fields.split(" ")
        if len(parts) != _FIELDS:
            hint = "write minute, hour, day, month and weekday, five fields in all: 30 6 * * 1-5"
            raise PipelineError(f"{expression!r} is no cron expression", hint=hint)
        #: Whether it fires by time that passes and not at times of a day: as in Debian's cron, one
        #: whose minute or hour begins with a star.
        self.is_elapsed = parts[0].startswith("*") or parts[1].startswith("*")
        if self.first(datetime(2000, 1, 1)) is None:  # noqa: DTZ001 - a wall clock has no zone
            raise PipelineError(
                f"the cron expression {expression!r} fires on no day",
                hint="choose a day that its months have",
            )

    def first(self, begin: datetime) -> datetime | None:
        """Return the first time at or after `begin` (naive) that matches, within 50 years."""
        return next(self._from(begin), None)

    def matching(self, begin: datetime, end: datetime) -> Iterator[datetime]:
        """Yield the times (naive) that match, from `begin` on and before `end`."""
        for found in self._from(begin):
            if found >= end:
                return
            yield found

    def _from(self, begin: datetime) -> Iterator[datetime]:
        try:
            return CronSim(self._fields, begin - _SECOND)
        except (CronSimError, ValueError, AssertionError) as error:
            raise PipelineError(
                f"{self.expression!r} is no cron expression: {str(error).lower() or 'bad field'}",
                hint="write minute, hour, day, month and weekday: 30 6 * * 1-5",
            ) from error


def cron_instants(
    cron: Cron, zone: ZoneInfo, after: datetime, *, gap: Gap, fold: Fold
) -> Iterator[datetime]:
    """Yield the instants after `after`, in UTC and in order, at which the expression fires.

    `gap` says what becomes of times that the clocks skip: ``shift`` fires once for all of them as
    soon as the clocks are put forward, ``skip`` does not fire. `fold` says at which of two equal
    times it fires. ``as_cron`` does as Debian's cron: what fires at times of a day is shifted, and
    fires the first time; what fires every so often goes on as time passes.
    """
    if gap == "as_cron":
        gap = "skip" if cron.is_elapsed else "shift"
    if fold == "as_cron":
        fold = "both" if cron.is_elapsed else "first"
    wanted = FOLDS[fold]
    now = after.astimezone(UTC).replace(microsecond=0) + _SECOND
    before = offset(zone, now - _SECOND)
    while True:
        ahead = offset(zone, now)
        local = now.replace(tzinfo=None) + ahead
        if gap == "shift" and ahead > before:
            # A time that matches when the gap ends fires at this instant by itself.
            skipped = cron.matching(now.replace(tzinfo=None) + before, local)
            if next(skipped, None) is not None and cron.first(local) != local:
                yield now
        end = next_change(zone, now, now + _DAY) or now + _DAY
        for time in cron.matching(local, local + (end - now)):
            if _is_wanted(zone, time, ahead, wanted):
                yield time.replace(tzinfo=UTC) - ahead
        before = offset(zone, end - _SECOND)
        now = end
        # What comes seldom: begin two days before it, so that a change of the clocks is seen.
        coming = cron.first(end.replace(tzinfo=None) - 2 * _DAY)
        if coming is None:
            return
        if coming.replace(tzinfo=UTC) - 2 * _DAY > now:
            now = coming.replace(tzinfo=UTC) - 2 * _DAY
            before = offset(zone, now - _SECOND)


def _is_wanted(zone: ZoneInfo, time: datetime, ahead: timedelta, folds: frozenset[int]) -> bool:
    first, second = (wall_offset(zone, time, fold=fold) for fold in (0, 1))
    return first == second or (0 if ahead == first else 1) in folds
