"""A bucket lets no more begin than its rate, whatever the clock does."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragflow.core.rates import Bucket, Rate, find_rate, full, read_rate, take, told
from ragflow.errors import PipelineError

START = 1_800_000_000.0

rates = st.builds(Rate, st.floats(1e-3, 1e3), st.floats(1, 1e3))
steps = st.lists(st.floats(0, 100), max_size=60)


@given(rates, steps)
def test_over_any_window_no_more_begins_than_the_rate_and_one_burst(rate, pauses):
    bucket, now, begun = full(rate, START), START, []
    for pause in pauses:
        now += pause
        for _ in range(3):
            bucket, wait = take(bucket, rate, now)
            if wait == 0:
                begun.append(now)
    for first, begin in enumerate(begun):
        for last in range(first, len(begun)):
            most = rate.burst + rate.per_second * (begun[last] - begin)
            assert last - first + 1 <= most + 1e-3


@given(rates, st.integers(1, 60))
def test_who_waits_as_long_as_told_gets_a_token(rate, count):
    bucket, now = full(rate, START), START
    for _ in range(count):
        bucket, wait = take(bucket, rate, now)
        asked = 0
        while wait:
            # Rounding of the instant may cost another short wait, never an endless one.
            asked += 1
            assert asked < 5
            now += wait
            bucket, wait = take(bucket, rate, now)
    most = max(0.0, count - rate.burst + 1) / rate.per_second
    assert now - START <= most + 1e-3 * (1 + most)


@given(rates, st.floats(0, 1e4), st.floats(0, 1e9))
def test_a_clock_put_back_neither_makes_nor_loses_a_token(rate, tokens, back):
    bucket = Bucket(min(tokens, rate.burst), START)
    after, wait = take(bucket, rate, START - back)
    taken = 1 if wait == 0 else 0
    assert after.tokens + taken == pytest.approx(bucket.tokens)
    assert told(bucket, rate, START - back, 0.0).tokens == min(bucket.tokens, 1)


def test_the_bucket_fills_on_from_where_the_clock_was_put():
    rate = read_rate("1/s")
    bucket, wait = take(full(rate, START), rate, START)
    assert wait == 0
    bucket, wait = take(bucket, rate, START - 3600)
    assert wait == pytest.approx(1)
    bucket, wait = take(bucket, rate, START - 3600 + 1)
    assert wait == 0


def test_a_full_bucket_stays_full():
    rate = Rate(1, 5)
    bucket, _ = take(full(rate, START), rate, START + 1e6)
    assert bucket.tokens == 4


@given(rates, st.floats(0, 1e5), st.floats(0.01, 0.99))
def test_a_service_that_asks_for_a_pause_gets_it(rate, pause, share):
    bucket = told(full(rate, START), rate, START, pause)
    _, wait = take(bucket, rate, START + pause * share)
    assert pause < 1e-2 or wait == pytest.approx(pause * (1 - share), abs=1e-3)
    _, wait = take(bucket, rate, START + pause + 1e-3)
    assert wait <= 1e-6


def test_several_calls_that_are_told_the_same_pause_once():
    rate = read_rate("10/s")
    bucket = full(rate, START)
    for _ in range(5):
        bucket = told(bucket, rate, START, 30)
    assert take(bucket, rate, START)[1] == pytest.approx(30)
    assert take(told(bucket, rate, START, 2), rate, START)[1] == pytest.approx(30)


def test_a_pause_does_not_grow_where_the_clock_is_put_back():
    rate = read_rate("10/s")
    bucket = told(full(rate, START), rate, START, 30)
    bucket, wait = take(bucket, rate, START - 3600)
    assert wait == pytest.approx(30)


def test_a_bucket_whose_rate_was_lowered_is_not_emptied():
    bucket, _ = take(Bucket(50, START), Rate(1, 2), START + 10)
    assert bucket.tokens == 49


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("10/s", Rate(10, 10)),
        ("600/min", Rate(10, 10)),
        (" 6 / min ", Rate(0.1, 1)),
        ("7200/h", Rate(2, 2)),
        ("86400/d", Rate(1, 1)),
        ("0.5/s", Rate(0.5, 1)),
    ],
)
def test_a_rate_is_calls_in_a_time(text, rate):
    assert read_rate(text) == rate


@pytest.mark.parametrize("text", ["", "10", "10/week", "0/s", "-1/s", "ten/s", "1e3/s", "/s"])
def test_what_is_no_rate_is_refused(text):
    with pytest.raises(PipelineError, match="is no rate") as raised:
        read_rate(text)
    assert "600/min" in raised.value.hint


def test_a_rate_is_found_by_name_or_read_where_it_is_written_out():
    declared = {"llm": Rate(1, 1)}
    assert find_rate("the task 'a'", "llm", declared) == Rate(1, 1)
    assert find_rate("the task 'a'", "10/s", declared) == Rate(10, 10)
    with pytest.raises(PipelineError, match=r"^the task 'a' names the rate 'lml'") as raised:
        find_rate("the task 'a'", "lml", declared)
    assert "rates: llm" in raised.value.hint
