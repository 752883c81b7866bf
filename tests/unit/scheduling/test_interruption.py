"""An interrupted run stops cleanly, keeps what it computed, and the next one goes on."""

import _thread
import signal
import threading
import time
from typing import Any

import pytest

from ragflow import pipeline, task
from ragflow.core.states import RunState
from ragflow.tasks import read
from tests.unit.scheduling.desk import Desk, Shelf, changes, save

CALLS: list[str] = []
#: At the text of this name the task `step` interrupts the run.
INTERRUPT: list[str] = []


@pytest.fixture(autouse=True)
def _no_calls(monkeypatch):
    CALLS.clear()
    INTERRUPT.clear()
    monkeypatch.setattr("ragflow.scheduling.policies.PORTION", 4)


#: The signal that interrupts.
SIGNAL = [signal.SIGINT]


def interrupt() -> None:
    _thread.interrupt_main(SIGNAL[0])
    time.sleep(0.2)


@task(version="1")
def step(text: str) -> str:
    CALLS.append(text)
    if text in INTERRUPT:
        interrupt()
    return text.upper()


@task(version="1", per="batch", batch=4)
def mark(texts: list[str]) -> list[str]:
    CALLS.extend(texts)
    if INTERRUPT and f"{INTERRUPT[0]}" in texts:
        interrupt()
    return [f"{text}!" for text in texts]


def shelf_of(number: int) -> Shelf:
    return Shelf(**{f"k{each:02}": f"t{each:02}" for each in range(number)})


def running(shelf: Shelf) -> Any:
    @pipeline
    def p():
        save(step(read(shelf)))

    return p


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_is_cancelled_and_the_next_goes_on(desk: Desk, monkeypatch, number):
    monkeypatch.setattr(f"{__name__}.SIGNAL", [number])
    p = running(shelf_of(30))
    INTERRUPT.append("t20")
    with pytest.raises(KeyboardInterrupt):
        desk.run(p)
    run = desk.last_run()
    assert (run.state, run.error) == (RunState.CANCELLED, "interrupted")
    written = desk.values()
    assert 0 < len(written) < 30
    done = set(CALLS)
    assert "T20" not in {value for values in written.values() for value in values}
    INTERRUPT.clear()
    CALLS.clear()
    summary = desk.run(p)
    # What was computed is remembered, even where the interruption kept it from being written.
    assert not done & set(CALLS)
    assert changes(summary) == {"added": 30 - len(written), "unchanged": len(written)}
    assert len(desk.values()) == 30


def test_no_thread_is_left_behind(desk: Desk):
    before = set(threading.enumerate())
    INTERRUPT.append("t05")
    with pytest.raises(KeyboardInterrupt):
        desk.run(running(shelf_of(12)))
    left = [thread for thread in threading.enumerate() if thread not in before]
    assert [thread.name for thread in left if thread.name.startswith("ragflow")] == []


def test_a_batch_under_way_is_remembered(desk: Desk):
    shelf = shelf_of(12)

    @pipeline
    def p():
        save(mark(read(shelf)))

    INTERRUPT.append("t05")
    with pytest.raises(KeyboardInterrupt):
        desk.run(p)
    done = set(CALLS)
    CALLS.clear()
    INTERRUPT.clear()
    desk.run(p)
    assert not done & set(CALLS)
    assert len(done | set(CALLS)) == 12
    assert len(desk.values()) == 12


def test_an_interruption_inside_the_loop_is_one_too(desk: Desk):
    shelf = shelf_of(12)

    @task(version="1", executor="inline")
    def here(text: str) -> str:
        CALLS.append(text)
        if text in INTERRUPT:
            raise KeyboardInterrupt
        return text

    @pipeline
    def p():
        save(here(read(shelf)))

    INTERRUPT.append("t07")
    with pytest.raises(KeyboardInterrupt):
        desk.run(p)
    INTERRUPT.clear()
    desk.run(p)
    assert len(desk.values()) == 12


def test_an_interruption_inside_a_worker_ends_the_run(desk: Desk):
    @task(version="1")
    def give_up(text: str) -> str:
        if INTERRUPT:
            raise KeyboardInterrupt
        return text

    shelf = shelf_of(3)

    @pipeline
    def p():
        save(give_up(read(shelf)))

    INTERRUPT.append("now")
    with pytest.raises(KeyboardInterrupt):
        desk.run(p)
    assert desk.last_run().state is RunState.CANCELLED
    INTERRUPT.clear()
    assert changes(desk.run(p)) == {"added": 3}


def test_an_interruption_while_rows_are_written_leaves_no_row_behind(desk: Desk):
    shelf = shelf_of(20)
    p = running(shelf)
    desk.tables.before = interrupt
    with pytest.raises(KeyboardInterrupt):
        desk.run(p)
    desk.tables.before = None
    for key in list(shelf)[:5]:
        shelf.put(key, f"other {key}")
    shelf.take("k19")
    desk.run(p)
    assert desk.values() == {key: [f"OTHER {key.upper()}"] for key in list(shelf)[:5]} | {
        key: [f"T{key[1:]}"] for key in list(shelf)[5:]
    }


def test_an_interrupted_plan_keeps_what_it_computed(desk: Desk):
    p = running(shelf_of(12))
    INTERRUPT.append("t05")
    with pytest.raises(KeyboardInterrupt):
        desk.plan(p)
    done = set(CALLS)
    CALLS.clear()
    INTERRUPT.clear()
    assert changes(desk.plan(p)) == {"added": 12}
    assert not done & set(CALLS)


def test_every_loaded_document_that_fails_late_leaves_the_run_whole(desk: Desk):
    """An error in the loop itself, here of the observer, ends the run as an interruption does."""

    class Broken:
        def started(self, tasks): ...
        def listed(self, counts): ...
        def noted(self, sentence): ...
        def ended(self, summary): ...
        def progressed(self, totals, waiting):
            raise ValueError("an observer must not raise")

    p = running(shelf_of(12))
    with pytest.raises(ValueError, match="must not raise"):
        desk.run(p, observer=Broken())
    assert desk.last_run().state is RunState.FAILED
    CALLS.clear()
    desk.run(p)
    assert len(desk.values()) == 12
