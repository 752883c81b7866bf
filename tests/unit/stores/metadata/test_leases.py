"""Which scheduler may write: taking, renewing, losing and refusing."""

import os
import signal
import subprocess
import sys
import threading
import time
from datetime import timedelta
from pathlib import Path

import pytest

from ragflow.core.run_records import OpenAssignment, Request
from ragflow.core.states import RunState
from ragflow.errors import BusyError, HomeError, LeaseLostError
from ragflow.stores.metadata import leases as leases_module
from tests.unit.stores.metadata.desk import Desk, fp, listed, row

ROOT = Path(__file__).parents[4]


def actions(store) -> list[str]:
    return [event.action for event in reversed(store.audit.list(action="lease."))]


def test_a_lease_is_free_until_it_is_taken_and_after_it_is_let_go(store, desk, clock):
    assert store.leases.holder(desk.instance) is None
    lease = store.leases.take(desk.instance, "me")
    assert (lease.epoch, lease.pid, lease.since) == (1, os.getpid(), clock.now())
    assert lease.until == clock.now() + timedelta(seconds=30)
    assert store.leases.holder(desk.instance) == lease
    store.leases.release(lease)
    store.leases.release(lease)
    assert store.leases.holder(desk.instance) is None
    assert store.leases.take(desk.instance, "me").epoch == 2
    assert actions(store) == []


def test_a_lease_that_lives_is_not_taken(store, desk, clock):
    store.leases.take(desk.instance, "first")
    clock.sleep(29)
    with pytest.raises(BusyError, match=r"held by first \(process \d+\) since 2026-03-01T12:30:15"):
        store.leases.take(desk.instance, "second")
    # The file lock of this holder was never there: having it proves nothing.
    with pytest.raises(BusyError):
        store.leases.take(desk.instance, "second", is_locked=True)


def test_a_lease_that_is_renewed_goes_on(store, desk, clock):
    lease = store.leases.take(desk.instance, "first")
    for _ in range(4):
        clock.sleep(25)
        lease = store.leases.renew(lease)
        assert lease.until == clock.now() + timedelta(seconds=30)
    with pytest.raises(BusyError):
        store.leases.take(desk.instance, "second")


def test_a_lease_not_renewed_for_thirty_seconds_is_taken_over(store, desk, clock):
    first = store.leases.take(desk.instance, "first")
    clock.sleep(30)
    assert store.leases.holder(desk.instance) == first
    second = store.leases.take(desk.instance, "second")
    assert second.epoch == first.epoch + 1
    for use in (store.leases.renew, store.leases.check):
        with pytest.raises(LeaseLostError, match="'first' counts no more: second took it over"):
            use(first)
    store.leases.release(first)
    store.leases.check(second)
    assert store.leases.holder(desk.instance) == second
    (event,) = store.audit.list(action="lease.")
    assert (event.action, event.actor, event.object) == ("lease.taken_over", "second", "handbook")
    assert event.detail == {"epoch": 2, "from": "first", "pid": os.getpid()}


def test_a_lease_let_go_counts_no_more_for_its_own_holder(store, desk):
    lease = store.leases.take(desk.instance, "first")
    store.leases.release(lease)
    with pytest.raises(LeaseLostError, match="counts no more: it was let go"):
        store.leases.renew(lease)


def test_the_free_file_lock_proves_that_its_holder_died(store, desk, clock):
    first = store.leases.take(desk.instance, "first", is_locked=True)
    with pytest.raises(BusyError):
        store.leases.take(desk.instance, "second")
    second = store.leases.take(desk.instance, "second", is_locked=True)
    assert (first.epoch, second.epoch, second.until - clock.now()) == (1, 2, timedelta(seconds=30))
    assert actions(store) == ["lease.taken_over"]


# --- Holding ----------------------------------------------------------------------------------


def test_a_hold_yields_the_lease_and_lets_go_of_both(store, desk):
    with store.hold(desk.instance, owner="me", wait=False) as lease:
        assert (lease.owner, lease.is_locked) == ("me", True)
        assert store.leases.holder(desk.instance) == lease
    assert store.leases.holder(desk.instance) is None
    assert actions(store) == []


def test_a_hold_renews_its_lease(store, desk, clock, monkeypatch):
    monkeypatch.setattr(leases_module, "RENEWAL", 0.01)
    with store.hold(desk.instance, owner="me", wait=False) as lease:
        clock.sleep(20)
        for _ in range(1000):
            if store.leases.holder(desk.instance).until > lease.until:
                break
            threading.Event().wait(0.01)
        assert store.leases.holder(desk.instance).until == lease.until + timedelta(seconds=20)
    names = [thread.name for thread in threading.enumerate()]
    assert "ragflow-lease" not in names


HOLDER = """
import sys, time
from pathlib import Path
from ragflow.stores.metadata.sqlite import open_store
store = open_store(Path(sys.argv[1]))
instance = store.instance("handbook", "handbook", {"collection": "handbook"})
with store.hold(instance, owner="ragflow run handbook", wait=False) as lease:
    view = store.leased(lease)
    print("held", flush=True)
    for line in sys.stdin:
        try:
            view.ledger.set_locator(instance, "files", {"late": True})
            print("written", flush=True)
        except Exception as error:
            print(type(error).__name__, flush=True)
print("ended", flush=True)
"""


@pytest.fixture
def holder(home, desk):
    """Another process that holds the instance, and writes as often as it is told to."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(home)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdin is not None
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()
    process.stdin.close()


def told(holder, line: str) -> str:
    holder.stdin.write(f"{line}\n")
    holder.stdin.flush()
    return holder.stdout.readline().strip()


def let_pass(store, instance, clock, seconds: float) -> None:
    """Set the clock so many seconds after the holder renewed its lease last."""
    clock.instant = store.leases.holder(instance).until + timedelta(seconds=seconds - 30)


def test_a_holder_that_was_killed_is_followed_at_once(store, desk, holder, clock):
    let_pass(store, desk.instance, clock, 1)
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    assert store.leases.holder(desk.instance) is None
    with store.hold(desk.instance, owner="me", wait=False) as lease:
        assert (lease.epoch, lease.is_locked) == (2, True)
    assert actions(store) == ["lease.taken_over"]


def test_a_stopped_holder_is_fenced_off_after_thirty_seconds(store, desk, holder, clock):
    assert told(holder, "write") == "written"
    holder.send_signal(signal.SIGSTOP)
    let_pass(store, desk.instance, clock, 29)
    with (
        pytest.raises(BusyError, match="held by ragflow run handbook"),
        store.hold(desk.instance, owner="me", wait=False),
    ):
        pass
    let_pass(store, desk.instance, clock, 31)
    with store.hold(desk.instance, owner="me", wait=False) as lease:
        assert (lease.epoch, lease.is_locked) == (2, False)
        store.leased(lease).ledger.set_locator(desk.instance, "files", {"late": False})
        holder.send_signal(signal.SIGCONT)
        assert told(holder, "write") == "LeaseLostError"
        assert store.ledger.locator(desk.instance, "files") == {"late": False}
        # It ends, lets go of its file lock, and nothing of ours goes with it.
        holder.stdin.close()
        assert holder.stdout.readline() == "ended\n"
        assert holder.wait() == 0
        assert store.leases.holder(desk.instance) == lease
        with (
            pytest.raises(BusyError, match=r"held by me \(process"),
            store.hold(desk.instance, owner="third", wait=False),
        ):
            pass
        assert store.leases.holder(desk.instance) == lease
    with store.hold(desk.instance, owner="third", wait=False) as third:
        assert (third.epoch, third.is_locked) == (3, True)


def test_waiting_for_a_stopped_holder_ends_when_its_lease_does(store, desk, holder, clock):
    holder.send_signal(signal.SIGSTOP)
    let_pass(store, desk.instance, clock, 25)
    # The clock goes on by what is waited.
    with store.hold(desk.instance, owner="me", wait=True) as lease:
        assert (lease.epoch, lease.is_locked) == (2, False)


def test_after_one_who_took_over_from_a_stopped_holder_comes_another(store, desk, holder, clock):
    holder.send_signal(signal.SIGSTOP)
    let_pass(store, desk.instance, clock, 31)
    for epoch, wait in ((2, False), (3, False), (4, True)):
        # The lock is still the stopped one's, and nobody holds the lease.
        with store.hold(desk.instance, owner="me", wait=wait) as lease:
            assert (lease.epoch, lease.is_locked) == (epoch, False)
    holder.send_signal(signal.SIGCONT)
    assert told(holder, "write") == "LeaseLostError"


@pytest.mark.parametrize("wait", [True, False])
def test_who_has_the_lock_and_not_yet_the_lease_is_waited_for_a_moment(
    store, desk, home, clock, wait
):
    with store.hold(desk.instance, owner="me", wait=False):
        pass
    (path,) = (home / "locks").glob("handbook-*.lock")
    with store._leases._holds.hold(path.stem, what="it", owner="first", wait=False):
        before = clock.now()
        with store.hold(desk.instance, owner="second", wait=wait) as lease:
            waited = clock.now() - before
            assert (lease.epoch, lease.is_locked) == (2, False)
            # Who comes to take it after all is told who has it.
            with pytest.raises(BusyError, match="held by second"):
                store.leases.take(desk.instance, "first", is_locked=True)
    assert timedelta(seconds=0.5) <= waited < timedelta(seconds=2)


def test_reading_only_one_sees_who_holds_and_that_it_died(store, desk, holder, opened):
    reader = opened(read_only=True)
    lease = reader.leases.holder(desk.instance)
    assert (lease.owner, lease.pid) == ("ragflow run handbook", holder.pid)
    reader.leases.check(lease)
    with pytest.raises(HomeError, match="reading"):
        reader.leases.renew(lease)
    holder.kill()
    holder.wait()
    assert reader.leases.holder(desk.instance) is None


# --- Refusing ---------------------------------------------------------------------------------


@pytest.fixture
def lost(store, desk, clock):
    """The desk as one sees it whose lease was taken over."""
    desk.serve("a", upserted=[row("one")])
    lease = store.leases.take(desk.instance, "first")
    view = store.leased(lease)
    clock.sleep(31)
    store.leases.take(desk.instance, "second")
    return view


def everything(store) -> list[tuple]:
    names = store._connections.fetch("SELECT name FROM sqlite_master WHERE type = 'table'")
    return [(name, store._connections.fetch(f"SELECT * FROM {name}")) for (name,) in names]


def test_who_lost_the_lease_changes_nothing(store, desk, lost):
    work = [OpenAssignment(number=1, task="embed", calls=[("a", fp("a"))])]
    before = everything(store)
    for write in (
        lambda: lost.ledger.commit(desk.instance, desk.run, [desk.served("b")], [], None),
        lambda: lost.ledger.commit(desk.instance, desk.run, [], [], None),
        lambda: lost.ledger.set_locator(desk.instance, "files", {}),
        lambda: lost.runs.begin(desk.instance, {}, trigger="command"),
        lambda: lost.runs.end(desk.run, RunState.SUCCEEDED, summary=None, totals={}),
        lambda: lost.runs.mark(desk.run, RunState.PAUSED),
        lambda: lost.assignments.open(desk.run, work).result(),
        lambda: lost.assignments.died(desk.run, [1]),
        lambda: lost.assignments.take_up(desk.instance),
        lambda: lost.generations.build("chroma", "x", {}, publish=True),
        lambda: lost.controls.ask(desk.run, Request.PAUSE, actor="me"),
        lambda: lost.audit.record("run.odd", actor="me"),
    ):
        with pytest.raises(LeaseLostError, match="second took it over"):
            write()
    lost.assignments.close(desk.run, [1])
    lost.assignments.clear(desk.instance, [fp("a")])
    store.flush()
    assert everything(store) == before


def test_an_intent_is_refused_before_the_target_is_written(store, desk, lost):
    late = Desk.intend
    desk.ledger = lost.ledger
    with pytest.raises(LeaseLostError):
        late(desk, {row("two").id: "b"})
    assert store.ledger.recover(desk.instance) == 0


def test_what_others_write_goes_on_beside_what_is_refused(store, desk, lost):
    lost.assignments.close(desk.run, [1])
    with pytest.raises(LeaseLostError):
        lost.runs.mark(desk.run, RunState.PAUSED)
    desk.serve("b")
    store.flush()
    assert list(desk.compare().deleted) == ["a", "b"]


def test_who_lost_the_lease_may_read_and_remember(store, desk, lost):
    lost.memos.put(fp("call"), b"value", task="embed")
    lost.flush()
    assert store.memos.get_many([fp("call")]) == {fp("call"): b"value"}
    assert desk.compare(listed("a")).counts["unchanged"] == 1
    assert lost.instances() == store.instances()


def test_a_lease_of_one_instance_does_not_fence_another(store, desk, clock):
    other = Desk(store, name="other")
    first = store.leases.take(desk.instance, "first")
    second = store.leases.take(other.instance, "second")
    assert (first.epoch, second.epoch) == (1, 1)
    store.leased(first).ledger.set_locator(desk.instance, "files", {})
    store.leased(second).ledger.set_locator(other.instance, "files", {})


def test_a_lease_that_is_let_go_inside_a_transaction_counts_no_more_in_it(store, desk):
    lease = store.leases.take(desk.instance, "me")
    view = store.leased(lease)
    began, go_on = threading.Event(), threading.Event()
    refused: list[bool] = []

    def hold_up(connection) -> None:
        began.set()
        go_on.wait(30)

    def late() -> None:
        try:
            view.runs.begin(desk.instance, {}, trigger="late")
        except LeaseLostError:
            refused.append(True)

    # What comes while the first write goes on shares the transaction after it.
    first = store._writer.submit(hold_up)
    began.wait(30)
    view.logs.add(1, "a line", at=lease.since)
    threads = []
    for place, act in enumerate((lambda: store.leases.release(lease), late), start=2):
        threads.append(threading.Thread(target=act))
        threads[-1].start()
        while len(store._writer._queue) < place:
            time.sleep(0.001)
    go_on.set()
    first.result()
    for thread in threads:
        thread.join(30)
    assert refused == [True]
    assert "late" not in {run.trigger for run in store.runs.recent()}
