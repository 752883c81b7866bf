"""When do the clocks of a zone change, and which zones are there?"""

import difflib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from ragflow.errors import PipelineError

_SECOND = timedelta(seconds=1)
#: No zone has ever changed its clocks twice within this time (shown by a test).
_STEP = timedelta(hours=6)


def find_zone(name: str) -> ZoneInfo:
    """Return the IANA zone of this name; raises `PipelineError` with the nearest ones."""
    try:
        return ZoneInfo(name)
    # What looks like no key of a zone, and what is a folder of zones, are other errors.
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        near = difflib.get_close_matches(name, available_timezones(), n=1)
        meant = f"did you mean {near[0]!r}? " if near else ""
        raise PipelineError(
            f"there is no time zone {name!r}",
            hint=f'{meant}write one of the IANA data base: "Europe/Berlin", "UTC"',
        ) from error


def offset(zone: ZoneInfo, instant: datetime) -> timedelta:
    """Return how far the clocks of a zone are ahead of UTC at an instant."""
    found = instant.astimezone(zone).utcoffset()
    assert found is not None
    return found


def wall_offset(zone: ZoneInfo, local: datetime, *, fold: int) -> timedelta:
    """Return how far ahead the clocks are when they show a naive `local`, the first time or second.

    Where they never show it, 0 is the offset before they were put forward and 1 that after.
    """
    found = local.replace(tzinfo=zone, fold=fold).utcoffset()
    assert found is not None
    return found


def next_change(zone: ZoneInfo, begin: datetime, end: datetime) -> datetime | None:
    """Return the first instant after `begin`, up to `end`, at which the clocks change.

    It is exact to the second; None where they do not change.
    """
    kept = offset(zone, begin)
    low = begin
    while low < end:
        high = min(low + _STEP, end)
        if offset(zone, high) != kept:
            while high - low > _SECOND:
                middle = low + (high - low) // 2 // _SECOND * _SECOND
                if offset(zone, middle) == kept:
                    low = middle
                else:
                    high = middle
            return high
        low = high
    return None


def instants_of(
    zone: ZoneInfo, local: datetime, *, shifts: bool, folds: frozenset[int]
) -> Iterator[datetime]:
    """Yield the instants, in order, at which the clocks show a naive `local`.

    Where they never do: the instant at which they were put forward over it, if it `shifts`.
    Where they do twice: those of `folds`, 0 being the first.
    """
    first, second = (wall_offset(zone, local, fold=fold) for fold in (0, 1))
    aware = local.replace(tzinfo=UTC)
    if first == second:
        yield aware - first
    elif first > second:
        yield from (aware - each for fold, each in ((0, first), (1, second)) if fold in folds)
    elif shifts:
        changed = next_change(zone, aware - second - _SECOND, aware - first)
        assert changed is not None
        yield changed
