"""A process that shares a vector store; run by `test_sharing_a_store.py`.

Says what it does in lines of JSON, and goes on or ends when its input says so.
"""

import json
import os
import sys
import time
from pathlib import Path
from typing import Any
from zlib import crc32

from ragflow.interfaces.ingestion import StoredRow
from ragflow.stores.vectors.chroma import ChromaStore
from ragflow.testing.vector_rows import row, unit

PLACE = "handbook"
QUERY = [1.0, 0.0, 0.0, 0.0]


def own(name: str) -> StoredRow:
    """Return a row whose vector points its own way."""
    return row(name, unit(crc32(name.encode()) / 2**32))


def say(word: str, **more: Any) -> None:
    sys.stdout.write(json.dumps({"says": word, "pid": os.getpid(), **more}) + "\n")
    sys.stdout.flush()


def hold(store: ChromaStore, owner: str) -> None:
    """Hold the store for writing until told to end."""
    with store.writing(owner=owner, wait=True):
        say("holding")
        sys.stdin.readline()


def hold_and_fork(store: ChromaStore, owner: str) -> None:
    """Hold the store and fork a child that lives on, reads, and ends by itself."""
    count = store.count(PLACE)
    with store.writing(owner=owner, wait=True):
        if os.fork() == 0:
            say("forked", same=store.count(PLACE) == count)
            time.sleep(1)
            sys.exit()  # through Python's own end, which must not hang either
        sys.stdin.readline()


def search(store: ChromaStore, owner: str) -> None:
    """Search all along; say when each search began and ended and what it found."""
    store.count(PLACE)
    say("searching")
    searches = []
    os.set_blocking(sys.stdin.fileno(), False)
    while not sys.stdin.readline():
        began = time.monotonic()
        found = store.query(PLACE, QUERY, k=500, where=None)
        searches.append((began, time.monotonic(), [match.row.id for match in found]))
    say("searched", searches=searches)


def rest(store: ChromaStore, owner: str) -> None:
    """Have the store open and loaded, and do nothing."""
    store.query(PLACE, QUERY, k=5, where=None)
    say("resting")
    sys.stdin.readline()
    say("found", ids=[each.id for each in store.rows(PLACE)])


def write(store: ChromaStore, owner: str) -> None:
    """Write and delete until killed."""
    with store.writing(owner=owner, wait=True):
        say("writing")
        for number in range(10**9):
            names = [f"{number}-{i}" for i in range(120)]
            store.apply(PLACE, [own(name) for name in names], [])
            store.apply(PLACE, [], names[20:])


if __name__ == "__main__":
    roles = {each.__name__: each for each in (hold, hold_and_fork, search, rest, write)}
    opened = ChromaStore(Path(sys.argv[1]))
    roles[sys.argv[2]](opened, sys.argv[3])
    opened.close()
