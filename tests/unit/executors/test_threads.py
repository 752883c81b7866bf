"""Threads: what cannot be ended is let go, and async works are counted apart."""

from pathlib import Path

import pytest

from ragflow.errors import RunError
from ragflow.executors.threads import MOST_LET_GO, Threads
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


def test_no_more_is_begun_while_too_many_go_on_that_cannot_be_ended(tmp_path):
    threads = Threads(1)
    for number in range(MOST_LET_GO):
        threads.submit(Call(number, "wait", str(tmp_path)))
        wait_for(tmp_path / "gate-begun", lines=number + 1)
        assert not threads.stop(number)
    with pytest.raises(RunError, match="32 calls were stopped and go on"):
        threads.submit(Call(99, "echo", 1))
    assert threads.submit(Call(98, "loop of", str(tmp_path), 0)).result(PATIENCE)
    write(tmp_path / "gate", "open")
    for thread in threads._let_go_on:
        thread.join(PATIENCE)
    assert threads.submit(Call(99, "echo", 1)).result(PATIENCE) == 1
    threads.close()
