"""``ragflow verify`` and ``ragflow repair``, typed and from Python."""

import pytest

from ragflow import Index
from ragflow.runtime.home import open_home


@pytest.fixture
def indexed(project):
    """A project whose collection ``strict`` has three documents."""
    project.write(a="First of all.", b="Second to none.", c="Third of three.")
    project.type("run", "strict")
    return project


def delete_a_row() -> str:
    with open_home() as home:
        (place,) = home.vectors.places()
        row = next(home.vectors.rows(place))
        home.vectors.apply(place, [], [row.id])
    return row.id


def test_a_collection_without_damage_verifies(indexed):
    report = indexed.ask("verify", "verify", "strict")
    assert report["clean"]
    assert report["ledger_rows"] == report["store_rows"] == 3
    assert indexed.type("verify", "strict").out == "strict: 3 rows, all as they should be\n"


def test_damage_is_told_with_a_code_of_its_own_and_mended(indexed):
    name = delete_a_row()
    report = indexed.ask("verify", "verify", "strict", code=4)
    assert report["damage"] == {"missing": 1}
    (finding,) = report["findings"]
    assert (finding["kind"], finding["id"], finding["instance"]) == ("missing", name, "strict")
    told = indexed.type("verify", "strict", code=4)
    assert name in told.out
    assert "ragflow repair strict" in told.err
    repaired = indexed.ask("repair", "repair", "strict")
    assert (repaired["clean"], repaired["rewritten"]) == (True, 1)
    assert indexed.type("repair", "strict").out == "strict: nothing to mend\n"
    assert indexed.ask("verify", "verify", "strict")["clean"]
    assert "collection.repaired" in indexed.type("audit").out


def test_what_was_mended_reads_as_sentences(indexed):
    delete_a_row()
    assert indexed.type("repair", "strict").lines == [
        "strict: 1 row written again",
        "everything is as it should be",
    ]


def test_what_must_be_computed_again_is_asked_for(indexed):
    delete_a_row()
    with open_home() as home:
        home.metadata._writer.run(lambda c: c.exec_driver_sql("DELETE FROM memo"))
    refused = indexed.refused("repair", "strict")
    assert refused == ["error: nobody is there to ask", "hint: say --yes"]
    repaired = indexed.ask("repair", "repair", "strict", "--yes")
    assert repaired["clean"]
    assert repaired["calls"] == {"extract": 1}
    assert len(repaired["runs"]) == 1


def test_a_pipeline_that_is_gone_is_said_where_it_is_needed(indexed):
    delete_a_row()
    (indexed.folder / "pipelines" / "all.py").unlink()
    assert indexed.ask("verify", "verify", "strict", code=4)["damage"] == {"missing": 1}
    left = indexed.ask("repair", "repair", "strict", "--yes", code=4)
    assert "no pipeline 'strict'" in left["notes"][0]
    assert left["left"] == {"missing": 1}


def test_an_unknown_collection_is_wrong_usage(indexed):
    assert indexed.refused("verify", "strickt")[0] == "error: there is no collection 'strickt'"
    assert indexed.refused("repair", "strickt")[1] == "hint: did you mean 'strict'?"


def test_the_same_from_python(indexed):
    with Index.open("strict") as index:
        assert index.verify()
        assert "nothing is wrong" in repr(index.verify())
    delete_a_row()
    with Index.open("strict") as index:
        verified = index.verify()
        assert not verified
        assert verified.damage == {"missing": 1}
        assert "missing" in verified._repr_html_()
        repaired = index.repair(compute=False)
        assert repaired
        assert repaired.rewritten == 1
        assert "nothing is wrong any more" in repaired._repr_html_()
        assert len(index.search("First of all", k=3)) == 3
