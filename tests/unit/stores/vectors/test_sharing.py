"""Holds exclude each other as they say, and whoever waits in vain learns for whom."""

import fcntl
import threading
from datetime import UTC, datetime, timedelta

import pytest

from ragflow.clock import SystemClock
from ragflow.errors import BusyError, HomeError
from ragflow.stores.vectors.sharing import Sharing


class FakeClock:
    """Waiting takes no time, and is counted."""

    def __init__(self) -> None:
        self.waited = 0.0

    def now(self) -> datetime:
        return datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC)

    def nanoseconds(self) -> int:
        return 0

    def elapsed(self) -> float:
        return self.waited

    def sleep(self, seconds: float) -> None:
        self.waited += seconds


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def sharing(tmp_path, clock) -> Sharing:
    return Sharing(tmp_path / "store" / "sharing", clock=clock, patience=timedelta(seconds=3))


def test_readers_share_and_nobody_is_with_a_writer(sharing, clock):
    with sharing.shared(), sharing.shared(), pytest.raises(BusyError, match="3 s"), sharing.alone():
        pass
    with sharing.alone(), pytest.raises(BusyError), sharing.shared():
        pass
    with sharing.alone(), pytest.raises(BusyError), sharing.alone():
        pass
    assert clock.waited == pytest.approx(9, abs=0.1)
    with sharing.alone():
        pass


def test_a_writer_in_turn_does_not_exclude_readers(sharing):
    with sharing.writer(owner="refresh", patience=0), sharing.shared():
        pass
    with sharing.shared(), sharing.writer(owner="refresh", patience=0):
        pass


def test_who_waits_in_vain_for_its_turn_is_told_who_has_it(sharing, clock):
    with (
        sharing.writer(owner="the 'nightly' run", patience=0),
        pytest.raises(BusyError, match=r"nightly.*since 2026-01-02T03:04:05\+00:00") as refused,
        sharing.writer(owner="other", patience=2),
    ):
        pass
    assert clock.waited == pytest.approx(2, abs=0.1)
    assert refused.value.hint
    with sharing.writer(owner="other", patience=0):
        pass


def test_who_waits_at_the_gate_is_let_in_before_others_come_again(tmp_path):
    store = tmp_path / "sharing"
    patience = timedelta(seconds=5)
    entered = threading.Event()
    sharing = Sharing(store, clock=SystemClock(), patience=patience)

    def wait_for_it() -> None:
        with Sharing(store, clock=SystemClock(), patience=patience).alone():
            entered.set()

    with sharing.shared():
        waiting = threading.Thread(target=wait_for_it)
        waiting.start()
        while not _is_locked(store / "gate.lock"):
            pass
    turns = 0
    while not entered.is_set():
        with sharing.shared():
            turns += 1
    waiting.join()
    assert turns <= 1


def test_commits_are_counted_over_restarts(sharing, tmp_path, clock):
    assert sharing.commits() == 0
    with sharing.alone():
        sharing.record(7)
        sharing.record(2**40)
    again = Sharing(tmp_path / "store" / "sharing", clock=clock, patience=timedelta())
    assert again.commits() == 2**40


def test_a_folder_that_cannot_be_used_says_which_and_why(tmp_path, clock):
    (tmp_path / "file").touch()
    sharing = Sharing(tmp_path / "file" / "sharing", clock=clock, patience=timedelta())
    with pytest.raises(HomeError, match="file"), sharing.shared():
        pass


def _is_locked(path):
    with path.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
