"""What does a value that a function reads count by?"""

import functools
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from types import (
    BuiltinFunctionType,
    FunctionType,
    MappingProxyType,
    MethodType,
    ModuleType,
)
from typing import Any, NamedTuple

import msgspec

from ragflow.core.items import Fingerprint
from ragflow.core.task import Task
from ragflow.errors import FingerprintError
from ragflow.incremental.canonical import canonical, is_plain
from ragflow.incremental.code_report import Counted, Kind, Missed, Reason, said
from ragflow.incremental.constants import (
    installed_name,
    is_simple,
    is_type_alias,
    parts_of_type,
    spelled_constant,
    spelled_simple,
    spelled_type,
)
from ragflow.incremental.fingerprint import fingerprint
from ragflow.incremental.instance_state import state_of
from ragflow.incremental.own_code import is_own

_WAYS_OUT = "make it a parameter, make it a @resource, or declare @task(version=...)"
_MAPPINGS = (dict, defaultdict, OrderedDict, Counter, MappingProxyType)
_SEQUENCES = (list, tuple, deque)
_SETS = (set, frozenset)
#: What reads what reads what, beyond this, is gone through afterwards, lest Python give up.
_DEEPEST = 25


class At(NamedTuple):
    """Where in the walk a value was met."""

    role: str
    path: str
    depth: int = 0
    #: Whether a value that cannot be followed is refused; else it counts by its type.
    is_strict: bool = True

    def inside(self, *, is_strict: bool | None = None, depth: int | None = None) -> "At":
        """Return the place of what is part of this."""
        return self._replace(
            depth=self.depth + 1 if depth is None else depth,
            is_strict=self.is_strict if is_strict is None else is_strict,
        )

    def to(self, role: str, name: str = "") -> "At":
        """Return the place of what is read from here."""
        return self._replace(role=role, path=f"{self.path} -> {name}" if name else self.path)

    def of(self, name: str) -> "At":
        """Return the place of an attribute."""
        return self._replace(path=f"{self.path}.{name}")


def place_of(value: Any) -> str:
    """Return module and name of a function or class."""
    return f"{value.__module__}:{value.__qualname__}"


class ValueReading:
    """Goes through values; functions and classes are gone through by those built on it."""

    def __init__(self, *, is_for_order: bool = False) -> None:
        self.counted: list[Counted] = []
        self.missed: list[Missed] = []
        # The things themselves too: a number belongs to another once its thing is gone.
        self._seen: dict[int, tuple[int, Any]] = {}
        self._waiting: list[tuple[At, Callable[[At], None]]] = []
        #: Whether it only tells the members of a set apart.
        self._is_for_order = is_for_order

    def read(self, value: Any, at: At) -> None:
        """Add a value and all that waits to be gone through."""
        self.count(value, at)
        self.finish()

    def finish(self) -> None:
        """Go through what waits."""
        while self._waiting:
            where, go = self._waiting.pop()
            go(where)

    def count(self, value: Any, at: At) -> None:  # noqa: C901 - one case a type
        """Add what names a value, and what it is made of where that is own code."""
        kind = type(value)
        if is_simple(value):
            self.add(at, Kind.VALUE, spelled_simple(value), value)
        elif isinstance(value, FunctionType):
            self.count_function(value, at)
        elif isinstance(value, type):
            self.count_class(value, at)
        elif isinstance(value, Task):
            self._count_task_inside(value, at)
        elif isinstance(value, ModuleType):
            self.count_module(value, at)
        elif is_type_alias(value):
            self.add(at, Kind.VALUE, spelled_type(value).encode(), value)
            self.count_parts_of_type(value, {}, at.inside())
        elif (spelled := spelled_constant(value)) is not None:
            self.add(at, Kind.VALUE, spelled, value)
        elif isinstance(value, MethodType):
            self._count_parts(at, value, method=value.__func__, of=value.__self__)
        elif isinstance(value, BuiltinFunctionType):
            self._count_built_in(value, at)
        elif isinstance(value, functools.partial):
            keywords = dict(sorted(value.keywords.items()))
            self._count_parts(at, value, call=value.func, args=value.args, keywords=keywords)
        elif kind in (*_MAPPINGS, *_SEQUENCES, *_SETS):
            self.once(value, at, lambda at: self._count_container(value, at))
        elif is_own(kind):
            self.once(value, at, lambda at: self._count_instance(value, at))
        elif _is_plain(value):
            self.add(at, Kind.VALUE, canonical(value), value)
        elif (state := _fields(value)) is not None:
            self._count_parts(at, value, **state)
        elif (wrapped := getattr(value, "__wrapped__", None)) is not None:
            if kind.__name__ != "_lru_cache_wrapper":  # which gives what it wraps gives
                self.add(at, Kind.INSTALLED, place_of(kind).encode(), said(place_of(kind)))
            self.count(wrapped, at)
        elif installed_name(value) is not None:
            self.add_installed(value, at)
        else:
            self._count_by_type(value, at)

    def count_function(self, function: FunctionType, at: At) -> None:
        """Add a function."""
        raise NotImplementedError

    def count_class(self, kind: type, at: At) -> None:
        """Add a class."""
        raise NotImplementedError

    def count_module(self, module: ModuleType, at: At) -> None:
        """Add a module that is handed about."""
        raise NotImplementedError

    def count_parts_of_type(self, hint: Any, names: Mapping[str, Any], at: At) -> None:
        """Add the own classes that a type names, whose methods may be called, and what it says."""
        lenient = at._replace(is_strict=False)
        for part in parts_of_type(hint, names):
            if not isinstance(part, type):
                self.count(part, lenient.to("annotated with"))
            elif is_own(part):
                self.count_class(part, at.to("annotated", part.__name__))

    def holds_own(self, value: Any) -> bool:
        """Tell whether a value is own code, or a container of some."""
        kind = type(value)
        if isinstance(value, FunctionType | type):
            return is_own(value) or getattr(value, "__wrapped__", None) is not None
        if kind in _MAPPINGS:
            return any(map(self.holds_own, value.values()))
        if kind in (*_SEQUENCES, *_SETS):
            return any(map(self.holds_own, value))
        if isinstance(value, MethodType):
            return self.holds_own(value.__func__) or self.holds_own(value.__self__)
        if isinstance(value, functools.partial):
            return any(map(self.holds_own, (value.func, *value.args, *value.keywords.values())))
        return is_own(kind) or isinstance(value, Task)

    # --- Taking down --------------------------------------------------------------------------

    def add(self, at: At, kind: Kind, data: bytes, value: Any) -> None:
        """Take down a thing that counts."""
        self.counted.append(Counted(at.role, kind, data, at.depth, at.path, value))

    def add_installed(self, value: Any, at: At) -> None:
        """Take down a thing of Python or of a package, by its name."""
        name = installed_name(value) or place_of(value)
        is_built_in = name.startswith("builtins:")
        self.add(at, Kind.BUILT_IN if is_built_in else Kind.INSTALLED, name.encode(), said(name))
        if is_built_in:
            self.miss(name.partition(":")[2], Reason.BUILT_IN, at)
        else:
            self.miss(name.replace(":", "."), Reason.INSTALLED, at)

    def miss(self, name: str, reason: Reason, at: At) -> None:
        """Take down a thing that could not be followed; once."""
        if not any(each.name == name and each.reason == reason for each in self.missed):
            self.missed.append(Missed(name, reason, at.path))

    def is_known(self, value: Any, at: At) -> bool:
        """Tell whether this was gone through before; say so by its number, not by its name."""
        known = self._seen.get(id(value))
        if known is None:
            self._seen[id(value)] = len(self._seen), value
            return False
        self.add(at, Kind.AGAIN, str(known[0]).encode(), said("as above"))
        return True

    def once(self, value: Any, at: At, go: Callable[[At], None]) -> None:
        """Go through a value unless it was; later, if it was come by over too many others."""
        if self.is_known(value, at):
            return
        if at.depth <= _DEEPEST:
            go(at)
            return
        number = f"number {self._seen[id(value)][0]}"
        self.add(at, Kind.AGAIN, number.encode(), said("below"))
        self._waiting.append((at._replace(role=number, depth=0), go))

    def fingerprint(self) -> Fingerprint:
        """Return the name of everything that was counted."""
        parts: list[bytes] = []
        for each in self.counted:
            parts += (each.role.encode(), each.kind.encode(), str(each.depth).encode(), each.data)
        return fingerprint("code", parts)

    # --- Values that are made of others -------------------------------------------------------

    def _count_task_inside(self, task: Task[Any, Any, Any], at: At) -> None:
        if task.version is None:
            self.count(task.function, at)
            return
        named = f"{place_of(task.function)} {task.version}"
        self.add(at, Kind.VERSION, named.encode(), said(f"{task.version!r} of {task.name}"))

    def _count_parts(self, at: At, value: Any, **parts: Any) -> None:
        """Add a value by its type and its parts."""

        def go(at: At) -> None:
            self.add(at, Kind.CONTAINER, place_of(type(value)).encode(), value)
            for name, part in parts.items():
                self.count(part, at.inside().to(f"part {name}").of(name))

        self.once(value, at, go)

    def _count_built_in(self, value: BuiltinFunctionType, at: At) -> None:
        name = f"{value.__module__ or 'builtins'}:{value.__qualname__}"
        self.add(at, Kind.BUILT_IN, name.encode(), said(name))
        if not isinstance(value.__self__, ModuleType | None):
            self.count(value.__self__, at.inside().to("part of").of("__self__"))

    def _count_container(self, value: Any, at: At) -> None:
        kind, inside = type(value), at.inside()
        self.add(at, Kind.CONTAINER, canonical([kind.__qualname__, len(value)]), value)
        if kind is defaultdict:
            self.count(value.default_factory, inside.to("default factory", "default factory"))
        if kind in _MAPPINGS:
            # Code may go through it, so its order counts.
            for number, key in enumerate(value):
                self.count(key, inside.to(f"key {number}", "key"))
                self.count(value[key], inside.to(f"value {number}")._replace(path=_at(at, key)))
            return
        members = value
        if kind in _SETS:
            if self._is_for_order:
                self.add(inside, Kind.VALUE, canonical(sorted(map(_outline, value))), value)
                return
            members = self._in_order(value, inside)
        for number, member in enumerate(members):
            where = inside.to(f"member {number}")
            self.count(member, where._replace(path=f"{at.path}[{number}]"))

    def _in_order(self, members: Iterable[Any], at: At) -> Iterator[Any]:
        """Yield members in an order that no process chose."""
        alike: dict[bytes, list[Any]] = {}
        for each in members:
            alike.setdefault(_outline(each), []).append(each)
        for _, found in sorted(alike.items()):
            if len(found) > 1:
                found.sort(key=lambda member: self._alone(member, at))
            yield from found

    def _alone(self, value: Any, at: At) -> bytes:
        # Of a set inside only outlines, or members that read each other had no end.
        reading = type(self)(is_for_order=True)
        reading.read(value, at._replace(depth=0))
        return reading.fingerprint()

    def _count_instance(self, value: Any, at: At) -> None:
        """Add an instance of an own class: the class with its methods, and its attributes."""
        kind, inside = type(value), at.inside()
        self.add(at, Kind.INSTANCE, kind.__qualname__.encode(), value)
        self.count_class(kind, inside.to("class", kind.__name__))
        # Of the class, as an instance may answer to any name.
        name = next((n for n in ("__identity__", "__fingerprint__") if hasattr(kind, n)), None)
        if name is not None:
            self.count(getattr(value, name)(), inside.to("identity", "identity"))
        elif isinstance(value, Enum):
            self.add(inside.to("name", "name"), Kind.VALUE, value.name.encode(), value.name)
        elif (state := state_of(value)) is not None:
            for name, part in sorted(state.items()):
                self.count(part, inside.to(f"field {name}").of(name))
        else:
            self._count_by_type(value, inside)

    def _count_by_type(self, value: Any, at: At) -> None:
        kind = type(value)
        name = kind.__qualname__ if kind.__module__ == "builtins" else _dotted(kind)
        name = f"an {name}" if name[0].lower() in "aeiou" else f"a {name}"
        if at.is_strict:
            raise FingerprintError(
                f"{at.path} is {name}, which cannot be fingerprinted", hint=_WAYS_OUT
            )
        self.add(at, Kind.TYPE, place_of(kind).encode(), said(name))
        self.miss(name, Reason.BY_TYPE, at)


def _dotted(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


def _at(at: At, key: Any) -> str:
    shown = repr(key) if is_simple(key) else getattr(key, "__qualname__", type(key).__qualname__)
    return f"{at.path}[{shown}]"


def _is_plain(value: Any) -> bool:
    # The environment is a mapping of texts, and another one in every process.
    return type(value).__module__ != "os" and is_plain(value)


def _fields(value: Any) -> dict[str, Any] | None:
    """Return the fields of an installed struct or dataclass."""
    if isinstance(value, msgspec.Struct):
        return {name: getattr(value, name) for name in value.__struct_fields__}
    if is_dataclass(value):
        return {each.name: getattr(value, each.name) for each in fields(value)}
    return None


def _outline(value: Any) -> bytes:
    """Return what a member of a set is, as far as can be said without going through it."""
    if is_simple(value):
        return canonical(value)
    name = value.name if isinstance(value, Enum) else getattr(value, "__qualname__", "")
    return canonical([type(value).__qualname__, name if isinstance(name, str) else ""])
