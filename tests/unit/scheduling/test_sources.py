"""Sources that are tasks, items with their envelopes, and contents that lie about their token."""

from collections.abc import Iterator
from typing import Any

import pytest

from ragflow import Item, Part, Row, pipeline, resource, task
from ragflow.errors import GuardError, RunError
from ragflow.tasks import read
from tests.unit.scheduling.desk import Desk, Shelf, changes, save

CALLS: list[Any] = []
MAILS: dict[str, Any] = {}


@pytest.fixture(autouse=True)
def _no_calls():
    CALLS.clear()
    MAILS.clear()


@task(version="1", per="source")
def mails() -> Iterator[Item[str]]:
    for key, each in MAILS.items():
        text, envelope = each if isinstance(each, tuple) else (each, {})
        yield Item(key, text, envelope)


@task(version="1")
def upper(text: str) -> str:
    CALLS.append(text)
    return text.upper()


@task(version="1")
def words(text: str) -> list[Part[str]]:
    return [Part(word, {"place": place}) for place, word in enumerate(text.split())]


@task(version="1")
def look(item: Item[str]) -> str:
    CALLS.append(item.key)
    return f"{item.key}: {item.value} {dict(item.envelope)}"


@pipeline
def mailing():
    save(upper(mails()))


def test_what_a_function_yields_is_compared_like_any_source(desk: Desk):
    MAILS.update(a="one", b="two")
    assert changes(desk.run(mailing)) == {"added": 2}
    assert changes(desk.run(mailing)) == {"unchanged": 2}
    MAILS.update(b="three", c="one")
    del MAILS["a"]
    CALLS.clear()
    summary = desk.run(mailing)
    assert changes(summary) == {"modified": 1, "moved": 1}
    assert CALLS == ["three"]
    assert desk.values() == {"b": ["THREE"], "c": ["ONE"]}


def test_an_envelope_reaches_the_payload_and_a_changed_one_changes_only_that(desk: Desk):
    MAILS.update(a=("one", {"from": "ann", "to": ("bob",)}), b=("two", {"from": "bob"}))
    desk.run(mailing)
    assert desk.payloads()["ONE"] == {"from": "ann", "to": ["bob"], "key": "a"}
    assert changes(desk.run(mailing)) == {"unchanged": 2}
    CALLS.clear()
    MAILS["a"] = ("one", {"from": "eve"})
    summary = desk.run(mailing)
    assert changes(summary) == {"modified": 1, "unchanged": 1}
    assert CALLS == []
    assert summary["chunks"]["upserted"] == 1
    assert desk.payloads()["ONE"] == {"from": "eve", "key": "a"}


def test_many_documents_are_listed_in_pages(desk: Desk, monkeypatch):
    monkeypatch.setattr("ragflow.scheduling.function_source.PAGE", 3)
    MAILS.update({f"k{number}": str(number) for number in range(10)})
    assert changes(desk.run(mailing)) == {"added": 10}
    assert len(desk.values()) == 10


def test_a_source_that_raises_ends_the_run_and_deletes_nothing(desk: Desk):
    MAILS.update(a="one", b="two")
    desk.run(mailing)

    def failing() -> Iterator[Item[str]]:
        yield Item("a", "one")
        raise ConnectionError("down")

    broken = task(version="1", per="source", name="mails")(failing)

    @pipeline(name="mailing")
    def p():
        save(upper(broken()))

    with pytest.raises(RunError, match="the source 'mails' failed: ConnectionError: down"):
        desk.run(p)
    assert set(desk.values()) == {"a", "b"}


def test_a_source_that_lists_a_key_twice_is_refused(desk: Desk):
    @task(version="1", per="source")
    def twice() -> list[tuple[str, str]]:
        return [("a", "one"), ("a", "two")]

    @pipeline
    def p():
        save(twice())

    with pytest.raises(RunError, match="lists 'a' twice"):
        desk.run(p)


@pytest.mark.parametrize("wrong", ["ab", ("a", "b", "c"), (1, "b"), None])
def test_a_source_yields_items_or_pairs(desk: Desk, wrong: Any):
    @task(version="1", per="source")
    def odd() -> list[Any]:
        return [wrong]

    @pipeline
    def p():
        save(odd())

    with pytest.raises(RunError, match=f"the source 'odd' yielded a {type(wrong).__name__}"):
        desk.run(p)


def test_a_source_that_became_empty_is_refused(desk: Desk):
    MAILS.update(a="one")
    desk.run(mailing)
    MAILS.clear()
    with pytest.raises(GuardError, match="lists no document, but 1 are in the index"):
        desk.run(mailing)
    assert changes(desk.run(mailing, allow_deletions=True)) == {"deleted": 1}


def test_a_source_may_have_parameters_resources_steps_and_be_asynchronous(desk: Desk):
    @resource
    def client(name: str = "c") -> str:
        return f"client {name}"

    @task(version="1", per="run")
    def account() -> str:
        return "me"

    @task(version="1", per="source")
    async def fetch(owner: str, *, name: str, client: Any = client) -> list[tuple[str, str]]:
        return [(f"{owner}/{name}", client)]

    @pipeline
    def p(name: str = "x"):
        save(fetch(account(), name=name))

    desk.run(p)
    assert desk.values() == {"me/x": ["client x"]}


def test_two_sources_with_equal_keys_never_meet(desk: Desk):
    shelf = Shelf(a="one", b="two")
    MAILS.update(a="one", c="three")

    @pipeline
    def p():
        save(read(shelf), table="t")
        save(mails.options(source="mail")(), table="m")

    assert changes(desk.run(p)) == {"added": 4}
    shelf.take("a")
    assert changes(desk.run(p)) == {"unchanged": 3, "deleted": 1}
    assert desk.values("m") == {"a": ["one"], "c": ["three"]}


def test_a_task_that_asks_for_items_depends_on_key_and_envelope(desk: Desk):
    MAILS.update(a=("one", {"from": "ann"}))

    @pipeline
    def p():
        save(look(mails()))

    desk.run(p)
    assert desk.values() == {"a": ["a: one {'from': 'ann'}"]}
    MAILS["a"] = ("one", {"from": "bob"})
    desk.run(p)
    assert desk.values() == {"a": ["a: one {'from': 'bob'}"]}
    MAILS["b"] = MAILS.pop("a")
    desk.run(p)
    assert desk.values() == {"b": ["b: one {'from': 'bob'}"]}
    CALLS.clear()
    MAILS["a"] = ("one", {"from": "ann"})
    desk.run(p)
    assert CALLS == []


def test_a_target_may_ask_for_items_and_resources(desk: Desk):

    @resource
    def ink() -> str:
        return "blue"

    @task(per="target", version="1", target="table", place="table")
    def note(item: Item[str], *, table: str = "t", ink: Any = ink) -> Row:
        return Row(value=f"{item.key}{item.envelope['place']} in {ink}", payload={"ink": ink})

    shelf = Shelf(a="one two")

    @pipeline
    def p():
        note(words(read(shelf)))

    desk.run(p)
    assert desk.values() == {"a": ["a0 in blue", "a1 in blue"]}
    assert desk.payloads()["a0 in blue"] == {"place": 0, "ink": "blue", "key": "a"}


def test_equal_parts_of_one_document_are_rows_of_their_own(desk: Desk):
    shelf = Shelf(a="x y x", b="x")

    @pipeline
    def p():
        save(words(read(shelf)))

    desk.run(p)
    assert desk.values() == {"a": ["x", "x", "y"], "b": ["x"]}
    rows = desk.rows()
    shelf.put("a", "x y")
    desk.run(p)
    assert desk.values() == {"a": ["x", "y"], "b": ["x"]}
    assert set(desk.rows()) < set(rows)


def test_a_stale_document_is_not_opened_before_a_memo_is_missing(desk: Desk):
    shelf = Shelf(a="one", b="two")

    @pipeline
    def p(size: int = 1):
        save(cutting(upper(read(shelf)), size=size))

    desk.run(p)
    shelf.loads.clear()
    CALLS.clear()
    assert changes(desk.run(p, size=2)) == {"stale": 2}
    assert shelf.loads == []
    assert CALLS == []
    assert desk.values() == {"a": ["ON"], "b": ["TW"]}


@task(version="1")
def cutting(text: str, *, size: int) -> str:
    return text[:size]


@task(version="1")
def first(text: str, *, size: int = 1) -> str:
    CALLS.append(text)
    return text[:size]


@task(version="1")
def beside(part: str, whole: str, *, size: int) -> str:
    return f"{part} of {whole}"


def test_a_content_that_changed_behind_its_token_is_walked_anew(desk: Desk):
    shelf = Shelf(a="one", b="two", c="three")

    @pipeline
    def p(size: int = 1):
        save(first(read(shelf), size=size))

    desk.run(p)
    shelf.put("b", "changed", silently=True)
    assert changes(desk.run(p)) == {"unchanged": 3}
    summary = desk.run(p, size=2)
    assert changes(summary) == {"stale": 2, "modified": 1}
    assert desk.values() == {"a": ["on"], "b": ["ch"], "c": ["th"]}
    assert changes(desk.run(p, size=2)) == {"unchanged": 3}


def test_it_is_walked_anew_once_though_several_of_its_calls_found_out(desk: Desk):
    """Each call that joins the document finds out; the first answer must be the only one."""
    shelf = Shelf(a="x y z")

    @pipeline
    def p(size: int = 1):
        documents = read(shelf)
        save(beside(words(documents), documents, size=size))

    desk.run(p)
    shelf.put("a", "p q r s", silently=True)
    shelf.loads.clear()
    assert changes(desk.run(p, size=2)) == {"modified": 1}
    assert desk.values() == {"a": [f"{letter} of p q r s" for letter in "pqrs"]}
    # Found out by calls of one document at the same time, walked anew once.
    assert len(shelf.loads) <= 1 + 3


def test_a_target_that_reads_the_document_finds_out_too(desk: Desk):
    shelf = Shelf(a="one", b="two")

    def run(version: str) -> dict[str, Any]:

        @task(per="target", version=version, target="table", place="table")
        def store(text: str, *, table: str = "t") -> Row:
            return Row(value=text)

        @pipeline
        def p():
            store(read(shelf))

        return desk.run(p)

    run("1")
    shelf.put("a", "changed", silently=True)
    assert changes(run("2")) == {"modified": 1, "stale": 1}
    assert desk.values() == {"a": ["changed"], "b": ["two"]}


def test_a_document_that_changed_while_its_model_did_is_read_again(desk: Desk):
    """Known to the ledger, new to the generation: what the ledger saw is not what is there."""
    shelf = Shelf(a="one", b="two")

    @pipeline(scope=[])
    def p(table: str = "t"):
        save(upper(read(shelf)), table=table)

    desk.run(p)
    shelf.put("a", "changed")
    desk.run(p, table="other")
    assert desk.values("other") == {"a": ["CHANGED"], "b": ["TWO"]}
