"""How large is what a home remembers of 100,000 chunks, beside their vectors and their text?

Run as ``python tests/benchmarks/state_size.py [CHUNKS]``. Documents are stretches of Python's own
reference with words between that are nobody else's: first ten chunks a document, then one. Vectors
are 384 random numbers, which nothing packs. Rows go to a store in memory, for an index is no
state. After the first run a tenth of the documents is changed and a tenth deleted; 31 days later
that is pruned. A text of one chunk cannot be halved by itself: its share is shown, and not judged.
"""

import random
import sqlite3
import struct
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from pydoc_data.topics import topics

from ragflow import Chunk, Vector, pipeline, resource, task
from ragflow.config import find_project
from ragflow.runtime.home import Home
from ragflow.runtime.retention import prune
from ragflow.runtime.run import run
from ragflow.stores.vectors.memory import MemoryStore
from ragflow.tasks import chunk, extract, files, read, upsert

DIMENSION = 384
#: What it may be: a share of the bytes of float32 vectors, and of the text's own.
STATE, TEXT = 0.7, 0.5
#: Letters of documents of so many chunks, about.
LETTERS = {10: 9_000, 1: 700}
#: Letters between two words that no other document has.
APART = 400
#: The tasks whose memos are extracted text: text and cuts.
OF_TEXT = ("extract", "chunk")

_MEMOS = "SELECT d.content, count(*), sum(m.size) FROM memo AS m \
JOIN definition AS d ON d.id = m.task GROUP BY m.task"
_COUNTS = "SELECT (SELECT count(*) FROM held), (SELECT count(*) FROM seen)"


class Clock:
    """Stands still, but for the month that passes before memos are pruned."""

    def __init__(self) -> None:
        self.at = datetime(2026, 1, 1, tzinfo=UTC)

    def now(self) -> datetime:
        return self.at

    def nanoseconds(self) -> int:
        return int(self.at.timestamp() * 1e9)

    def elapsed(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


@resource(identity=lambda: {"name": "random", "dimension": DIMENSION, "metric": "cosine"})
def numbers() -> int:
    return DIMENSION


@task(per="batch", version="1", batch=256, plan="count", space="numbers")
def measure(chunks: list[Chunk], *, numbers: int = numbers) -> list[Vector]:
    """Give each text a vector that only it has."""
    return [Vector(half(random.Random(each.embedded), numbers)) for each in chunks]


def half(source: random.Random, dimension: int) -> bytes:
    return struct.pack(f"<{dimension}e", *(source.gauss(0, 0.05) for _ in range(dimension)))


@pipeline
def handbook(size: int = 256) -> None:
    """Index the documents."""
    chunks = chunk(extract(read(files("docs"))), model="hashing", size=size)
    upsert(chunks, measure(chunks), collection="handbook")


def main(count: int) -> int:
    failed = 0
    for together in (10, 1):
        with tempfile.TemporaryDirectory() as name, opened(Path(name)) as home:
            print(f"{count:,} chunks, {together} a document")
            failed += not measured(home, count, together)
    return failed


@contextmanager
def opened(folder: Path) -> Iterator[Home]:
    (folder / "ragflow.toml").touch()
    (folder / "docs").mkdir()
    home = Home(find_project(folder), Clock())
    home._vectors = MemoryStore()
    try:
        yield home
    finally:
        home.close()


def measured(home: Home, count: int, together: int) -> bool:
    writing = Writing(home.project.root / "docs", together)
    documents = count // together
    for number in range(documents):
        writing.write(number)
    refresh(home, "first run")
    for number in range(0, documents, 10):
        writing.write(number)
        writing.path(number + 1).unlink()
    refresh(home, "second run")
    show("before prune", home)
    home.clock.at += timedelta(days=31)
    began = time.perf_counter()
    pruned = prune(home, actor="benchmark")
    print(f"  pruned in {time.perf_counter() - began:.1f} s: {pruned.memos}")
    return show("after prune", home, is_long=together > 1)


class Writing:
    """Writes documents: each another stretch of a long text."""

    def __init__(self, folder: Path, together: int) -> None:
        self._folder = folder
        self._letters = LETTERS[together]
        self._random = random.Random(together)
        self._text = "\n\n".join(topics.values())

    def path(self, number: int) -> Path:
        return self._folder / f"{number // 1000:04d}" / f"{number:07d}.txt"

    def write(self, number: int) -> None:
        begin = self._random.randrange(len(self._text) - self._letters)
        stretch = self._text[begin : begin + self._letters]
        own = (
            f"{stretch[at : at + APART]} {self._word()} " for at in range(0, self._letters, APART)
        )
        path = self.path(number)
        path.parent.mkdir(exist_ok=True)
        path.write_text("".join(own), encoding="utf-8")

    def _word(self) -> str:
        return "".join(self._random.choices("etaoinshrdlu", k=7))


def refresh(home: Home, what: str) -> None:
    began = time.perf_counter()
    summary = run(home, handbook.request({}, project=home.project, allow_deletions=True))
    print(f"  {what}: {time.perf_counter() - began:.0f} s, {summary['documents']}")


def show(what: str, home: Home, *, is_long: bool = True) -> bool:
    """Print what there is and return whether it is as small as it is to be."""
    home.metadata.flush()
    database = home.folder / "ragflow.db"
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        tables = dict(connection.execute("SELECT name, sum(pgsize) FROM dbstat GROUP BY name"))
        memos = {
            name.decode(): (number, size)
            for name, number, size in connection.execute(_MEMOS).fetchall()
        }
        chunks, documents = connection.execute(_COUNTS).fetchone()
    artifacts = sum(
        path.stat().st_size for path in (home.folder / "artifacts").rglob("*") if path.is_file()
    )
    text = sum(path.stat().st_size for path in (home.project.root / "docs").rglob("*.txt"))
    each = share(tables, memos)
    of_text = sum(each[task] for task in OF_TEXT) + artifacts
    state = database.stat().st_size + artifacts - of_text
    vectors = chunks * DIMENSION * 4
    print(f"  {what}: {chunks:,} chunks of {documents:,} documents")
    for name, size in sorted(tables.items(), key=lambda item: -item[1])[:9]:
        print(f"    {name:36} {size:12,} bytes {size / chunks:7.0f} a chunk")
    for name, (number, size) in memos.items():
        print(f"    values of {name:26} {size:12,} bytes {size / number:7.0f} a memo")
    print(f"  {state / vectors:.3f} of the vectors (at most {STATE}), {state / chunks:.0f} a chunk")
    print(f"  {of_text / text:.3f} of the text, {of_text:,} of {text:,} bytes (at most {TEXT})")
    return state <= STATE * vectors and (of_text <= TEXT * text or not is_long)


def share(tables: dict[str, int], memos: dict[str, tuple[int, int]]) -> Counter[str]:
    """Return the bytes of the memos of each task: values, and their part of the keys' table."""
    found: Counter[str] = Counter()
    every, sizes = (sum(column) for column in zip(*memos.values(), strict=True))
    for name, (number, size) in memos.items():
        found[name] = tables["memo"] * number // every + tables["memo_value"] * size // sizes
    return found


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000))
