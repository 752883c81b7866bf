"""Which rows satisfy a condition? The small language of `where`, the same in every store.

``{"source": "handbook"}`` is equality; for an entry that is a list it means "contains".
``{"page": {"$gte": 2, "$lt": 9}}`` compares: ``$eq $ne $in $nin`` take texts, numbers and
booleans, ``$gt $gte $lt $lte`` numbers, and a list is never greater or less. Several entries
must all hold; ``$and`` and ``$or`` take lists of conditions. ``$ne`` and ``$nin`` are the
opposites of ``$eq`` and ``$in``, so a row without the entry satisfies them. Numbers are equal
by value (1 and 1.0), never to booleans. `fields` says which entries can be looked at.
"""

import math
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ragflow.errors import UsageError
from ragflow.stores.vectors.encoding import is_unicode
from ragflow.stores.vectors.fields import INTEGERS, Field, Scalar, kind

#: Conditions within conditions, and values of one ``$in``: what a database can still plan.
DEEPEST = 10
LONGEST = 1000

_ORDERS: Mapping[str, Callable[[float, float], bool]] = {
    "$gt": operator.gt,
    "$gte": operator.ge,
    "$lt": operator.lt,
    "$lte": operator.le,
}
_KNOWN = ("$eq", "$ne", "$in", "$nin", *_ORDERS, "$and", "$or")


@dataclass(frozen=True, slots=True)
class OneOf:
    """The entry equals, or as a list contains, one of the values."""

    key: str
    values: tuple[Scalar, ...]


@dataclass(frozen=True, slots=True)
class NoneOf:
    """The opposite of `OneOf`."""

    key: str
    values: tuple[Scalar, ...]


@dataclass(frozen=True, slots=True)
class Ordered:
    """The entry is a number that stands so to another."""

    key: str
    order: str
    number: float


@dataclass(frozen=True, slots=True)
class Every:
    """All of these hold."""

    parts: tuple["Condition", ...]


@dataclass(frozen=True, slots=True)
class Some:
    """At least one of these holds."""

    parts: tuple["Condition", ...]


Condition = OneOf | NoneOf | Ordered | Every | Some


def parse(where: Mapping[str, Any] | None) -> Condition | None:
    """Return the condition, or None if every row satisfies it; raises `UsageError`."""
    return _mapping(where, 1) if where else None


def satisfied(condition: Condition, row: Mapping[str, Field]) -> bool:
    """Whether a row of these fields satisfies the condition."""
    match condition:
        case Every(parts):
            return all(satisfied(part, row) for part in parts)
        case Some(parts):
            return any(satisfied(part, row) for part in parts)
        case NoneOf(key, values):
            return not satisfied(OneOf(key, values), row)
        case OneOf(key, values):
            there = row.get(key)
            held = there if isinstance(there, list) else [] if there is None else [there]
            return any(_equal(one, value) for one in held for value in values)
        case Ordered(key, order, number):
            there = row.get(key)
            if kind(there) is not float:
                return False
            assert isinstance(there, int | float)
            return _ORDERS[order](there, number)


def _equal(one: Scalar, other: Scalar) -> bool:
    return kind(one) is kind(other) and one == other


def _mapping(where: Any, depth: int) -> Condition:
    if not isinstance(where, Mapping) or not where:
        raise UsageError(
            f"where: {where!r} is no condition", hint='write {"key": value} or {"key": {"$gt": 1}}'
        )
    if depth > DEEPEST:
        raise UsageError(f"where: conditions lie more than {DEEPEST} deep in one another")
    parts = tuple(part for key, asked in where.items() for part in _entry(key, asked, depth))
    return parts[0] if len(parts) == 1 else Every(parts)


def _entry(key: Any, asked: Any, depth: int) -> list[Condition]:
    if not isinstance(key, str) or not is_unicode(key):
        raise UsageError(f"where: {key!r} is no key")
    if key in ("$and", "$or"):
        if not isinstance(asked, list | tuple) or not asked:
            raise UsageError(f"where: {key} takes a list of conditions, not {asked!r}")
        parts = tuple(_mapping(part, depth + 1) for part in asked)
        return [Every(parts) if key == "$and" else Some(parts)]
    if key.startswith("$"):
        raise _unknown(key)
    if not isinstance(asked, Mapping):
        return [OneOf(key, (_value(key, asked),))]
    if not asked:
        raise UsageError(f"where: the condition on {key!r} is empty")
    return [_comparison(key, word, operand) for word, operand in asked.items()]


def _comparison(key: str, word: str, operand: Any) -> Condition:
    if word in ("$eq", "$ne"):
        return _among(key, (_value(key, operand),), without=word == "$ne")
    if word in ("$in", "$nin"):
        if not isinstance(operand, list | tuple | set | frozenset):
            raise UsageError(f"where: {word} on {key!r} takes a list, not {operand!r}")
        if len(operand) > LONGEST:
            raise UsageError(f"where: {word} on {key!r} takes at most {LONGEST:,} values")
        values = tuple(_value(key, each) for each in operand)
        return _among(key, values, without=word == "$nin")
    if word in _ORDERS:
        if kind(operand) is not float:
            raise UsageError(f"where: {word} on {key!r} takes a number, not {operand!r}")
        number = _value(key, operand)
        assert isinstance(number, int | float)
        return Ordered(key, word, number)
    raise _unknown(word)


def _among(key: str, values: tuple[Scalar, ...], *, without: bool) -> Condition:
    return NoneOf(key, values) if without else OneOf(key, values)


def _value(key: str, value: Any) -> Scalar:
    if _is_comparable(value):
        scalar: Scalar = value
        return scalar
    raise UsageError(
        f"where: {key!r} cannot be compared with {value!r}",
        hint="compare with a text, a finite number of at most 64 bits, true or false",
    )


def _is_comparable(value: Any) -> bool:
    if isinstance(value, str):
        return is_unicode(value)
    if isinstance(value, float):
        return math.isfinite(value) and math.trunc(value) in INTEGERS
    return isinstance(value, bool) or (isinstance(value, int) and value in INTEGERS)


def _unknown(word: object) -> UsageError:
    return UsageError(f"where: unknown operator {word!r}", hint=f"known are {', '.join(_KNOWN)}")
