"""What is a schedule, how is it written, and at which instants does it fire?"""

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any, Literal, get_args
from zoneinfo import ZoneInfo

import msgspec

from ragflow.errors import PipelineError
from ragflow.scheduling.cron import FOLDS, Cron, Fold, Gap, cron_instants
from ragflow.scheduling.zones import find_zone, instants_of

#: What becomes of a fire that comes while its pipeline still runs.
Overlap = Literal["skip", "queue", "cancel_running"]

_LENGTH = re.compile(r"(\d+(?:\.\d+)?)\s*(s|min|h|d)", re.ASCII)
_UNITS = {"s": "seconds", "min": "minutes", "h": "hours", "d": "days"}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
#: More fires are not caught up with: whoever wants that many wants a backfill.
_MOST = 10_000


class Schedule(msgspec.Struct, frozen=True, dict=True):
    """When a pipeline runs by itself: a cron expression, an interval, or dates.

    One of `cron`, `every` and `at` is given. Lengths of time are texts such as ``"15min"`` or a
    `timedelta`. Raises `PipelineError` for what cannot be.
    """

    #: Minute, hour, day, month and weekday, by the clocks of `zone`; or ``@daily`` and the like.
    cron: str | None = None
    #: The time between two fires, which no change of the clocks alters.
    every: Any = None
    #: An instant, or several; without an offset they are meant by the clocks of `zone`.
    at: Any = None
    #: The IANA zone whose clocks are meant.
    zone: str = "UTC"
    #: The first fire of an interval; the others are counted from it, before and after. The
    #: beginning of 1970 unless given, so that ``every="1h"`` fires on the hour.
    start: datetime | None = None
    #: Of times that the clocks skip: ``shift`` fires once as soon as they are put forward, and
    #: ``skip`` does not. ``as_cron`` shifts what has a time of day; ``*`` goes on as time passes.
    gap: Gap = "as_cron"
    #: Of times that the clocks show twice: ``first``, ``second`` or ``both`` fire. ``as_cron``
    #: fires the first time what has a time of day, and ``*`` as time passes.
    fold: Fold = "as_cron"
    #: Of fires that came while no service was there: ``none`` is made up for, the ``latest``, or
    #: the latest so many.
    missed: Literal["none", "latest"] | int = "latest"
    #: A fire that could not begin within this time does not; any time unless given.
    lateness: Any = None
    #: When a fire comes while its pipeline runs: it is left out (``skip``), waits (``queue``), or
    #: the run is cancelled for it (``cancel_running``).
    overlap: Overlap = "skip"
    #: A fire begins up to so much later, always the same for the same schedule and instant.
    jitter: Any = None

    def __post_init__(self) -> None:
        if sum(given is not None for given in (self.cron, self.every, self.at)) != 1:
            hint = 'Schedule("30 6 * * *"), Schedule(every="15min") or Schedule(at=...)'
            raise PipelineError("a schedule is a cron expression, an interval or dates", hint=hint)
        find_zone(self.zone)
        for name, allowed in (("gap", Gap), ("fold", Fold), ("overlap", Overlap)):
            _check_one_of(name, getattr(self, name), get_args(allowed))
        self._check_missed()
        _ = (
            self._read_cron,
            self._read_at,
            self.interval,
            self.longest_lateness,
            self.longest_jitter,
        )
        if self.start is not None and self.every is None:
            raise PipelineError(f"start={self.start} is for intervals", hint="leave it out")

    def _check_missed(self) -> None:
        is_number = isinstance(self.missed, int) and not isinstance(self.missed, bool)
        if is_number and 0 <= int(self.missed) <= _MOST:
            return
        if is_number or self.missed not in ("none", "latest"):
            raise PipelineError(
                f"a schedule cannot have missed={self.missed!r}",
                hint=f'"none", "latest", or how many to make up for, {_MOST:,} at most',
            )

    @property
    def made_up_for(self) -> int:
        """How many of the fires that were missed are made up for, the latest ones."""
        if isinstance(self.missed, int):
            return self.missed
        return 1 if self.missed == "latest" else 0

    @cached_property
    def clocks(self) -> ZoneInfo:
        """The zone by whose clocks it fires."""
        return find_zone(self.zone)

    @cached_property
    def interval(self) -> timedelta | None:
        """The time between two fires of an interval."""
        found = None if self.every is None else _length("every", self.every)
        if found is not None and found < timedelta(seconds=1):
            raise PipelineError(
                f"every={self.every!r} is too often", hint="a schedule fires once a second at most"
            )
        return found

    @cached_property
    def longest_lateness(self) -> timedelta | None:
        """How late a fire may begin; None for however late."""
        return None if self.lateness is None else _length("lateness", self.lateness)

    @cached_property
    def longest_jitter(self) -> timedelta:
        """How much later than its instant a fire may be due."""
        return timedelta(0) if self.jitter is None else _length("jitter", self.jitter)

    @cached_property
    def _read_cron(self) -> Cron | None:
        return None if self.cron is None else Cron(self.cron)

    @cached_property
    def _read_at(self) -> tuple[datetime, ...]:
        if self.at is None:
            return ()
        given = (
            self.at if isinstance(self.at, Sequence) and not isinstance(self.at, str) else [self.at]
        )
        # The policies of cron for what has a time of day.
        shifts = self.gap in ("as_cron", "shift")
        folds = FOLDS["first" if self.fold == "as_cron" else self.fold]
        found = set[datetime]()
        for each in given:
            moment = _moment("at", each)
            if moment.tzinfo is None:
                found.update(instants_of(self.clocks, moment, shifts=shifts, folds=folds))
            else:
                found.add(moment.astimezone(UTC))
        return tuple(sorted(found))

    def instants(self, after: datetime) -> Iterator[datetime]:
        """Yield the instants after `after` (aware) at which it fires, in UTC and in order."""
        if self._read_cron is not None:
            return cron_instants(self._read_cron, self.clocks, after, gap=self.gap, fold=self.fold)
        if self.interval is None:
            return (instant for instant in self._read_at if instant > after)
        return self._intervals(self.interval, after)

    def _intervals(self, interval: timedelta, after: datetime) -> Iterator[datetime]:
        start = self.start or _EPOCH
        if start.tzinfo is None:
            once = instants_of(self.clocks, start, shifts=True, folds=FOLDS["first"])
            start = next(once)
        first = start.astimezone(UTC) + ((after - start) // interval + 1) * interval
        number = 0
        while True:
            yield first + number * interval
            number += 1

    def due(self, name: str, instant: datetime) -> datetime:
        """Return when the fire of an instant is due: the instant and its share of the jitter.

        The share is drawn from the schedule's name and the instant, so every service draws the
        same.
        """
        if not self.longest_jitter:
            return instant
        text = f"{name}\0{instant.astimezone(UTC).isoformat()}".encode()
        drawn = int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big")
        return instant + timedelta(
            milliseconds=drawn % max(1, self.longest_jitter // timedelta(milliseconds=1))
        )

    def plain(self) -> dict[str, Any]:
        """Return what differs from the defaults, as JSON can say it; see `read_schedule`."""
        given = msgspec.structs.asdict(self)
        defaults = {field.name: field.default for field in msgspec.structs.fields(self)}
        return {name: _plain(value) for name, value in given.items() if value != defaults.get(name)}

    def __str__(self) -> str:
        if self.cron is not None:
            return self.cron if self.zone == "UTC" else f"{self.cron} ({self.zone})"
        if self.every is not None:
            return f"every {_plain(self.every)}"
        dates = [_plain(each) for each in self._read_at]
        return f"at {dates[0]}" if len(dates) == 1 else f"at {len(dates)} dates"


def read_schedule(value: Any) -> Schedule:
    """Return the schedule that a text, a mapping or a `Schedule` stands for.

    A text is a cron expression in UTC; a mapping has the names of `Schedule`. Raises
    `PipelineError` for anything else.
    """
    if isinstance(value, Schedule):
        return value
    if isinstance(value, str):
        return Schedule(value)
    if not isinstance(value, Mapping):
        raise PipelineError(
            f"{value!r} is no schedule", hint='write a cron expression, or Schedule(every="15min")'
        )
    known = {field.name for field in msgspec.structs.fields(Schedule)}
    for name in value:
        if name not in known:
            raise PipelineError(
                f"a schedule has no {name!r}", hint=f"it may have: {', '.join(sorted(known))}"
            )
    kinds = {"cron": str, "zone": str}
    for name, kind in kinds.items():
        if name in value and not isinstance(value[name], kind):
            raise PipelineError(f"{name}={value[name]!r} is no text", hint='write "..."')
    start = value.get("start")
    moment = {} if start is None else {"start": _moment("start", start)}
    return Schedule(**{**value, **moment})


def first_of(instants: Iterator[datetime], most: int) -> list[datetime]:
    """Return the first so many instants, fewer where there are no more."""
    return [instant for instant, _ in zip(instants, range(most), strict=False)]


def _check_one_of(name: str, value: object, allowed: Sequence[str]) -> None:
    if value not in allowed:
        raise PipelineError(
            f"a schedule cannot have {name}={value!r}", hint=f"one of: {', '.join(allowed)}"
        )


def _length(name: str, value: object) -> timedelta:
    found = None
    if isinstance(value, timedelta):
        found = value
    elif isinstance(value, str) and (match := _LENGTH.fullmatch(value.strip())):
        try:
            found = timedelta(**{_UNITS[match[2]]: float(match[1])})
        except OverflowError:
            found = None
    if found is None or found < timedelta(0):
        raise PipelineError(
            f"{name}={value!r} is no length of time",
            hint='write "30s", "15min", "2h" or "1d", or minutes(15)',
        )
    return found


def _moment(name: str, value: object) -> datetime:
    if isinstance(value, datetime):
        return value
    try:
        if isinstance(value, str):
            return datetime.fromisoformat(value)
    except ValueError:
        pass
    raise PipelineError(
        f"{name}={value!r} is no instant",
        hint='write "2026-05-04T06:30", and an offset where it is not meant in the zone',
    )


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, timedelta):
        return f"{value.total_seconds():g}s"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(each) for each in value]
    return value
