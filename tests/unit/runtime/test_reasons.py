"""Each run writes down why it worked on each owner; a run with nothing to do writes nothing."""

from typing import Any

import pytest

from ragflow import Members, Part, Retry, Secret, SkipDocument, pipeline, resource, task
from ragflow.core.reasons import Cause
from ragflow.core.states import OwnerState
from ragflow.incremental.why import differences
from ragflow.tasks import group, read
from tests.unit.scheduling.desk import Desk, Shelf, save

#: The revision of the model, words that cannot be marked now, and programs that are there.
MODEL = {"revision": "a"}
DOWN: set[str] = set()


@resource(identity=lambda: {"name": "fixed", **MODEL})
def marker() -> str:
    return "!"


@task(version="1")
def words(text: str, *, least: int = 1) -> list[Part[str]]:
    if text == "image":
        raise SkipDocument("nothing to read")
    return [Part(word) for word in text.split() if len(word) >= least]


@task(version="1", per="batch", batch=3, retries=Retry(attempts=1))
def mark(parts: list[str], *, marker: Any = marker) -> list[str]:
    if DOWN.intersection(parts):
        raise ConnectionError("down")
    return [f"{part}{marker}" for part in parts]


@task(version="1", per="group")
def count(members: Members[str]) -> str:
    return f"{len(members)}"


@pytest.fixture(autouse=True)
def calm():
    DOWN.clear()
    MODEL["revision"] = "a"
    yield
    DOWN.clear()


def reading(shelf: Shelf) -> Any:
    @pipeline
    def p(least: int = 1):
        save(mark(words(read(shelf), least=least)))

    return p


def kept(desk: Desk, key: str) -> list[Any]:
    with desk.home() as home:
        reasons = home.metadata.reasons
        [owner] = reasons.find(key)
        return reasons.of(owner.owner)


def cause(desk: Desk, key: str) -> Cause:
    return kept(desk, key)[0].cause


def changed(desk: Desk, key: str) -> list[tuple[Any, ...]]:
    with desk.home() as home:
        recipes = home.metadata.recipes
        return [
            (one.task, one.what, one.name, one.before, one.after)
            for before, after in kept(desk, key)[0].because.definitions
            for one in differences(recipes.get(before), recipes.get(after))
        ]


def test_what_is_new_modified_touched_or_told_of_otherwise(desk):
    shelf = Shelf(a="one two", b="three", c="four", d="five")
    p = reading(shelf)
    assert desk.run(p)["run"] == 1
    assert {cause(desk, key) for key in "abcd"} == {Cause.ADDED}
    shelf.put("a", "one three")
    shelf.touch("b")
    shelf.metadata["c"] = {"author": "x"}
    shelf.touch("c")
    desk.run(p)
    assert [cause(desk, key) for key in "abc"] == [Cause.MODIFIED, Cause.TOUCHED, Cause.METADATA]
    last = kept(desk, "a")[0]
    # Two words are cut again; "three" was marked for another document.
    assert (last.run, last.ran, last.memoized, last.upserted, last.deleted) == (2, 1, 2, 1, 1)
    assert [each.run for each in kept(desk, "d")] == [1]


def test_a_run_with_nothing_to_do_writes_down_nothing(desk):
    p = reading(Shelf(a="one", b="image"))
    desk.run(p)
    desk.run(p)
    assert [each.run for each in kept(desk, "a")] == [each.run for each in kept(desk, "b")] == [1]
    assert kept(desk, "b")[0].state is OwnerState.SKIPPED


def test_what_moved_says_from_where_and_to_where(desk):
    shelf = Shelf(a="one", b="two")
    p = reading(shelf)
    desk.run(p)
    shelf.move("a", "x/a")
    shelf.take("b")
    desk.run(p, allow_deletions=True)
    moved = kept(desk, "x/a")[0]
    assert (moved.cause, moved.came_from, moved.ran, moved.memoized) == (Cause.MOVED, "a", 0, 2)
    with desk.home() as home:
        departures = [home.metadata.reasons.departures(key)[0] for key in "ab"]
    assert [(each.cause, each.moved_to, each.run) for each in departures] == [
        (Cause.MOVED, "x/a", 2),
        (Cause.DELETED, None, 2),
    ]


def test_a_parameter_a_model_and_a_version_that_changed_are_named(desk):
    shelf = Shelf(a="one")
    p = reading(shelf)
    desk.run(p)
    desk.run(p, least=2)
    assert (cause(desk, "a"), changed(desk, "a")) == (
        Cause.STALE,
        [("words", "parameter", "least", 1, 2)],
    )
    MODEL["revision"] = "b"
    desk.run(p, least=2)
    assert changed(desk, "a") == [("mark", "resource", "marker.revision", "a", "b")]


def test_code_that_changed_is_named_with_its_task_and_so_is_a_task_that_came(desk):
    shelf = Shelf(a="one")

    def of(function: Any, *more: Any) -> Any:
        def p():
            items = function(read(shelf))
            for each in more:
                items = each(items)
            save(items)

        return pipeline(p)

    def before(text: str) -> str:
        return text.upper()

    def after(text: str) -> str:
        return text.lower()

    before.__name__ = after.__name__ = "clean"
    before.__qualname__ = after.__qualname__ = "clean"
    desk.run(of(task(before)))
    desk.run(of(task(after)))
    assert [each[:2] for each in changed(desk, "a")] == [("clean", "code")]
    desk.run(of(task(after), words))
    assert ("words", "task_added") in [each[:2] for each in changed(desk, "a")]


def test_what_is_done_again_on_request_says_so(desk):
    p = reading(Shelf(a="one", b="two"))
    desk.run(p)
    desk.run(p, how={"force": True, "only": ("a",)})
    last = kept(desk, "a")[0]
    assert (last.cause, last.because.is_asked, last.memoized) == (Cause.FORCED, True, 0)
    assert [each.run for each in kept(desk, "b")] == [1]


def test_what_failed_says_that_it_is_tried_again_and_on_whose_word(desk):
    shelf = Shelf(a="one")
    p = reading(shelf)
    DOWN.add("one")
    desk.run(p)
    assert (cause(desk, "a"), kept(desk, "a")[0].state) == (Cause.ADDED, OwnerState.FAILED)
    with desk.home() as home:
        home.metadata.dead_letters.replay(actor="me")
    DOWN.clear()
    desk.run(p)
    assert (cause(desk, "a"), kept(desk, "a")[0].state) == (Cause.REPLAYED, OwnerState.SUCCEEDED)


def test_what_a_crash_left_half_written_is_recovered(desk):
    shelf = Shelf(a="one", b="two")
    p = reading(shelf)
    desk.run(p)
    shelf.put("a", "one more")

    def crash() -> None:
        raise KeyboardInterrupt

    desk.tables.after = crash
    with pytest.raises(KeyboardInterrupt):
        desk.run(p)
    # Neither the row nor the reason of a portion that was not committed is there.
    assert [each.run for each in kept(desk, "a")] == [1]
    desk.tables.after = None
    desk.run(p)
    assert cause(desk, "a") is Cause.RECOVERED
    assert [each.run for each in kept(desk, "b")] == [1]
    assert desk.values() == {"a": ["more!", "one!"], "b": ["two!"]}


def test_a_collection_that_is_built_anew_says_so(desk):
    shelf = Shelf(a="one")

    @task(version="1", space="marker")
    def embed(part: str, *, marker: Any = marker) -> str:
        return part + marker

    @pipeline
    def p():
        save(embed(words(read(shelf))))

    desk.run(p)
    MODEL["revision"] = "b"
    desk.run(p, accept=True)
    assert cause(desk, "a") is Cause.REBUILT


def test_groups_tell_their_members_and_that_these_changed(desk):
    shelf = Shelf(**{"x/a": "one", "x/b": "two", "y/c": "three"})

    @pipeline
    def p():
        parts = words(read(shelf))
        save(mark(parts))
        save(count(group(parts, by=lambda item: item.key[0])), table="groups")

    desk.run(p)
    with desk.home() as home:
        reasons = home.metadata.reasons
        [x] = reasons.find("x")
        [member] = reasons.find("x/a")
        assert [each.key for each in reasons.members(x.owner)] == ["x/a", "x/b"]
        assert [each.key for each in reasons.groups(member.owner)] == ["x"]
    shelf.put("x/a", "other")
    desk.run(p)
    assert (cause(desk, "x"), [each.run for each in kept(desk, "y")]) == (Cause.MODIFIED, [1])
    shelf.take("x/b")
    desk.run(p, allow_deletions=True)
    with desk.home() as home:
        assert [each.key for each in home.metadata.reasons.members(x.owner)] == ["x/a"]


def test_a_source_that_the_pipeline_lost_is_why_its_documents_went(desk):
    one, two = Shelf(a="one"), Shelf(b="two")

    desk.run(pipeline(scope=())(_two(one, two)))
    desk.run(pipeline(scope=())(_one(one)), allow_deletions=True)
    with desk.home() as home:
        [gone] = home.metadata.reasons.departures("b")
    assert (gone.cause, gone.run) == (Cause.SOURCE_GONE, 2)


def _two(one: Shelf, two: Shelf) -> Any:
    def p():
        save(words(read(one)))
        save(words(read(two, name="two")), table="u")

    return p


def _one(one: Shelf) -> Any:
    def p():
        save(words(read(one)))

    return p


def test_recipes_are_written_once_and_keep_no_secret(desk, monkeypatch):
    monkeypatch.setenv("KEY_OF_SERVICE", "swordfish")

    @resource
    def service(key: Secret) -> str:
        return key

    @task(version="1")
    def call(text: str, *, service: Any = service) -> str:
        return f"{len(text)}"

    shelf = Shelf(a="one")

    @pipeline
    def p():
        save(call(read(shelf), service=service(key=Secret("env:KEY_OF_SERVICE"))))

    desk.run(p)
    with desk.home() as home:
        store = home.metadata
        [owner] = store.reasons.find("a")
        [end] = store.reasons.ends(owner.owner)
        recipe = store.recipes.get(end.served_definition)
        names = [each.name for each in recipe.tasks]
        told = repr(recipe)
    assert (names[1:], recipe.run) == (["call", "save"], 1)
    assert "KEY_OF_SERVICE" in told
    assert "swordfish" not in told
    shelf.put("b", "two")
    desk.run(p)
    with desk.home() as home:
        rows = home.metadata._connections.fetch("SELECT count(*) FROM recipe")
    assert rows == [(1,)]
