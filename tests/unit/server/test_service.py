"""A service under a clock that jumps: each fire is accounted for once."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import takewhile

import pytest

from ragflow import Schedule
from ragflow.core.fires import FireState
from ragflow.core.states import RunState
from ragflow.scheduling.fires import OVERLAP, SUPERSEDED
from tests.unit.server.simulated import World

BEGUN = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


@pytest.fixture
def world(tmp_path):
    made = []

    def make(**schedules) -> World:
        made.append(World(tmp_path / "home", BEGUN, schedules))
        return made[-1]

    yield make
    for each in made:
        each.store.close()


def fires(world, name=None):
    """Return what became of every fire, oldest first."""
    return world.store.schedules.fires(schedule=name, limit=100_000)[::-1]


def check_ledger(world):
    """Every fire is accounted for once, and every run that began belongs to one."""
    found = fires(world)
    runs = {record.id: record for record in world.store.runs.recent(limit=100_000)}
    assert not [fire for fire in found if fire.state is FireState.QUEUED]
    for record in world.store.schedules.all():
        name = record.defined.name
        mine = [fire for fire in found if fire.schedule == name]
        instants = takewhile(
            lambda instant, record=record: instant <= record.cursor,
            world.schedules[name].instants(BEGUN),
        )
        assert [fire.instant for fire in mine] == list(instants)
        assert all(fire.count == 1 for fire in mine)
    begun = [fire.run for fire in found if fire.state is FireState.FIRED]
    assert None not in begun
    assert sorted(begun) == sorted(runs)
    assert {record.state for record in runs.values()} <= {RunState.SUCCEEDED, RunState.CANCELLED}
    assert all(number == 1 for number in Counter(world.ended).values())
    assert all(fire.reason for fire in found if fire.state is FireState.SKIPPED)


def test_a_year_with_daylight_saving_downtime_and_runs_that_overlap(world):
    year = world(
        berlin=Schedule("30 2 * * *", zone="Europe/Berlin", missed="none", jitter="20min"),
        newyork=Schedule("0 1,13 * * *", zone="America/New_York", overlap="queue", missed=2),
        often=Schedule("0 */12 * * *", overlap="skip"),
        weekly=Schedule(every="84h", overlap="cancel_running", lateness="1d"),
        dates=Schedule(at=["2026-03-29T01:00", "2026-10-25T01:00", "2027-06-01"]),
    )
    year.longest = {
        "berlin": 30 * HOUR,
        "newyork": 20 * HOUR,
        "often": 18 * HOUR,
        "weekly": 100 * HOUR,
    }
    one, two = year.begin_service(), year.begin_service()
    year.live_until(BEGUN + 80 * DAY)
    one.kill()
    year.live_until(BEGUN + 120 * DAY)
    two.stop()
    year.live_until(BEGUN + 125 * DAY + timedelta(hours=5))  # nobody is there
    three = year.begin_service()
    year.live_until(BEGUN + 260 * DAY)
    year.begin_service()
    three.kill()
    year.live_until(BEGUN + 365 * DAY)
    year.come_to_rest()
    check_ledger(year)

    berlin = [fire.instant for fire in fires(year, "berlin")]
    assert datetime(2026, 3, 29, 1, 0, tzinfo=UTC) in berlin  # 02:30 was skipped by the clocks
    assert datetime(2026, 10, 25, 0, 30, tzinfo=UTC) in berlin  # the first 02:30
    assert datetime(2026, 10, 25, 1, 30, tzinfo=UTC) not in berlin  # and not the second
    states = Counter((fire.schedule, fire.state, fire.reason) for fire in fires(year))
    assert states["often", FireState.SKIPPED, OVERLAP] > 50
    assert states["weekly", FireState.SKIPPED, SUPERSEDED] == 0
    assert states["berlin", FireState.MISSED, None] == 6
    assert states["newyork", FireState.MISSED, None] == 9
    assert states["dates", FireState.FIRED, None] == 2
    cancelled = [run for run in year.store.runs.recent(limit=100_000) if run.state == "cancelled"]
    assert len(cancelled) > 5
    assert {run.instance for run in cancelled} == {"weekly"}
