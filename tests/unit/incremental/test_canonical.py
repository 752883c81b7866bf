"""No two different plain values share a spelling, in any process."""

import math
import os
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from enum import Enum, IntEnum, StrEnum
from pathlib import Path, PurePosixPath
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ragflow import Secret
from ragflow.errors import FingerprintError
from ragflow.incremental.canonical import canonical, is_plain


class Colour(Enum):
    RED = 1
    BLUE = 2


class Number(IntEnum):
    ONE = 1


class Word(StrEnum):
    A = "a"


class Point(msgspec.Struct, frozen=True):
    x: Any
    y: Any = 0


class Place(msgspec.Struct, frozen=True):
    x: Any
    y: Any = 0


@dataclass(frozen=True)
class Pair:
    x: Any
    y: Any = 0


scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 12),
    st.integers(),
    st.floats(allow_nan=False),
    st.sampled_from([0.0, 1.0, -1.0]),
    st.text(max_size=3),
    st.sampled_from(["1", "1.0", "None", "True", "a", ""]),
    st.binary(max_size=3),
    st.dates(),
    st.datetimes(timezones=st.sampled_from([None, UTC, timezone(timedelta(hours=1))])),
    st.times(),
    st.timedeltas(),
    st.sampled_from([PurePosixPath("a"), PurePosixPath("a/b"), *Colour, Number.ONE, Word.A]),
    st.sampled_from([Secret("env:A"), Secret("env:B")]),
)
hashable = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.tuples(inner),
        st.tuples(inner, inner),
        st.frozensets(inner, max_size=2),
        st.builds(Point, inner, inner),
        st.builds(Pair, inner, inner),
    ),
    max_leaves=3,
)
values = st.recursive(
    hashable,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(hashable, inner, max_size=3),
        st.builds(Point, inner, inner),
        st.builds(Place, inner, inner),
    ),
    max_leaves=6,
)


def shown(value: Any) -> Any:
    """Return what tells a value from every other: its type, and what it is made of."""
    match value:
        case Enum():
            return (type(value).__name__, value.name)
        case float():
            return ("float", value.hex())
        case list() | tuple():
            return (type(value).__name__, tuple(map(shown, value)))
        case frozenset() | set():
            return ("set", frozenset(map(shown, value)))
        case dict():
            return ("dict", frozenset((shown(k), shown(v)) for k, v in value.items()))
        case Point() | Place() | Pair():
            return (type(value).__name__, shown(value.x), shown(value.y))
        case datetime() | time():
            return (type(value).__name__, value.isoformat())
        case _:
            return (type(value).__name__, value)


@settings(max_examples=250)
@given(values, values)
def test_equal_bytes_mean_equal_values(one, other):
    assert (canonical(one) == canonical(other)) == (shown(one) == shown(other))


@given(st.lists(values, max_size=4, unique_by=lambda value: repr(shown(value))))
def test_values_of_a_list_are_not_run_together(items):
    spelled = {canonical(items[:place]) for place in range(len(items) + 1)}
    spelled |= {canonical(tuple(items[:place])) for place in range(len(items) + 1)}
    spelled |= {canonical([items[:place], items[place:]]) for place in range(len(items) + 1)}
    assert len(spelled) == 3 * (len(items) + 1)


@given(st.dictionaries(hashable, values, max_size=5), st.randoms())
def test_the_order_of_a_mapping_does_not_count(mapping, random):
    pairs = list(mapping.items())
    random.shuffle(pairs)
    assert canonical(dict(pairs)) == canonical(mapping)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1, True),
        (1, 1.0),
        (0, False),
        (0.0, -0.0),
        ("1", 1),
        ("", None),
        ("", b""),
        ([], ()),
        ([], {}),
        (set(), []),
        (["ab"], ["a", "b"]),
        (["1", "23"], ["12", "3"]),
        ([["a"], "b"], [["a", "b"]]),
        ({"a": 1, "b": 2}, {"a": 2, "b": 1}),
        ({"a": {"b": 1}}, {"a": {}, "b": 1}),
        ("a", PurePosixPath("a")),
        (Word.A, "a"),
        (Number.ONE, 1),
        (Colour.RED, Colour.BLUE),
        (date(2024, 1, 1), datetime(2024, 1, 1)),  # noqa: DTZ001 - a naive one on purpose
        (datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 1, 1)),  # noqa: DTZ001
        (Point(1), Place(1)),
        (Point(1, 0), {"x": 1, "y": 0}),
        (Secret("env:A"), "env:A"),
    ],
)
def test_neighbours_are_told_apart(one, other):
    assert canonical(one) != canonical(other)


def test_what_a_member_of_an_enumeration_stands_for_counts():
    first = Enum("Depth", {"A": 1})
    second = Enum("Depth", {"A": 2})
    assert canonical(first.A) != canonical(second.A)


def test_what_is_equal_and_of_one_kind_is_spelled_alike():
    assert canonical(math.nan) == canonical(math.nan)
    assert canonical({1, 2}) == canonical(frozenset({2, 1}))
    assert canonical(b"a") == canonical(bytearray(b"a")) == canonical(memoryview(b"a"))
    assert canonical(Path("a/b")) == canonical(PurePosixPath("a/b"))
    assert canonical(10**6000) != canonical(10**6000 + 1)
    assert canonical("\udcff") != canonical("\udcfe")


circle: list[Any] = []
circle.append(circle)


@pytest.mark.parametrize("value", [object(), object, len, lambda: 1, [object()], {"a": 1j}])
def test_what_is_not_plain_is_refused_by_its_type(value):
    assert not is_plain(value)
    with pytest.raises(FingerprintError, match="cannot be fingerprinted") as raised:
        canonical(value)
    assert "plain values" in raised.value.hint


def test_what_holds_itself_is_not_plain():
    assert not is_plain(circle)


SCRIPT = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from ragflow.incremental.canonical import canonical
from ragflow.incremental.encoding import encode
from ragflow.incremental.fingerprint import fingerprint_plain
value = {"b": {3, 1, 2, "x"}, "a": [frozenset({"p", "q", "r"}), Path("a"), 1.5, None],
         ("t",): datetime(2024, 1, 1, tzinfo=UTC)}
print(canonical(value).hex(), fingerprint_plain(value).hex())
print(encode({"z": {"q", "p", "o"}, "a": {"y": 1, "x": 2}}).hex())
"""


def test_spellings_are_the_same_in_every_process():
    outputs = {
        subprocess.run(
            [sys.executable, "-c", SCRIPT],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("0", "1", "4242")
    }
    assert len(outputs) == 1
