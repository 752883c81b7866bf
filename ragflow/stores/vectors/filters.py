"""What is a condition in the words of Chroma, and what does Chroma keep to answer it?"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from ragflow.stores.vectors.fields import Field, Scalar, kind
from ragflow.stores.vectors.where import Condition, Every, NoneOf, OneOf, Ordered, Some

#: The entry of Chroma's metadata that holds the whole row.
BODY = "row"
_RESERVED = ("#", "$", ".", "chroma:")
#: SQLite plans an expression of at most 1,000 levels, and Chroma makes a level of every part.
_FAN = 30

Filter = dict[str, Any]


def metadata(body: str, fields: Mapping[str, Field]) -> dict[str, Any]:
    """Return what Chroma keeps for a row: its body, and the fields it may be found by."""
    return {BODY: body} | {_key(key): value for key, value in fields.items()}


def to_filter(condition: Condition) -> Filter:
    """Return the filter that exactly the rows satisfy which satisfy the condition."""
    match condition:
        case Every(parts):
            return _joined("$and", [to_filter(part) for part in parts])
        case Some(parts):
            return _joined("$or", [to_filter(part) for part in parts])
        case Ordered(key, order, number):
            return _ordered(_key(key), order, number)
        case OneOf(key, values):
            return _among(_key(key), values)
        case NoneOf(key, values):
            return _not_among(_key(key), values)


def _key(key: str) -> str:
    plain = key and key != BODY and not key.startswith(_RESERVED)
    return key if plain else f".{key}"


def _among(key: str, values: Sequence[Scalar]) -> Filter:
    if not values:
        return {BODY: ""}
    alike, fractions = _parted(values)
    parts: list[Filter] = [{key: {"$in": each}} for each in alike]
    for value in fractions:
        between = [{key: {"$gt": math.floor(value)}}, {key: {"$lt": math.ceil(value)}}]
        parts.append({"$and": [{key: value}, *between]})
    parts += [{key: {"$contains": value}} for value in _elements(values)]
    return _joined("$or", parts)


def _not_among(key: str, values: Sequence[Scalar]) -> Filter:
    if not values:
        return {BODY: {"$ne": ""}}
    alike, fractions = _parted(values)
    parts: list[Filter] = [{key: {"$nin": each}} for each in alike]
    for value in fractions:
        beyond = [{key: {"$lte": math.floor(value)}}, {key: {"$gte": math.ceil(value)}}]
        parts.append({"$or": [{key: {"$ne": value}}, *beyond]})
    parts += [{key: {"$not_contains": value}} for value in _elements(values)]
    return _joined("$and", parts)


def _ordered(key: str, order: str, number: float) -> Filter:
    if float(number).is_integer():
        return {key: {order: int(number)}}
    if order in ("$gt", "$gte"):
        beyond, side = {"$gte": math.ceil(number)}, {"$gt": math.floor(number)}
    else:
        beyond, side = {"$lte": math.floor(number)}, {"$lt": math.ceil(number)}
    return {"$or": [{key: beyond}, {"$and": [{key: {order: number}}, {key: side}]}]}


def _parted(values: Sequence[Scalar]) -> tuple[list[list[Scalar]], list[float]]:
    """Part values into lists of one type, as Chroma wants them, and fractions.

    Chroma compares a fraction with integers by cutting it off: 2 would equal 2.5.
    """
    alike: dict[type, list[Scalar]] = {}
    fractions: list[float] = []
    for value in values:
        if isinstance(value, float) and not value.is_integer():
            fractions.append(value)
        else:
            whole = int(value) if isinstance(value, float) else value
            alike.setdefault(type(whole), []).append(whole)
    return list(alike.values()), fractions


def _elements(values: Sequence[Scalar]) -> list[Scalar]:
    """Return the values as elements of a list are kept: numbers as floats."""
    return [float(value) if kind(value) is float else value for value in values]


def _joined(word: Literal["$and", "$or"], parts: list[Filter]) -> Filter:
    while len(parts) > 1:
        groups = [parts[begin : begin + _FAN] for begin in range(0, len(parts), _FAN)]
        parts = [{word: group} if len(group) > 1 else group[0] for group in groups]
    return parts[0]
