"""Of what are tests of vector stores made? Rows, payloads, conditions."""

import math
import struct
from typing import Any

from ragflow.documents import Vector
from ragflow.interfaces.ingestion import StoredRow


def half(*components: float) -> Vector:
    """Return a vector of these components."""
    return Vector(struct.pack(f"<{len(components)}e", *components))


def unit(number: float) -> Vector:
    """Return a vector that points its own way for every number from 0 to 1."""
    return half(math.cos(number), math.sin(number), 0, 0)


def row(name: str, vector: Vector | None = None, /, text: str = "", **payload: Any) -> StoredRow:
    """Return a row with an id, a vector, and its payload as keywords."""
    return StoredRow(id=name, text=text, payload=payload, vectors={"": vector or unit(0.5)})


#: Payloads that databases are known to bend.
PAYLOADS: list[dict[str, Any]] = [
    {},
    {"none": None, "yes": True, "no": False, "zero": 0, "empty": "", "list": [], "object": {}},
    {"nested": {"deep": [{"er": [1, [2.5, None, "x"]]}], "": {"": None}}},
    {"mixed": ["a", 1, True, None, 2.5], "lists": [[1], ["a"]], "numbers": [1, 2.5]},
    {"big": 2**70, "negative": -(2**63), "float": 1e-300, "whole": 3.0, "minus": -0.0},
    {"": 1, "#document": 2, "$and": 3, ".x": 4, "chroma:document": 5, "row": 6, "id": 7},
    {"chroma:uri": "x", "document": "d", "uri": "u", "embedding": "e", "text": "t", "vector": "v"},
    {"nul\0key": "nul\0value", "emoji \U0001f600": "e\u0301 ≠ é", "lines": "a\r\nb\u2028c\t"},
    {"half a pair": "\ud800", "\udfff": ["\udc00"], "quote": "a'b\"c\\d%_", "json": '{"a": 1}'},
    {"long": "x" * 50_000, "k" * 500: 1},
]

#: Conditions, and which of the rows of `fruits` satisfy them.
CONDITIONS: list[tuple[Any, str]] = [
    (None, "abcde"),
    ({}, "abcde"),
    ({"name": "apple"}, "a"),
    ({"name": "Apple"}, ""),
    ({"name": {"$eq": "apple"}}, "a"),
    ({"name": "%"}, ""),
    ({"n": 1}, "a"),
    ({"n": 1.0}, "a"),
    ({"n": True}, "d"),
    ({"n": "1"}, "e"),
    ({"n": 2}, "b"),
    ({"n": 2.5}, "c"),
    ({"n": {"$gt": 1}}, "bc"),
    ({"n": {"$gte": 1, "$lt": 2.5}}, "ab"),
    ({"n": {"$lte": 2}}, "ab"),
    ({"n": {"$lt": 1.5}}, "a"),
    ({"n": {"$ne": 1}}, "bcde"),
    ({"n": {"$in": [1, 2.5, "1"]}}, "ace"),
    ({"n": {"$nin": [1, 2.5, "1"]}}, "bd"),
    ({"n": {"$in": []}}, ""),
    ({"n": {"$nin": []}}, "abcde"),
    ({"name": {"$in": [f"no {i}" for i in range(990)] + ["apple", "kiwi"]}}, "ac"),
    ({"tags": "red"}, "ab"),
    ({"tags": {"$in": ["red", "green"]}}, "abc"),
    ({"tags": {"$ne": "red"}}, "cde"),
    ({"tags": {"$nin": ["red", "green"]}}, "de"),
    ({"tags": {"$gt": 0}}, ""),
    ({"sizes": 1}, "a"),
    ({"sizes": 2.5}, "a"),
    ({"flags": True}, "a"),
    ({"flags": 1}, ""),
    ({"mixed": "a"}, ""),
    ({"nested": "a"}, ""),
    ({"nothing": {"$ne": "a"}}, "abcde"),
    ({"missing": 1}, ""),
    ({"missing": {"$ne": 1}}, "abcde"),
    ({"only": "here"}, "e"),
    ({"row": "x", "#document": "y", ".row": "z", "": "w"}, "e"),
    ({"name": "apple", "n": 1}, "a"),
    ({"name": "apple", "n": 2}, ""),
    ({"$or": [{"name": "apple"}, {"n": {"$gte": 2}}]}, "abc"),
    ({"$and": [{"tags": "red"}, {"$or": [{"n": 2}, {"name": "kiwi"}]}]}, "b"),
    ({"$or": [{"$and": [{"n": 1}, {"tags": "red"}]}], "sizes": 1}, "a"),
]

#: What is no condition, and a word that the error must hold.
NO_CONDITIONS: list[tuple[Any, str]] = [
    ({"n": {"$foo": 1}}, "foo"),
    ({"$not": {"n": 1}}, "not"),
    ({"n": {"$in": "abc"}}, "list"),
    ({"n": {"$gt": "a"}}, "number"),
    ({"n": {"$gt": True}}, "number"),
    ({"n": None}, "None"),
    ({"n": [1]}, r"\[1\]"),
    ({"n": {}}, "empty"),
    ({"n": {"$gt": math.nan}}, "nan"),
    ({"n": 2**63}, "9223372036854775808"),
    ({"n": "\ud800"}, "compared"),
    ({"\ud800": 1}, "key"),
    ({1: 1}, "1"),
    ({"$and": []}, "and"),
    ({"$or": {"n": 1}}, "or"),
    ({"$and": [1]}, "condition"),
    ({"n": {"$in": list(range(1001))}}, "1,000"),
]
