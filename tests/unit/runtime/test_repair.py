"""What memos do not say is made again by a run of those documents; the rest is left, and said."""

from typing import Any

import pytest

from ragflow import Content, Item, Members, pipeline, task
from ragflow.core.states import OwnerState
from ragflow.runtime.home import Home
from ragflow.stores.vectors.memory import MemoryStore
from ragflow.tasks import chunk, embed, extract, files, group, read, upsert
from tests.unit.runtime.damaged import NAME, World
from tests.unit.runtime.injuries import (
    a_vector,
    changed,
    forget,
    found,
    missing,
    older_version,
    second_model,
    wrong_text,
)


class Kept(MemoryStore):
    """Rows that outlive the home that wrote them."""

    def close(self) -> None:
        """Keep them."""


def test_rows_in_memory_are_compared_and_mended_too(tmp_path, monkeypatch):
    store = Kept()
    monkeypatch.setattr(Home, "vectors", property(lambda home: store))
    world = World(tmp_path / "project", monkeypatch)
    world.run()
    (place,) = store.places()
    whole = list(store.rows(place, vectors=True))
    foreign = changed(whole[0], id="a note")
    store.apply(place, [changed(whole[1], text="damaged"), foreign], [whole[2].id])
    world.embedded.clear()
    report = world.verify()
    assert found(report) == {"wrong_text": {whole[1].id}, "missing": {whole[2].id}}
    assert report["damage"]["foreign"] == 1
    assert world.repair()["clean"]
    assert list(store.rows(place, vectors=True)) == [*whole, foreign]
    assert world.embedded == {}


def test_a_row_of_an_instance_that_writes_elsewhere_is_extra(world):
    second_model(world)
    whole = world.rows()
    with world.raw("second") as raw:
        name = raw.id_of("doors.md", "any text")
    with world.raw() as raw:
        raw.put(changed(raw.row("doors.md"), id=name))
    assert found(world.verify()) == {"extra": {name}}
    assert world.repair()["clean"]
    assert world.rows() == whole


def test_what_nothing_remembers_is_said_and_made_again_by_a_run_of_that_document(world):
    whole = world.rows()
    with world.raw() as raw:
        row = raw.row("doors.md")
        raw.put(changed(row, text="damaged"))
        raw.delete(raw.row("keys.txt").id)
    forget(world, row)
    assert found(world.verify())["wrong_value"] == {row.id}
    asked: list[Any] = []

    def refuse(calls: Any) -> bool:
        asked.append(dict(calls))
        return False

    refused = world.repair(allow=refuse)
    assert asked == [{"embed": 1}]
    assert not refused["clean"]
    assert refused["rewritten"] == 1
    assert world.embedded == {}
    mended = world.repair()
    assert mended["clean"]
    assert mended["calls"] == {"embed": 1}
    assert len(mended["runs"]) == 1
    assert world.embedded == {" ".join(row.text.split()): 1}
    assert world.rows() == whole


def test_without_memos_a_wrong_vector_is_told_by_its_text(world):
    with world.raw() as raw:
        row = raw.row("doors.md")
        raw.put(changed(row, vectors={"": a_vector(1, 9)}))
    forget(world, row)
    assert found(world.verify()) == {"wrong_vector": {row.id}}


def test_without_its_pipeline_damage_is_found_and_what_needs_it_is_left_with_the_reason(world):
    with world.raw() as raw:
        missing(world, raw)
        name = older_version(world, raw)
    world.parameters.clear()
    assert sorted(found(world.verify())) == ["missing", "older_version"]
    mended = world.repair()
    assert not mended["clean"]
    assert mended["notes"] == ["handbook: it never had a run"]
    with world.raw() as raw:
        # Nobody knows whether the run that is due will claim it.
        assert name in raw.rows()
    world.run()
    assert world.repair()["clean"]


def test_a_damaged_row_of_a_document_that_changed_meanwhile_is_mended_first(world):
    with world.raw() as raw:
        wrong_text(world, raw)
    world.write("doors.md", "The doors were all removed.\n")
    assert world.repair()["clean"]
    assert world.embedded == {}
    world.run()
    assert world.verify()["clean"]


def test_a_held_back_document_keeps_its_last_good_rows_through_a_repair(world):
    whole = world.rows()
    (world.docs / "doors.md").write_bytes(b"%PDF-1.7 this is no document at all")
    world.run()
    with world.home() as home:
        number = home.metadata.generations.published("collection", NAME).id
        (view,) = home.metadata.ledger.owners(number, key="doors.md")
    if view.state is OwnerState.SUCCEEDED:
        pytest.skip("it can be read after all")
    assert world.verify()["clean"]
    with world.raw() as raw:
        wrong_text(world, raw)
    assert world.repair()["clean"]
    assert world.rows() == whole


# --- Other pipelines -----------------------------------------------------------------------------


def kind_of(item: Item[Content]) -> str:
    return item.key.rpartition(".")[2]


@task(version="1", per="group")
def join(members: Members[Content]) -> Content:
    return Content(text="\n\n".join(sorted(member.text for member in members)))


@pipeline
def by_kind(folder: str = "docs", collection: str = "kinds") -> None:
    contents = group(extract(read(files(folder))), by=kind_of)
    chunks = chunk(join(contents), model="hashing", size=32)
    upsert(chunks, embed(chunks, model="hashing"), collection=collection)


@task(per="run", version="1")
def greet() -> str:
    GREETED.append(1)
    return "Dear reader: "


@task(version="1")
def begin(content: Content, greeting: str) -> Content:
    return Content(text=greeting + content.text)


@pipeline
def greeting(folder: str = "docs", collection: str = "letters") -> None:
    chunks = chunk(begin(extract(read(files(folder))), greet()), model="hashing", size=64)
    upsert(chunks, embed(chunks, model="hashing"), collection=collection)


GREETED: list[int] = []


def test_rows_of_groups_are_mended_from_memos(world):
    world.pipeline = by_kind
    world.parameters.clear()
    world.run()
    whole = world.rows("kinds")
    world.embedded.clear()
    with world.raw("kinds") as raw:
        rows = list(raw.rows().values())
        raw.put(changed(rows[0], text="damaged"))
        raw.delete(rows[1].id)
    assert {*found(world.verify("kinds"))} == {"missing", "wrong_text"}
    mended = world.repair("kinds")
    assert mended["clean"]
    assert mended["runs"] == []
    assert world.rows("kinds") == whole
    assert world.embedded == {}


def test_what_hangs_on_a_step_is_mended_by_a_run_and_looking_calls_no_step(world):
    world.pipeline = greeting
    world.parameters.clear()
    world.run()
    whole = world.rows("letters")
    world.embedded.clear()
    GREETED.clear()
    with world.raw("letters") as raw:
        name = raw.row("doors.md").id
        raw.delete(name)
    assert found(world.verify("letters")) == {"missing": {name}}
    assert GREETED == []
    mended = world.repair("letters")
    assert mended["clean"]
    assert GREETED == [1]
    assert world.rows("letters") == whole
    assert world.embedded == {}
