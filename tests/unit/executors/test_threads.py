"""Threads: what cannot be ended is let go, and async works are counted apart."""

from pathlib import Path

import pytest

from ragflow.executors.threads import Threads
from ragflow.testing.executor_calls import PATIENCE, Call, wait_for, write


@pytest.fixture
def threads():
    made = Threads(1, together=2, grace=0.05)
    yield made
    made.abandon()


def test_an_async_work_that_resists_is_said_to_go_on(threads, tmp_path):
    future = threads.submit(Call(1, "resist", str(tmp_path)))
    wait_for(tmp_path / "napping")
    assert not threads.stop(1)
    assert future.exception() is not None
    wait_for(tmp_path / "asked")
    write(tmp_path / "gate", "open")


def test_async_works_take_no_thread_and_are_limited_apart(threads, tmp_path):
    asleep = [threads.submit(Call(n, "sleep", str(tmp_path))) for n in range(3)]
    assert threads.submit(Call(9, "echo", 9)).result(PATIENCE) == 9
    wait_for(tmp_path / "napping", lines=2)
    assert [future.running() for future in asleep] == [True, True, False]
    assert threads.stop(0)
    wait_for(tmp_path / "napping", lines=3)


def test_closing_does_not_wait_for_what_was_let_go(threads, tmp_path):
    threads.submit(Call(1, "wait", str(tmp_path)))
    wait_for(tmp_path / "gate-begun")
    assert not threads.stop(1)
    threads.close()
    write(Path(tmp_path, "gate"), "open")


def test_a_cancelled_future_is_passed_over(threads, tmp_path):
    first = threads.submit(Call(1, "wait", str(tmp_path)))
    second, third = (threads.submit(Call(n, "log", str(tmp_path), n)) for n in (2, 3))
    assert second.cancel()
    write(tmp_path / "gate", "open")
    assert (first.result(PATIENCE), third.result(PATIENCE)) == ("gate", 3)
    assert threads.submit(Call(2, "echo", 2)).result(PATIENCE) == 2
