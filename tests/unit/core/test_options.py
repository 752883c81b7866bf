"""What a user says about how a task is run has one form, and is refused where it is written."""

import pytest

from ragflow import Retry, Timeouts, hours, minutes, seconds, task
from ragflow.core.handles import Items
from ragflow.core.options import Options, changed, check_options
from ragflow.core.rules import Rule
from ragflow.errors import PipelineError


def options(**given):
    return check_options("the task 'a'", given)


def test_nothing_said_is_the_defaults():
    assert options() == Options()
    assert options(retries=None, timeout=None, memory_limit=None) == Options()


def test_the_example_of_the_design_is_taken():
    @task(per="item", retries=Retry(attempts=3), timeout=minutes(2), pool="llm", version="1")
    async def situate(text: str, *, model: str) -> str: ...

    assert situate.settings.retries == Retry(attempts=3)
    assert situate.settings.timeout == Timeouts(attempt=minutes(2))
    assert situate.settings.asks == {"llm": 1}
    changed = situate.options(retries=5, executor="processes")
    assert changed.settings.retries == Retry(attempts=6)
    assert changed.settings.timeout == Timeouts(attempt=minutes(2))
    assert situate.settings.executor == "threads"


def test_retries_are_the_attempts_after_the_first():
    assert options(retries=0).retries.attempts == 1
    assert options(retries=2).retries == Retry()


def test_a_rule_may_be_written_as_text():
    assert options(when="any_failed").when is Rule.ANY_FAILED
    assert options(when=Rule.ALL_DONE).when is Rule.ALL_DONE
    assert options().when is Rule.ALL_SUCCEEDED


def test_sizes_are_kept_in_bytes():
    limited = options(executor="processes", memory_limit="2 GiB", output_limit=5, network=False)
    assert (limited.memory_limit, limited.output_limit, limited.network) == (2 * 2**30, 5, False)
    assert options(needs={"memory": "1.5 GB"}).needs == {"memory": 1_500_000_000}


def test_a_pool_is_one_slot_of_what_a_call_needs():
    asked = options(needs={"gpu": 1}, pool="llm")
    assert asked.asks == {"gpu": 1, "llm": 1}
    assert changed("it", asked, {"pool": "ocr"}).asks == {"gpu": 1, "ocr": 1}
    assert changed("it", asked, {"pool": None}).asks == {"gpu": 1}


def test_a_rate_is_named_or_written_out():
    assert options(rate="llm").rate == "llm"
    assert options(rate="10/min").rate == "10/min"


def test_what_was_said_stays_when_other_options_change():
    said = options(
        executor="processes",
        retries=4,
        timeout=Timeouts(queue=hours(1), total=minutes(9)),
        when="none_failed",
        needs={"memory": "1 GB"},
        memory_limit="1 GB",
        rate="5/s",
        priority=3,
        limit=2,
        linger=seconds(0.2),
        after=Items("before"),
    )
    assert changed("it", changed("it", said, {"priority": 4}), {"priority": 3}) == said


def test_a_plugin_keeps_the_limits_it_keeps():
    assert options(executor="dask", memory_limit="1 GB").executor == "dask"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"retries": -1}, "cannot be tried again with retries=-1"),
        ({"retries": True}, "cannot be tried again with retries=True"),
        ({"retries": "3"}, "cannot be tried again with retries='3'"),
        ({"timeout": 30}, "cannot end after timeout=30"),
        ({"timeout": seconds(0)}, "cannot end after timeout="),
        ({"timeout": seconds(1), "executor": "inline"}, "'inline' cannot keep"),
        ({"timeout": Timeouts(total=hours(1)), "executor": "inline"}, "'inline' cannot keep"),
        ({"when": "always"}, "cannot begin with when='always'"),
        ({"when": 5}, "cannot begin with when=5"),
        ({"needs": {"cpu": -1}}, "needs -1 of 'cpu', which is no amount"),
        ({"needs": {"cpu": "one"}}, "needs 'one' of 'cpu', which is no amount"),
        ({"needs": {"cpu": True}}, "needs True of 'cpu', which is no amount"),
        ({"needs": {"llm": float("nan")}}, "needs nan of 'llm', which is no amount"),
        ({"needs": {"memory": "2 cats"}}, "'2 cats' is no size"),
        ({"needs": {5: 1}}, "needs 5, which names no resource"),
        ({"needs": ["gpu"]}, r"was given needs=\['gpu'\]"),
        ({"needs": {"llm": 2}, "pool": "llm"}, "asks for the pool 'llm' twice"),
        ({"pool": ""}, "was given no name in pool=''"),
        ({"executor": ""}, "was given no name in executor=''"),
        ({"rate": "10/fortnight"}, "rate: '10/fortnight' is no rate"),
        ({"limit": 0}, "could never be called with limit=0"),
        ({"linger": 0.2}, r"cannot wait with linger=0\.2"),
        ({"linger": -seconds(1)}, "cannot wait with linger="),
        ({"memory_limit": "1 GB"}, "has memory_limit, which the executor 'threads' cannot keep"),
        ({"output_limit": 5, "executor": "inline"}, "has output_limit, which .* 'inline' cannot"),
        ({"network": False}, "has network=False, which the executor 'threads' cannot keep"),
        ({"memory_limit": 0, "executor": "processes"}, "memory_limit: 0 is no size"),
        ({"after": 5}, "cannot wait with after=5"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_a_way_out(given, said):
    with pytest.raises(PipelineError, match=said) as raised:
        options(**given)
    assert raised.value.hint
    with pytest.raises(PipelineError, match=said):
        task(**given)


@pytest.mark.parametrize("name", ["name", "memo", "plan", "source", "batch", "priority", "limit"])
def test_an_option_of_another_type_is_named_with_its_value(name):
    with pytest.raises(PipelineError, match=rf"option it does not take: {name}=\[\], expected"):
        options(**{name: []})


def test_every_option_is_read():
    given = {
        "name": "b",
        "executor": "processes",
        "memo": "home",
        "after": (Items("c"),),
        "when": "all_done",
        "plan": "count",
        "source": "d",
        "batch": 2,
        "linger": seconds(1),
        "retries": 7,
        "timeout": seconds(1),
        "needs": {"cpu": 2},
        "pool": "llm",
        "rate": "llm",
        "priority": 1,
        "limit": 1,
        "memory_limit": 1,
        "output_limit": 1,
        "network": False,
        "trusted": str.isascii,
        "strict": False,
    }
    assert tuple(given) == Options.__struct_fields__
    read = options(**given)
    assert all(getattr(read, n) != getattr(Options(), n) for n in Options.__struct_fields__)


@pytest.mark.parametrize("value", [5, "2 min", seconds(0), -seconds(1)])
def test_a_time_to_wait_for_is_one(value):
    with pytest.raises(
        PipelineError, match=r"^Timeouts: queue=.* is no time to wait for"
    ) as raised:
        Timeouts(queue=value)
    assert "seconds(30)" in raised.value.hint


LIMITS = {
    "timeout": seconds(9),
    "memory_limit": "1 GB",
    "output_limit": "1 GB",
    "network": False,
}


def test_limits_that_are_not_strict_are_left_out_where_they_cannot_be_kept():
    read = options(executor="processes", strict=False, **LIMITS)
    assert not read.network
    here = changed("a task", read, {"executor": "threads"})
    assert here == Options(executor="threads", strict=False)


def test_a_limit_named_together_with_an_executor_that_cannot_keep_it_is_refused_all_the_same():
    read = options(executor="processes", strict=False, **LIMITS)
    with pytest.raises(PipelineError, match="has memory_limit, which the executor 'threads'"):
        changed("a task", read, {"executor": "threads", "memory_limit": "2 GB"})
    with_time = changed("a task", read, {"executor": "threads", "timeout": seconds(5)})
    assert with_time == Options(executor="threads", timeout=Timeouts(attempt=seconds(5)))


def test_what_tells_the_harmless_is_a_function():
    with pytest.raises(PipelineError, match="cannot ask trusted='all' what is harmless"):
        options(trusted="all")
