"""Executors run calls, here or in threads, and leave nothing behind."""

import threading
import time
from concurrent.futures import CancelledError
from typing import Any

import pytest

from ragflow import plugins
from ragflow.clock import SystemClock
from ragflow.errors import PluginError
from ragflow.scheduling.handover import Handover


def fail() -> None:
    raise ValueError("no")


@pytest.mark.parametrize("name", ["inline", "threads"])
def test_a_call_gives_what_it_returns_or_raises(name):
    executor = plugins.find("executors", name)(2)
    try:
        assert executor.submit(lambda: 5).result() == 5
        assert isinstance(executor.submit(fail).exception(), ValueError)
    finally:
        executor.close()


def test_inline_calls_run_in_the_callers_thread_at_once():
    executor = plugins.find("executors", "inline")(1)
    future = executor.submit(threading.get_ident)
    assert future.done()
    assert future.result() == threading.get_ident()
    with pytest.raises(KeyboardInterrupt):
        executor.submit(lambda: (_ for _ in ()).throw(KeyboardInterrupt))


def test_threads_run_as_many_calls_as_there_are_slots():
    executor = plugins.find("executors", "threads")(3)
    together = threading.Barrier(3)
    futures = [executor.submit(lambda: together.wait(timeout=5)) for _ in range(3)]
    assert sorted(future.result() for future in futures) == [0, 1, 2]
    executor.close()


def test_closing_waits_for_what_runs_and_drops_what_has_not_begun():
    executor = plugins.find("executors", "threads")(1)
    begun = threading.Event()

    def slow() -> str:
        begun.set()
        time.sleep(0.1)
        return "done"

    first, second = executor.submit(slow), executor.submit(slow)
    begun.wait(timeout=5)
    executor.close()
    assert first.result() == "done"
    with pytest.raises(CancelledError):
        second.result()
    executor.close()


def test_an_unknown_plugin_comes_with_the_nearest_or_all_names():
    with pytest.raises(PluginError, match="no plugin of kind executors is called 'thread'") as r:
        plugins.find("executors", "thread")
    assert r.value.hint == "did you mean 'threads'?"
    with pytest.raises(PluginError) as r:
        plugins.find("executors", "xyzzy")
    assert r.value.hint.startswith("installed: inline, threads")
    with pytest.raises(PluginError) as r:
        plugins.find("nothing", "at-all")
    assert "ragflow.nothing" in r.value.hint


def test_a_plugin_that_cannot_be_imported_says_what_brings_it(monkeypatch):
    class Point:
        name, value = "broken", "broken_package:Thing"

        def load(self) -> Any:
            raise ImportError("no module named 'broken_package'")

    monkeypatch.setattr(plugins, "entry_points", lambda group: [Point()])
    with pytest.raises(PluginError, match="cannot be imported") as raised:
        plugins.find("executors", "broken")
    assert "broken_package:Thing" in raised.value.hint


# --- Handover ---------------------------------------------------------------------------------


class Handing:
    """A handover to one thread, and what was heard of it."""

    def __init__(self) -> None:
        executors = {name: plugins.find("executors", "threads")(1) for name in ("one", "two")}
        self.handover = Handover(executors, SystemClock())
        self.heard: list[Any] = []

    def then(self, name: str, future: Any) -> None:
        self.heard.append((name, future.exception() or future.result()[0]))


@pytest.fixture
def handing():
    made = Handing()
    yield made
    made.handover.close("one")
    made.handover.close("two")


def test_what_ended_is_heard_in_the_thread_of_the_loop(handing):
    handing.handover.submit("one", lambda: 5, handing.then, "five")
    handing.handover.submit("one", fail, handing.then, "fail")
    assert handing.handover.is_busy("one")
    assert not handing.handover.is_busy("two")
    while handing.handover.is_busy("one", "two"):
        handing.handover.hear()
    assert handing.heard[0] == ("five", 5)
    assert isinstance(handing.heard[1][1], ValueError)


def test_the_deepest_of_the_waiting_calls_goes_first(handing):
    gate = threading.Event()
    order: list[int] = []
    for _ in range(4):
        handing.handover.submit("one", gate.wait, handing.then, "gate")
    for depth in (1, 3, 2):
        handing.handover.submit(
            "one", lambda depth=depth: order.append(depth), handing.then, depth, depth=depth
        )
    gate.set()
    while handing.handover.is_busy("one"):
        handing.handover.hear()
    assert order == [3, 2, 1]


def test_waking_ends_the_wait_and_is_no_event(handing):
    handing.handover.wake()
    handing.handover.hear()
    handing.handover.wake()
    handing.handover.submit("one", lambda: 5, handing.then, "five")
    time.sleep(0.05)
    ended = handing.handover.close("one")
    assert [(then, arguments, future.result()[0]) for then, arguments, future in ended] == [
        (handing.then, ("five",), 5)
    ]
    assert handing.heard == []
