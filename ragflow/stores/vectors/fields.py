"""By what may a row be found?"""

from collections.abc import Mapping
from typing import Any

from ragflow.stores.vectors.encoding import is_unicode

Scalar = str | bool | int | float
Field = Scalar | list[str] | list[bool] | list[float]

#: The integers that a database keeps exactly.
INTEGERS = range(-(2**63), 2**63)
#: The integers that a float keeps exactly.
_EXACT = 2**53


def fields(payload: Mapping[str, Any]) -> dict[str, Field]:
    """Return what of a payload a condition can look at.

    That is texts, numbers and booleans, and lists whose elements are all texts, all numbers
    or all booleans. Everything else is kept but not looked at: null, objects, empty, mixed
    and nested lists, integers beyond 64 bits (in a list: beyond 2**53), and texts that are not
    valid Unicode.
    """
    found = {key: _field(value) for key, value in payload.items() if is_unicode(key)}
    return {key: value for key, value in found.items() if value is not None}


def kind(value: Any) -> type | None:
    """Return which values it may be compared with: `str`, `bool`, `float` for numbers."""
    if isinstance(value, bool):
        return bool
    if isinstance(value, int | float):
        return float
    return str if isinstance(value, str) else None


def _field(value: Any) -> Field | None:
    if isinstance(value, list | tuple):
        return _list(value)
    if isinstance(value, str):
        return value if is_unicode(value) else None
    if isinstance(value, bool | float):
        return value
    return value if isinstance(value, int) and value in INTEGERS else None


def _list(values: list[Any] | tuple[Any, ...]) -> list[str] | list[bool] | list[float] | None:
    kinds = {kind(each) for each in values}
    if kinds == {str}:
        return list(values) if all(map(is_unicode, values)) else None
    if kinds == {bool}:
        return list(values)
    if kinds == {float} and all(isinstance(n, float) or abs(n) <= _EXACT for n in values):
        return [float(each) for each in values]
    return None
