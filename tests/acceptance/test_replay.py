"""After every refresh of a real history the collection equals a clean build."""

import multiprocessing
from collections.abc import Generator, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from ragflow import pipeline
from ragflow.api.results import Run
from ragflow.tasks import chunk, embed, extract, files, read, upsert
from tests.acceptance.projects import (
    Rows,
    embedding_noted,
    images_recognized_once,
    new_project,
    rows_in_memory,
    rows_of,
)
from tests.acceptance.replay import Replay

BOOK = "replay-rust-book-2015"
PEPS = "replay-peps-move"
#: States, counted from one, where more than a fifth of the documents go for good or are
#: written anew under another name; only there may a run delete so many.
EMPTIED = {BOOK: {49, 90}, PEPS: set()}
#: Where nearly every file of the other history is listed under another key.
MOVE = 11
#: Most clean builds that a process makes before it is handed others.
PORTION = 10


@pytest.fixture(autouse=True)
def _in_memory() -> Iterator[None]:
    with rows_in_memory():
        yield


@pipeline(name="book")
def book(folder: str, collection: str = "book", model: str = "hashing") -> None:
    """Keep the book searchable."""
    # In this process, where no image is recognized a second time.
    content = extract.options(executor="threads")(read(files(folder)))
    chunks = chunk(content, model=model)
    upsert(chunks, embed(chunks, model=model), collection=collection)


def clean_builds(corpus: Path, numbers: Sequence[int]) -> list[Rows]:
    """Return the rows of a clean build of each of these states; runs in a process of its own."""
    found = []
    with TemporaryDirectory() as name, rows_in_memory(), images_recognized_once():
        folder = Path(name) / "src"
        for number, _ in enumerate(Replay(corpus).play(folder), 1):
            if number in numbers:
                clean = new_project(Path(name) / f"clean-{number}")
                book.run(project=clean, folder=str(folder))
                found.append(rows_of(clean, "book"))
            if number == max(numbers):
                break
    return found


def all_clean(corpus: Path, numbers: Sequence[int]) -> Generator[Rows]:
    """Yield the rows of clean builds of these states, made by two processes."""
    size = min(PORTION, -(-len(numbers) // 2))
    portions = [numbers[first : first + size] for first in range(0, len(numbers), size)]
    spawning = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(2, mp_context=spawning) as processes:
        try:
            for built in processes.map(clean_builds, [corpus] * len(portions), portions):
                yield from built
        finally:
            processes.shutdown(cancel_futures=True)


def refresh_through(corpus: Path, tmp_path: Path, numbers: Iterable[int]) -> Iterator[Run]:
    """Refresh after every state, comparing with a clean build after those; yield what was done."""
    wanted = sorted(numbers)
    replay, kept, folder = Replay(corpus), new_project(tmp_path / "kept"), tmp_path / "src"
    with closing(all_clean(corpus, wanted)) as cleans:
        for number, step in enumerate(replay.play(folder), 1):
            really_deletes = number in EMPTIED[corpus.name]
            run = book.run(project=kept, folder=str(folder), allow_deletions=really_deletes)
            documents = run.documents
            assert sum(v for k, v in documents.items() if k != "deleted") == step["files"]
            assert documents["failed"] == documents["held_back"] == documents["stale"] == 0
            if number in wanted:
                same = rows_of(kept, "book") == next(cleans)
                assert same, f"state {number}: {step['subject']}"
            yield run


def extracted(runs: Iterable[Run]) -> int:
    return sum(run.tasks["extract"]["ran"] for run in runs)


def test_every_state_of_a_real_book_equals_a_clean_build(shared: Path, tmp_path: Path) -> None:
    corpus = shared / "corpora" / BOOK
    contents = Replay(corpus).contents()
    assert contents == 534
    runs = list(refresh_through(corpus, tmp_path, range(1, 202)))
    assert len(runs) == 201
    assert extracted(runs) <= contents


@pytest.mark.parametrize(
    "numbers",
    [
        pytest.param([1, MOVE - 1, MOVE, 21], id="some"),
        pytest.param(range(1, 22), id="all", marks=pytest.mark.slow),
    ],
)
def test_the_great_move_costs_nothing(shared: Path, tmp_path: Path, numbers: Sequence[int]) -> None:
    corpus = shared / "corpora" / PEPS
    runs = refresh_through(corpus, tmp_path, numbers)
    before = [next(runs) for _ in range(MOVE - 1)]
    assert before[0].tasks["extract"]["ran"] == 626
    with embedding_noted() as noted:
        move = next(runs)
        assert {name: count for name, count in move.documents.items() if count} == {
            "moved": 624,
            "unchanged": 3,
        }
        assert move.tasks["extract"]["ran"] == move.tasks["embed"]["ran"] == 0
        assert (move.chunks["embedded"], noted) == (0, [])
        after = list(runs)
        assert len(after) == 21 - MOVE
        assert sum(run.chunks["embedded"] for run in after) == len(noted) > 0
    assert extracted([*before, *after]) == Replay(corpus).contents()
