"""When a cron expression fires, by the clocks of a zone."""

from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from zoneinfo import ZoneInfo, available_timezones

import pytest

from ragflow.errors import PipelineError
from ragflow.scheduling.cron import Cron, cron_instants
from ragflow.scheduling.zones import find_zone, next_change
from tests.unit.scheduling.minutes import DAY, MINUTE, Change, Stretch, changes

BERLIN = ZoneInfo("Europe/Berlin")
ZONES = sorted(available_timezones() - {"localtime"})
POLICIES = [("shift", "first"), ("skip", "both"), ("shift", "second")]
#: Over three years there are some 1,200 changes of clocks.
YEARS = (2025, 2027)
#: Expressions and what they mean, written down twice.
EVERYWHERE = [
    ("0 0 * * *", lambda t: t.hour == 0 and t.minute == 0),
    ("30 1-3 * * *", lambda t: t.hour in (1, 2, 3) and t.minute == 30),
    ("*/20 * * * *", lambda t: t.minute % 20 == 0),
    ("59 23 * * 6", lambda t: (t.hour, t.minute, t.weekday()) == (23, 59, 5)),
    ("15 2 1 * *", lambda t: (t.day, t.hour, t.minute) == (1, 2, 15)),
]


def fires(expression, after, *, count=4, zone=BERLIN, gap="as_cron", fold="as_cron"):
    """Return the next fires as its clocks show them."""
    instants = cron_instants(Cron(expression), zone, after, gap=gap, fold=fold)
    shown = (instant.astimezone(zone) for instant in islice(instants, count))
    return [each.strftime("%m-%d %H:%M ") + each.strftime("%z")[:3] for each in shown]


def in_utc(expression, after, count=3):
    instants = cron_instants(
        Cron(expression), ZoneInfo("UTC"), after, gap="as_cron", fold="as_cron"
    )
    return [each.strftime("%Y-%m-%d %H:%M") for each in islice(instants, count)]


SPRING = datetime(2026, 3, 27, 23, 0, tzinfo=UTC)
AUTUMN = datetime(2026, 10, 24, 20, 0, tzinfo=UTC)


def test_a_time_that_is_skipped_fires_as_soon_as_the_clocks_are_put_forward():
    assert fires("30 2 * * *", SPRING, count=3) == [
        "03-28 02:30 +01",
        "03-29 03:00 +02",
        "03-30 02:30 +02",
    ]
    assert fires("30 2 * * *", SPRING, count=2, gap="skip") == [
        "03-28 02:30 +01",
        "03-30 02:30 +02",
    ]


def test_several_times_that_are_skipped_fire_once():
    assert fires("10,20,30 2,3 29 3 *", SPRING, count=4) == [
        "03-29 03:00 +02",
        "03-29 03:10 +02",
        "03-29 03:20 +02",
        "03-29 03:30 +02",
    ]


def test_what_is_skipped_and_what_is_due_at_the_same_instant_are_one_fire():
    assert fires("0,30 2,3 29 3 *", SPRING, count=2) == ["03-29 03:00 +02", "03-29 03:30 +02"]


def test_a_time_that_comes_twice_fires_the_first_time():
    assert fires("30 2 * * *", AUTUMN, count=2) == ["10-25 02:30 +02", "10-26 02:30 +01"]
    assert fires("30 2 * * *", AUTUMN, count=2, fold="second") == [
        "10-25 02:30 +01",
        "10-26 02:30 +01",
    ]
    assert fires("30 2 * * *", AUTUMN, count=3, fold="both") == [
        "10-25 02:30 +02",
        "10-25 02:30 +01",
        "10-26 02:30 +01",
    ]


def test_what_fires_every_so_often_goes_on_as_time_passes():
    assert fires("0 * * * *", datetime(2026, 10, 24, 23, 30, tzinfo=UTC)) == [
        "10-25 02:00 +02",
        "10-25 02:00 +01",
        "10-25 03:00 +01",
        "10-25 04:00 +01",
    ]
    assert fires("*/30 * * * *", datetime(2026, 3, 29, 0, 10, tzinfo=UTC), count=3) == [
        "03-29 01:30 +01",
        "03-29 03:00 +02",
        "03-29 03:30 +02",
    ]
    # A star in one of the two is enough, as in Debian's cron: nothing is made up for.
    assert fires("*/20 2 * * *", datetime(2026, 3, 28, 23, 0, tzinfo=UTC), count=1) == [
        "03-30 02:00 +02"
    ]


def test_a_policy_that_is_named_holds_for_stars_too():
    assert fires("0 * * * *", datetime(2026, 10, 24, 23, 30, tzinfo=UTC), fold="first") == [
        "10-25 02:00 +02",
        "10-25 03:00 +01",
        "10-25 04:00 +01",
        "10-25 05:00 +01",
    ]
    assert fires("*/20 2 * * *", SPRING + DAY, count=2, gap="shift") == [
        "03-29 03:00 +02",
        "03-30 02:00 +02",
    ]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("@daily", ["2026-05-05 00:00", "2026-05-06 00:00", "2026-05-07 00:00"]),
        ("0 9 * * 1-5", ["2026-05-04 09:00", "2026-05-05 09:00", "2026-05-06 09:00"]),
        ("0 9 * * SUN", ["2026-05-10 09:00", "2026-05-17 09:00", "2026-05-24 09:00"]),
        ("0 9 * * 7", ["2026-05-10 09:00", "2026-05-17 09:00", "2026-05-24 09:00"]),
        # Day of the month or day of the week, unless one of them begins with a star.
        ("0 0 13 * 5", ["2026-05-08 00:00", "2026-05-13 00:00", "2026-05-15 00:00"]),
        ("0 0 */2 * 5", ["2026-05-15 00:00", "2026-05-29 00:00", "2026-06-05 00:00"]),
        ("0 0 L * *", ["2026-05-31 00:00", "2026-06-30 00:00", "2026-07-31 00:00"]),
        ("0 0 LW * *", ["2026-05-29 00:00", "2026-06-30 00:00", "2026-07-31 00:00"]),
        ("0 0 * * 1#2", ["2026-05-11 00:00", "2026-06-08 00:00", "2026-07-13 00:00"]),
        ("0 0 * * 5L", ["2026-05-29 00:00", "2026-06-26 00:00", "2026-07-31 00:00"]),
        ("0 0 29 2 *", ["2028-02-29 00:00", "2032-02-29 00:00", "2036-02-29 00:00"]),
        ("5/20 23 31 12 *", ["2026-12-31 23:05", "2026-12-31 23:25", "2026-12-31 23:45"]),
    ],
)
def test_fields_are_those_of_debians_cron(expression, expected):
    assert in_utc(expression, datetime(2026, 5, 4, 8, 30, tzinfo=UTC)) == expected


def test_it_fires_after_an_instant_and_not_at_it():
    at_six = datetime(2026, 5, 4, 6, 0, tzinfo=UTC)
    assert in_utc("0 6 * * *", at_six, 1) == ["2026-05-05 06:00"]
    assert in_utc("0 6 * * *", at_six - timedelta(microseconds=1), 1) == ["2026-05-04 06:00"]


@pytest.mark.parametrize(
    "expression",
    [
        "",
        "* * * *",
        "* * * * * *",
        "60 * * * *",
        "a * * * *",
        "*/0 * * * *",
        "5-1 * * * *",
        "0 0 31 2 *",
        "0 0 * * 8",
        "0 0 * * L",
        "1-L * * * *",
        "@reboot",
        "0 0 ² * *",
    ],
)
def test_what_is_no_expression_or_never_comes_is_refused(expression):
    with pytest.raises(PipelineError) as refused:
        Cron(expression)
    assert refused.value.hint


@pytest.mark.parametrize("name", ["Europe/Berlni", "", "../etc/passwd", "Europe", "/etc/localtime"])
def test_a_zone_that_is_none_is_refused(name):
    with pytest.raises(PipelineError, match="no time zone"):
        find_zone(name)


def test_a_near_zone_is_named():
    with pytest.raises(PipelineError) as refused:
        find_zone("Europe/Berlni")
    assert "did you mean 'Europe/Berlin'?" in str(refused.value.hint)


def around(change: Change) -> list[tuple[str, object]]:
    """Return expressions that fire at times that a change of clocks skips, doubles or ends at."""
    low, high = sorted((change.old, change.new))
    found = []
    for moment in (low - MINUTE, low, low + (high - low) // 2, high - MINUTE, high):
        at = (moment.hour, moment.minute)
        found.append(
            (f"{moment.minute} {moment.hour} * * *", lambda t, at=at: (t.hour, t.minute) == at)
        )
    return found


@pytest.mark.parametrize("part", range(4))
def test_around_every_change_of_clocks_it_fires_as_an_oracle_says(part):
    found = [change for name in ZONES for change in changes(name, *YEARS)]
    assert len(found) > 1_000
    # Where the clocks of several zones show the same for these two days, one of them is tried.
    alike = {change[1:]: change for change in found}
    for change in sorted(alike.values())[part::4]:
        stretch = Stretch(ZoneInfo(change.zone), change.instant - DAY, change.instant + DAY)
        for gap, fold in POLICIES:
            for expression, matches in around(change):
                expected = stretch.fires(matches, gap=gap, fold=fold)
                assert stretch.ours(expression, gap=gap, fold=fold) == expected, change


@pytest.mark.slow
@pytest.mark.parametrize("name", ZONES)
def test_for_three_years_it_fires_as_an_oracle_says(name):
    stretch = Stretch(
        find_zone(name), datetime(2025, 1, 1, tzinfo=UTC), datetime(2028, 1, 1, tzinfo=UTC)
    )
    for number, (expression, matches) in enumerate(EVERYWHERE):
        gap, fold = POLICIES[number % len(POLICIES)]
        expected = stretch.fires(matches, gap=gap, fold=fold)
        assert stretch.ours(expression, gap=gap, fold=fold) == expected


def test_no_zone_changes_its_clocks_twice_within_the_step_in_which_changes_are_looked_for():
    shortest = min(
        later.instant - earlier.instant
        for name in ZONES
        for earlier, later in pairwise(changes(name, *YEARS))
    )
    assert shortest > timedelta(hours=6)


def test_a_change_is_found_to_the_second():
    apia = ZoneInfo("Pacific/Apia")  # which skipped a whole day
    begin = datetime(2011, 12, 28, tzinfo=UTC)
    assert next_change(apia, begin, begin + 5 * DAY) == datetime(2011, 12, 30, 10, tzinfo=UTC)
    instants = cron_instants(Cron("0 9 * * *"), apia, begin, gap="shift", fold="first")
    assert [each.astimezone(apia).strftime("%d %H:%M") for each in islice(instants, 4)] == [
        "28 09:00",
        "29 09:00",
        "31 00:00",
        "31 09:00",
    ]
    monrovia = ZoneInfo("Africa/Monrovia")  # whose clocks were 44 min 30 s behind
    begin = datetime(1972, 1, 6, 12, tzinfo=UTC)
    assert next_change(monrovia, begin, begin + DAY) == datetime(1972, 1, 7, 0, 44, 30, tzinfo=UTC)
