"""What others did to the database is seen, stops no reader and survives a mended index."""

from pathlib import Path

import pytest

from ragflow.interfaces.ingestion import StoredRow
from ragflow.stores.vectors.chroma import ChromaStore
from ragflow.stores.vectors.engine import Engine
from ragflow.stores.vectors.filters import BODY
from ragflow.testing.vector_rows import row, unit
from tests.unit.stores.vectors.test_salvage import as_if_killed

PLACE = "handbook"
ROWS = [row(f"{number:02}", unit(number / 30), text="é", n=number) for number in range(30)]


@pytest.fixture
def folder(tmp_path) -> Path:
    store = ChromaStore(tmp_path / "chroma")
    store.create(PLACE, dimension=4, label="handbook")
    store.apply(PLACE, ROWS, [])
    store.close()
    return tmp_path / "chroma"


def bump(folder: Path) -> None:
    """Let clients that are open see that somebody changed something."""
    commits = folder / "sharing" / "commits"
    count = int.from_bytes(commits.read_bytes(), "big")
    commits.write_bytes((count + 2).to_bytes(8, "big"))


def meddle(folder: Path, entries: dict[str, dict[str, object]], vector: list[float]) -> None:
    """Write behind the store's back."""
    engine = Engine(folder)
    engine.upsert(engine.collections()[0], entries, [vector] * len(entries))
    del engine
    bump(folder)


@pytest.mark.parametrize("entry", [{"note": "mine"}, {BODY: 7}, {BODY: "x"}, {BODY: '{"text":'}])
def test_what_others_wrote_is_told_and_stops_no_reader(folder, entry):
    # More of them than are looked at beyond what is asked for, and all nearer than ours.
    meddle(folder, {f"z{number}": dict(entry) for number in range(40)}, unit(0.0).floats())
    store = ChromaStore(folder)
    assert list(store.rows(PLACE, vectors=True)) == ROWS
    assert store.get(PLACE, ["z1", "03"]) == [ROWS[3]]
    found = store.query(PLACE, unit(0.0).floats(), k=5, where=None)
    assert [match.row.id for match in found] == ["00", "01", "02", "03", "04"]
    assert store.query(PLACE, unit(0.0).floats(), k=9, where={"note": "mine"}) == []
    foreign = [each for each in store.inspect(PLACE) if each.row is None]
    assert [each.id for each in foreign] == sorted(f"z{number}" for number in range(40))
    store.close()


def test_a_body_of_another_dimension_is_no_row(folder):
    small = '{"payload":{},"text":"t","vector":"AAAA"}'
    meddle(folder, {"03": {BODY: small}}, unit(0.5).floats())
    store = ChromaStore(folder)
    assert [each.id for each in store.inspect(PLACE) if each.row is None] == ["03"]
    assert len(store.query(PLACE, unit(0.1).floats(), k=30, where=None)) == 29
    store.apply(PLACE, [ROWS[3]], [])
    assert list(store.rows(PLACE, vectors=True)) == ROWS
    store.close()


def test_what_searches_go_by_is_compared_with_the_row_and_rewritten(folder):
    engine = Engine(folder)
    (place,) = engine.collections()
    kept = engine.metadata(place, ["03", "04", "05"])
    engine.upsert(place, {"03": kept["03"]}, [unit(1.5).floats()])
    engine.update(place, {"04": {"n": 99}, "05": {"added": "by others"}})
    del engine
    bump(folder)
    store = ChromaStore(folder)
    faults = {each.id: each.faults for each in store.inspect(PLACE) if each.faults}
    assert faults == {"03": ("vector",), "04": ("payload",), "05": ("payload",)}
    store.apply(PLACE, ROWS[3:6], [])  # they seem to be there as given
    assert {each.id for each in store.inspect(PLACE) if each.faults} == {"03", "04", "05"}
    store.rewrite(PLACE, ROWS[3:6])
    assert [each for each in store.inspect(PLACE) if each.faults] == []
    assert [m.row.id for m in store.query(PLACE, unit(0.1).floats(), k=1, where={"n": 4})] == ["04"]
    assert store.query(PLACE, unit(0.1).floats(), k=1, where={"added": "by others"}) == []
    store.close()


def test_rows_of_others_do_not_keep_an_index_from_being_mended(folder):
    meddle(folder, {"note": {"by": "others"}}, unit(0.2).floats())
    as_if_killed(folder)
    store = ChromaStore(folder)
    assert list(store.rows(PLACE, vectors=True)) == ROWS
    assert [each.id for each in store.inspect(PLACE) if each.row is None] == ["note"]
    store.close()


def test_a_row_is_only_a_row_with_its_text_payload_and_vector():
    from ragflow.stores.vectors.encoding import encode, is_readable

    whole = encode(StoredRow(id="a", text="t", payload={}, vectors={"": unit(0.1)}))
    assert is_readable(whole, dimension=4)
    assert not is_readable(whole, dimension=5)
    for broken in (None, 7, "", "{}", "[]", "7", whole[:-1], whole.replace("text", "tixt")):
        assert not is_readable(broken, dimension=4)
