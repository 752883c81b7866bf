"""How a schedule is written, and when it fires."""

from datetime import UTC, datetime, timedelta, timezone
from itertools import islice

import pytest

from ragflow import Schedule, minutes
from ragflow.errors import PipelineError
from ragflow.scheduling.schedules import read_schedule

BEGUN = datetime(2026, 5, 4, 8, 30, tzinfo=UTC)


def fires(schedule: Schedule, count: int = 3, after: datetime = BEGUN) -> list[str]:
    return [each.isoformat()[:19] for each in islice(schedule.instants(after), count)]


def test_a_text_is_cron_in_utc():
    schedule = read_schedule("30 6 * * *")
    assert schedule == Schedule("30 6 * * *")
    assert fires(schedule, 2) == ["2026-05-05T06:30:00", "2026-05-06T06:30:00"]
    assert str(schedule) == "30 6 * * *"


def test_cron_is_meant_by_the_clocks_of_its_zone():
    schedule = Schedule("30 6 * * *", zone="Europe/Berlin")
    assert fires(schedule, 1) == ["2026-05-05T04:30:00"]
    assert str(schedule) == "30 6 * * * (Europe/Berlin)"


def test_intervals_are_counted_from_their_start_whatever_the_clocks_do():
    assert fires(Schedule(every="15min")) == [
        "2026-05-04T08:45:00",
        "2026-05-04T09:00:00",
        "2026-05-04T09:15:00",
    ]
    assert fires(Schedule(every=minutes(90)), 1) == ["2026-05-04T09:00:00"]
    start = datetime(2026, 10, 24, 6, tzinfo=timezone(timedelta(hours=2)))
    daily = Schedule(every="1d", start=start, zone="Europe/Berlin")
    assert fires(daily, 2, after=datetime(2026, 10, 24, 4, tzinfo=UTC)) == [
        "2026-10-25T04:00:00",
        "2026-10-26T04:00:00",
    ]
    assert fires(daily, 1) == ["2026-05-05T04:00:00"]
    local = Schedule(
        every="1d", start=datetime.fromisoformat("2026-05-01T06:00"), zone="Europe/Berlin"
    )
    assert fires(local, 1) == ["2026-05-05T04:00:00"]


def test_dates_are_fired_once_each():
    schedule = Schedule(
        at=["2026-06-01T12:00", "2026-05-05T00:00+02:00", datetime.fromisoformat("2020-01-01")]
    )
    assert fires(schedule) == ["2026-05-04T22:00:00", "2026-06-01T12:00:00"]
    assert fires(
        Schedule(at="2026-03-29T02:30", zone="Europe/Berlin"), after=BEGUN.replace(year=2020)
    ) == ["2026-03-29T01:00:00"]
    twice = Schedule(at="2026-10-25T02:30", zone="Europe/Berlin", fold="both")
    assert fires(twice) == ["2026-10-25T00:30:00", "2026-10-25T01:30:00"]
    skipped = Schedule(at="2026-03-29T02:30", zone="Europe/Berlin", gap="skip")
    assert fires(skipped, after=BEGUN.replace(year=2020)) == []


@pytest.mark.parametrize(
    "schedule",
    [
        Schedule("30 6 * * *", zone="Europe/Berlin", missed=3, overlap="queue", jitter="30s"),
        Schedule(every=timedelta(minutes=90), lateness=minutes(5), start=BEGUN),
        Schedule(
            at=[datetime.fromisoformat("2026-06-01T12:00"), "2026-05-05T00:00+02:00"],
            zone="Asia/Tokyo",
        ),
    ],
)
def test_what_is_kept_of_it_fires_the_same(schedule):
    again = read_schedule(schedule.plain())
    assert again.plain() == schedule.plain()
    assert fires(again, 5) == fires(schedule, 5)
    assert again.longest_lateness == schedule.longest_lateness
    assert again.made_up_for == schedule.made_up_for


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"cron": "0 0 * * *", "every": "1h"},
        {"cron": "nonsense"},
        {"cron": 5},
        {"cron": "0 0 * * *", "zone": "Mars/Olympus"},
        {"cron": "0 0 * * *", "gap": "jump"},
        {"cron": "0 0 * * *", "missed": "all"},
        {"cron": "0 0 * * *", "missed": -1},
        {"cron": "0 0 * * *", "missed": True},
        {"cron": "0 0 * * *", "missed": 10_001},
        {"cron": "0 0 * * *", "overlap": "allow"},
        {"cron": "0 0 * * *", "jitter": "soon"},
        {"cron": "0 0 * * *", "lateness": "-5s"},
        {"cron": "0 0 * * *", "start": "2026-05-04"},
        {"every": "0s"},
        {"every": "99999999999d"},
        {"every": 5},
        {"at": "tomorrow"},
        {"at": 12},
        {"crom": "0 0 * * *"},
    ],
)
def test_what_is_no_schedule_is_refused_with_a_way_out(given):
    with pytest.raises(PipelineError) as refused:
        read_schedule(given)
    assert refused.value.hint


def test_anything_else_is_no_schedule():
    with pytest.raises(PipelineError, match="5 is no schedule"):
        read_schedule(5)
