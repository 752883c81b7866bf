"""What becomes of the fires that are due."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice, takewhile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragflow.core.fires import Accounted, FireState
from ragflow.scheduling.fires import LATE, OVERLAP, PAUSED, SUPERSEDED, TOLD, look, while_paused
from ragflow.scheduling.schedules import Schedule

BEGUN = datetime(2026, 5, 4, 0, 0, tzinfo=UTC)
HOURLY = Schedule("0 * * * *")


def at(hours: float) -> datetime:
    return BEGUN + timedelta(hours=hours)


def told(accounted: Sequence[Accounted]) -> list[tuple[float, str, str | None]]:
    """Return the hour, the state and the reason of each."""
    hour = timedelta(hours=1)
    return [((one.instant - BEGUN) / hour, one.state.value, one.reason) for one in accounted]


def looked(schedule: Schedule, hours: float, *, busy: bool = False, since: float = 0, known=()):
    return look(schedule, "s", cursor=at(since), now=at(hours), known=known, is_busy=lambda: busy)


def test_a_fire_that_is_due_is_queued_once():
    found = looked(HOURLY, 1)
    assert told(found.accounted) == [(1, "queued", None)]
    assert (found.cursor, found.next_due) == (at(1), at(2))
    again = looked(HOURLY, 1.01, since=1)
    assert (again.accounted, again.cursor, again.next_due) == ((), at(1), at(2))


def test_of_fires_that_were_missed_the_latest_is_made_up_for():
    assert told(looked(HOURLY, 3.5).accounted) == [
        (1, "missed", None),
        (2, "missed", None),
        (3, "queued", None),
    ]


@pytest.mark.parametrize(
    ("missed", "states"),
    [
        ("none", ["missed", "missed", "missed"]),
        (0, ["missed", "missed", "missed"]),
        (2, ["missed", "queued", "queued"]),
        (9, ["queued", "queued", "queued"]),
    ],
)
def test_as_many_are_made_up_for_as_the_schedule_says(missed, states):
    found = looked(Schedule("0 * * * *", missed=missed), 3.5)
    assert [one.state.value for one in found.accounted] == states


def test_one_on_time_is_the_latest():
    assert [one.state.value for one in looked(HOURLY, 3).accounted] == [
        "missed",
        "missed",
        "queued",
    ]
    found = looked(Schedule("0 * * * *", missed="none"), 3)
    assert [one.state.value for one in found.accounted] == ["missed", "missed", "queued"]


def test_what_is_made_up_for_waits_for_what_runs_whatever_the_overlap():
    found = looked(Schedule("0 * * * *", missed=2), 3.5, busy=True)
    assert told(found.accounted)[1:] == [(2, "queued", None), (3, "queued", None)]


def test_a_fire_that_comes_while_its_pipeline_runs_follows_the_overlap():
    assert told(looked(HOURLY, 1, busy=True).accounted) == [(1, "skipped", OVERLAP)]
    queued = looked(Schedule("0 * * * *", overlap="queue"), 1, busy=True)
    assert (told(queued.accounted), queued.cancels) == ([(1, "queued", None)], False)
    cancels = looked(Schedule("0 * * * *", overlap="cancel_running"), 1, busy=True)
    assert (told(cancels.accounted), cancels.cancels) == ([(1, "queued", None)], True)


def test_the_later_of_two_fires_takes_the_place_of_the_earlier_where_it_cancels():
    schedule = Schedule(every="20s", overlap="cancel_running")
    found = look(schedule, "s", cursor=BEGUN, now=BEGUN + timedelta(seconds=45), is_busy=bool)
    assert [(one.state.value, one.reason) for one in found.accounted] == [
        ("skipped", SUPERSEDED),
        ("queued", None),
    ]


def test_a_fire_that_is_too_late_is_left_out():
    schedule = Schedule("0 * * * *", missed=5, lateness="90min")
    assert told(looked(schedule, 3.25).accounted) == [
        (1, "skipped", LATE),
        (2, "queued", None),
        (3, "queued", None),
    ]


def test_what_is_accounted_for_already_is_not_told_again():
    found = looked(Schedule("0 * * * *", missed=9), 3.5, known={at(2)})
    assert told(found.accounted) == [(1, "queued", None), (3, "queued", None)]
    assert found.cursor == at(3)


def test_jitter_is_the_same_for_every_service_and_keeps_the_order():
    schedule = Schedule("0 * * * *", jitter="3h")
    instants = list(islice(schedule.instants(BEGUN), 200))
    drawn = [schedule.due("s", instant) - instant for instant in instants]
    assert drawn == [schedule.due("s", instant) - instant for instant in instants]
    assert drawn != [schedule.due("other", instant) - instant for instant in instants]
    assert min(drawn) >= timedelta(0)
    assert max(drawn) < timedelta(hours=3)
    assert len(set(drawn)) > 190
    now, seen = BEGUN, []
    while len(seen) < 100:
        found = look(schedule, "s", cursor=seen[-1] if seen else BEGUN, now=now, is_busy=bool)
        seen += [one.instant for one in found.accounted]
        assert found.next_due is not None
        now = found.next_due
    assert seen == instants[: len(seen)]


def test_fires_of_a_pause_are_left_out_and_those_before_it_were_missed():
    found = while_paused(HOURLY, "s", cursor=BEGUN, paused_at=at(2.5), now=at(4.5))
    assert told(found) == [
        (1, "missed", None),
        (2, "missed", None),
        (3, "skipped", PAUSED),
        (4, "skipped", PAUSED),
    ]


def test_of_very_many_the_older_are_one_record():
    found = looked(Schedule("* * * * *", missed=3), 24 * 30)
    assert len(found.accounted) == TOLD + 1
    first = found.accounted[0]
    assert (first.state, first.instant) == (FireState.MISSED, BEGUN + timedelta(minutes=1))
    assert sum(one.count for one in found.accounted) == 24 * 30 * 60
    assert first.last == found.accounted[1].instant - timedelta(minutes=1)


schedules = st.builds(
    Schedule,
    cron=st.sampled_from(["*/7 * * * *", "30 2 * * *", "0 */6 * * *", "15 1,2 * * 0"]),
    zone=st.sampled_from(["UTC", "Europe/Berlin", "Australia/Lord_Howe", "Africa/Casablanca"]),
    gap=st.sampled_from(["as_cron", "shift", "skip"]),
    fold=st.sampled_from(["as_cron", "first", "second", "both"]),
    missed=st.one_of(st.sampled_from(["none", "latest"]), st.integers(0, 5)),
    lateness=st.sampled_from([None, "0s", "2h"]),
    overlap=st.sampled_from(["skip", "queue", "cancel_running"]),
    jitter=st.sampled_from([None, "45s", "2h"]),
)


@given(schedules, st.lists(st.tuples(st.integers(1, 60 * 30), st.booleans()), max_size=12))
def test_each_fire_is_accounted_for_once_however_often_and_late_one_looks(schedule, looks):
    begun = datetime(2026, 10, 24, 12, tzinfo=UTC)
    now, cursor = begun, begun
    seen: list[datetime] = []
    for minutes, busy in looks:
        now += timedelta(minutes=minutes)
        found = look(schedule, "s", cursor=cursor, now=now, is_busy=lambda busy=busy: busy)
        cursor = found.cursor
        seen += [one.instant for one in found.accounted]
        assert sum(one.count for one in found.accounted) == len(found.accounted)
        late = [one for one in found.accounted if now - one.due > timedelta(seconds=60)]
        assert sum(one.state is FireState.QUEUED for one in late) <= schedule.made_up_for
        assert found.next_due is None or found.next_due > now
    assert seen == list(takewhile(lambda instant: instant <= cursor, schedule.instants(begun)))
    due = list(takewhile(lambda instant: instant <= now, schedule.instants(begun)))
    if not schedule.longest_jitter:
        assert seen == due
