"""What of a task's code counts?

The syntax tree of the function without decorators, comments, formatting and docstrings; the
plain values it closes over and the globals it reads; and the same for every own function and
class it uses. Own code is what is installed neither with Python nor with a package. A
declared ``version=`` stands for all of it.
"""

import functools
import importlib
import inspect
import logging
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import tzinfo
from types import (
    BuiltinFunctionType,
    CodeType,
    FunctionType,
    GenericAlias,
    MethodType,
    ModuleType,
    UnionType,
)
from typing import Any, get_args

from ragflow.core.items import Fingerprint
from ragflow.core.task import Task
from ragflow.errors import FingerprintError
from ragflow.incremental.canonical import canonical, is_plain
from ragflow.incremental.fingerprint import fingerprint
from ragflow.incremental.syntax import Names, is_own_module, names_of, spelled_class, spelled_code

_WAYS_OUT = "make it a parameter, make it a @resource, or declare @task(version=...)"


def code_fingerprint(function: Callable[..., Any], version: str | None = None) -> Fingerprint:
    """Name the code of a task.

    Raises `FingerprintError` when the function reads a global that is no plain value, with
    the three ways out.
    """
    if version is not None:
        return fingerprint("version", (_place(function).encode(), version.encode()))
    reading = _Reading()
    path = getattr(function, "__qualname__", repr(function))
    if isinstance(function, FunctionType):
        reading.count_own(function, path=path)
    else:
        reading.count(function, path=path)
    return fingerprint("code", reading.pieces)


def _place(value: Any) -> str:
    return f"{value.__module__}:{value.__qualname__}"


def _type_name(value: Any) -> str:
    return _place(type(value))


class _Reading:
    """Goes through everything a function reads; each function and class once."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self._seen: dict[int, int] = {}

    def count(self, value: Any, *, path: str) -> None:
        """Add what names a value, and what it is made of where it is own code."""
        if is_plain(value):
            self._add(b"plain", canonical(value))
        elif isinstance(value, FunctionType):
            self._count_function(value, path)
        elif isinstance(value, type):
            self._count_class(value, path)
        elif isinstance(value, Task) and value.version is not None:
            self._add(b"version", f"{_place(value.function)} {value.version}".encode())
        elif (spelled := _spelled(value)) is not None:
            self._add(b"value", spelled)
        elif isinstance(value, BuiltinFunctionType):
            self._add(b"builtin", _place(value).encode())
            if not isinstance(value.__self__, ModuleType | None):
                self.count(value.__self__, path=path)
        elif isinstance(value, MethodType):
            self.count(value.__func__, path=path)
            self.count(value.__self__, path=path)
        elif isinstance(value, functools.partial):
            keywords = [part for pair in sorted(value.keywords.items()) for part in pair]
            for each in (value.func, *value.args, *keywords):
                self.count(each, path=path)
        elif (wrapped := getattr(value, "__wrapped__", None)) is not None:
            self.count(wrapped, path=path)
        else:
            raise FingerprintError(
                f"{path} is a {_type_name(value)}, which cannot be fingerprinted", hint=_WAYS_OUT
            )

    def _add(self, kind: bytes, data: bytes) -> None:
        self.pieces += (kind, data)

    def _is_known(self, value: Any) -> bool:
        """Tell whether this was gone through before; say so by its number, not by its name."""
        number = self._seen.get(id(value))
        if number is not None:
            self._add(b"again", str(number).encode())
            return True
        self._seen[id(value)] = len(self._seen)
        return False

    def _count_function(self, function: FunctionType, path: str) -> None:
        if _is_own(function):
            self.count_own(function, path=path)
            return
        self._add(b"installed", _place(function).encode())
        for name, value in sorted(_closure(function).items()):
            kept = value if is_plain(value) else _type_name(value)
            self._add(f"closure {name}".encode(), canonical(kept))

    def count_own(self, function: FunctionType, *, path: str) -> None:
        """Add what a function says and reads, wherever it comes from."""
        if self._is_known(function):
            return
        self._add(b"function", spelled_code(function))
        self._count_defaults(function)
        self._count_annotations(function, path)
        self._count_names(function, path)

    def _count_defaults(self, function: FunctionType) -> None:
        """Add the defaults; what is not plain counts by its type."""
        by_place = enumerate(function.__defaults__ or ())
        for name, value in (*by_place, *sorted((function.__kwdefaults__ or {}).items())):
            kept = value if is_plain(value) else _type_name(value)
            self._add(f"default {name}".encode(), canonical(kept))

    def _count_annotations(self, function: FunctionType, path: str) -> None:
        """Add the own classes that the function takes and returns: their methods may be called."""
        for name, hint in sorted(inspect.get_annotations(function).items()):
            for found in _classes(_resolved(hint, function.__globals__)):
                if _is_own(found):
                    self._add(b"annotation", name.encode())
                    self._count_class(found, f"{path} -> {found.__name__}")

    def _count_names(self, function: FunctionType, path: str) -> None:
        names = names_of(function)
        for name, value in sorted(_closure(function).items()):
            self._add(b"closure", name.encode())
            self._count_read(value, names.attributes(name), f"{path} -> {name}")
        for name in sorted(names.read & function.__globals__.keys()):
            self._add(b"global", name.encode())
            read = function.__globals__[name]
            self._count_read(read, names.attributes(name), f"{path} -> {name}")
        self._count_imports(function, names, path)

    def _count_read(self, value: Any, attributes: list[tuple[str, ...]], path: str) -> None:
        """Add a value by name, or of an own module what is taken from it."""
        if not isinstance(value, ModuleType):
            self.count(value, path=path)
            return
        self._add(b"module", value.__name__.encode())
        if not is_own_module(value.__name__):
            return
        for chain in attributes:
            self._count_attribute(value, chain, path)

    def _count_attribute(self, module: ModuleType, chain: tuple[str, ...], path: str) -> None:
        found: Any = module
        for depth, name in enumerate(chain):
            if not isinstance(found, ModuleType) or not hasattr(found, name):
                return
            found = getattr(found, name)
            path = f"{path}.{name}"
            if not isinstance(found, ModuleType):
                self._add(b"attribute", ".".join(chain[: depth + 1]).encode())
                self.count(found, path=path)

    def _count_imports(self, function: FunctionType, names: Names, path: str) -> None:
        """Add what is imported inside the function, where it is own code."""
        for module_name, taken, alias in names.imports(function.__globals__.get("__package__")):
            if not is_own_module(module_name):
                continue
            where = f"{path} -> {module_name}"
            self._add(b"import", f"{module_name} {taken or ''}".encode())
            try:
                module = importlib.import_module(module_name)
            except ImportError:  # running it would fail too, or take another way
                continue
            if taken is None:
                self._count_read(module, names.attributes(alias), where)
            else:
                read = getattr(module, taken, None)
                self._count_read(read, names.attributes(alias), f"{where}.{taken}")

    def _count_class(self, kind: type, path: str) -> None:
        if not _is_own(kind):
            self._add(b"installed", _place(kind).encode())
            return
        if self._is_known(kind):
            return
        self._add(b"class", spelled_class(kind))
        for base in kind.__bases__:
            self._count_class(base, f"{path} -> {base.__name__}")
        for name, value in sorted(vars(kind).items()):
            for method in _methods(value):
                # What a decorator such as @dataclass generated follows from the class itself.
                if method.__module__ == kind.__module__ and not _is_generated(method):
                    self._add(b"method", name.encode())
                    self._count_function(method, f"{path}.{name}")


def _spelled(value: Any) -> bytes | None:
    """Return the bytes that name a value of a few types that are common as globals."""
    if isinstance(value, re.Pattern):
        return canonical([value.pattern, value.flags])
    if isinstance(value, logging.Logger):
        return b"logger"
    if isinstance(value, tzinfo | GenericAlias | UnionType) or _is_typing(value):
        return repr(value).encode()
    if inspect.ismethoddescriptor(value) and type(value).__module__ == "builtins":
        return repr(value).encode()  # str.lower and the like
    return None


def _is_typing(value: Any) -> bool:
    return type(value).__module__ in {"typing", "typing_extensions"}


def _closure(function: FunctionType) -> Mapping[str, Any]:
    found = {}
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=False):
        try:
            found[name] = cell.cell_contents
        except ValueError:  # not bound yet
            continue
    return found


def _resolved(hint: Any, names: Mapping[str, Any]) -> Any:
    """Return the type an annotation names; one written as text only where it is a plain name."""
    if isinstance(hint, str):
        return [names.get(word) for word in re.findall(r"\w+", hint)]
    return hint


def _classes(hint: Any) -> Iterator[type]:
    if isinstance(hint, list):
        for each in hint:
            yield from _classes(each)
    elif isinstance(hint, type) and not get_args(hint):
        yield hint
    else:
        for argument in get_args(hint):
            yield from _classes(argument)


def _methods(value: Any) -> Iterator[FunctionType]:
    found: tuple[Any, ...] = (getattr(value, "__func__", value),)
    if isinstance(value, property):
        found = (value.fget, value.fset, value.fdel)
    elif isinstance(value, functools.cached_property):
        found = (value.func,)
    for each in found:
        if isinstance(each, FunctionType):
            yield each


def _is_generated(function: FunctionType) -> bool:
    code: CodeType = function.__code__
    return code.co_qualname.startswith("__create_fn__") or code.co_filename.startswith("<attrs")


def _is_own(value: Any) -> bool:
    return is_own_module(value.__module__)
