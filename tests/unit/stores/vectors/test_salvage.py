"""What a killed writer leaves behind is found out and mended by who comes next."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ragflow.documents import Vector
from ragflow.errors import HomeError
from ragflow.interfaces.ingestion import StoredRow
from ragflow.stores.vectors import salvage
from ragflow.stores.vectors.chroma import ChromaStore
from ragflow.stores.vectors.engine import HNSW, Engine

PLACE = "handbook"
ROWS = 150
LAST = "index_metadata.pickle"


def a_row(number: int) -> StoredRow:
    vector = np.random.default_rng(number).normal(size=16).astype("<f2").tobytes()
    payload = {"n": number, "tags": [f"t{number % 5}"]}
    return StoredRow(id=f"{number:03}", text="é", payload=payload, vectors={"": Vector(vector)})


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """A store of two places whose indexes were saved, closed."""
    monkeypatch.setitem(HNSW, "sync_threshold", 50)
    store = ChromaStore(tmp_path / "chroma")
    for place in (PLACE, "other"):
        store.create(place, dimension=16, label="Händbuch")
        store.apply(place, [a_row(number) for number in range(ROWS)], [])
    store.close()
    return tmp_path / "chroma"


def as_if_killed(folder: Path) -> None:
    """Mark the folder as a writer does that dies half-way."""
    commits = folder / "sharing" / "commits"
    commits.write_bytes((int.from_bytes(commits.read_bytes(), "big") + 1).to_bytes(8, "big"))


def an_index(folder: Path) -> Path:
    return next(folder.glob(f"*/{LAST}")).parent


def test_a_database_that_is_none_is_told_from_a_full_disk(folder):
    (folder / "chroma.sqlite3").write_bytes(b"no database" * 1000)
    with pytest.raises(HomeError, match="not a database") as raised:
        ChromaStore(folder).get(PLACE, ["000"])
    assert "`ragflow repair`" in raised.value.hint


def check_whole(folder: Path) -> None:
    """Check that both places hold every row, find every row, and nothing else lies about."""
    store = ChromaStore(folder)
    for place in (PLACE, "other"):
        assert list(store.rows(place, vectors=True)) == [a_row(number) for number in range(ROWS)]
        for number in range(0, ROWS, 10):
            found = store.query(place, a_row(number).vectors[""].floats(), k=1, where=None)
            assert found[0].row.id == f"{number:03}"
        assert len(store.query(place, [1.0] * 16, k=ROWS, where={"tags": "t3"})) == ROWS // 5
        store.apply(place, [a_row(ROWS)], [])
        store.apply(place, [], [f"{ROWS:03}"])
    assert store.places() == [PLACE, "other"]
    store.close()
    assert len([path for path in folder.iterdir() if path.is_dir()]) == 3
    assert {each.label for each in Engine(folder).collections()} == {"Händbuch"}


def cut_the_last_file(index: Path) -> None:
    whole = (index / LAST).read_bytes()
    (index / LAST).write_bytes(whole[: len(whole) // 2])


def lose_half_of_the_graph(index: Path) -> None:
    graph = index / "data_level0.bin"
    whole = graph.read_bytes()
    graph.write_bytes(whole[: len(whole) // 2] + bytes(len(whole) - len(whole) // 2))


def lose_a_file(index: Path) -> None:
    (index / "link_lists.bin").unlink()


def lose_all_files(index: Path) -> None:
    for path in index.iterdir():
        path.unlink()


def leave_nothing_broken(index: Path) -> None:
    pass


@pytest.mark.parametrize(
    "damage",
    [
        cut_the_last_file,
        lose_half_of_the_graph,
        lose_a_file,
        lose_all_files,
        leave_nothing_broken,
    ],
)
def test_an_index_that_is_not_whole_is_built_anew(folder, damage: Callable[[Path], None]):
    damage(an_index(folder))
    as_if_killed(folder)
    check_whole(folder)


def test_an_index_saved_by_half_is_found_out_by_its_times(folder, monkeypatch):
    index = an_index(folder)
    (index / "header.bin").touch()
    as_if_killed(folder)
    monkeypatch.setattr(salvage, "_is_whole", lambda engine, collection: True)
    rebuilt = []
    build = salvage._build
    monkeypatch.setattr(
        salvage, "_build", lambda *given: (rebuilt.append(given[1].name), build(*given))
    )
    check_whole(folder)
    assert len(rebuilt) == 1


@pytest.mark.parametrize(
    ("step", "calls"), [("upsert", 0), ("upsert", 1), ("drop", 0), ("settle", 0)]
)
@pytest.mark.parametrize("before", [True, False])
def test_a_repair_may_be_killed_too(folder, monkeypatch, step, calls, before):
    cut_the_last_file(an_index(folder))
    as_if_killed(folder)
    done = []
    act = getattr(Engine, step)

    def die(*given, **named):
        done.append(step)
        if before and len(done) > calls:
            raise KeyboardInterrupt
        act(*given, **named)
        if len(done) > calls:
            raise KeyboardInterrupt

    monkeypatch.setattr("ragflow.stores.vectors.portions.PORTION", 100)
    with monkeypatch.context() as patch:
        patch.setattr(Engine, step, die)
        with pytest.raises(KeyboardInterrupt):
            ChromaStore(folder).count(PLACE)
    check_whole(folder)


def test_a_change_that_fails_is_looked_into_by_the_next(folder, monkeypatch):
    store = ChromaStore(folder)
    checked = []
    recover = salvage.recover
    monkeypatch.setattr(
        "ragflow.stores.vectors.chroma.recover",
        lambda folder: (checked.append(folder), recover(folder))[1],
    )

    def fail(*_):
        raise HomeError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(Engine, "upsert", fail)
        with pytest.raises(HomeError):
            store.apply(PLACE, [a_row(999)], [])
    assert store.count(PLACE) == ROWS
    assert checked == [folder]
    store.close()
    check_whole(folder)


def test_a_dropped_place_leaves_no_files(folder):
    store = ChromaStore(folder)
    store.drop(PLACE)
    assert len(list(folder.glob(f"*/{LAST}"))) == 1
    assert store.count("other") == ROWS


def test_a_store_of_a_newer_version_is_left_alone(folder, monkeypatch):
    monkeypatch.setattr("ragflow.stores.vectors.engine.VERSION", 0)
    with pytest.raises(HomeError, match="newer ragflow"):
        ChromaStore(folder).count(PLACE)
