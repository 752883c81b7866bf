"""What of a class counts?

Its bases, its methods one by one, the values of its attributes as they are now, and what its
body says beside. The methods and values are those that run; only what a value does not show, such
as the options of a field, is taken from the text.
"""

import functools
import inspect
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import MISSING
from enum import Enum
from types import FunctionType, GetSetDescriptorType, MemberDescriptorType, MethodType
from typing import Any

import msgspec

from ragflow.incremental.canonical import canonical
from ragflow.incremental.code_report import Kind
from ragflow.incremental.constants import parts_of_type
from ragflow.incremental.own_code import is_own
from ragflow.incremental.syntax import said_by_class
from ragflow.incremental.value_reading import At, ValueReading

#: How a dataclass was declared.
_DECLARED = ("init", "repr", "eq", "order", "unsafe_hash", "frozen")


class ClassReading(ValueReading):
    """Goes through values and classes."""

    def count_class(self, kind: type, at: At) -> None:
        """Add a class: what it is if it is own code, else its name."""
        if is_own(kind):
            self.once(kind, at, lambda at: self._count_own_class(kind, at))
        else:
            self.add_installed(kind, at)

    def count_read(self, value: Any, chains: Iterable[tuple[str, ...]], at: At) -> None:
        """Add a value by name, or of an own module what is taken from it."""
        raise NotImplementedError

    def _count_own_class(self, kind: type, at: At) -> None:
        said = said_by_class(kind)
        spelled = None if said is None else said.spelled
        self.add(at, Kind.CLASS, canonical([kind.__qualname__, spelled]), kind)
        # What is built may be anything; what is there to be read is only what is used.
        inside = at.inside(is_strict=False)
        for number, base in enumerate(kind.__bases__):
            if base is not object:
                self.count_class(base, inside.to(f"base {number}", base.__name__))
        if is_own(type(kind)):
            self.count_class(type(kind), inside.to("metaclass", type(kind).__name__))
        self._count_fields(kind, inside)
        for name, value in sorted(vars(kind).items()):
            self._count_attribute_of(kind, name, value, inside)

    def _count_attribute_of(self, kind: type, name: str, value: Any, at: At) -> None:
        methods = list(_methods(value))
        for number, method in enumerate(methods):
            if not _is_generated(name, method, kind):
                where = at.to(f"method {number} {name}").of(name)
                # A method reads what it needs as the task itself does.
                self.count(method, where._replace(is_strict=True))
        is_hidden = name.startswith("__") or name == "_abc_impl"
        is_shown = not is_hidden or _is_called(value)
        if methods or not is_shown or _is_slot(value):
            return
        if issubclass(kind, Enum):
            if name in kind.__members__:
                where = at.to(f"member {name}").of(name)
                self.count(kind.__members__[name].value, where)
            return
        self.count(value, at.to(f"attribute {name}").of(name))

    def _count_fields(self, kind: type, at: At) -> None:
        """Add what makes the values of fields."""
        names = _names_around(kind)
        hints = inspect.get_annotations(kind)
        said = said_by_class(kind)
        for name, hint in hints.items():
            parts = parts_of_type(hint, names)
            # What it says beside classes is in the text, where there is one.
            counted = [each for each in parts if said is None or isinstance(each, type)]
            self.count_parts_of_type(counted, names, at.to(f"annotation {name}").of(name))
        if said is None:
            self.add(
                at.to("annotations", "fields"), Kind.VALUE, canonical(list(hints)), list(hints)
            )
        for name, chains in () if said is None else said.reads.items():
            # What a field is made with, such as its limits, may be kept out of sight.
            if name in names:
                self.count_read(names[name], chains, at.to(f"global {name}", name))
        declared = vars(kind).get("__dataclass_params__")
        if declared is not None:
            flags = [name for name in _DECLARED if getattr(declared, name, False)]
            self.add(at.to("dataclass", "@dataclass"), Kind.VALUE, canonical(flags), flags)
        for name, field in vars(kind).get("__dataclass_fields__", {}).items():
            for made in (field.default, field.default_factory):
                if made is not MISSING:
                    self.count(made, at.to(f"default of {name}").of(name))
        if issubclass(kind, msgspec.Struct):
            made_by = [getattr(each, "factory", each) for each in kind.__struct_defaults__]
            self.count(made_by, at.to("defaults", "defaults"))


def _methods(value: Any) -> Iterator[Any]:
    """Yield the functions that an attribute of a class calls."""
    found: tuple[Any, ...] = ()
    if isinstance(value, FunctionType):
        found = (value,)
    elif isinstance(value, staticmethod | classmethod):
        found = (value.__func__,)
    elif isinstance(value, property):
        found = (value.fget, value.fset, value.fdel)
    elif isinstance(value, functools.cached_property | functools.partialmethod):
        found = (value.func,)
    elif isinstance(value, functools.singledispatchmethod):
        found = (value.func, *value.dispatcher.registry.values())
    yield from (each for each in found if each is not None)


def _is_called(value: Any) -> bool:
    """Tell whether what a class calls by a name of Python's was made by a decorator."""
    if isinstance(value, functools.partial | MethodType) or is_own(type(value)):
        return True
    return not isinstance(value, type) and getattr(value, "__wrapped__", None) is not None


def _is_generated(name: str, method: Any, kind: type) -> bool:
    """Tell whether a method follows from what the class says, as what @dataclass makes does."""
    if not isinstance(method, FunctionType):
        return False
    if name.startswith("_") and not is_own(method):
        return True  # Python's own, and another version of it puts in others
    code = method.__code__
    if code.co_qualname.startswith("__create_fn__") or code.co_filename.startswith("<attrs"):
        return True
    is_tuple = issubclass(kind, tuple) and hasattr(kind, "_fields")
    return is_tuple and code.co_filename.startswith("<")


def _is_slot(value: Any) -> bool:
    if isinstance(value, MemberDescriptorType | GetSetDescriptorType):
        return True
    return type(value).__name__ == "_tuplegetter"


def _names_around(kind: type) -> Mapping[str, Any]:
    for value in vars(kind).values():
        for method in _methods(value):
            if isinstance(method, FunctionType) and is_own(method):
                return method.__globals__
    return vars(sys.modules[kind.__module__]) if kind.__module__ in sys.modules else {}
