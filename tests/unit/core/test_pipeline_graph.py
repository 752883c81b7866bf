"""What a pipeline function records, and which recordings make no sense."""

from typing import Any

import pytest

from ragflow import Item, Members, resource, task
from ragflow.core.graph_builder import record
from ragflow.core.shapes import Shape
from ragflow.errors import HandleError, ParameterError, PipelineError
from ragflow.tasks import files, group, parent_folder, read, split
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


@task(version="1", per="group")
def summarize(members: Members[str]) -> str: ...
@task(version="1", per="run")
def after_stamp(value: str) -> str: ...
@task(version="1", per="source")
def mails() -> list[Item[str]]: ...


def test_nodes_come_in_the_order_of_the_calls_each_after_what_it_is_given():
    def p():
        documents = read(SOURCE)
        content = extract(documents, size=5)
        save(cut(content), table="x")

    graph = graph_of(p)
    assert list(graph.nodes) == ["read", "extract", "cut", "save"]
    assert graph.nodes["extract"].parameters == {"size": 5}
    assert graph.nodes["save"].end == "table:x"
    assert [node.name for node in graph.ends] == ["save"]
    assert [node.name for node in graph.upstream("cut")] == ["read", "extract", "cut"]
    assert [node.name for node in graph.order()] == ["read", "extract", "cut", "save"]
    assert {node.origin for node in graph.nodes.values()} == {"read"}
    assert graph.nodes["save"].lineage == ("cut",)


def test_loops_and_helpers_are_just_python_and_twins_get_numbers():
    def p():
        documents = read(SOURCE)
        for table in ("a", "b"):
            save(extract(documents), table=table)

    graph = graph_of(p)
    assert list(graph.nodes) == ["read", "extract", "save", "extract-2", "save-2"]
    assert [node.end for node in graph.ends] == ["table:a", "table:b"]


def test_data_are_positional_and_parameters_are_keywords():
    def keyword():
        extract(document=read(SOURCE))

    said, hint = refused(keyword)
    assert "takes 1 positional data (document), not 0" in said
    assert "data are positional" in hint

    def handle_as_parameter():
        documents = read(SOURCE)
        extract(documents, size=documents)

    said, hint = refused(handle_as_parameter, HandleError)
    assert "size= was given <Items of 'read'>" in said
    assert "data are positional" in hint

    def value_as_data():
        extract("a text")

    said, hint = refused(value_as_data, HandleError)
    assert "document was given 'a text', which no task made" in said
    assert "keyword" in hint

    def parameter_as_data():
        extract(read(SOURCE), 5)

    said, _ = refused(parameter_as_data, HandleError)
    assert "argument 2 was given 5" in said


def test_an_unknown_or_ill_typed_parameter_is_refused_where_it_is_written():
    said, hint = refused(lambda: extract(read(SOURCE), sise=5), ParameterError)
    assert "the task extract has no parameter 'sise'" in said
    assert hint == "did you mean 'size'?"
    said, hint = refused(lambda: extract(read(SOURCE), size="five"), ParameterError)
    assert "'five' is no int for the parameter 'size'" in said


def test_items_join_with_what_they_descend_from():
    def p():
        content = extract(read(SOURCE))
        chunks = cut(content)
        join(chunks, content)
        pieces = words(chunks)
        join(join(pieces, chunks), content)
        join(chunks, chunks)

    assert graph_of(p).nodes["join-2"].lineage == ("cut", "words")


def test_items_do_not_join_what_is_many_for_each_of_them_and_the_error_names_the_path():
    def p():
        content = extract(read(SOURCE))
        join(content, cut(content))

    said, hint = refused(p)
    assert "join runs over extract but cut has many items for each" in said
    assert "read -> extract -> cut" in said
    assert "make cut the first argument" in hint


def test_two_cuts_of_one_document_do_not_join():
    def p():
        content = extract(read(SOURCE))
        join(cut(content), cut(content))

    said, _ = refused(p)
    assert "read -> extract -> cut-2" in said


def test_items_of_two_sources_do_not_join_and_the_error_names_both_paths():
    def p():
        first = extract(read(SOURCE))
        second = cut(extract(read(SOURCE, name="mail")))
        join(first, second)

    said, hint = refused(p)
    assert "read -> extract and read-2 -> extract-2 -> cut" in said
    assert "one source" in hint


def test_a_step_goes_to_every_call_but_is_not_run_over():
    def p():
        join(extract(read(SOURCE)), stamp())

    assert graph_of(p).nodes["join"].origin == "read"
    said, _ = refused(lambda: extract(stamp()))
    assert "which is one value, not items" in said
    said, hint = refused(lambda: after_stamp(read(SOURCE)))
    assert "is given the items of read" in said
    assert "group(...)" in hint


def test_nothing_comes_out_of_a_target():
    said, hint = refused(lambda: extract(save(read(SOURCE))))
    assert "save, a target: nothing comes out of it" in said
    assert "after=" in hint

    def joined():
        documents = read(SOURCE)
        join(documents, save(documents))

    assert "a target" in refused(joined)[0]


def test_two_targets_do_not_write_one_place():
    def p():
        documents = read(SOURCE)
        save(documents)
        save(extract(documents))

    with record("p") as builder:
        p()
    with pytest.raises(PipelineError, match="save and save-2 both write table:t") as raised:
        builder.graph()
    assert "two collections" in raised.value.hint


def test_a_source_needs_a_name_from_the_second_on():
    def p():
        read(SOURCE)
        read(SOURCE)

    said, hint = refused(p)
    assert "the second source has no name" in said
    assert 'read(..., name="mail")' in hint

    def twice():
        read(SOURCE, name="mail")
        mails.options(source="mail")()

    said, hint = refused(twice)
    assert "two sources are named 'mail'" in said
    assert 'options(source="mail")' in hint

    def told_apart():
        read(SOURCE)
        read(SOURCE, name="other")
        mails.options(source="mail")()

    graph = graph_of(told_apart)
    assert [node.source for node in graph.nodes.values()] == ["", "other", "mail"]


def test_groups_are_a_source_of_their_own_named_after_the_function():
    def p():
        content = extract(read(SOURCE))
        save(summarize(group(content, by=parent_folder)))
        group(content, by=parent_folder, name="again")

    graph = graph_of(p)
    assert graph.nodes["group"].source == "group:parent_folder"
    assert graph.nodes["group-2"].source == "group:again"
    assert graph.nodes["summarize"].origin == "group"
    assert [node.name for node in graph.shaped(Shape.GROUPING)] == ["group", "group-2"]


def test_a_group_task_runs_over_groups_and_every_other_over_items():
    said, hint = refused(lambda: summarize(read(SOURCE)))
    assert "summarize (per='group') cannot run over read" in said
    assert "group(...)" in hint
    said, _ = refused(lambda: extract(group(read(SOURCE), by=parent_folder)))
    assert "extract (per='item') cannot run over group" in said
    said, _ = refused(lambda: group(stamp(), by=parent_folder), HandleError)
    assert "group() takes items" in said


def test_a_grouping_function_without_a_name_needs_one():
    class Named:
        def __call__(self, item: Item[Any]) -> str: ...

    said, hint = refused(lambda: group(read(SOURCE), by=Named()))
    assert "has no name" in said
    assert "name=" in hint


def test_what_read_is_given_must_be_a_source():
    for nothing in ("docs", None, {"folder": "docs"}):
        said, hint = refused(lambda nothing=nothing: read(nothing))
        assert f"read() was given {nothing!r}, which is no source" in said
        assert 'files("docs")' in hint


def test_outside_of_a_pipeline_there_is_nothing_to_read_or_group():
    with pytest.raises(PipelineError, match="outside of a pipeline"):
        read(SOURCE)
    with pytest.raises(PipelineError, match="outside of a pipeline"):
        group(None, by=parent_folder)  # type: ignore[arg-type]


def test_files_take_one_pattern_or_several():
    assert files("docs", include="*.md").parameters["include"] == ("*.md",)
    assert files("docs", exclude=["a", "b"]).parameters["exclude"] == ("a", "b")
    assert files("docs", hidden=True).parameters == {"folder": "docs", "hidden": True}


@resource
def model(name: str = "m"): ...


@task(version="1")
def embed(text: str, *, name: str = "a", model: Any = model) -> str: ...


def test_a_resource_takes_the_parameters_of_its_task_unless_bound():
    def p():
        documents = read(SOURCE)
        embed(documents)
        embed(documents, name="b")
        embed(documents, name="b", model=model(name="c"))

    nodes = graph_of(p).nodes
    assert nodes["embed"].identities() == {"model": ["model", {"name": "a"}]}
    assert nodes["embed-2"].identities() == {"model": ["model", {"name": "b"}]}
    assert nodes["embed-3"].identities() == {"model": ["model", {"name": "c"}]}


def test_only_a_resource_stands_for_a_resource():
    said, hint = refused(lambda: embed(read(SOURCE), model="m"))
    assert "model= is a resource and was given 'm'" in said
    assert "@resource" in hint
    said, hint = refused(lambda: embed(read(SOURCE), modle=model()), ParameterError)
    assert "no parameter 'modle'" in said
    said, hint = refused(lambda: embed(read(SOURCE), model=model(nam="c")), ParameterError)
    assert hint == "did you mean 'name'?"


def test_after_waits_for_what_is_over_before_and_refuses_what_is_not():
    def fine():
        ready = stamp()
        documents = read(SOURCE)
        end = save(extract.options(after=ready)(documents))
        other = read(SOURCE, name="other")
        extract.options(after=end)(other)
        stamp.options(after=[end, other])()

    graph = graph_of(fine)
    assert graph.nodes["extract-2"].after == ("save",)
    assert graph.early == {"stamp"}

    def target_of_the_same_items():
        documents = read(SOURCE)
        extract.options(after=save(documents))(documents)

    def late_step():
        documents = read(SOURCE)
        late = stamp.options(after=documents)()
        join(extract(documents), late)

    def waits_for_late_step():
        documents = read(SOURCE)
        late = stamp.options(after=documents)()
        extract.options(after=late)(documents)

    def later_source():
        documents = read(SOURCE)
        other = read(SOURCE, name="other")
        extract.options(after=other)(documents)

    for circle in (target_of_the_same_items, late_step, waits_for_late_step, later_source):
        with record("p") as builder:
            circle()
        with pytest.raises(PipelineError, match="over only after it"):
            builder.graph()


def test_a_late_step_may_feed_another_step():
    def p():
        first = stamp.options(after=save(read(SOURCE)))()
        after_stamp(first)

    graph = graph_of(p)
    assert graph.early == frozenset()


def test_a_task_may_wait_for_what_became_of_the_same_items():
    def p():
        documents = read(SOURCE)
        content = extract.options(after=cut(documents))(documents)
        save(content)

    graph = graph_of(p)
    assert graph.nodes["extract"].after == ("cut",)
    assert [node.name for node in graph.upstream("save")] == ["read", "cut", "extract", "save"]


def test_a_task_that_only_a_split_or_a_union_is_given_is_a_leaf():
    def leaves(function):
        return [node.name for node in graph_of(function).leaves]

    def is_long(content: str) -> bool: ...

    def ends():
        good, poor = split(extract(read(SOURCE)), by=is_long)
        united = extract(good) | extract(poor)
        split(united, by=is_long)

    def goes_on():
        good, poor = split(extract(read(SOURCE)), by=is_long)
        cut(extract(good) | extract(poor))

    assert leaves(ends) == ["extract-2", "extract-3"]
    assert leaves(goes_on) == ["cut"]
