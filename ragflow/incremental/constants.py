"""By which bytes do values count that are neither plain nor own code, but common in code?"""

import inspect
import re
import sys
from collections.abc import Iterator, Mapping
from datetime import tzinfo
from types import GenericAlias, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from ragflow.incremental.canonical import canonical
from ragflow.incremental.own_code import is_own

#: A value that nothing in it could change, so that its bytes say it all.
_ATOMS = frozenset({type(None), bool, int, float, str, bytes})
#: Containers in containers beyond this are gone through one by one.
_DEEPEST = 50
_LOGGERS = frozenset({"logging.Logger", "logging.LoggerAdapter", "logging.RootLogger"})
#: Types whose instances show themselves whole; by name, as importing them takes long.
_SHOWN = frozenset(
    {
        "builtins.complex",
        "builtins.range",
        "decimal.Decimal",
        "fractions.Fraction",
        "operator.attrgetter",
        "operator.itemgetter",
        "operator.methodcaller",
        "uuid.UUID",
    }
)


def is_simple(value: Any, depth: int = 0) -> bool:
    """Tell whether a value is made of numbers, texts, bytes and built-in containers alone."""
    kind = type(value)
    if kind in _ATOMS:
        return True
    if depth > _DEEPEST:  # by a number, as where Python gives up depends on who called
        return False
    if kind in (list, tuple, set, frozenset):
        return all(is_simple(each, depth + 1) for each in value)
    if kind is dict:
        return all(is_simple(k, depth + 1) and is_simple(v, depth + 1) for k, v in value.items())
    return False


def is_fixed(value: Any) -> bool:
    """Tell whether a value is simple and cannot be changed in its place."""
    kind = type(value)
    return kind in _ATOMS or (
        kind in (tuple, frozenset) and is_simple(value) and all(map(is_fixed, value))
    )


def spelled_simple(value: Any) -> bytes:
    """Return the bytes of a simple value; code may go through a dict, so its order counts."""
    kind = type(value)
    if kind is dict:
        members = [spelled_simple(each) for pair in value.items() for each in pair]
    elif kind in (list, tuple):
        members = [spelled_simple(each) for each in value]
    else:
        return canonical(value)
    return kind.__name__.encode() + canonical(members)


def spelled_constant(value: Any) -> bytes | None:
    """Return the bytes that name a value of one of a few types, else None."""
    if isinstance(value, re.Pattern):
        return canonical([value.pattern, value.flags])
    name = f"{type(value).__module__}.{type(value).__qualname__}"
    if name in _LOGGERS:
        return b"logger"
    if name in _SHOWN or (isinstance(value, tzinfo) and not is_own(type(value))):
        return repr(value).encode()
    if value is ... or value is NotImplemented:
        return repr(value).encode()
    if inspect.ismethoddescriptor(value) and type(value).__module__ == "builtins":
        return None if hasattr(value, "__func__") else repr(value).encode()  # str.lower
    return None


def installed_name(value: Any) -> str | None:
    """Return the name under which a module that is loaded holds this very value."""
    module = getattr(value, "__module__", None) or getattr(type(value), "__module__", None)
    name = getattr(value, "__qualname__", None) or getattr(value, "__name__", None)
    if not isinstance(module, str) or not isinstance(name, str) or module not in sys.modules:
        return None
    return f"{module}:{name}" if getattr(sys.modules[module], name, None) is value else None


def spelled_type(hint: Any) -> str:
    """Return an annotation as it would be written, whether or not it is written as text."""
    if isinstance(hint, str):
        return hint
    if hint is None or hint is type(None):
        return "None"
    if isinstance(hint, UnionType) or get_origin(hint) is Union:
        return " | ".join(map(spelled_type, get_args(hint)))
    if isinstance(hint, type) and not get_args(hint):
        return hint.__qualname__
    if isinstance(hint, list | tuple):
        return f"[{', '.join(map(spelled_type, hint))}]"
    if hint is ...:
        return "..."
    if get_args(hint) and get_origin(hint) is not Literal:
        inside = ", ".join(map(spelled_type, get_args(hint)))
        return f"{spelled_type(get_origin(hint))}[{inside}]"
    shown = repr(hint)
    # Where a thing lies in memory is another place in every process.
    return shown if " at 0x" not in shown else type(hint).__qualname__


def parts_of_type(hint: Any, names: Mapping[str, Any]) -> Iterator[Any]:
    """Yield the classes that an annotation names, and what it says beside in ``Annotated``.

    `names` are those of its module.
    """
    if isinstance(hint, str):
        for word in re.findall(r"\w+", hint):
            yield from parts_of_type(names.get(word), {})
    elif isinstance(hint, list | tuple):
        for each in hint:
            yield from parts_of_type(each, names)
    elif isinstance(hint, type) and not get_args(hint):
        yield hint
    elif get_origin(hint) is Annotated:
        yield from parts_of_type(hint.__origin__, names)
        yield from hint.__metadata__
    else:
        for argument in get_args(hint):
            yield from parts_of_type(argument, names)


def is_type_alias(value: Any) -> bool:
    """Tell whether a value is a type that is no class."""
    if isinstance(value, GenericAlias | UnionType):
        return True
    return type(value).__module__ in {"typing", "typing_extensions"}
