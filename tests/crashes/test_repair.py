"""Killed at any point, a repair leaves what the next repair, and the next run, make right."""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ragflow.interfaces.ingestion import StoredRow
from ragflow.stores.vectors.encoding import decode, encode
from ragflow.stores.vectors.engine import Collection, Engine
from ragflow.stores.vectors.filters import BODY
from tests.crashes.machine import Machine, Process
from tests.crashes.meaning import ask, index, ledgers, leftovers, memos
from tests.crashes.project import Project

#: What a repair reaches that has something of everything to do; leases and runs aside.
POINTS = [
    "SqliteLedger.recover: written",
    "SqliteLedger.recover: committed",
    "ChromaStore upsert: begun",
    "ChromaStore upsert: made",
    "ChromaStore upsert: recorded",
    "Repair: rewritten",
    "SqliteLedger.restate: written",
    "SqliteLedger.restate: committed",
    "SqliteLedger.distrust: written",
    "SqliteLedger.distrust: committed",
    "SqliteLedger.intend: committed",
    "Committer: applied",
    "SqliteLedger.commit: committed",
    "ChromaStore delete: begun",
    "ChromaStore delete: made",
    "ChromaStore delete: recorded",
]
FOREIGN = "a note of somebody's"


class Damaged:
    """A home whose last run was cut off, and which was then damaged in store and ledger alike."""

    def __init__(self, folder: Path, machine: Machine) -> None:
        self.folder = folder
        self.project = Project(folder / "project", machine)
        self.home = folder / "damaged"
        assert self.project.run(self.home).code == 0
        self.project.edit()
        clean = folder / "clean"
        shutil.copytree(self.home, clean)
        assert self.project.run(clean).code == 0
        self.index = index(clean, self.project.folder)
        self.ledgers = ledgers(clean)
        cut_off = self.project.run(self.home, at="SqliteLedger.intend: committed")
        assert cut_off.code == -9
        self._injure()
        self.undisturbed = self.repair(self.copy("undisturbed"), traced=True)

    def copy(self, name: str) -> Path:
        shutil.copytree(self.home, self.folder / name)
        return self.folder / name

    def repair(self, home: Path, **order: Any) -> Process:
        return self.project.type(home, "repair", "handbook", "--yes", "--json", **order)

    def _injure(self) -> None:
        with opened(self.home) as (engine, place):
            ids = sorted(engine.ids(place))
            kept = engine.metadata(place, ids)
            rows = [decode(name, kept[name][BODY], vectors=True) for name in ids]
            mine = [row for row in rows if row.payload["key"] == "manual.pdf"]
            wrong, lost, doubled = mine[0], mine[1], mine[2]
            (missing,) = [row for row in rows if row.payload["key"] == "network.txt"][:1]
            forgotten = next(row for row in rows if row.payload["key"] == "keys.md")
            put(engine, place, wrong, text="changed")
            put(engine, place, doubled, id=doubled.id[:16] + "0" * 16)
            put(engine, place, forgotten, text="changed, and nothing remembers its vector")
            engine.delete(place, [missing.id])
            nothing = [0.5] * place.dimension
            engine.upsert(place, {FOREIGN: {"note": "mine"}}, [nothing])
        with closing(sqlite3.connect(self.home / "ragflow.db")) as database, database:
            database.execute("DELETE FROM held WHERE row = ?", (bytes.fromhex(lost.id),))
            for (_, key), value in memos(self.home).items():
                if forgotten.vectors[""].half in (value or b""):
                    database.execute("DELETE FROM memo WHERE key = ?", (bytes.fromhex(key),))


@contextmanager
def opened(home: Path) -> Iterator[tuple[Engine, Collection]]:
    """Open the database below the collection, as another program does."""
    (physical,) = ask(home, "SELECT physical FROM generation WHERE target = 'collection'")[0]
    engine = Engine(home / "chroma")
    (place,) = [each for each in engine.collections() if each.name == physical]
    yield engine, place
    del engine


def put(engine: Engine, place: Collection, row: StoredRow, **changes: Any) -> None:
    row = msgspec.structs.replace(row, **changes)
    kept = {BODY: encode(row), "key": row.payload["key"]}
    engine.upsert(place, {row.id: kept}, [row.vectors[""].floats()])


@pytest.fixture(scope="module")
def damaged(tmp_path_factory, machine) -> Damaged:
    return Damaged(tmp_path_factory.mktemp("repair"), machine)


def check(damaged: Damaged, home: Path) -> None:
    """Fail unless repair and run make a home what it would be with neither crash nor damage."""
    again = damaged.repair(home)
    assert again.code in (0, 4), again.complained
    run = damaged.project.run(home)
    assert run.code == 0, run.complained
    verified = damaged.project.type(home, "verify", "handbook", "--json")
    if verified.code == 4:  # what the cut-off run had written of the gone, and the repair left
        assert damaged.repair(home).code == 0
        verified = damaged.project.type(home, "verify", "handbook", "--json")
    assert verified.code == 0, verified.said
    assert verified.summary["damage"] == {"foreign": 1}
    # The one more is the foreign one, which nobody sees.
    (mine,), (clean,) = (
        list(each.values()) for each in (index(home, damaged.project.folder), damaged.index)
    )
    assert mine["rows"] == clean["rows"]
    assert mine["nearest"] == clean["nearest"]
    assert mine["count"] == clean["count"] + 1
    found = ledgers(home)
    assert {name: found[name] for name in damaged.ledgers} == damaged.ledgers
    assert leftovers(home) == {}


def test_an_undisturbed_repair_has_something_of_everything_to_do(damaged):
    assert set(POINTS) <= set(damaged.undisturbed.points)
    report = damaged.undisturbed.summary
    assert report["rewritten"] >= 3
    assert report["recorded"] == 1
    assert report["calls"] == {"embed": 1}
    assert damaged.undisturbed.embedded >= 1
    home = damaged.copy("checked")
    damaged.repair(home)
    check(damaged, home)


@pytest.mark.parametrize("point", POINTS)
def test_a_repair_killed_at_a_point_is_made_good(damaged, point):
    number = damaged.undisturbed.points[point]
    home = damaged.copy(f"{POINTS.index(point)}")
    killed = damaged.repair(home, at=point, nth=1 + number // 2)
    if killed.code != -9:
        killed = damaged.repair(damaged.copy(f"{POINTS.index(point)}-first"), at=point, nth=1)
        home = damaged.folder / f"{POINTS.index(point)}-first"
    assert killed.code == -9, killed.complained
    check(damaged, home)
