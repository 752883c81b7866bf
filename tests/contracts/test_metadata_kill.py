"""A scheduler that is killed leaves what was open behind, and it becomes suspect once."""

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

from ragflow.core.run_records import Deaths
from ragflow.stores.metadata.sqlite import open_store

ROOT = Path(__file__).parents[2]
CALLS = 4

#: Takes up what was left, then opens and closes assignments of four calls for ever. Says what it
#: found, what it is sure of having opened, and what it told to be closed.
WORK = """
import sys
from pathlib import Path
from ragflow.core.run_records import OpenAssignment
from ragflow.stores.metadata.sqlite import open_store

store = open_store(Path(sys.argv[1]))
instance = store.instance("handbook", "handbook", {})
with store.hold(instance, owner="scheduler", wait=False) as lease:
    view = store.leased(lease)
    run = view.runs.begin(instance, {}, trigger="command")
    print("left", *(one.number for one in view.assignments.left(instance)), flush=True)
    suspects = view.assignments.take_up(instance)
    print("suspects", sum(one.deaths.company for one in suspects), flush=True)
    first = int(sys.argv[2])
    for number in range(first, first + 1_000_000):
        calls = [(f"{number}.md", b"%06d %d" % (number, one)) for one in range(CALLS)]
        print("opening", number, flush=True)
        work = [OpenAssignment(number=number, task="embed", calls=calls)]
        view.assignments.open(run, work).result()
        print("open", number, flush=True)
        if number >= first + 2:
            print("closing", number - 2, flush=True)
            view.assignments.close(run, [number - 2])
""".replace("CALLS", str(CALLS))


def work_and_be_killed(home: Path, first: int, seconds: float) -> list[list[str]]:
    """Run a scheduler, kill it, and return what it said."""
    process = subprocess.Popen(
        [sys.executable, "-c", WORK, str(home), str(first)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    said = [process.stdout.readline() for _ in range(2)]
    time.sleep(seconds)
    process.send_signal(signal.SIGKILL)
    said += process.stdout.readlines()
    process.wait()
    process.stdout.close()
    assert process.returncode == -signal.SIGKILL
    return [line.split() for line in said if line.endswith("\n")]


def numbers(said: list[list[str]], word: str) -> set[int]:
    return {int(words[1]) for words in said if words[0] == word and len(words) == 2}


def test_what_a_killed_scheduler_had_open_becomes_suspect_exactly_once(tmp_path):
    chance = random.Random(11)
    deaths, first = 0, 1
    for _ in range(5):
        said = work_and_be_killed(tmp_path, first, chance.uniform(0.01, 0.4))
        assert said[1] == ["suspects", str(deaths)]
        opened, begun, closed = (numbers(said, word) for word in ("open", "opening", "closing"))
        store = open_store(tmp_path)
        assert store._connections.fetch("PRAGMA integrity_check") == [("ok",)]
        (instance,) = store.instances()
        left = {one.number for one in store.assignments.left(instance)}
        # What was said to be open is; what was told to be closed may be.
        assert opened - closed <= left <= begun
        assert all(len(one.calls) == CALLS for one in store.assignments.left(instance))
        assert store.leases.holder(instance) is None
        store.close()
        first = max(begun, default=first) + 1
        deaths += len(left) * CALLS
    store = open_store(tmp_path)
    for _ in range(2):
        suspects = store.assignments.take_up(instance)
        assert len(suspects) == deaths
        assert {one.deaths for one in suspects} == {Deaths(company=1)}
        assert store.assignments.left(instance) == []
    taken = store.audit.list(action="lease.taken_over")
    assert [event.detail["epoch"] for event in taken] == [5, 4, 3, 2]
    assert len(store.audit.list(action="run.cut_off")) == 4
    store.close()


#: Is killed inside the transaction that turns what was left into suspects, when it has begun.
TAKE_UP = """
import os, signal, sys
from pathlib import Path
from ragflow.stores.metadata import assignments
from ragflow.stores.metadata.sqlite import open_store

store = open_store(Path(sys.argv[1]))
(instance,) = store.instances()
counted = assignments._execute

def execute(connection, statement, rows):
    counted(connection, statement, rows)
    if statement == getattr(assignments, sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)

assignments._execute = execute
store.assignments.take_up(instance)
"""


def test_a_run_killed_while_it_takes_up_what_was_left_counts_nothing_twice(tmp_path):
    work_and_be_killed(tmp_path, 1, 0.2)
    store = open_store(tmp_path)
    (instance,) = store.instances()
    left = store.assignments.left(instance)
    store.close()
    for step in ("_COUNT", "_CLOSE", "_COUNT"):
        killed = subprocess.run(
            [sys.executable, "-c", TAKE_UP, str(tmp_path), step], cwd=ROOT, check=False
        )
        assert killed.returncode == -signal.SIGKILL
    store = open_store(tmp_path)
    assert store.assignments.left(instance) == left
    assert store.assignments.suspects(instance) == []
    suspects = store.assignments.take_up(instance)
    assert len(suspects) == len(left) * CALLS
    assert {one.deaths for one in suspects} <= {Deaths(company=1)}
    store.close()
