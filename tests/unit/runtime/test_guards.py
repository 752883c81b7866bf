"""What would do harm is refused and says what would allow it; what is another's is let be."""

from typing import Any

import pytest

from ragflow import Members, pipeline, resource, task
from ragflow.core.states import RunState
from ragflow.errors import BusyError, GuardError
from ragflow.tasks import group, parent_folder, read
from tests.unit.scheduling.desk import Desk, Shelf, changes, did, save

CALLS: list[str] = []
ERRORS: dict[str, Exception] = {}


@pytest.fixture(autouse=True)
def _no_calls():
    CALLS.clear()
    ERRORS.clear()


@resource(identity=lambda model: {"name": model, "metric": "cosine"})
def embedder(model: str) -> str:
    return model


@task(version="1", per="batch", space="embedder", plan="count")
def embed(texts: list[str], *, model: str, embedder: Any = embedder) -> list[str]:
    CALLS.extend(texts)
    for text in texts:
        if text in ERRORS:
            raise ERRORS[text]
    return [f"{text} by {embedder}" for text in texts]


def embedding(shelf: Shelf) -> Any:
    @pipeline
    def p(model: str = "small", table: str = "t"):
        save(embed(read(shelf), model=model), table=table)

    return p


def saving(first: Shelf, second: Shelf | None = None) -> Any:
    @pipeline
    def p():
        save(read(first), table="t")
        if second is not None:
            save(read(second, name="other"), table="u")

    return p


# --- Another place ----------------------------------------------------------------------------


def test_another_place_of_a_source_is_refused_naming_both(desk: Desk):
    shelf = Shelf(a="one", b="two")
    p = embedding(shelf)
    desk.run(p)
    shelf.place = {"shelf": "b"}
    shelf.take("a")
    with pytest.raises(GuardError) as raised:
        desk.run(p)
    assert "would now read shelf 'b' instead of shelf 'a'" in str(raised.value)
    assert "--allow-deletions" in raised.value.hint
    assert desk.last_run().state is RunState.FAILED
    assert set(desk.values()) == {"a", "b"}
    assert changes(desk.run(p, allow_deletions=True)) == {"unchanged": 1, "deleted": 1}
    assert changes(desk.run(p)) == {"unchanged": 1}


def test_another_place_with_the_same_documents_is_allowed_once(desk: Desk):
    shelf = Shelf(a="one")
    p = embedding(shelf)
    desk.run(p)
    shelf.place = {"shelf": "b"}
    assert changes(desk.run(p, allow_deletions=True)) == {"unchanged": 1}
    assert changes(desk.run(p)) == {"unchanged": 1}


def test_a_source_that_lists_nothing_more_is_refused(desk: Desk):
    shelf = Shelf(a="one", b="two")
    p = embedding(shelf)
    desk.run(p)
    shelf.take("a")
    shelf.take("b")
    with pytest.raises(GuardError, match="lists no document, but 2 are in the index") as raised:
        desk.run(p)
    assert "--allow-deletions" in raised.value.hint
    assert set(desk.values()) == {"a", "b"}
    assert changes(desk.plan(p)) == {"deleted": 2}
    assert changes(desk.run(p, allow_deletions=True)) == {"deleted": 2}
    assert desk.values() == {}
    assert changes(desk.run(p)) == {}


def test_a_source_that_was_always_empty_is_fine(desk: Desk):
    assert changes(desk.run(embedding(Shelf()))) == {}


# --- Another model ----------------------------------------------------------------------------


def test_another_model_is_refused_naming_both_and_what_it_costs(desk: Desk):
    shelf = Shelf(a="one", b="two")
    p = embedding(shelf)
    desk.run(p)
    CALLS.clear()
    with pytest.raises(GuardError) as raised:
        desk.run(p, model="large")
    assert str(raised.value) == (
        "table 't' was made with model 'small' (cosine), this run would use model 'large' "
        "(cosine): all 2 chunks would be embedded again"
    )
    assert "--accept" in raised.value.hint
    assert CALLS == []
    assert desk.values() == {"a": ["one by small"], "b": ["two by small"]}
    plan = desk.plan(p, model="large")
    assert changes(plan) == {"stale": 2}
    assert plan["chunks_to_embed"] == 2


def test_an_accepted_model_is_switched_to_when_it_is_whole(desk: Desk):
    shelf = Shelf(a="one", b="two")
    p = embedding(shelf)
    desk.run(p)
    served = []
    apply = desk.tables.apply

    def look(*arguments: Any) -> None:
        apply(*arguments)
        served.append(desk.values())

    desk.tables.apply = look  # type: ignore[method-assign]
    summary = desk.run(p, model="large", accept=True)
    assert changes(summary) == {"stale": 2}
    assert served == [{"a": ["one by small"], "b": ["two by small"]}]
    assert desk.values() == {"a": ["one by large"], "b": ["two by large"]}
    assert desk.tables.dropped == ["t"]
    assert len(desk.tables.rows) == 1
    assert changes(desk.run(p, model="large")) == {"unchanged": 2}
    with pytest.raises(GuardError):
        desk.run(p, model="small")


def test_a_rebuild_that_was_cut_off_is_gone_on_with(desk: Desk, monkeypatch):
    monkeypatch.setattr("ragflow.scheduling.policies.PORTION", 1)
    shelf = Shelf(a="one", b="two", c="three")
    p = embedding(shelf)
    desk.run(p)
    before = len(desk.tables.applied)

    def cut_off() -> None:
        if len(desk.tables.applied) == before + 2:
            raise KeyboardInterrupt

    desk.tables.after = cut_off
    with pytest.raises(KeyboardInterrupt):
        desk.run(p, model="large", accept=True)
    desk.tables.after = None
    assert desk.values() == {"a": ["one by small"], "b": ["two by small"], "c": ["three by small"]}
    with pytest.raises(GuardError, match="was made with model 'small'"):
        desk.run(p, model="large")
    CALLS.clear()
    desk.run(p, model="large", accept=True)
    assert CALLS == []
    assert set(desk.values()) == {"a", "b", "c"}
    assert all(value.endswith("large") for (value,) in desk.values().values())


def test_a_document_that_fails_for_now_keeps_the_old_model_serving(desk: Desk):
    shelf = Shelf(a="one", b="two")
    p = embedding(shelf)
    desk.run(p)
    ERRORS["two"] = ConnectionError("down")
    assert changes(desk.run(p, model="large", accept=True)) == {"stale": 1, "failed": 1}
    assert desk.values() == {"a": ["one by small"], "b": ["two by small"]}
    del ERRORS["two"]
    desk.run(p, model="large", accept=True)
    assert desk.values() == {"a": ["one by large"], "b": ["two by large"]}


def test_what_is_deleted_during_a_rebuild_goes_from_what_serves_too(desk: Desk):
    shelf = Shelf(a="one", b="two", c="three")
    p = embedding(shelf)
    desk.run(p)
    ERRORS["two"] = ConnectionError("down")
    shelf.take("c")
    desk.run(p, model="large", accept=True)
    assert desk.values() == {"a": ["one by small"], "b": ["two by small"]}
    # Back to the first model: nothing of what is gone was left behind.
    desk.run(p, model="small")
    assert desk.values() == {"a": ["one by small"], "b": ["two by small"]}


def test_a_document_that_changed_with_the_model_is_read_anew(desk: Desk):
    shelf = Shelf(a="one", b="two")
    p = embedding(shelf)
    desk.run(p)
    shelf.put("a", "changed")
    shelf.put("c", "three")
    summary = desk.run(p, model="large", accept=True)
    assert changes(summary) == {"modified": 1, "stale": 1, "added": 1}
    assert desk.values() == {
        "a": ["changed by large"],
        "b": ["two by large"],
        "c": ["three by large"],
    }


def test_a_table_without_rows_takes_another_model_at_once(desk: Desk):
    shelf = Shelf()
    p = embedding(shelf)
    desk.run(p)
    shelf.put("a", "one")
    desk.run(p, model="large")
    assert desk.values() == {"a": ["one by large"]}


# --- Another's rows ---------------------------------------------------------------------------


def test_another_table_is_another_instance(desk: Desk):
    shelf = Shelf(a="one", b="two")
    p = embedding(shelf)
    desk.run(p)
    kept = desk.rows()
    CALLS.clear()
    shelf.take("b")
    summary = desk.run(p, table="other")
    assert changes(summary) == {"added": 1}
    assert CALLS == []
    assert desk.rows() == kept
    assert changes(desk.run(p)) == {"unchanged": 1, "deleted": 1}


def test_another_instance_never_touches_rows_of_the_first_in_one_table(desk: Desk):
    shelf, others = Shelf(a="one", b="two"), Shelf(a="one", c="three")
    p = embedding(shelf)
    desk.run(p)
    kept = desk.rows()
    q = pipeline(name="p")(embedding(others).function)
    summary = desk.run(q, instance="second")
    assert changes(summary) == {"added": 2}
    assert summary["chunks"]["total"] == 2
    assert kept.items() <= desk.rows().items()
    assert len(desk.rows()) == 4
    others.take("a")
    desk.run(q, instance="second")
    assert kept.items() <= desk.rows().items()
    assert changes(desk.run(p)) == {"unchanged": 2}
    with pytest.raises(GuardError, match="also holds 2 rows of another instance"):
        desk.run(q, instance="second", model="large", accept=True)
    shelf.take("a")
    desk.run(p)
    assert desk.values() == {"b": ["two by small"], "c": ["three by small"]}


def test_ids_are_the_same_in_every_home(desk: Desk, tmp_path):
    shelf = Shelf(a="one", b="two")
    p = embedding(shelf)
    other = Desk(tmp_path / "elsewhere")
    other.run(p, table="first")
    desk.run(p)
    other.run(p)
    assert desk.rows() == other.rows()
    assert not set(desk.rows()) & set(other.rows("first"))


def test_a_held_instance_is_not_run(desk: Desk):
    shelf = Shelf(a="one")
    p = embedding(shelf)
    with desk.home() as home:
        request = p.request({}, project=desk.project)
        instance = home.metadata.instance(request.instance, request.pipeline, request.scope)
        with home.metadata.hold(instance, owner="a test", wait=False):
            with pytest.raises(BusyError, match="held by a test"):
                desk.run(p)
            assert changes(desk.run(p, instance="other")) == {"added": 1}
    assert changes(desk.run(p)) == {"added": 1}


def test_a_plan_of_two_new_tables_is_a_plan(desk: Desk):
    """Both stood for a generation that was not there yet, under one number."""
    shelf = Shelf(a="one")

    @pipeline
    def p():
        documents = read(shelf)
        save(embed(documents, model="m"), table="one")
        save(documents, table="two")

    plan = desk.plan(p)
    assert changes(plan) == {"added": 1}
    assert plan["chunks_to_embed"] == 1
    assert did(desk.run(p), "embed") == (1, 0, 0)


# --- What the pipeline no longer has ----------------------------------------------------------


def test_a_source_that_the_pipeline_no_longer_has_is_refused_and_then_cleared(desk: Desk):
    first, second = Shelf(a="one"), Shelf(b="two")
    both, one = saving(first, second), saving(first)
    desk.run(both)
    with pytest.raises(GuardError, match="other"):
        desk.run(one)
    assert desk.values("u") == {"b": ["two"]}
    desk.run(one, allow_deletions=True)
    assert desk.values("u") == {}
    assert desk.values("t") == {"a": ["one"]}
    assert changes(desk.run(one)) == {"unchanged": 1}


def test_groups_that_nothing_makes_any_more_go(desk: Desk):
    shelf = Shelf(a="one", b="two")

    @task(version="1", per="group")
    def count(members: Members[str]) -> str:
        return str(len(members))

    @pipeline(name="p")
    def grouped():
        documents = read(shelf)
        save(documents, table="t")
        save(count(group(documents, by=parent_folder)), table="groups")

    @pipeline(name="p")
    def plain():
        save(read(shelf), table="t")

    desk.run(grouped)
    assert desk.values("groups") == {".": ["2"]}
    assert changes(desk.run(plain)) == {"unchanged": 2}
    assert desk.values("groups") == {}
