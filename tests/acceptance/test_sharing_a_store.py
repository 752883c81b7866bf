"""Processes that share an embedded store do not notice each other, but for the rows."""

import json
import os
import random
import select
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from ragflow.errors import BusyError
from ragflow.stores.vectors.chroma import ChromaStore
from tests.acceptance.store_process import PLACE, QUERY, own

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = Path(__file__).with_name("store_process.py")


class Process:
    """A process in one of the roles of `store_process.py`."""

    def __init__(self, folder: Path, role: str, owner: str) -> None:
        self.running = subprocess.Popen(
            [sys.executable, PROGRAM, folder, role, owner],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )

    def hear(self, word: str) -> dict[str, Any]:
        assert self.running.stdout is not None
        line = self.running.stdout.readline()
        assert line, f"the process ended with {self.running.wait()} before it said {word!r}"
        said: dict[str, Any] = json.loads(line)
        assert said["says"] == word
        return said

    def ended_within(self, seconds: float) -> bool:
        """Whether it and its children end in that time without a word."""
        assert self.running.stdout is not None
        ready, _, _ = select.select([self.running.stdout], [], [], seconds)
        return bool(ready) and self.running.stdout.read() == b""

    def go_on(self) -> None:
        assert self.running.stdin is not None
        self.running.stdin.write(b"\n")
        self.running.stdin.flush()

    def kill(self) -> None:
        self.running.kill()
        self.running.wait()


@pytest.fixture
def folder(tmp_path) -> Path:
    return tmp_path / "chroma"


@pytest.fixture
def store(folder) -> Iterator[ChromaStore]:
    store = ChromaStore(folder)
    store.create(PLACE, dimension=4, label="Handbook")
    store.apply(PLACE, [own("stays")], [])
    yield store
    store.close()


@pytest.fixture
def start(folder) -> Iterator[Callable[..., Process]]:
    started: list[Process] = []

    def begin(role: str, owner: str = "other") -> Process:
        started.append(Process(folder, role, owner))
        return started[-1]

    yield begin
    for process in started:
        process.kill()
        for pipe in (process.running.stdin, process.running.stdout):
            assert pipe is not None
            pipe.close()


def test_a_reader_searches_all_along_and_sees_every_change_at_once(store, start):
    reader = start("search")
    reader.hear("searching")
    added: dict[str, tuple[float, float]] = {}
    deleted: dict[str, tuple[float, float]] = {}
    with store.writing(owner="refresh", wait=False):
        for batch in range(12):
            names = [f"{batch}-{i}" for i in range(25)]
            began = time.monotonic()
            store.apply(PLACE, [own(name) for name in names], [])
            added |= dict.fromkeys(names, (began, time.monotonic()))
            began = time.monotonic()
            store.apply(PLACE, [], names[:20])
            deleted |= dict.fromkeys(names[:20], (began, time.monotonic()))
            time.sleep(0.05)
    time.sleep(0.5)
    reader.go_on()
    searches = reader.hear("searched")["searches"]
    assert len(searches) >= 5
    for began, ended, ids in searches:
        assert ended - began < 2
        assert "stays" in ids
        for name, (_, completed) in added.items():
            leaving = name in deleted and deleted[name][0] < ended
            assert name in ids or leaving or completed > began, f"{name} was written, not found"
        for name, (_, completed) in deleted.items():
            assert name not in ids or completed > began, f"{name} was deleted, yet found"
    assert set(searches[-1][2]) == {"stays", *(added.keys() - deleted.keys())}


def test_an_open_reader_keeps_nobody_out_and_sees_what_was_written(store, start):
    reader = start("rest")
    reader.hear("resting")
    began = time.monotonic()
    store.apply(PLACE, [own("new")], ["stays"])
    assert time.monotonic() - began < 1
    reader.go_on()
    assert reader.hear("found")["ids"] == ["new"]


def test_a_session_does_not_keep_readers_out(store, start):
    writer = start("hold", "nightly refresh")
    writer.hear("holding")
    assert [each.id for each in store.rows(PLACE)] == ["stays"]
    assert store.query(PLACE, QUERY, k=1, where=None)[0].row.id == "stays"


def test_the_second_writer_is_told_who_writes(store, start):
    writer = start("hold", "nightly refresh")
    pid = writer.hear("holding")["pid"]
    with (
        pytest.raises(BusyError, match=rf"nightly refresh.*process {pid}\) since 20"),
        store.writing(owner="me", wait=False),
    ):
        pass


def test_a_change_outside_a_session_waits_its_turn(store, start, folder):
    writer = start("hold", "nightly refresh")
    writer.hear("holding")
    hasty = ChromaStore(folder, patience=timedelta(seconds=0.1))
    for change in (
        lambda: hasty.apply(PLACE, [own("new")], []),
        lambda: hasty.create("other", dimension=4, label=""),
        lambda: hasty.drop(PLACE),
    ):
        with pytest.raises(BusyError, match="nightly refresh"):
            change()
    hasty.create(PLACE, dimension=4, label="")  # there already: nothing to wait for
    hasty.close()
    writer.go_on()
    store.apply(PLACE, [own("new")], [])
    assert store.count(PLACE) == 2


def test_who_waits_goes_on_when_the_holder_ends(store, start):
    first = start("hold", "first")
    first.hear("holding")
    second = start("hold", "second")
    time.sleep(0.5)
    first.go_on()
    second.hear("holding")
    with pytest.raises(BusyError, match="second"), store.writing(owner="me", wait=False):
        pass


def test_a_hold_dies_with_its_holder(store, start):
    writer = start("hold")
    writer.hear("holding")
    writer.kill()
    with store.writing(owner="me", wait=False):
        store.apply(PLACE, [own("new")], [])
    assert store.count(PLACE) == 2


def test_a_hold_does_not_live_on_in_a_forked_child_that_can_read_itself(store, start):
    writer = start("hold_and_fork")
    assert writer.hear("forked")["same"]
    writer.kill()
    with store.writing(owner="me", wait=False):
        store.apply(PLACE, [own("new")], [])
    assert writer.ended_within(5), "the child hangs in letting go of its parent's client"


def test_a_writer_killed_half_way_leaves_a_store_that_works(store, start):
    chance = random.Random(0)
    for name in ("one", "two", "three"):
        writer = start("write")
        writer.hear("writing")
        time.sleep(chance.uniform(0.05, 0.4))
        writer.kill()
        store.apply(PLACE, [own(name)], [])
        names = [each.id for each in store.rows(PLACE)]
        found = store.query(PLACE, QUERY, k=len(names) + 10, where=None)
        assert sorted(match.row.id for match in found) == names
        assert {"stays", name} <= set(names)


def test_two_stores_of_one_process_are_as_good_as_two_processes(store, folder):
    other = ChromaStore(folder)
    for i in range(30):
        store.apply(PLACE, [own(f"a{i}")], [f"b{i - 1}"])
        other.apply(PLACE, [own(f"b{i}")], [f"a{i}"])
        ids = {match.row.id for match in store.query(PLACE, QUERY, k=50, where=None)}
        assert ids == {"stays", f"b{i}"}
    with (
        store.writing(owner="one", wait=False),
        pytest.raises(BusyError, match="one"),
        other.writing(owner="two", wait=False),
    ):
        pass
    other.close()


def open_below(folder: Path) -> int:
    """Return how many files this process has open below a folder; or at all, where none tells."""
    count = 0
    for each in Path("/dev/fd").iterdir():
        with suppress(FileNotFoundError):  # what lists them is one of them
            count += not each.is_symlink() or str(folder.resolve()) in str(each.readlink())
    return count


def test_a_client_that_is_replaced_leaves_no_file_open(store, folder):
    other = ChromaStore(folder)
    counts = []
    for i in range(40):
        other.apply(PLACE, [own(f"{i}")], [])
        assert store.count(PLACE) == i + 2
        counts.append(open_below(folder))
    other.close()
    assert max(counts[20:]) <= max(counts[:20]) + 3
