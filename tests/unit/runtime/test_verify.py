"""Every kind of damage is found, named rightly and mended, out of memos and with no foreign row."""

import pytest

from ragflow.embedding.model_spec import load_spec
from ragflow.embedding.opening import open_embedder
from ragflow.errors import GuardError, NotFoundError
from ragflow.runtime.damage import Kind
from ragflow.views.damage import SENTENCES
from tests.unit.runtime.damaged import NAME
from tests.unit.runtime.injuries import (
    FOREIGN,
    INJURIES,
    a_vector,
    changed,
    deleted_owner,
    duplicate,
    extra,
    found,
    older_version,
    other_model,
    second_model,
)


@pytest.mark.parametrize("injure", INJURIES, ids=lambda each: each.__name__)
def test_damage_is_found_named_and_mended_without_embedding(world, injure):
    second_model(world)
    whole = world.rows()
    with world.raw() as raw:
        foreign = raw.everything(*FOREIGN, "without entries")
        name = injure(world, raw)
    report = world.verify()
    assert not report["clean"]
    assert found(report) == {INJURIES[injure].value: {name}}
    assert report["damage"]["foreign"] == 4
    mended = world.repair()
    assert mended["clean"]
    assert mended["found"][INJURIES[injure].value] == 1
    assert mended["calls"] == {}
    assert mended["runs"] == []
    assert world.embedded == {}
    assert world.rows() == whole
    assert world.verify()["clean"]
    with world.raw() as raw:
        assert raw.everything(*FOREIGN, "without entries") == foreign
    again = world.repair()
    assert again["clean"]
    assert (again["rewritten"], again["deleted"], again["recorded"]) == (0, 0, 0)


def test_all_of_it_at_once_is_found_and_mended(world):
    second_model(world)
    whole = world.rows()
    with world.raw() as raw:
        foreign = raw.everything(*FOREIGN)
        rows = {key: raw.row(key) for key in ("heating.md", "keys.txt", "post.txt", "changed.txt")}
        raw.delete(rows["heating.md"].id)
        raw.put(changed(rows["keys.txt"], text="else", payload={"key": "keys.txt", "x": 1}))
        raw.put(changed(rows["post.txt"], vectors={"": a_vector(5, 1)}))
        raw.body(raw.row("rooms.txt", 1).id, 7)
        spoiled = raw.row("rooms.txt", 2).id
        for injure in (duplicate, deleted_owner, older_version, extra, other_model):
            injure(world, raw)
        raw.put(raw.rows()[spoiled], index=a_vector(1, 2).floats())
    report = world.verify()
    kinds = {kind: len(ids) for kind, ids in found(report).items()}
    assert kinds == {
        "missing": 1,
        "wrong_text": 1,
        "wrong_payload": 1,
        "wrong_vector": 2,
        "unreadable": 1,
        "duplicate": 1,
        "deleted_owner": 1,
        "older_version": 1,
        "extra": 1,
        "other_model": 1,
    }
    (named,) = [each for each in report["findings"] if each["kind"] == "other_model"]
    assert named["detail"] == "other"
    assert world.repair()["clean"]
    assert world.embedded == {}
    assert world.rows() == whole
    with world.raw() as raw:
        assert raw.everything(*FOREIGN) == foreign


def test_nothing_is_wrong_with_what_runs_made_and_looking_changes_nothing(world):
    before = world.rows()
    report = world.verify()
    assert report["clean"]
    assert report["damage"] == {"foreign": 4}
    assert report["ledger_rows"] == len(before)
    assert report["store_rows"] == len(before) + 4
    assert world.rows() == before
    assert world.embedded == {}


def test_readers_see_nothing_of_what_others_wrote_and_all_of_what_we_did(world):
    rows = world.rows()
    assert len(rows) > 5
    with world.home() as home:
        (place,) = home.vectors.places()
        assert [each.id for each in home.vectors.get(place, [FOREIGN[0], rows[0].id])] == [
            rows[0].id
        ]
        hits = home.vectors.query(place, [1.0] + [0.0] * 255, k=len(rows), where=None)
    assert {hit.row.id for hit in hits} == {row.id for row in rows}


def test_a_collection_that_is_gone_is_made_again(world):
    whole = world.rows()
    with world.home() as home:
        generation = home.metadata.generations.published("collection", NAME)
        home.vectors.drop(generation.physical)
    report = world.verify()
    assert report["damage"] == {"collection_gone": len(whole)}
    mended = world.repair()
    assert mended["clean"]
    assert mended["made_anew"]
    assert mended["rewritten"] == len(whole)
    assert world.rows() == whole
    assert world.embedded == {}


def test_a_collection_of_another_dimension_is_made_again(world):
    whole = world.rows()
    with world.home() as home:
        generation = home.metadata.generations.published("collection", NAME)
        home.vectors.drop(generation.physical)
        home.vectors.create(generation.physical, dimension=8, label=NAME)
    assert world.verify()["damage"] == {"dimension_changed": 1}
    mended = world.repair()
    assert mended["clean"]
    assert world.rows() == whole
    assert world.embedded == {}


def test_a_collection_of_another_dimension_with_foreign_rows_is_not_dropped(world):
    with world.home() as home:
        generation = home.metadata.generations.published("collection", NAME)
        home.vectors.drop(generation.physical)
        home.vectors.create(generation.physical, dimension=8, label=NAME)
    with world.raw() as raw:
        raw.foreign("a note")
        foreign = raw.everything("a note")
    with pytest.raises(GuardError, match="1 rows in it that ragflow did not write"):
        world.repair()
    with world.raw() as raw:
        assert raw.everything("a note") == foreign


def test_a_model_that_was_never_used_here_is_found_by_embedding_where_that_is_asked_for(world):
    world.add_model()
    with world.raw() as raw:
        row = raw.row("doors.md")
        spec = load_spec("other", folders=[world.folder / "models"])
        vector = open_embedder(spec).embed([row.text])[0]
        raw.put(changed(row, vectors={"": vector}))
    world.embedded.clear()
    assert found(world.verify()) == {"wrong_vector": {row.id}}
    assert world.embedded == {}
    report = world.verify(deep=True)
    assert found(report) == {"other_model": {row.id}}
    assert [each["detail"] for each in report["findings"] if each["detail"]] == ["other"]


def test_rows_of_another_instance_are_its_own(world):
    other = world.folder / "more"
    other.mkdir()
    (other / "doors.md").write_text("Another folder has a document of that name.\n", "utf-8")
    world.run(instance="second", folder=str(other))
    whole = world.rows()
    assert world.verify()["clean"]
    with world.raw() as raw:
        row = next(each for each in raw.rows().values() if each.text.startswith("Another folder"))
        raw.put(changed(row, text="damaged"))
        name = raw.id_of("doors.md", row.text, number=2, instance="second")
        raw.put(changed(row, id=name))
    report = world.verify()
    assert found(report) == {"wrong_text": {row.id}, "duplicate": {name}}
    assert {each["instance"] for each in report["findings"] if each["id"] in (row.id, name)} == {
        "second"
    }
    assert world.repair()["clean"]
    assert world.rows() == whole


def test_an_unknown_collection_is_named(world):
    with pytest.raises(NotFoundError, match="handbok"):
        world.verify("handbok")


def test_every_kind_of_damage_reads_as_a_sentence():
    assert set(SENTENCES) == {kind.value for kind in Kind}
