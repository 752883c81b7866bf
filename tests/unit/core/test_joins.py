"""Which items can be united, parted, or done without, is known while a pipeline is recorded."""

import pytest

from ragflow import Item, task
from ragflow.core.graph_builder import record
from ragflow.errors import HandleError, PipelineError
from ragflow.tasks import group, parent_folder, read, split
from tests.unit.core.recorded import (
    SOURCE,
    cut,
    extract,
    graph_of,
    join,
    refused,
    save,
    stamp,
    words,
)


@task(version="1")
def maybe(chunk: str) -> str | None: ...
@task(version="1")
def perhaps(one: str, other: str | None) -> str: ...
@task(version="1", per="batch")
def in_batches(ones: list[str], others: list[str | None]) -> list[str]: ...
@task(version="1")
def with_item(one: str, other: Item[str] | None) -> str: ...


def is_long(text: str) -> bool:
    return len(text) > 3


def test_both_sides_of_a_split_descend_from_what_was_split():
    def p():
        chunks = cut(read(SOURCE))
        good, poor = split(chunks, by=is_long)
        join(good, chunks)
        save(good | extract(poor))

    nodes = graph_of(p).nodes
    assert list(nodes) == ["read", "cut", "split", "split-2", "join", "extract", "union", "save"]
    assert {nodes[name].lineage for name in ("split", "split-2", "union")} == {("cut",)}
    assert {nodes[name].origin for name in nodes} == {"read"}
    assert (nodes["split"].subject.side, nodes["split-2"].subject.side) == (True, False)


def test_what_two_tasks_cut_apart_has_a_depth_of_its_own_when_united():
    def p():
        good, poor = split(extract(read(SOURCE)), by=is_long)
        united = cut(good) | words(poor)
        save(join(united, good))

    assert graph_of(p).nodes["union"].lineage == ("union",)

    def joined_with_one_side():
        good, poor = split(extract(read(SOURCE)), by=is_long)
        chunks = cut(good)
        join(chunks | words(poor), chunks)

    assert "cut has many items for each" in refused(joined_with_one_side)[0]


def test_only_items_of_one_source_and_depth_are_united():
    def two_sources():
        _ = extract(read(SOURCE)) | read(SOURCE, name="other")

    said, hint = refused(two_sources)
    assert "extract | read-2 unites what does not descend from the same source" in said
    assert "one source" in hint

    def two_depths():
        documents = read(SOURCE)
        _ = documents | cut(documents)

    assert (
        "read | cut unites parts of different depth: read and read -> cut" in refused(two_depths)[0]
    )
    for other in (stamp, lambda: 5):

        def no_items(other=other):
            _ = read(SOURCE) | other()

        assert "would unite what are no items" in refused(no_items, HandleError)[0]

    def groups():
        _ = group(read(SOURCE), by=parent_folder) | read(SOURCE, name="b")

    assert "would unite what are no items" in refused(groups, HandleError)[0]


def test_what_is_surely_there_on_both_sides_is_not_united():
    def p():
        documents = read(SOURCE)
        _ = extract(documents) | extract(extract(documents))

    said, hint = refused(p)
    assert "extract | extract-3 unites what is there on both sides" in said
    assert "split(...)" in hint

    def twice():
        documents = read(SOURCE)
        _ = documents | documents

    assert "read | read" in refused(twice)[0]

    def filtered():
        documents = read(SOURCE)
        _ = maybe(documents) | extract(documents)

    def rescued():
        documents = read(SOURCE)
        content = extract(documents)
        _ = content | extract.options(when="any_failed", after=content)(documents)

    for fine in (filtered, rescued):
        graph_of(fine)


def test_a_rule_that_could_never_hold_is_refused():
    said, hint = refused(lambda: extract.options(when="any_failed")(read(SOURCE)))
    assert "extract runs when something failed but comes after nothing that could fail" in said
    assert "after=extract" in hint
    assert "nothing that could fail" in refused(stamp.options(when="any_failed"))[0]


@pytest.mark.parametrize("when", ["none_failed", "any_succeeded", "any_failed", "all_done"])
def test_a_function_that_may_lack_what_is_joined_takes_none(when):
    def p(task):
        documents = read(SOURCE)
        task.options(when=when)(documents, extract(documents))

    said, hint = refused(lambda: p(join))
    assert (
        f"join runs {when!r} and may lack its other, what extract gives, but takes no None" in said
    )
    assert "| None" in hint
    assert "may be missing" in refused(lambda: p(with_item))[0]
    graph_of(lambda: p(perhaps))
    graph_of(lambda: p(in_batches))

    def what_is_always_there():
        documents = read(SOURCE)
        content = extract(documents)
        join.options(when=when, after=content)(content, documents)
        join.options(when=when, after=content)(content, stamp())

    graph_of(what_is_always_there)


def test_what_split_is_given_must_make_sense():
    with pytest.raises(PipelineError, match="outside of a pipeline"):
        split(None, by=is_long)  # type: ignore[call-overload]
    assert "split() takes items" in refused(lambda: split(stamp(), by=is_long), HandleError)[0]
    assert "by='good'" in refused(lambda: split(read(SOURCE), by="good"))[0]


def test_items_are_not_united_outside_of_their_pipeline():
    with record("p"):
        documents = read(SOURCE)
    with pytest.raises(HandleError, match="outside of its pipeline"):
        _ = documents | documents
