"""Who may run an instance."""

import fcntl
import json
import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from ragflow.errors import BusyError
from tests.unit.stores.metadata.desk import Desk

ROOT = Path(__file__).parents[4]
HOLDER = """
import sys, time
from pathlib import Path
from ragflow.stores.metadata.sqlite import open_store
store = open_store(Path(sys.argv[1]))
instance = store.instance("handbook", "handbook", {"collection": "handbook"})
with store.hold(instance, owner="ragflow run handbook", wait=False):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(home, desk):
    """Another process that holds the instance."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(home)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def test_an_instance_is_held_by_one(store, desk, holder):
    with (
        pytest.raises(BusyError) as caught,
        store.hold(desk.instance, owner="me", wait=False),
    ):
        pass
    assert re.fullmatch(
        rf"instance 'handbook' is held by ragflow run handbook \(process {holder.pid}\) "
        r"since \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00",
        str(caught.value),
    )


def test_a_hold_dies_with_its_process(store, desk, holder):
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    with store.hold(desk.instance, owner="me", wait=False):
        pass


def test_waiting_ends_when_the_holder_does(store, desk, holder):
    timer = threading.Timer(0.3, holder.kill)
    timer.start()
    with store.hold(desk.instance, owner="me", wait=True):
        assert holder.wait() != 0
    timer.join()


def test_threads_of_one_process_exclude_each_other(store, desk, clock):
    with store.hold(desk.instance, owner="first", wait=False):
        with (
            pytest.raises(BusyError, match=rf"held by first \(process {os.getpid()}\) since 2026"),
            store.hold(desk.instance, owner="second", wait=False),
        ):
            pass
        other = Desk(store, name="other")
        with store.hold(other.instance, owner="second", wait=False):
            pass
    with store.hold(desk.instance, owner="second", wait=False):
        pass


def test_an_error_inside_lets_go(store, desk):
    with pytest.raises(LookupError), store.hold(desk.instance, owner="first", wait=False):
        raise LookupError
    with store.hold(desk.instance, owner="second", wait=False):
        pass


def test_the_lock_says_who_holds_it(store, desk, home, clock):
    with store.hold(desk.instance, owner="ragflow run", wait=False):
        (lock,) = (home / "locks").glob("handbook-*.lock")
        assert json.loads(lock.read_bytes()) == {
            "owner": "ragflow run",
            "pid": os.getpid(),
            "since": "2026-03-01T12:30:15+00:00",
        }
    assert lock.read_bytes() == b""


def test_a_holder_that_has_not_said_who_it_is_is_another_process(store, desk, home):
    with store.hold(desk.instance, owner="me", wait=False):
        (lock,) = (home / "locks").glob("handbook-*.lock")
        lock.write_bytes(b"")
        with (
            pytest.raises(BusyError, match="held by another process"),
            store.hold(desk.instance, owner="second", wait=False),
        ):
            pass


def test_a_fork_does_not_keep_what_its_parent_let_go(store, desk):
    read, write = os.pipe()
    hold = store.hold(desk.instance, owner="first", wait=False)
    hold.__enter__()
    child = os.fork()
    if child == 0:
        os.close(write)
        os.read(read, 1)
        os._exit(0)
    os.close(read)
    hold.__exit__(None, None, None)
    with store.hold(desk.instance, owner="second", wait=False):
        pass
    os.close(write)
    os.waitpid(child, 0)


FORKER = """
import os, signal, sys, time
from pathlib import Path
from ragflow.stores.metadata.sqlite import open_store
store = open_store(Path(sys.argv[1]))
instance = store.instance("handbook", "handbook", {"collection": "handbook"})
with store.hold(instance, owner="parent", wait=False):
    ready, told = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(told, b"x")
        time.sleep(60)
        os._exit(0)
    os.read(ready, 1)
    print(child, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_hold_dies_with_its_process_though_a_fork_lives_on(store, desk, home):
    process = subprocess.Popen(
        [sys.executable, "-c", FORKER, str(home)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    child = int(process.stdout.readline())
    assert process.wait() == -signal.SIGKILL
    try:
        with store.hold(desk.instance, owner="me", wait=False):
            pass
    finally:
        os.kill(child, signal.SIGKILL)
        process.stdout.close()


def test_a_fork_that_ends_does_not_free_what_its_parent_holds(store, desk):
    with store.hold(desk.instance, owner="first", wait=False):
        child = os.fork()
        if child == 0:
            os._exit(0)
        os.waitpid(child, 0)
        with (
            pytest.raises(BusyError, match="held by first"),
            store.hold(desk.instance, owner="second", wait=False),
        ):
            pass


@pytest.mark.parametrize("name", ["日本語", "a/../b", "", "x" * 500])
def test_an_instance_of_any_name_can_be_held(store, name):
    instance = store.instance(name, "p", {})
    with store.hold(instance, owner="me", wait=False):
        pass


def test_who_begins_while_others_look_whether_it_is_held_is_not_refused(store, desk, home, clock):
    with store.hold(desk.instance, owner="me", wait=False):
        pass
    (path,) = (home / "locks").glob("handbook-*.lock")
    looking = os.open(path, os.O_RDONLY)
    fcntl.flock(looking, fcntl.LOCK_SH)
    sleep = clock.sleep

    def look_away(seconds: float) -> None:
        sleep(seconds)
        fcntl.flock(looking, fcntl.LOCK_UN)

    # As one killed leaves it: the lock is free, and the lease still says that it is not.
    store.leases.take(desk.instance, "killed", is_locked=True)
    path.write_text('{"owner": "killed", "pid": 1, "since": "before"}')
    clock.sleep = look_away
    with store.hold(desk.instance, owner="me", wait=False) as lease:
        assert lease.is_locked
    os.close(looking)


def test_a_look_that_does_not_end_is_not_waited_for_for_ever(store, desk, home):
    holds = store._leases._holds
    with holds.hold("it", what="it", owner="me", wait=False):
        pass
    looking = os.open(home / "locks" / "it.lock", os.O_RDONLY)
    fcntl.flock(looking, fcntl.LOCK_SH)
    with (
        pytest.raises(BusyError, match="it is held by another process"),
        holds.hold("it", what="it", owner="me", wait=False),
    ):
        pass
    os.close(looking)
