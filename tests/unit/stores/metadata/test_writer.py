"""The one thread that writes."""

import os
import sqlite3
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from ragflow.errors import BusyError, HomeError, LeaseLostError
from ragflow.stores.metadata import writer as writer_module
from ragflow.stores.metadata.fences import FencedWriter
from tests.unit.stores.metadata.desk import Desk, fp, listed, row

ADD = "INSERT INTO event (actor, action, at) VALUES ('somebody', ?, 0)"


def kinds(store) -> list[str]:
    rows = store._connections.fetch("SELECT action FROM event ORDER BY id")
    return [kind for (kind,) in rows]


def adding(kind: str):
    def write(connection) -> str:
        connection.exec_driver_sql(ADD, (kind,))
        return kind

    return write


class Gate:
    """A write that keeps the thread busy until it is opened."""

    def __init__(self, store) -> None:
        self._entered = threading.Event()
        self._open = threading.Event()
        store._writer.later(self._wait)
        assert self._entered.wait(10)

    def _wait(self, connection) -> None:
        self._entered.set()
        assert self._open.wait(10)

    def open(self) -> None:
        self._open.set()


def test_a_write_returns_what_its_function_returns(store):
    assert store._writer.run(adding("a")) == "a"
    assert kinds(store) == ["a"]


def test_what_is_submitted_is_committed_when_its_future_is_done(store):
    futures = [store._writer.submit(adding(f"{number}")) for number in range(40)]
    assert [future.result(10) for future in futures] == [f"{number}" for number in range(40)]
    assert kinds(store) == [f"{number}" for number in range(40)]

    def fail(connection) -> None:
        connection.exec_driver_sql(ADD, ("lost",))
        raise LookupError("no such thing")

    with pytest.raises(LookupError, match="no such thing"):
        store._writer.submit(fail).result(10)
    assert "lost" not in kinds(store)


def test_only_what_is_run_waits_for_the_disk(store):
    levels: list[int] = []

    def look(connection) -> None:
        levels.append(connection.exec_driver_sql("PRAGMA synchronous").scalar())

    store._writer.submit(look).result(10)
    store._writer.run(look)
    store._writer.submit(look).result(10)
    assert levels == [1, 2, 1]


def test_what_nobody_waits_for_is_written_soon(store):
    store._writer.run(adding("first"))
    store._writer.later(adding("second"))
    until = time.monotonic() + 5
    while kinds(store) != ["first", "second"]:
        assert time.monotonic() < until
        time.sleep(0.01)


def test_writes_that_come_together_share_a_transaction_and_keep_their_order(store):
    gate = Gate(store)
    begun: list[str] = []
    with ThreadPoolExecutor(8) as threads:
        for number in range(8):
            store._writer.later(adding(f"{number}"))
        waiting = [threads.submit(store._writer.run, adding(f"awaited {one}")) for one in range(8)]
        while len(store._writer._queue) < 16:
            pass
        store._writer._connection.connection.driver_connection.set_trace_callback(begun.append)
        gate.open()
        assert {future.result() for future in waiting} == {f"awaited {one}" for one in range(8)}
    assert kinds(store)[:8] == [f"{number}" for number in range(8)]
    assert begun.count("BEGIN IMMEDIATE") == 1


def test_a_write_that_fails_takes_back_its_own_and_nothing_else(store):
    def fail(connection) -> None:
        connection.exec_driver_sql(ADD, ("lost",))
        raise LookupError("no such thing")

    gate = Gate(store)
    with ThreadPoolExecutor(3) as threads:
        before = threads.submit(store._writer.run, adding("before"))
        while len(store._writer._queue) < 1:
            pass
        failing = threads.submit(store._writer.run, fail)
        while len(store._writer._queue) < 2:
            pass
        after = threads.submit(store._writer.run, adding("after"))
        while len(store._writer._queue) < 3:
            pass
        gate.open()
        assert (before.result(), after.result()) == ("before", "after")
        with pytest.raises(LookupError, match="no such thing"):
            failing.result()
    assert kinds(store) == ["before", "after"]
    assert store._writer.run(adding("later")) == "later"


class Meddler:
    """The writer's connection, beside which something happens after each taking back."""

    def __init__(self, bare, meddle) -> None:
        self._bare = bare
        self._meddle = meddle

    def execute(self, statement, *parameters):
        done = self._bare.execute(statement, *parameters)
        if statement == "ROLLBACK":
            self._meddle()
        return done

    def __getattr__(self, name):
        return getattr(self._bare, name)


def failing(connection) -> None:
    raise LookupError("no such thing")


def test_a_lease_taken_over_while_a_failed_write_is_taken_back_is_seen_to_be(
    store, opened, desk, clock, monkeypatch
):
    lease = store.leases.take(desk.instance, "late")
    late, other = FencedWriter(store._writer, lease), opened()

    def take_over() -> None:
        clock.sleep(31)
        other.leases.take(desk.instance, "new")

    bare = writer_module.driver
    monkeypatch.setattr(writer_module, "driver", lambda one: Meddler(bare(one), take_over))
    gate = Gate(store)
    first, second = late.submit(failing), late.submit(adding("late"))
    # What held the thread up wrote first; these two share the transaction after it.
    gate.open()
    assert isinstance(first.exception(10), LookupError)
    assert isinstance(second.exception(10), LeaseLostError)
    assert "late" not in kinds(store)


def test_a_database_locked_while_a_failed_write_is_taken_back_is_busy_and_loses_nothing(
    opened, home, monkeypatch
):
    store = opened(patience=timedelta(milliseconds=50))
    other = sqlite3.connect(home / "ragflow.db", isolation_level=None, check_same_thread=False)
    bare = writer_module.driver
    gate = Gate(store)
    with monkeypatch.context() as patched:
        lock = partial(other.execute, "BEGIN IMMEDIATE")
        patched.setattr(writer_module, "driver", lambda one: Meddler(bare(one), lock))
        first = store._writer.submit(failing)
        store._writer.later(adding("posted"))
        third = store._writer.submit(adding("awaited"))
        gate.open()
        assert isinstance(first.exception(10), LookupError)
        assert isinstance(third.exception(10), BusyError)
    other.execute("ROLLBACK")
    other.close()
    assert store._writer.run(adding("after")) == "after"
    assert kinds(store) == ["posted", "after"]


def test_a_posted_write_that_fails_fails_the_writes_after_it(store):
    store._writer.later(lambda connection: connection.exec_driver_sql("SELECT nothing"))
    with pytest.raises(HomeError, match="nothing"):
        store.flush()
    with pytest.raises(HomeError, match="nothing"):
        store._writer.run(adding("a"))
    store.close()


def test_a_failure_nobody_was_told_of_is_raised_by_close(opened):
    store = opened()
    store._writer.later(lambda connection: connection.exec_driver_sql("SELECT nothing"))
    with pytest.raises(HomeError, match="nothing"):
        store.close()
    store.close()


def test_a_commit_that_fails_fails_its_group_and_all_that_follow(store):
    store._writer.run(adding("kept"))

    def spoil(connection) -> None:
        connection.exec_driver_sql(ADD, ("lost",))
        # As if the disk had failed: the transaction is gone before it is committed.
        connection.exec_driver_sql("ROLLBACK")
        connection.exec_driver_sql("BEGIN")
        connection.exec_driver_sql("SAVEPOINT one")
        connection.exec_driver_sql("PRAGMA query_only=ON")

    gate = Gate(store)
    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(store._writer.run, spoil)
        while len(store._writer._queue) < 1:
            pass
        second = threads.submit(store._writer.run, adding("second"))
        while len(store._writer._queue) < 2:
            pass
        gate.open()
        with pytest.raises(HomeError):
            second.result()
        first.exception()
    assert "second" not in kinds(store)


def test_a_full_disk_is_said_in_a_sentence_and_what_was_committed_stays(store, opened):
    desk = Desk(store)
    desk.serve("a", upserted=[row("one")])
    pages = store._connections.fetch("PRAGMA page_count")[0][0]
    limit = f"PRAGMA max_page_count={pages + 2}"
    store._writer._connection.exec_driver_sql(limit)
    gate = Gate(store)
    with ThreadPoolExecutor(3) as threads:
        keys = [f"{number}" * 100 for number in range(500)]
        full = threads.submit(desk.serve, *keys, upserted=[row("two")])
        while len(store._writer._queue) < 1:
            pass
        also = threads.submit(desk.serve, "b")
        gate.open()
        for failing in (full, also):
            with pytest.raises(HomeError, match="the disk is full") as caught:
                failing.result()
            assert "make room" in caught.value.hint
    with pytest.raises(HomeError, match="the disk is full"):
        store.memos.put(fp("call"), b"value", task="embed")
    store.close()
    again = Desk(opened())
    assert again.instance == desk.instance
    assert list(again.compare().deleted) == ["a"]


def test_a_database_kept_locked_is_busy_and_may_be_free_again(opened, home):
    store = opened(patience=timedelta(milliseconds=50))
    desk = Desk(store)
    other = sqlite3.connect(home / "ragflow.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    store.memos.put(fp("call"), b"value", task="embed")
    with pytest.raises(BusyError, match="kept locked by another process"):
        desk.serve("a")
    assert store.memos.get_many([fp("call")]) == {fp("call"): b"value"}
    assert desk.compare(listed("a")).counts["added"] == 1
    other.execute("ROLLBACK")
    other.close()
    desk.serve("a")
    store.close()
    assert opened().memos.get_many([fp("call")]) == {fp("call"): b"value"}


def test_what_cannot_be_written_before_closing_is_told(opened, home):
    store = opened(patience=timedelta(milliseconds=50))
    store.flush()
    other = sqlite3.connect(home / "ragflow.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    store.memos.put(fp("call"), b"value", task="embed")
    with pytest.raises(BusyError, match="kept locked"):
        store.close()
    other.close()


def test_closing_writes_what_was_put(store, opened):
    for number in range(5000):
        store.memos.put(fp(str(number)), b"value", task="embed")
    store.close()
    store.close()
    assert len(opened().memos.get_many([fp(str(number)) for number in range(5000)])) == 5000


def test_a_closed_store_says_so(store):
    store.close()
    with pytest.raises(HomeError, match="is closed"):
        store.memos.put(fp("call"), b"value", task="embed")
    with pytest.raises(HomeError, match="is closed"):
        store.flush()


def test_the_thread_ends_when_there_is_nothing_to_write(store, monkeypatch):
    monkeypatch.setattr(writer_module, "LINGER", 0.01)
    store.flush()
    thread = store._writer._thread
    if thread is not None:
        thread.join(10)
        assert not thread.is_alive()
    assert store._writer.run(adding("again")) == "again"


PUT_AND_LEAVE = """
import sys
from pathlib import Path
from ragflow.stores.metadata.sqlite import open_store
store = open_store(Path(sys.argv[1]))
store.memos.put(b"k" * 20, b"value", task="embed")
"""


def test_a_program_that_forgets_to_close_ends_and_loses_nothing(home, opened):
    run_program(PUT_AND_LEAVE, home)
    assert opened().memos.get_many([b"k" * 20]) == {b"k" * 20: b"value"}


def test_a_fork_can_neither_read_nor_write_and_does_no_harm(store, desk, opened):
    desk.serve("a")
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        told = []
        for action in (desk.compare, store.flush, store.instances, lambda: desk.serve("b")):
            try:
                action()
            except HomeError as error:
                told.append("opened by another process" in str(error))
        store.close()
        os.write(write, b"ok" if told == [True] * 4 else repr(told).encode())
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(read, 100) == b"ok"
    desk.serve("c")
    assert list(desk.compare().deleted) == ["a", "c"]


def run_program(text: str, home: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-c", text, str(home)],
        cwd=Path(__file__).parents[4],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
