"""What is searched loses nothing by a switch to another model that nobody gave up."""

from typing import Any

import pytest

from ragflow import Members, pipeline, task
from ragflow.tasks import group, read
from tests.unit.runtime.test_guards import ERRORS, embed, embedding
from tests.unit.runtime.test_partial_runs import Notes
from tests.unit.scheduling.desk import Desk, Shelf, changes, save


@pytest.fixture(autouse=True)
def _no_errors():
    ERRORS.clear()


def discard_all(desk: Desk) -> None:
    with desk.home() as home:
        found = home.metadata.dead_letters.list()
        home.metadata.dead_letters.discard([each.id for each in found], actor="a test")


def test_a_document_that_failed_for_good_keeps_the_old_model_serving_until_it_is_mended(desk: Desk):
    shelf = Shelf(a="one", b="two")
    p = embedding(shelf)
    desk.run(p)
    ERRORS["two"] = ValueError("too long for this model")
    notes: Any = Notes()
    summary = desk.run(p, model="large", accept=True, observer=notes)
    assert changes(summary) == {"stale": 1, "failed": 1}
    assert desk.values() == {"a": ["one by small"], "b": ["two by small"]}
    (said,) = [each for each in notes.said if "not switched" in each]
    assert "would lose 1 document that failed" in said
    assert "--accept" in said
    desk.run(p, model="large", accept=True)
    assert desk.values() == {"a": ["one by small"], "b": ["two by small"]}
    shelf.put("b", "short")
    desk.run(p, model="large", accept=True)
    assert desk.values() == {"a": ["one by large"], "b": ["short by large"]}


def test_a_document_that_failed_for_good_and_was_given_up_does_not_keep_from_switching(desk: Desk):
    shelf = Shelf(a="one", b="two", c="three")
    p = embedding(shelf)
    desk.run(p)
    ERRORS.update(two=ValueError("no"), three=ValueError("no"))
    notes: Any = Notes()
    desk.run(p, model="large", accept=True, observer=notes)
    assert any("would lose 2 documents that failed" in each for each in notes.said)
    discard_all(desk)
    desk.run(p, model="large", accept=True)
    assert desk.values() == {"a": ["one by large"]}


def test_a_document_that_failed_with_the_old_model_too_does_not_keep_from_switching(desk: Desk):
    shelf = Shelf(a="one", b="two")
    p = embedding(shelf)
    ERRORS["two"] = ValueError("no")
    assert changes(desk.run(p)) == {"added": 1, "failed": 1}
    assert changes(desk.run(p, model="large", accept=True)) == {"stale": 1, "failed": 1}
    assert desk.values() == {"a": ["one by large"]}


def test_a_group_whose_only_member_failed_keeps_the_old_model_serving(desk: Desk):
    shelf = Shelf(a="one", b="two")
    kinds: dict[str, Exception] = {}

    def kind(text: str) -> str:
        if text in kinds:
            raise kinds[text]
        return text

    def its(item: Any) -> str:
        return item.value

    its.__version__ = "1"  # type: ignore[attr-defined]
    kind = task(version="1", memo=False)(kind)

    @task(version="1", per="group")
    def tell(members: Members[str]) -> str:
        return members.key

    @pipeline
    def p(model: str = "small"):
        texts = kind(read(shelf))
        save(texts, table="items")
        save(embed(tell(group(texts, by=its)), model=model), table="groups")

    desk.run(p)
    kinds["two"] = ValueError("no")
    shelf.touch("b")
    shelf.put("b", "two ")
    kinds["two "] = ValueError("no")
    desk.run(p, model="large", accept=True)
    assert desk.values("groups") == {"one": ["one by small"], "two": ["two by small"]}
    shelf.put("b", "three")
    desk.run(p, model="large", accept=True)
    assert desk.values("groups") == {"one": ["one by large"], "three": ["three by large"]}
