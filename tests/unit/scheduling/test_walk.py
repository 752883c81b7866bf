"""A walk says which calls one owner needs, given what came out so far."""

from collections.abc import Callable
from typing import Any

import pytest

from ragflow import Item, Part, task
from ragflow.core.graph_builder import record
from ragflow.core.shapes import Shape
from ragflow.core.source_reference import SourceReference
from ragflow.incremental.fingerprint import fingerprint_value
from ragflow.scheduling.calls import Call, Stop, perform, recall
from ragflow.scheduling.datum import Datum
from ragflow.scheduling.definitions import define
from ragflow.scheduling.walk import Ground, tasks_below, walk
from ragflow.tasks import read


@task(version="1")
def extract(document: str) -> str | None:
    return document.upper() or None


@task(version="1")
def cut(content: str) -> list[Part[str]]:
    return [Part(word, {"place": place}) for place, word in enumerate(content.split())]


@task(version="1")
def letters(chunk: str) -> list[str]:
    return list(chunk)


@task(version="1")
def vowels_only(letter: str) -> str | None:
    return letter if letter in "AEIOU" else None


@task(version="1")
def join(one: str, other: str) -> str:
    return f"{one}<{other}"


@task(version="1")
def look(item: Item[str]) -> str:
    return f"{item.key} {item.value} {dict(item.envelope)}"


@task(version="1", per="run")
def stamp() -> str:
    return "!"


def walked(
    function: Callable[[], Any], text: str, *, stops: dict[str, Exception] | None = None
) -> tuple[dict[str, Any], list[list[Call]]]:
    """Walk one owner with this text; return what came of it by task, and the calls asked for."""
    with record("p") as builder:
        function()
    graph = builder.graph()
    definitions = define(graph, {})
    steps = {
        node.name: Datum(fingerprint_value("!"), {}, value="!") for node in graph.shaped(Shape.STEP)
    }
    ground = Ground("read", tasks_below(graph.members("read")), definitions, steps)
    going = walk(ground, "k", Datum(fingerprint_value(text), {"from": "k"}, value=text))
    asked: list[list[Call]] = []
    outcomes: Any = None
    try:
        while True:
            calls = going.send(outcomes)
            asked.append(calls)
            outcomes = []
            for call in calls:
                if stops and call.node.name in stops:
                    outcomes.append(Stop(call.node.name, call.path, stops[call.node.name]))
                    continue
                kind = definitions.kinds[call.node.name]
                performed = perform(call, kind, {})
                assert performed.memo is not None
                again = recall(call, performed.memo, kind)
                assert [(d.fingerprint, d.envelope, d.value()) for d in again] == [
                    (d.fingerprint, d.envelope, d.value()) for d in performed.parts
                ]
                outcomes.append(again)
    except StopIteration as end:
        return end.value, asked


def values(tables: dict[str, Any], name: str) -> dict[Any, Any]:
    return {path: datum.value() for path, datum in tables[name].items()}


def documents() -> Any:
    return read(SourceReference("files", {}))


def test_one_gives_one_and_many_and_many_of_many():
    tables, asked = walked(lambda: letters(cut(extract(documents()))), "ab c")
    assert values(tables, "extract") == {(): "AB C"}
    assert values(tables, "cut") == {(0,): "AB", (1,): "C"}
    assert values(tables, "letters") == {(0, 0): "A", (0, 1): "B", (1, 0): "C"}
    assert [len(calls) for calls in asked] == [1, 1, 2]
    assert [call.path for call in asked[2]] == [(0,), (1,)]


def test_the_envelope_of_a_part_lies_over_that_of_what_it_was_cut_from():
    tables, _ = walked(lambda: letters(cut(extract(documents()))), "ab c")
    assert tables["extract"][()].envelope == {"from": "k"}
    assert tables["letters"][1, 0].envelope == {"from": "k", "place": 1}


def test_a_task_that_returns_none_filters_and_nothing_is_asked_below():
    tables, asked = walked(lambda: join(vowels_only(letters(cut(documents()))), stamp()), "XAY E")
    assert values(tables, "vowels_only") == {(0, 1): "A", (1, 0): "E"}
    assert values(tables, "join") == {(0, 1): "A<!", (1, 0): "E<!"}
    assert len(asked[-1]) == 2
    tables, asked = walked(lambda: cut(extract(documents())), "")
    assert tables["cut"] == {}
    assert len(asked) == 1


def test_parts_are_joined_with_their_ancestors():
    def p() -> None:
        content = extract(documents())
        chunks = cut(content)
        join(letters(chunks), content)
        join(letters(chunks), chunks)

    tables, _ = walked(p, "ab c")
    assert values(tables, "join") == {(0, 0): "A<AB C", (0, 1): "B<AB C", (1, 0): "C<AB C"}
    assert values(tables, "join-2") == {(0, 0): "A<AB", (0, 1): "B<AB", (1, 0): "C<C"}


def test_a_part_whose_ancestor_was_filtered_out_is_left_out():
    def p() -> None:
        chunks = cut(documents())
        join(chunks, vowels_only(chunks))

    tables, _ = walked(p, "A B E")
    assert values(tables, "join") == {(0,): "A<A", (2,): "E<E"}


def test_what_stops_stops_everything_below_it_and_nothing_else():
    def p() -> None:
        content = extract(documents())
        cut(content)
        letters(cut(content))
        join(content, content)

    error = ValueError("no")
    tables, asked = walked(p, "ab c", stops={"letters": error})
    assert {path: stop.part for path, stop in tables["letters"].items()} == {
        (0,): (0,),
        (1,): (1,),
    }
    assert values(tables, "join") == {(): "AB C<AB C"}
    tables, asked = walked(p, "ab c", stops={"extract": error})
    names = ("extract", "cut", "letters", "join")
    assert {tables[name][()].task for name in names} == {"extract"}
    assert len(asked) == 1


def test_a_task_that_asks_for_items_is_given_key_and_envelope():
    tables, _ = walked(lambda: look(cut(documents())), "a b")
    assert values(tables, "look") == {
        (0,): "k a {'from': 'k', 'place': 0}",
        (1,): "k b {'from': 'k', 'place': 1}",
    }


def test_calls_are_named_by_task_and_values_alone():
    def p() -> None:
        chunks = cut(documents())
        letters(chunks)
        letters(chunks)

    _, asked = walked(p, "a a b")
    first, second, third = (call.key for call in asked[1])
    assert first == second != third
    assert [call.key for call in asked[1]] == [call.key for call in asked[2]]


def test_the_name_of_a_call_that_asks_for_items_depends_on_key_and_envelope():
    _, asked = walked(lambda: look(cut(documents())), "a a")
    assert asked[1][0].key != asked[1][1].key


def test_a_call_that_is_not_remembered_is_known_by_itself():
    _, asked = walked(lambda: letters.options(memo=True)(cut(documents())), "a a")
    assert asked[1][0].ticket == asked[1][1].ticket
    with record("p") as builder:
        letters.options(memo=False)(cut(documents()))
    graph = builder.graph()
    ground = Ground("read", tasks_below(graph.members("read")), define(graph, {}), {})
    going = walk(ground, "k", Datum(b"f", {}, value="a a"))
    (call,) = next(going)
    pieces = [Datum(b"a", {}, value="a"), Datum(b"a", {}, value="a")]
    one, other = going.send([pieces])
    assert one.key is None
    assert len({call.ticket, one.ticket, other.ticket}) == 3


@pytest.mark.parametrize("text", ["", " "])
def test_a_walk_with_nothing_to_ask_ends_at_once(text):
    tables, asked = walked(lambda: letters(cut(documents())), text)
    assert tables["letters"] == {}
    assert [len(calls) for calls in asked] == [1]
