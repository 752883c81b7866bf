"""A run that leaves out owners or tasks deletes nothing, switches to nothing, allows nothing."""

from typing import Any

import pytest

from ragflow import Members, pipeline, task
from ragflow.errors import GuardError
from ragflow.tasks import group, parent_folder, read
from tests.unit.runtime.test_guards import embedding, saving
from tests.unit.scheduling.desk import Desk, Shelf, changes, did, save


class Notes:
    """An observer that keeps what people are told."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return lambda *_: None

    def noted(self, sentence: str) -> None:
        self.said.append(sentence)


@task(version="1")
def upper(text: str) -> str:
    return text.upper()


@task(version="1")
def other(text: str) -> str:
    return f"{text}!"


@task(version="1", per="group")
def tell(members: Members[str]) -> str:
    return str(len(members))


def grouped(shelf: Shelf) -> Any:
    @pipeline(name="p")
    def p():
        texts = upper(read(shelf))
        save(texts, table="items")
        save(tell(group(texts, by=parent_folder)), table="groups")

    return p


def test_a_run_until_a_task_leaves_the_groups_below_it_alone(desk: Desk):
    shelf = Shelf()
    shelf.put("x/a", "one")
    shelf.put("y/b", "two")
    p = grouped(shelf)
    desk.run(p)
    desk.run(p, how={"until": "upper"})
    assert desk.values("groups") == {"x": ["1"], "y": ["1"]}
    assert changes(desk.run(p)) == {"unchanged": 2}


@pytest.mark.parametrize("allow", [False, True])
def test_a_run_until_a_task_leaves_other_sources_alone_and_asks_for_nothing(desk: Desk, allow):
    first, second = Shelf(a="one"), Shelf(b="two")

    @pipeline
    def p():
        save(upper(read(first)), table="t")
        save(other(read(second, name="second")), table="u")

    desk.run(p)
    desk.run(p, how={"until": "upper"}, allow_deletions=allow)
    assert desk.values("u") == {"b": ["two!"]}


def test_a_run_until_a_task_deletes_no_row_below_it(desk: Desk):
    shelf = Shelf(a="one", b="two")

    @pipeline
    def p():
        save(upper(read(shelf)))

    desk.run(p)
    shelf.take("a")
    shelf.put("b", "three")
    assert changes(desk.run(p, how={"until": "upper"})) == {"added": 1}
    assert desk.values() == {"a": ["ONE"], "b": ["TWO"]}
    summary = desk.run(p)
    assert changes(summary) == {"stale": 1, "deleted": 1}  # what it is now was seen
    assert did(summary, "upper") == (0, 1, 0)
    assert desk.values() == {"b": ["THREE"]}


def test_a_run_of_named_documents_leaves_groups_that_nothing_makes_alone(desk: Desk):
    shelf = Shelf(a="one", b="two")

    @pipeline(name="p")
    def plain():
        save(upper(read(shelf)), table="items")

    desk.run(grouped(shelf))
    desk.run(plain, how={"only": ("a",)})
    assert desk.values("groups") == {".": ["2"]}
    desk.run(plain)
    assert desk.values("groups") == {}


def test_a_run_of_named_documents_does_not_switch_to_another_model(desk: Desk):
    shelf = Shelf(a="one", b="two")
    p = embedding(shelf)
    desk.run(p)
    notes: Any = Notes()
    how = {"only": ("a",)}
    assert changes(desk.run(p, model="large", accept=True, how=how, observer=notes)) == {"stale": 1}
    assert desk.values() == {"a": ["one by small"], "b": ["two by small"]}
    assert any("not switched yet, this run did not look at everything" in s for s in notes.said)
    desk.run(p, model="large", accept=True)
    assert desk.values() == {"a": ["one by large"], "b": ["two by large"]}


def test_a_run_until_a_target_does_not_switch_to_another_model(desk: Desk):
    shelf = Shelf(a="one")
    p = embedding(shelf)
    desk.run(p)
    desk.run(p, model="large", accept=True, how={"until": "save"})
    assert desk.values() == {"a": ["one by small"]}


@pytest.mark.parametrize("how", [{"only": ("a",)}, {"until": "embed"}])
def test_another_place_is_guarded_still_after_a_partial_run_was_allowed_there(desk: Desk, how):
    shelf = Shelf(a="one", b="two", c="three")
    p = embedding(shelf)
    desk.run(p)
    shelf.place = {"shelf": "b"}
    shelf.take("b")
    with pytest.raises(GuardError, match="would now read"):
        desk.run(p, how=how)
    desk.run(p, how=how, allow_deletions=True)
    with pytest.raises(GuardError, match="would now read"):
        desk.run(p)
    assert set(desk.values()) == {"a", "b", "c"}


def test_a_plan_counts_the_documents_of_a_source_that_is_gone(desk: Desk):
    first, second = Shelf(a="one"), Shelf(b="two")
    both, one = saving(first, second), saving(first)
    desk.run(both)
    assert changes(desk.plan(one)) == {"unchanged": 1, "deleted": 1}
    assert desk.values("u") == {"b": ["two"]}
    assert changes(desk.run(one, allow_deletions=True)) == {"unchanged": 1, "deleted": 1}


# --- Ends that were ---------------------------------------------------------------------------


def letters(desk: Desk) -> list[tuple[str, str]]:
    with desk.home() as home:
        found = home.metadata.dead_letters.list()
        return [(each.key, each.place.partition(" ")[0]) for each in found]


def tasks_known(desk: Desk) -> list[str]:
    with desk.home() as home:
        return [each.place.partition(" ")[0] for each in home.metadata.generations.places("task")]


@task(version="1")
def refuse(text: str) -> str:
    if text == "bad":
        raise ValueError("no")
    return text


def test_what_a_run_until_a_task_could_not_do_is_forgotten_by_the_next_whole_run(desk: Desk):
    shelf = Shelf(a="bad", b="two")

    @pipeline
    def p():
        save(refuse(read(shelf)))

    desk.run(p, how={"until": "refuse"})
    assert letters(desk) == [("a", "refuse")]
    shelf.put("a", "good")
    assert changes(desk.run(p)) == {"added": 2}
    assert letters(desk) == []
    assert tasks_known(desk) == []


def test_a_renamed_end_is_a_new_one_and_the_old_one_is_forgotten(desk: Desk):
    shelf = Shelf(a="bad", b="two")

    def named(name: str) -> Any:
        @pipeline(name="p")
        def p():
            refuse.options(name=name)(read(shelf))

        return p

    desk.run(named("first"))
    desk.run(named("first"), instance="another")
    summary = desk.run(named("second"))
    assert did(summary, "second") == (0, 1, 1)
    assert sorted(tasks_known(desk)) == ["first", "second"]  # that of the other instance stays
    assert sorted(letters(desk)) == [("a", "first"), ("a", "second")]
