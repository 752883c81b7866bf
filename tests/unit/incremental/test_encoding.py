"""A value encoded once is what is hashed, sent and kept; decoded it is the value again."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragflow.documents import Chunk, Content, Document, Element, ElementKind, Page, Vector
from ragflow.errors import FingerprintError
from ragflow.incremental.encoding import decoder, encode, keeps_order, normal
from ragflow.incremental.fingerprint import (
    fingerprint,
    fingerprint_call,
    fingerprint_encoded,
    fingerprint_input,
    fingerprint_task,
    fingerprint_value,
    row_id,
)
from ragflow.incremental.memo import pack, unpack

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
numbers = st.integers(0, 2**40)
elements = st.builds(
    Element,
    kind=st.sampled_from(get_args(ElementKind)),
    start=numbers,
    end=numbers,
    level=st.integers(0, 6),
    page=st.none() | numbers,
    boxes=st.lists(st.tuples(*[st.floats(allow_nan=False)] * 4), max_size=2).map(tuple),
    language=st.none() | texts,
    obtained=st.sampled_from(["text", "ocr"]),
    confidence=st.none() | st.floats(0, 1),
    cells=st.lists(st.lists(texts, max_size=2).map(tuple), max_size=2).map(tuple),
)
pages = st.builds(
    Page,
    number=numbers,
    start=numbers,
    end=numbers,
    size=st.none() | st.tuples(st.floats(0, 1e4), st.floats(0, 1e4)),
)
contents = st.builds(
    Content,
    text=texts,
    elements=st.lists(elements, max_size=3).map(tuple),
    pages=st.lists(pages, max_size=2).map(tuple),
    title=st.none() | texts,
    language=st.none() | texts,
    notes=st.lists(texts, max_size=2).map(tuple),
)
chunks = st.builds(Chunk, texts, st.none() | texts)
vectors = st.builds(Vector, st.binary(max_size=64).map(lambda data: data[: len(data) // 2 * 2]))


@given(contents | chunks | vectors)
def test_what_was_encoded_decodes_to_the_same_value(value):
    data = encode(value)
    again = decoder(type(value))(data)
    assert again == value
    assert encode(again) == data
    assert fingerprint_value(again) == fingerprint_value(value)


@given(chunks, chunks)
def test_different_values_have_different_names(one, other):
    assert (fingerprint_value(one) == fingerprint_value(other)) == (one == other)


def test_the_type_counts_in_the_name_of_a_value():
    assert encode("a") == encode("a")
    assert fingerprint_value("a", "Text") != fingerprint_value("a", "Word")
    assert fingerprint_encoded("str", encode("a")) == fingerprint_value("a")


def test_the_order_of_mappings_and_sets_does_not_count():
    assert encode({"a": 1, "b": {"y": 1, "x": 2}}) == encode({"b": {"x": 2, "y": 1}, "a": 1})
    assert encode({"c", "a", "b"}) == encode({"b", "c", "a"})


def test_what_cannot_be_read_back_is_refused_by_its_type():
    class Own: ...

    with pytest.raises(FingerprintError, match=r"a value of type .*Own cannot be encoded"):
        encode([Own()])
    with pytest.raises(FingerprintError):
        encode(Document.of(b"", "text/plain"))


@dataclass
class Person:
    name: str


def test_dataclasses_are_values():
    assert decoder(Person)(encode(Person("a"))) == Person("a")


plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False) | texts,
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.tuples(inner, inner)
        | st.dictionaries(texts, inner, max_size=2)
    ),
    max_leaves=5,
)


@given(st.dictionaries(texts, plain, max_size=4))
def test_a_normal_mapping_stays_what_it_is(envelope):
    once = normal(envelope)
    assert normal(once) == once
    assert encode(once) == encode(envelope)
    assert unpack(pack([(b"v", envelope)])) == [(b"v", once)]


def test_a_mapping_becomes_what_a_memo_gives_back():
    assert normal({"span": (1, 2), "at": datetime(2024, 1, 1, tzinfo=UTC)}) == {
        "span": [1, 2],
        "at": datetime(2024, 1, 1, tzinfo=UTC),
    }


@pytest.mark.parametrize("envelope", [{1: "a"}, {"a": object()}])
def test_a_mapping_that_cannot_be_kept_is_refused(envelope):
    with pytest.raises(FingerprintError):
        normal(envelope)


def test_names_of_different_kinds_never_meet():
    parts = (b"a", b"b")
    names = [fingerprint(domain, parts) for domain in ("value", "call", "task", "row", "input")]
    assert len(set(names)) == 5
    assert {len(name) for name in names} == {20}


@given(st.lists(st.binary(max_size=3), max_size=4), st.lists(st.binary(max_size=3), max_size=4))
def test_parts_are_not_run_together(one, other):
    assert (fingerprint("value", one) == fingerprint("value", other)) == (one == other)


def test_a_call_is_named_by_its_task_and_its_inputs_in_order():
    task = fingerprint_task(b"code", {"size": 1}, {})
    assert task != fingerprint_task(b"code", {"size": 2}, {})
    assert task != fingerprint_task(b"code", {}, {"size": 1})
    assert task != fingerprint_task(b"other", {"size": 1}, {})
    one, other = fingerprint_value("a"), fingerprint_value("b")
    assert fingerprint_call(task, [one, other]) != fingerprint_call(task, [other, one])


def test_an_input_is_content_and_metadata():
    first = fingerprint_input(b"c", {"a": 1, "b": 2})
    assert first == fingerprint_input(b"c", {"b": 2, "a": 1})
    assert first != fingerprint_input(b"c", {"a": 1})
    assert first != fingerprint_input(b"d", {"a": 1, "b": 2})


def test_a_row_is_named_by_instance_source_owner_content_and_occurrence():
    place: dict[str, Any] = {
        "instance": b"i",
        "source": "s",
        "key": "k",
        "value": b"v",
        "occurrence": 1,
    }
    name = row_id(**place)
    assert name == row_id(**place)
    assert len(name) == 32
    assert int(name, 16) >= 0
    others = {"instance": b"j", "source": "t", "key": "l", "value": b"w", "occurrence": 2}
    names = {row_id(**{**place, part: other}) for part, other in others.items()}
    assert len(names | {name}) == 6
    assert row_id(**{**place, "source": "sk", "key": ""}) != row_id(**{**place, "key": "k"})
    row_id(**{**place, "key": "\udcff"})


@pytest.mark.parametrize("value", [{1: "a"}, [{("a",): 1}], 2**70, "\udcff"])
def test_what_messagepack_cannot_say_is_refused(value):
    with pytest.raises(FingerprintError, match="cannot be encoded"):
        encode(value)


class Node(msgspec.Struct):
    name: str
    children: list["Node"] = []
    weights: tuple[int, ...] = ()


class Leaf(msgspec.Struct):
    inner: list[dict[str, int]]


@pytest.mark.parametrize(
    ("kind", "kept"),
    [
        (str, True),
        (Content, True),
        (Vector, True),
        (Person, True),
        (Node, True),
        (tuple[int, str], True),
        (list[str | None], True),
        (dict[str, int], False),
        (list[set[str]], False),
        (Leaf, False),
        (Any, False),
        (list, False),
    ],
)
def test_what_comes_back_in_another_order_is_known_by_its_type(kind, kept):
    assert keeps_order(kind) is kept
