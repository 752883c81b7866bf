"""How long do the ledgers take for 100,000 owners, and how large are they?

Run as ``python tests/benchmarks/ledger.py [OWNERS]``. Every owner has one row at one end, and
three memos: of its text, of its cuts, and a vector of 384 halves. All of it is committed in
portions of 500, with an intent each, as a run does.
"""

import hashlib
import random
import resource
import struct
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from ragflow.core.records import (
    EndCommit,
    EndNow,
    HeldRow,
    Instance,
    Intent,
    Listed,
    OwnerCommit,
)
from ragflow.core.states import OwnerState
from ragflow.interfaces.orchestration import MetadataStore
from ragflow.stores.artifacts.folder import FolderArtifacts
from ragflow.stores.metadata.sqlite import open_store

PORTION = 500
DEFINITION = b"d" * 20


def main(count: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        store = timed("open a new home", lambda: opened(home))
        instance = store.instance("handbook", "handbook", {"collection": "handbook"})
        generation = store.generations.build("chroma", "handbook", {}, publish=True).id
        ends = [EndNow("chroma:handbook", generation, DEFINITION)]
        run = store.runs.begin(instance, {}, trigger="command")
        pages = list(listed(count))
        compare(store, instance, ends, pages, "new")
        timed("intend and commit", lambda: commit(store, instance, run, generation, pages), count)
        store.close()
        print(f"{size(home) / count:8.0f} bytes an owner with one row")
        store = timed("open it again", lambda: opened(home))
        compare(store, instance, ends, pages, "unchanged")
        memos(store, count)
        timed("commit what did not change", lambda: again(store, instance, run, generation, pages))
        store.close()
        print(f"{size(home) / count:8.0f} bytes an owner with one row and its vector's memo")
        print(f"{memory():8.0f} MiB at the most")


def opened(home: Path) -> MetadataStore:
    return open_store(home, artifacts=FolderArtifacts(home / "artifacts"))


def compare(
    store: MetadataStore,
    instance: Instance,
    ends: list[EndNow],
    pages: list[list[Listed]],
    what: str,
) -> None:
    before = memory()
    processor = time.process_time()
    began = time.perf_counter()
    listing = store.ledger.listing(instance, "files", ends)
    for page in pages:
        listing.add(page)
    added = time.perf_counter()
    counts = listing.counts()
    compared = time.perf_counter()
    seen = sum(1 for _ in listing.changes()) + sum(1 for _ in listing.deleted())
    ended = time.perf_counter()
    listing.close()
    assert counts[{"new": "added"}.get(what, what)] == counts["listed"], counts
    print(
        f"{ended - began:8.3f} s to compare {counts['listed']} {what}: add {added - began:.3f}, "
        f"compare {compared - added:.3f}, read {seen} changes {ended - compared:.3f}; "
        f"{time.process_time() - processor:.3f} s of processor, "
        f"{memory() - before:.0f} MiB more"
    )


def commit(
    store: MetadataStore,
    instance: Instance,
    run: int,
    generation: int,
    pages: list[list[Listed]],
) -> None:
    for page in pages:
        names = [fingerprint("row", one.key)[:16].hex() for one in page]
        owners = [(("files", one.key)) for one in page]
        intent = Intent(generation=generation, upserts=names, deletes=[], owners=owners)
        number = store.ledger.intend([intent], instance)
        commits = [
            commit_of(one, generation, upserted=[held(name)])
            for one, name in zip(page, names, strict=True)
        ]
        store.ledger.commit(instance, run, commits, [], number)


def again(
    store: MetadataStore,
    instance: Instance,
    run: int,
    generation: int,
    pages: list[list[Listed]],
) -> None:
    for page in pages:
        commits = [commit_of(one, generation, upserted=[]) for one in page]
        store.ledger.commit(instance, run, commits, [], None)


def commit_of(one: Listed, generation: int, *, upserted: list[HeldRow]) -> OwnerCommit:
    end = EndCommit(
        generation=generation,
        definition=DEFINITION,
        state=OwnerState.SUCCEEDED,
        upserted=upserted,
    )
    return OwnerCommit(
        source="files",
        key=one.key,
        token=one.token,
        content=fingerprint("content", one.key),
        metadata=one.metadata,
        input=fingerprint("input", one.key),
        ends=[end],
    )


def held(name: str) -> HeldRow:
    return HeldRow(name, fingerprint("value", name), fingerprint("payload", name))


def memos(store: MetadataStore, count: int) -> None:
    chance = random.Random(7)
    values = [struct.pack("<384e", *(chance.gauss(0, 0.05) for _ in range(384)))] * count
    keys = [fingerprint("memo", str(number)) for number in range(count)]
    # Distinct from the first byte on, so that nothing packs better than it would.
    values = [value[:-8] + key[:8] for key, value in zip(keys, values, strict=True)]

    def put() -> None:
        for key, value in zip(keys, values, strict=True):
            store.memos.put(key, value, task="embed")
        store.flush()

    def get() -> None:
        for first in range(0, count, PORTION):
            found = store.memos.get_many(keys[first : first + PORTION])
            assert len(found) == len(keys[first : first + PORTION])

    timed("put memos of 768 bytes", put, count)
    timed("get them", get, count)
    order = list(keys)
    chance.shuffle(order)
    timed("miss", lambda: store.memos.get_many([key[::-1] for key in order]), count)


def listed(count: int) -> Iterator[list[Listed]]:
    for first in range(0, count, PORTION):
        yield [page_of(number) for number in range(first, min(first + PORTION, count))]


def page_of(number: int) -> Listed:
    key = f"chapter-{number // 1000:03}/section-{number // 50 % 20:02}/page-{number:06}.md"
    metadata = {"path": key, "modified_at": 1_700_000_000.5 + number, "size": 2000 + number % 97}
    return Listed(key, fingerprint("token", key)[:12], metadata, 2000 + number % 97)


def fingerprint(*words: str) -> bytes:
    return hashlib.blake2b("\0".join(words).encode(), digest_size=20).digest()


def timed(what: str, action, count: int = 0):
    processor = time.process_time()
    began = time.perf_counter()
    result = action()
    took = time.perf_counter() - began
    used = time.process_time() - processor
    each = f", {took / count * 1e6:.1f} µs each" if count else ""
    print(f"{took:8.3f} s to {what}{each}; {used:.3f} s of processor")
    return result


def size(home: Path) -> int:
    return sum(path.stat().st_size for path in home.rglob("*") if path.is_file())


def memory() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
