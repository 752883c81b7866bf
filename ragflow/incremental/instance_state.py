"""What does an instance of an own class hold?"""

import functools
from collections.abc import Mapping
from typing import Any

import msgspec

from ragflow.incremental.own_code import is_own

#: Built-in types that own classes are made from, with what an instance is beside its attributes.
_MADE_FROM: tuple[type[Any], ...] = (str, int, float, bytes)
_CONTAINERS = (list, tuple, set, frozenset)
#: A type that says how it is copied may hold more than attributes.
_COPIED_BY = ("__reduce__", "__reduce_ex__", "__getnewargs__", "__getnewargs_ex__")
#: Of names between two underscores, those under which a library keeps what a user said.
_KEPT = frozenset({"__wrapped__", "__pydantic_private__", "__pydantic_extra__"})


def state_of(value: Any) -> Mapping[str, Any] | None:
    """Return the attributes of an instance, and what it is as a text, number or container.

    None where part of it cannot be seen.
    """
    found = dict(getattr(value, "__dict__", {}))
    for kind in type(value).__mro__:
        names = vars(kind).get("__slots__", ())
        for name in (names,) if isinstance(names, str) else names:
            hidden = name.startswith("__") and not name.endswith("__")
            name = f"_{kind.__name__.lstrip('_')}{name}" if hidden else name  # noqa: PLW2901
            if name not in ("__dict__", "__weakref__") and hasattr(value, name):
                found[name] = getattr(value, name)
    if isinstance(value, msgspec.Struct):
        found |= {name: getattr(value, name) for name in value.__struct_fields__}
    # What a decorator copied from what it wraps says nothing of this, and what a property
    # remembered says nothing new.
    state = {
        name: part
        for name, part in found.items()
        if (not name.startswith("__") or name in _KEPT)
        and not isinstance(getattr(type(value), name, None), functools.cached_property)
    }
    made_from = _as_made_from(value)
    return None if made_from is None else state | made_from


def _as_made_from(value: Any) -> dict[str, Any] | None:
    """Return what an instance is beside its attributes; None where that cannot be seen."""
    if isinstance(value, dict):
        return {"items of it": dict(value)}
    if isinstance(value, _CONTAINERS):
        plain = next(kind for kind in _CONTAINERS if isinstance(value, kind))
        return {"items of it": plain(value)}
    if isinstance(value, BaseException):
        return {"args": value.args}
    for base in _MADE_FROM:
        if isinstance(value, base):
            return {"value": base(value)}
    if isinstance(value, msgspec.Struct) or not _is_copied_otherwise(type(value)):
        return {}
    # A date, a Decimal, an array: as it would be copied.
    try:
        _, made_of, state, *items = (*value.__reduce_ex__(4), None, None)[:5]
    except TypeError:
        return None
    parts = [None if each is None else [*each] for each in items]
    return {"made of": made_of, "copied": state, "items of it": parts}


def _is_copied_otherwise(kind: type) -> bool:
    return any(
        name in vars(base)
        for base in kind.__mro__
        if base is not object and not is_own(base)
        for name in _COPIED_BY
    )
