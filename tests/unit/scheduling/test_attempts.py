"""Limits are kept, deaths are counted, and attempts are made again, wherever a task runs."""

import asyncio
import ctypes
import os
import signal
import socket
import sys
import threading
import time
from datetime import timedelta
from pathlib import Path

import pytest

from ragflow import SkipDocument, Timeouts, pipeline, task
from ragflow.core.retry import Retry
from ragflow.errors import GiveUp, RetryTask
from ragflow.scheduling.held import Packer
from ragflow.tasks import read
from tests.unit.scheduling.desk import Desk, Shelf, changes, over, save

QUICKLY = Retry(attempts=3, initial=timedelta(milliseconds=10))


@task(version="1", executor="processes")
def misbehave(text: str) -> str:
    match text:
        case "eat":
            return str(len(bytearray(1 << 30)))
        case "fault":
            ctypes.string_at(0)
        case "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        case "skip":
            raise SkipDocument("nothing in it", code="empty", requirement="program:x", hint="do")
        case "fail":
            raise ValueError("no good")
        case "speak":
            socket.create_connection(("127.0.0.1", 9), timeout=1).close()
        case "exit":
            sys.exit(3)
        case "wait":
            time.sleep(60)
        case "much":
            return "x" * 100_000
    return text


# --- Limits -------------------------------------------------------------------------------------


def reasons(desk: Desk) -> dict[str, str]:
    """Return why documents are held back or failed, by key, of the last run."""
    found = desk.failures(desk.last_run().id)
    return {attempt.key: attempt.reason for attempt in found}


def test_what_eats_too_much_memory_fails_alone(desk):
    bounded = misbehave.options(memory_limit="300 MB")
    summary = desk.run(over(Shelf(a="1", b="eat", c="3"), bounded))
    assert desk.values() == {"a": ["1"], "c": ["3"]}
    assert changes(summary) == {"added": 2, "failed": 1}
    assert reasons(desk) == {"b": "limit"}


def test_what_returns_too_much_fails_alone(desk):
    bounded = misbehave.options(output_limit="50 kB")
    desk.run(over(Shelf(a="1", b="much"), bounded))
    assert desk.values() == {"a": ["1"]}
    assert reasons(desk) == {"b": "limit"}


def test_a_task_without_the_network_is_refused_it(desk):
    desk.run(over(Shelf(a="1", b="speak"), misbehave.options(network=False)))
    assert desk.values() == {"a": ["1"]}
    assert reasons(desk) == {"b": "limit"}


@pytest.mark.parametrize("text", ["fault", "kill"])
def test_what_kills_three_workers_alone_is_poison_and_the_others_are_served(desk, text):
    summary = desk.run(over(Shelf(a="1", b=text, c="3", d="4"), misbehave))
    assert desk.values() == {"a": ["1"], "c": ["3"], "d": ["4"]}
    assert changes(summary) == {"added": 3, "failed": 1}
    died = [each for each in desk.failures(1) if each.outcome == "died"]
    assert [each.key for each in died] == ["b"] * 3
    with desk.home() as home:
        [letter] = home.metadata.dead_letters.list()
    assert (letter.key, letter.reason) == ("b", "poison")


def test_errors_come_back_as_they_were_raised(desk):
    summary = desk.run(over(Shelf(a="1", b="skip", c="fail", d="exit"), misbehave))
    assert desk.values() == {"a": ["1"]}
    assert changes(summary) == {"added": 1, "skipped": 1, "failed": 2}
    with desk.home() as home:
        assert "program:x" in home.metadata.ledger.requirements(
            home.metadata.instance("simple", "simple", {})
        )
    messages = {each.key: each.message for each in desk.failures(1)}
    assert messages["c"] == "ValueError: no good"
    assert "it tried to end the process: SystemExit" in messages["d"]
    tracebacks = {each.key: each.traceback for each in desk.failures(1)}
    assert 'raise ValueError("no good")' in tracebacks["c"]


# --- Time and attempts --------------------------------------------------------------------------


def test_an_attempt_that_takes_too_long_is_killed(desk):
    impatient = misbehave.options(timeout=timedelta(seconds=5), retries=0)
    begun = time.perf_counter()
    desk.run(over(Shelf(a="1", b="wait"), impatient))
    assert time.perf_counter() - begun < 30
    assert desk.values() == {"a": ["1"]}
    [attempt] = desk.failures(1)
    assert (attempt.key, attempt.reason, attempt.outcome) == ("b", "timeout", "timeout")
    assert attempt.message == "the attempt took longer than 5 s"


GO_ON = threading.Event()


@task(version="1")
def wait(text: str) -> str:
    if text == "wait":
        GO_ON.wait(20)
    return text


def test_a_thread_that_takes_too_long_is_fenced_off_and_the_attempt_says_so(desk):
    GO_ON.clear()
    try:
        impatient = wait.options(timeout=timedelta(seconds=0.3), retries=0)
        desk.run(over(Shelf(a="1", b="wait"), impatient))
        assert desk.values() == {"a": ["1"]}
        [attempt] = desk.failures(1)
        assert attempt.outcome == "timeout"
        assert attempt.message == (
            "the attempt took longer than 0.3 s; its thread cannot be ended and goes on, "
            "what it returns is dropped"
        )
        with desk.home() as home:
            [letter] = home.metadata.dead_letters.list()
        assert letter.reason == "timeout"
    finally:
        GO_ON.set()


def test_an_attempt_is_late_by_the_core_whatever_passed_before_it_was_handed_over(
    desk, monkeypatch
):
    """The shell opens it a moment after the core did; on a busy machine that was its end."""
    pack = Packer.pack

    def slowly(self, *given):
        time.sleep(0.2)
        return pack(self, *given)

    monkeypatch.setattr(Packer, "pack", slowly)
    GO_ON.clear()
    try:
        impatient = wait.options(timeout=timedelta(seconds=0.3), retries=0)
        assert desk.run(over(Shelf(a="wait"), impatient))["documents"]["failed"] == 1
        [attempt] = desk.failures(1)
        assert attempt.outcome == "timeout"
    finally:
        GO_ON.set()


STUCK: list[str] = []
BESIDE: list[list[str]] = []


@task(version="1", pool="one", priority=1)
def stick(text: str) -> str:
    STUCK.append(text)
    time.sleep(0.8)
    STUCK.remove(text)
    return text


@task(version="1", pool="one")
def look(text: str) -> str:
    BESIDE.append(list(STUCK))
    return text


@pytest.mark.parametrize("timeout", ["attempt", "total"])
def test_a_thread_that_goes_on_after_any_of_its_times_keeps_its_pool(tmp_path, timeout):
    BESIDE.clear()
    desk = Desk(tmp_path, pools={"one": 1})
    times = Timeouts(**{timeout: timedelta(seconds=0.2)})

    @pipeline
    def p():
        items = read(Shelf(a="1"))
        save(stick.options(timeout=times, retries=0)(items))
        save(look(items), table="u")

    desk.run(p)
    assert (desk.values(), desk.values("u")) == ({}, {"a": ["1"]})
    assert BESIDE == [[]]
    with desk.home() as home:
        [letter] = home.metadata.dead_letters.list()
    assert letter.reason == "timeout"


TRIES: list[str] = []


@task(version="1", retries=QUICKLY)
def try_again(text: str) -> str:
    TRIES.append(text)
    if text == "give up":
        raise GiveUp("it is of no use")
    if text == "soon" and TRIES.count("soon") < 3:
        raise RetryTask("not yet", after=timedelta(milliseconds=10))
    if text == "pass" and TRIES.count("pass") < 2:
        raise ConnectionError("for a moment")
    if text == "never":
        raise RetryTask("not yet")
    return text


def test_a_task_asks_for_another_attempt_or_gives_up(desk):
    TRIES.clear()
    desk.run(over(Shelf(a="give up", b="soon", c="pass", d="never"), try_again))
    assert desk.values() == {"b": ["soon"], "c": ["pass"]}
    assert sorted(TRIES) == ["give up", *["never"] * 3, *["pass"] * 2, *["soon"] * 3]
    attempts = [(each.key, each.number) for each in desk.failures(1)]
    assert sorted(attempts) == [
        ("a", 1), ("b", 1), ("b", 2), ("c", 1), ("d", 1), ("d", 2), ("d", 3)
    ]  # fmt: skip


@task(executor="processes", version="1", retries=QUICKLY)
def try_elsewhere(text: str, *, log: str) -> str:
    path = Path(log)
    with path.open("a") as file:
        file.write(f"{text}\n")
    if path.read_text().splitlines().count(text) < 3:
        raise RetryTask("not yet", after=timedelta(milliseconds=10))
    return text


def test_a_task_elsewhere_asks_for_another_attempt(desk, tmp_path):
    desk.run(over(Shelf(a="x"), lambda items: try_elsewhere(items, log=str(tmp_path / "log"))))
    assert desk.values() == {"a": ["x"]}
    assert [each.number for each in desk.failures(1)] == [1, 2]


UNDER_WAY = {"now": 0, "most": 0}


@task(version="1")
async def overlapping(text: str) -> str:
    UNDER_WAY["now"] += 1
    UNDER_WAY["most"] = max(UNDER_WAY.values())
    await asyncio.sleep(0.2)
    UNDER_WAY["now"] -= 1
    return text


def test_fifty_tasks_that_await_are_under_way_at_once(desk):
    UNDER_WAY.update(now=0, most=0)
    shelf = Shelf(**{f"k{number}": str(number) for number in range(50)})
    desk.run(over(shelf, overlapping))
    assert len(desk.values()) == 50
    assert UNDER_WAY["most"] == 50


@task(version="1", retries=Retry(give_up_on=(ConnectionError,)))
def give_up_at_once(text: str) -> str:
    TRIES.append(text)
    raise ConnectionError("for good")


def test_what_a_task_gives_up_on_is_not_tried_by_later_runs_either(desk):
    TRIES.clear()
    shelf = Shelf(a="x")
    for _ in range(2):
        desk.run(over(shelf, give_up_at_once))
    assert TRIES == ["x"]
    with desk.home() as home:
        [letter] = home.metadata.dead_letters.list()
    assert letter.release == "content"


@task(version="1", executor="processes", trusted=str.islower)
def say_where(text: str) -> str:
    return f"{text} {os.getpid()}"


def test_what_a_task_trusts_stays_in_this_process(desk):
    desk.run(over(Shelf(a="small", b="LARGE"), say_where))
    here = str(os.getpid())
    assert desk.values()["a"] == [f"small {here}"]
    assert desk.values()["b"] != [f"LARGE {here}"]
