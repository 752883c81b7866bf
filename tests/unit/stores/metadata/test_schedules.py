"""Each fire is accounted for once, whoever tries how often."""

from datetime import UTC, datetime, timedelta

import pytest

from ragflow.core.fires import Accounted, Defined, FireState, Firing
from ragflow.core.states import RunState
from ragflow.errors import FireTakenError, NotFoundError, UsageError

DAILY = Defined(name="daily", pipeline="p", schedule={"cron": "0 0 * * *"})
DAY = timedelta(days=1)
BEGUN = datetime(2026, 5, 4, tzinfo=UTC)


def queued(day: int) -> Accounted:
    instant = BEGUN + day * DAY
    return Accounted(instant=instant, due=instant, state=FireState.QUEUED)


@pytest.fixture
def kept(store):
    store.schedules.keep([DAILY])
    return store.schedules.all()[0]


@pytest.fixture
def instance(store):
    return store.instance("daily", "p", {})


def test_a_schedule_begins_when_it_is_first_kept_and_keeps_its_cursor(store, clock):
    store.schedules.keep([DAILY])
    [first] = store.schedules.all()
    assert (first.defined, first.cursor, first.paused_at) == (DAILY, clock.now(), None)
    before = store.changes()
    store.schedules.keep([DAILY])
    assert store.changes() == before
    assert store.schedules.all() == [first]


def test_one_that_fires_otherwise_begins_anew_and_one_with_other_parameters_does_not(store, clock):
    store.schedules.keep([DAILY])
    begun = clock.now()
    clock.sleep(5 * 3600)
    other = Defined(name="daily", pipeline="p", schedule=DAILY.schedule, parameters={"a": 1})
    store.schedules.keep([other])
    assert [each.cursor for each in store.schedules.all()] == [begun]
    otherwise = Defined(name="daily", pipeline="p", schedule={"cron": "0 1 * * *"})
    store.schedules.keep([otherwise])
    assert [each.cursor for each in store.schedules.all()] == [clock.now()]


def test_one_that_is_gone_and_comes_back_begins_anew_under_its_number(store, clock, kept):
    store.schedules.keep([])
    assert store.schedules.all() == []
    clock.sleep(5 * 3600)
    store.schedules.keep([DAILY])
    [back] = store.schedules.all()
    assert (back.id, back.cursor) == (kept.id, clock.now())


def test_the_cursor_moves_once(store, opened, kept):
    other = opened()
    assert store.schedules.account(kept, [queued(1)], BEGUN + DAY)
    assert not other.schedules.account(kept, [queued(1)], BEGUN + DAY)
    [fire] = other.schedules.queued()
    assert (fire.instant, fire.state, fire.schedule, fire.run) == (
        BEGUN + DAY,
        FireState.QUEUED,
        "daily",
        None,
    )


def test_a_schedule_that_was_paused_or_changed_meanwhile_is_not_accounted_for(store, kept):
    store.schedules.pause("daily", actor="me")
    assert not store.schedules.account(kept, [queued(1)], BEGUN + DAY)
    store.schedules.resume("daily", [], kept.cursor, actor="me")
    store.schedules.keep([Defined(name="daily", pipeline="p", schedule={"every": "1h"})])
    assert not store.schedules.account(kept, [queued(1)], BEGUN + DAY)
    assert store.schedules.queued() == []


def test_a_fire_and_its_run_begin_in_one(store, kept, instance):
    store.schedules.account(kept, [queued(1)], BEGUN + DAY)
    firing = Firing(schedule_id=kept.id, instant=BEGUN + DAY)
    run = store.runs.begin(instance, {}, trigger="schedule", firing=firing)
    [fire] = store.schedules.fires()
    assert (fire.state, fire.run) == (FireState.FIRED, run)
    assert store.schedules.of_run(run) == fire
    assert store.schedules.queued() == []
    with pytest.raises(FireTakenError):
        store.runs.begin(instance, {}, trigger="schedule", firing=firing)
    assert [record.id for record in store.runs.recent()] == [run]


def test_a_fire_by_hand_takes_an_instant_once_unless_its_run_failed(store, kept, instance):
    by_hand = Firing(schedule_id=kept.id, instant=BEGUN + DAY, is_queued=False)
    again = Firing(schedule_id=kept.id, instant=BEGUN + DAY, is_queued=False, is_again=True)
    first = store.runs.begin(instance, {}, trigger="schedule", firing=by_hand)
    other = store.instance("daily", "p", {"place": "another"})
    for firing in (by_hand, again):  # another runs for it, and may be at work
        with pytest.raises(FireTakenError, match="by run 1, which is not over") as refused:
            store.runs.begin(other, {}, trigger="schedule", firing=firing)
        assert "`ragflow resume 1`" in refused.value.hint
    assert store.runs.get(first).state is RunState.RUNNING
    store.runs.end(first, RunState.FAILED, summary=None, totals={})
    second = store.runs.begin(instance, {}, trigger="schedule", firing=by_hand)
    store.runs.end(second, RunState.SUCCEEDED, summary=None, totals={})
    with pytest.raises(FireTakenError, match=f"already by run {second}"):
        store.runs.begin(instance, {}, trigger="schedule", firing=by_hand)
    third = store.runs.begin(instance, {}, trigger="schedule", firing=again)
    assert [fire.run for fire in store.schedules.fires()] == [third]
    assert store.schedules.known(kept) == {BEGUN + DAY}
    assert store.schedules.fired(kept) == {BEGUN + DAY: RunState.RUNNING}


def test_what_is_accounted_for_already_is_left_as_it_is(store, kept, instance):
    by_hand = Firing(schedule_id=kept.id, instant=BEGUN + DAY, is_queued=False)
    run = store.runs.begin(instance, {}, trigger="schedule", firing=by_hand)
    assert store.schedules.account(kept, [queued(1), queued(2)], BEGUN + 2 * DAY)
    assert [(fire.state, fire.run) for fire in store.schedules.fires()] == [
        (FireState.QUEUED, None),
        (FireState.FIRED, run),
    ]


def test_a_run_that_is_handed_back_is_taken_up_once(store, kept, instance):
    store.schedules.account(kept, [queued(1)], BEGUN + DAY)
    firing = Firing(schedule_id=kept.id, instant=BEGUN + DAY)
    run = store.runs.begin(instance, {}, trigger="schedule", firing=firing)
    assert [fire.run for fire in store.schedules.left()] == [run]
    assert store.schedules.hand_back(run)
    assert store.schedules.left() == []
    assert [fire.run for fire in store.schedules.queued()] == [run]
    store.runs.take_up(run, firing=firing)
    assert store.schedules.queued() == []
    with pytest.raises(FireTakenError):
        store.runs.take_up(run, firing=firing)
    store.runs.end(run, RunState.SUCCEEDED, summary=None, totals={})
    assert not store.schedules.hand_back(run)
    assert store.schedules.left() == []


def test_a_run_that_was_cancelled_is_handed_back_by_who_cancelled_it_alone(store, kept, instance):
    store.schedules.account(kept, [queued(1)], BEGUN + DAY)
    firing = Firing(schedule_id=kept.id, instant=BEGUN + DAY)
    run = store.runs.begin(instance, {}, trigger="schedule", firing=firing)
    store.runs.end(run, RunState.CANCELLED, summary=None, totals={})
    assert not store.schedules.hand_back(run)
    assert store.schedules.queued() == []
    assert store.schedules.hand_back(run, was_cancelled=True)
    assert [fire.run for fire in store.schedules.queued()] == [run]


def test_a_person_who_takes_a_run_up_takes_its_fire_along(store, kept, instance):
    store.schedules.account(kept, [queued(1)], BEGUN + DAY)
    firing = Firing(schedule_id=kept.id, instant=BEGUN + DAY)
    run = store.runs.begin(instance, {}, trigger="schedule", firing=firing)
    store.schedules.hand_back(run)
    store.runs.take_up(run, actor="me")
    assert [fire.state for fire in store.schedules.fires()] == [FireState.FIRED]


def test_a_later_fire_takes_the_place_of_those_that_wait(store, kept):
    store.schedules.account(kept, [queued(1)], BEGUN + DAY)
    [now] = store.schedules.all()
    store.schedules.account(now, [queued(2)], BEGUN + 2 * DAY, supersedes="a later one")
    assert [(fire.state, fire.reason) for fire in store.schedules.fires()] == [
        (FireState.QUEUED, None),
        (FireState.SKIPPED, "a later one"),
    ]


def test_a_later_fire_cancels_the_run_that_was_handed_back(store, kept, instance):
    store.schedules.account(kept, [queued(1)], BEGUN + DAY)
    firing = Firing(schedule_id=kept.id, instant=BEGUN + DAY)
    run = store.runs.begin(instance, {}, trigger="schedule", firing=firing)
    store.schedules.hand_back(run)
    [now] = store.schedules.all()
    store.schedules.account(now, [queued(2)], BEGUN + 2 * DAY, supersedes="a later one")
    assert [(fire.state, fire.reason, fire.run) for fire in store.schedules.fires()] == [
        (FireState.QUEUED, None, None),
        (FireState.FIRED, "a later one", run),
    ]
    over = store.runs.get(run)
    assert (over.state, over.error) == (RunState.CANCELLED, "a later one")
    assert over.ended_at is not None
    assert store.schedules.left() == []
    assert store.audit.list(run=run)[0].action == "run.ended"


def test_a_fire_that_waits_may_be_left_out(store, kept):
    store.schedules.account(kept, [queued(1)], BEGUN + DAY)
    [fire] = store.schedules.queued()
    store.schedules.skip(fire, "gone")
    [left_out] = store.schedules.fires(schedule="daily")
    assert (left_out.state, left_out.reason) == (FireState.SKIPPED, "gone")
    assert store.schedules.fires(schedule="other") == []


def test_a_fire_whose_run_could_not_begin_failed_and_may_be_fired_by_hand(store, kept, instance):
    store.schedules.account(kept, [queued(1), queued(2)], BEGUN + 2 * DAY)
    [failed, skipped] = store.schedules.queued()
    store.schedules.skip(failed, "no such parameter", has_failed=True)
    store.schedules.skip(skipped, "late")
    assert [(fire.state, fire.reason) for fire in store.schedules.fires()] == [
        (FireState.SKIPPED, "late"),
        (FireState.FAILED, "no such parameter"),
    ]
    by_hand = Firing(schedule_id=kept.id, instant=BEGUN + DAY, is_queued=False)
    run = store.runs.begin(instance, {}, trigger="schedule", firing=by_hand)
    assert [(fire.state, fire.run) for fire in store.schedules.fires()][1] == (FireState.FIRED, run)


def test_names_belong_to_who_defined_them(store, kept):
    own = Defined(name="own", pipeline="p", origin="api")
    store.schedules.add(own, actor="me")
    store.schedules.keep([DAILY])
    assert [each.defined.name for each in store.schedules.all()] == ["daily", "own"]
    with pytest.raises(UsageError, match="defined by its pipeline"):
        store.schedules.add(Defined(name="daily", pipeline="p", origin="api"), actor="me")
    with pytest.raises(NotFoundError):
        store.schedules.pause("none", actor="me")
    store.schedules.remove("own", actor="me")
    with pytest.raises(NotFoundError):
        store.schedules.remove("own", actor="me")
