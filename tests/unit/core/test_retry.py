"""When a call is tried again is arithmetic: bounded, without overflow, the same in a replay."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragflow import Retry, hours, minutes, seconds
from ragflow.core.retry import LONGEST_TOLD, Fault, FaultKind, delay, later, next_attempt
from ragflow.errors import PipelineError

PASSING = Fault(FaultKind.PASSING)

attempts = st.integers(1, 10**6)
keys = st.one_of(st.binary(max_size=40), st.text(max_size=40))
tolds = st.none() | st.floats(0, 1e9)


@st.composite
def policies(draw, **fixed):
    """Any policy that may be defined."""
    times = st.timedeltas(timedelta(0), timedelta(days=10_000))
    initial, max_delay = sorted((draw(times), draw(times)))
    values = {
        "attempts": draw(attempts),
        "initial": initial,
        "factor": draw(st.floats(1, 1e300)),
        "max_delay": max_delay,
        "max_elapsed": draw(st.none() | times),
        "jitter": draw(st.sampled_from(["full", "equal", "none"])),
    }
    return Retry(**values | fixed)


@given(policies(), keys, attempts, tolds)
def test_a_pause_is_never_negative_and_never_beyond_its_caps(policy, key, attempt, told):
    pause = delay(policy, key, attempt, told)
    longest = policy.max_delay.total_seconds()
    assert 0 <= pause <= max(longest, LONGEST_TOLD)
    if told is None:
        assert pause <= longest
    else:
        assert pause >= min(told, LONGEST_TOLD)


@given(policies(jitter="none"), st.integers(1, 200))
def test_without_jitter_pauses_never_get_shorter(policy, attempt):
    assert delay(policy, b"", attempt) <= delay(policy, b"", attempt + 1)


@given(policies(jitter="equal"), keys, attempts)
def test_equal_jitter_draws_the_second_half_only(policy, key, attempt):
    whole = delay(Retry(**_values(policy) | {"jitter": "none"}), key, attempt)
    assert whole / 2 <= delay(policy, key, attempt) <= whole


@given(policies(), st.binary(max_size=40), attempts)
def test_the_same_key_and_attempt_always_give_the_same_pause(policy, key, attempt):
    assert delay(policy, key, attempt) == delay(Retry(**_values(policy)), bytes(key), attempt)


def _values(policy):
    return {name: getattr(policy, name) for name in policy.__struct_fields__}


def test_pauses_of_different_keys_and_attempts_are_spread_out():
    policy = Retry(initial=seconds(10), factor=1)
    pauses = [delay(policy, f"{n}", 1) for n in range(1000)]
    assert min(pauses) < 0.5
    assert max(pauses) > 9.5
    assert 4.5 < sum(pauses) / 1000 < 5.5
    assert len({delay(policy, "a", n) for n in range(1, 101)}) == 100


def test_pauses_grow_by_the_factor_up_to_the_longest():
    policy = Retry(initial=seconds(1), factor=3, max_delay=seconds(20), jitter="none")
    assert [delay(policy, b"", n) for n in range(1, 6)] == [1, 3, 9, 20, 20]
    level = Retry(initial=seconds(7), factor=1, jitter="none")
    assert delay(level, b"", 10**6) == 7
    assert delay(Retry(initial=seconds(0)), b"", 10**6) == 0


def test_a_key_that_is_no_valid_text_is_taken():
    assert delay(Retry(), "\udcff", 1) >= 0


@given(policies(), attempts, st.floats(0, 2e9), st.floats(0, 1e6), st.sampled_from(FaultKind))
def test_an_attempt_is_within_the_policy_or_there_is_none(policy, attempt, first, spent, kind):
    now = first + spent
    at = next_attempt(policy, b"", attempt=attempt, first_at=first, now=now, fault=Fault(kind))
    again = kind in (FaultKind.PASSING, FaultKind.RETRY, FaultKind.TIMEOUT)
    if not again or attempt >= policy.attempts:
        assert at is None
        return
    if at is None:
        assert policy.max_elapsed is not None
        return
    assert now <= at <= now + policy.max_delay.total_seconds()
    if policy.max_elapsed is not None:
        assert at - first <= policy.max_elapsed.total_seconds()


def test_attempts_are_counted_in_all():
    policy = Retry(attempts=2, initial=seconds(0))
    when = {"first_at": 100.0, "now": 100.0, "fault": PASSING}
    assert next_attempt(policy, b"", attempt=1, **when) == 100
    assert next_attempt(policy, b"", attempt=2, **when) is None


def test_no_attempt_begins_after_the_longest_time():
    policy = Retry(attempts=9, initial=seconds(10), jitter="none", max_elapsed=seconds(30))
    when = {"attempt": 1, "first_at": 0.0, "fault": PASSING}
    assert next_attempt(policy, b"", now=20.0, **when) == 30
    assert next_attempt(policy, b"", now=20.5, **when) is None


def test_a_service_is_heard_up_to_an_hour_and_a_task_to_the_letter():
    policy = Retry(initial=seconds(5), jitter="none")
    when = {"attempt": 1, "first_at": 0.0, "now": 0.0}

    def at(kind, told):
        return next_attempt(policy, b"", fault=Fault(kind, told), **when)

    assert at(FaultKind.PASSING, 2.0) == 5
    assert at(FaultKind.PASSING, 60.0) == 60
    assert at(FaultKind.PASSING, 1e9) == 3600
    assert at(FaultKind.RETRY, None) == 5
    assert at(FaultKind.RETRY, 2.0) == 2
    assert at(FaultKind.RETRY, 7200.0) == 7200


def test_later_runs_try_with_growing_pauses_and_give_up_after_five():
    assert [later(tries, 100.0) for tries in range(1, 8)] == [
        100,
        160,
        400,
        1900,
        7300,
        None,
        None,
    ]


def test_every_kind_of_fault_says_who_tries_again():
    assert {kind for kind in FaultKind if Fault(kind).is_tried_again} == {
        "passing",
        "retry",
        "timeout",
    }
    assert {kind for kind in FaultKind if not Fault(kind).is_tried_later} == {
        "lasting",
        "limit",
        "give_up",
    }


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"attempts": 0}, "attempts=0 is no number of attempts"),
        ({"attempts": True}, "attempts=True is no number of attempts"),
        ({"attempts": 2.5}, r"attempts=2\.5 is no number of attempts"),
        ({"factor": 0.5}, r"factor=0\.5 is not 1 or more"),
        ({"factor": float("nan")}, "factor=nan is not 1 or more"),
        ({"factor": float("inf")}, "factor=inf is not 1 or more"),
        ({"factor": "2"}, "factor='2' is not 1 or more"),
        ({"jitter": "some"}, "jitter='some' is no kind of jitter"),
        ({"initial": 5}, "initial=5 is no length of time"),
        ({"initial": timedelta(seconds=-1)}, "initial=.* is no length of time"),
        ({"max_delay": None}, "max_delay=None is no length of time"),
        ({"max_elapsed": 60}, "max_elapsed=60 is no length of time"),
        ({"initial": minutes(10)}, "initial='0:10:00' is longer than the longest pause, 0:05:00"),
        ({"retry_on": 5}, "retry_on=5 is no class of errors"),
        ({"retry_on": (int,)}, "retry_on=<class 'int'> is no class of errors"),
        ({"give_up_on": ("",)}, "give_up_on='' is no class of errors"),
        ({"retry_after": 1}, "retry_after=1 is not True or False"),
    ],
)
def test_a_policy_that_cannot_be_meant_is_refused_with_a_way_out(values, said):
    with pytest.raises(PipelineError, match=f"^Retry: {said}") as raised:
        Retry(**values)
    assert raised.value.hint


def test_one_error_need_not_stand_in_a_tuple():
    assert Retry(retry_on=ValueError).retry_on == (ValueError,)
    assert Retry(give_up_on=["httpx.ReadTimeout"]).give_up_on == ("httpx.ReadTimeout",)


def test_lengths_of_time_are_written_as_words():
    assert seconds(90) == minutes(1.5) == timedelta(seconds=90)
    assert hours(2) == timedelta(hours=2)


@pytest.mark.parametrize("count", [-1, float("nan"), float("inf"), "5", None, True, 1e300])
def test_what_is_no_length_of_time_is_refused(count):
    with pytest.raises(PipelineError, match=r"^minutes\(") as raised:
        minutes(count)
    assert raised.value.hint
