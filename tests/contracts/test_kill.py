"""A process that is killed while it commits leaves its home at the end of some commit."""

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

from ragflow.core.records import EndNow, Listed
from ragflow.stores.metadata.sqlite import open_store

ROOT = Path(__file__).parents[2]
DEFINITION = b"d" * 20
OWNERS = 40

#: Commits rounds for ever: in round n every owner has token, content and all its rows of n,
#: one row more than before, and a memo is put for each owner.
WORK = """
import sys
from pathlib import Path
from ragflow.core.records import EndCommit, HeldRow, Intent, OwnerCommit
from ragflow.core.states import OwnerState
from ragflow.stores.metadata.sqlite import open_store

store = open_store(Path(sys.argv[1]))
instance = store.instance("handbook", "handbook", {})
generation = store.generations.published("chroma", "handbook").id
run = store.runs.begin(instance, {}, trigger="command")
store.ledger.recover(instance)
first = int(sys.argv[2])
for number in range(first, first + 100_000):
    print(number, flush=True)
    named = b"%020d" % number
    keys = [f"owner {one}" for one in range(OWNERS)]
    rows = [f"{key} row {number}" for key in keys]
    intent = store.ledger.intend(
        [Intent(generation=generation, upserts=rows, deletes=[],
                owners=[("files", key) for key in keys])],
        instance,
    )
    ends = [
        [EndCommit(generation=generation, definition=b"d" * 20, state=OwnerState.SUCCEEDED,
                   upserted=[HeldRow(row, named, named)])]
        for row in rows
    ]
    commits = [
        OwnerCommit(source="files", key=key, token=named, content=named, metadata={"n": number},
                    input=named, ends=end)
        for key, end in zip(keys, ends)
    ]
    for key in keys:
        store.memos.put(f"{key} {number}".encode(), named * 10, task="embed")
    store.ledger.commit(instance, run, commits, [], intent)
""".replace("OWNERS", str(OWNERS))


def work_and_be_killed(home: Path, first: int, seconds: float) -> int:
    """Run rounds from `first` on, kill the process, return the last round it began."""
    process = subprocess.Popen(
        [sys.executable, "-c", WORK, str(home), str(first)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    process.stdout.readline()
    time.sleep(seconds)
    process.send_signal(signal.SIGKILL)
    told = process.stdout.read().split()
    process.wait()
    process.stdout.close()
    assert process.returncode == -signal.SIGKILL
    return int(told[-1]) if told else first


def test_a_process_killed_while_it_commits_leaves_whole_commits(tmp_path):
    store = open_store(tmp_path)
    generation = store.generations.build("chroma", "handbook", {}, publish=True).id
    instance = store.instance("handbook", "handbook", {})
    store.close()
    chance = random.Random(11)
    committed, begun = None, 0
    for _ in range(6):
        first = begun + 1
        begun = work_and_be_killed(tmp_path, first, chance.uniform(0.05, 0.5))
        # Every round but the last was over before the next one began.
        possible = {begun, begun - 1 if begun > first else committed}
        store = open_store(tmp_path)
        check = store._connections.fetch("PRAGMA integrity_check")
        assert check == [("ok",)]
        committed = look(store, instance, generation)
        assert committed in possible
        doubtful = store.ledger.recover(instance)
        assert doubtful in (0, OWNERS)
        counts = compare(store, instance, generation, b"%020d" % (committed or 0))
        assert counts["unchanged"] == (0 if doubtful or committed is None else OWNERS)
        memos = [f"owner {one} {committed}".encode() for one in range(OWNERS)]
        assert len(store.memos.get_many(memos)) == (0 if committed is None else OWNERS)
        store.close()


def look(store, instance, generation: int) -> int | None:
    """Return the round the ledgers stand at, None before the first; all owners stand at one."""
    listing = store.ledger.listing(instance, "files", [EndNow("e", generation, DEFINITION)])
    owners = [removal.owner for removal in listing.deleted()]
    listing.close()
    assert len(owners) in (0, OWNERS)
    rounds = {view.metadata["n"] for view in store.ledger.owners(generation)}
    contents = set(store.ledger.contents(instance, "files", owners).values())
    if not owners:
        return None
    assert len(rounds) == len(contents) == 1
    (number,) = rounds
    assert contents == {b"%020d" % number}
    newest = [
        [row for row in rows.values() if row.id.endswith(f" row {number}")]
        for rows in store.ledger.held(generation, owners).values()
    ]
    assert [len(rows) for rows in newest] == [1] * OWNERS
    assert {row.value for rows in newest for row in rows} == {b"%020d" % number}
    return int(number)


def compare(store, instance, generation: int, token: bytes) -> dict[str, int]:
    listing = store.ledger.listing(instance, "files", [EndNow("e", generation, DEFINITION)])
    listing.add([Listed(f"owner {one}", token) for one in range(OWNERS)])
    counts = dict(listing.counts())
    listing.close()
    return counts
