"""What of a task's code counts?

What the function says, as `syntax` has it; the values it closes over, its defaults, the globals
it reads; and the same for every own function and class among these, and for what they are made
of. One walk gives both the fingerprint and the report for people, so the two cannot disagree.
Own code is what `own_code` says. A declared ``version=`` stands for all of it.
"""

import importlib
import inspect
from collections.abc import Callable, Iterable, Mapping
from types import FunctionType, ModuleType
from typing import Any

from ragflow.core.items import Fingerprint
from ragflow.incremental.canonical import canonical
from ragflow.incremental.class_code import ClassReading
from ragflow.incremental.code_report import CodeReport, Counted, Kind, Reason, said
from ragflow.incremental.constants import is_fixed, spelled_type
from ragflow.incremental.fingerprint import fingerprint
from ragflow.incremental.own_code import is_own, is_own_module
from ragflow.incremental.syntax import Import, Said, said_by
from ragflow.incremental.value_reading import At, place_of


def code_fingerprint(function: Callable[..., Any], version: str | None = None) -> Fingerprint:
    """Name the code of a task.

    Raises `FingerprintError` when the function reads a value that cannot be followed, with the
    way it was come by and the three ways out.
    """
    return code_report(function, version).fingerprint


def code_report(function: Callable[..., Any], version: str | None = None) -> CodeReport:
    """Return what names the code of a task, and what could not be followed.

    Raises `FingerprintError` as `code_fingerprint` does.
    """
    path = getattr(function, "__qualname__", repr(function))
    if version is not None:
        place = place_of(function)
        named = fingerprint("version", (place.encode(), version.encode()))
        shown = said(f"{version!r}, which stands for all of {place}")
        counted = Counted("task", Kind.VERSION, version.encode(), 0, path, shown)
        return CodeReport(named, [counted], [])
    reading = _Reading()
    at = At("task", path)
    if isinstance(function, FunctionType):
        reading.count_task(function, at)
    else:
        reading.count(function, at)
    reading.finish()
    return CodeReport(reading.fingerprint(), reading.counted, reading.missed)


class _Reading(ClassReading):
    """Goes through everything a function reads; each function, class and container once."""

    def count_task(self, function: FunctionType, at: At) -> None:
        """Add what the function of a task says and reads, wherever it comes from."""
        self.once(function, at, lambda at: self._count_body(function, at, is_task=True))

    def count_function(self, function: FunctionType, at: At) -> None:
        """Add a function: what it says if it is own code, else its name and what it holds."""
        if not is_own(function):
            self._count_installed(function, at)
        else:
            self.once(function, at, lambda at: self._count_body(function, at, is_task=False))

    def _count_body(self, function: FunctionType, at: At, *, is_task: bool) -> None:
        said_here = said_by(function)
        # A task is given its data by position; what they are called is its own affair.
        is_named = said_here.is_called_by_name or not is_task
        names = said_here.positional if is_named else ()
        kind = Kind.FUNCTION if said_here.is_from_source else Kind.BYTECODE
        self.add(at, kind, canonical([said_here.spelled, list(names)]), function)
        inside = at.inside(is_strict=is_own(function))
        self._count_defaults(function, inside)
        self._count_annotations(function, inside)
        self._count_carried(function, inside)
        self._count_closure(function, said_here, inside)
        self._count_globals(function, said_here, inside)
        for each in said_here.imports:
            self._count_import(each, function.__globals__, inside)
        for text in said_here.dynamic:
            self.miss(text, Reason.DYNAMIC, at)

    def _count_installed(self, function: FunctionType, at: At) -> None:
        """Add an installed function by its name, and what it holds: it may wrap own code."""
        self.add_installed(function, at)
        inside = at.inside(is_strict=False)
        closure = _closure(function)
        if function.__module__ == "functools":
            # Of a singledispatch: how many abstract types there are by now.
            closure.pop("cache_token", None)
        held = [value for _, value in sorted(closure.items())]
        carried = [value for _, value in sorted(vars(function).items()) if self.holds_own(value)]
        held += [each for each in carried if not any(each is known for known in held)]
        for number, value in enumerate(held):
            where = inside.to(f"held {number}", f"held {number}")
            if is_fixed(value) or self.holds_own(value):
                self.count(value, where)
            else:
                self.add(where, Kind.TYPE, place_of(type(value)).encode(), type(value))

    def _count_defaults(self, function: FunctionType, at: At) -> None:
        """Add the defaults; one that cannot be followed counts by its type."""
        by_place = [(str(n), value) for n, value in enumerate(function.__defaults__ or ())]
        by_name = sorted((function.__kwdefaults__ or {}).items())
        lenient = at.inside(is_strict=False, depth=at.depth)
        for name, value in (*by_place, *by_name):
            self.count(value, lenient.to(f"default {name}", f"default {name}"))

    def _count_carried(self, function: FunctionType, at: At) -> None:
        """Add what a decorator hung on a function, as whoever calls it may look for it."""
        lenient = at.inside(is_strict=False, depth=at.depth)
        for name, value in sorted(vars(function).items()):
            if not name.startswith("__"):
                self.count(value, lenient.to(f"carries {name}").of(name))

    def _count_annotations(self, function: FunctionType, at: At) -> None:
        """Add types that are taken and returned: methods of own ones may be called."""
        order = function.__code__.co_varnames
        for name, hint in inspect.get_annotations(function).items():
            # Not by the name of the parameter: of a task's data it does not count.
            number = order.index(name) if name in order else name
            where = at.to("returns" if name == "return" else f"annotation {number}", name)
            self.add(where, Kind.ANNOTATION, spelled_type(hint).encode(), said(spelled_type(hint)))
            self.count_parts_of_type(hint, function.__globals__, where.inside())

    def _count_closure(self, function: FunctionType, said_here: Said, at: At) -> None:
        closure = _closure(function)
        for number, name in enumerate(said_here.free):
            if name in closure:
                where = at.to(f"closure {number}", name)
                self.count_read(closure[name], said_here.chains.get(name, ()), where)

    def _count_globals(self, function: FunctionType, said_here: Said, at: At) -> None:
        names = function.__globals__
        built_in = names.get("__builtins__", {})
        built_in = vars(built_in) if isinstance(built_in, ModuleType) else built_in
        for name in said_here.reads:
            where = at.to(f"global {name}", name)
            if name in names:
                self.count_read(names[name], said_here.chains.get(name, ()), where)
            elif name in built_in:
                self.miss(name, Reason.BUILT_IN, at)

    def count_read(self, value: Any, chains: Iterable[tuple[str, ...]], at: At) -> None:
        """Add a value by name, or of an own module what is taken from it."""
        if not isinstance(value, ModuleType):
            self.count(value, at)
            self._count_taken(value, chains, at)
            return
        self.add(at, Kind.MODULE, value.__name__.encode(), said(value.__name__))
        is_own_here = is_own_module(value.__name__)
        for chain in chains:
            if not is_own_here:
                self.miss(".".join((value.__name__, *chain)), Reason.INSTALLED, at)
            elif chain:
                self._count_attribute(value, chain, at.inside())
            else:
                self.count_module(value, at)

    def count_module(self, module: ModuleType, at: At) -> None:
        """Add a module that is handed about: everything in it may be used, if it is own code."""
        if is_own_module(module.__name__):
            self.once(module, at, lambda at: self._count_all_of(module, at))
        else:
            self.add(at, Kind.MODULE, module.__name__.encode(), said(module.__name__))

    def _count_all_of(self, module: ModuleType, at: At) -> None:
        self.add(at, Kind.MODULE, module.__name__.encode(), said(module.__name__))
        if module.__name__ in {"__main__", "__mp_main__"} or hasattr(module, "__path__"):
            # What a notebook or package holds hangs on what else was run or imported.
            self.miss(f"the module {module.__name__} as a value", Reason.DYNAMIC, at)
        inside = at.inside(is_strict=False)
        for name, value in sorted(vars(module).items()):
            is_below = isinstance(value, ModuleType) and hasattr(module, "__path__")
            if not (name.startswith("__") or is_below or module.__name__ == "__main__"):
                self.count(value, inside.to(f"attribute {name}").of(name))

    def _count_taken(self, value: Any, chains: Iterable[tuple[str, ...]], at: At) -> None:
        """Add a docstring that is read: as a prompt, say."""
        if any(chain[:1] == ("__doc__",) for chain in chains):
            self.count(value.__doc__, at.inside().to("attribute __doc__", "__doc__"))

    def _count_attribute(self, module: ModuleType, chain: tuple[str, ...], at: At) -> None:
        found: Any = module
        for depth, name in enumerate(chain):
            if not hasattr(found, name):
                return
            found = getattr(found, name)
            at = at.of(name)
            if not isinstance(found, ModuleType):
                where = at.to(f"attribute {'.'.join(chain[: depth + 1])}")
                self.count_read(found, (chain[depth + 1 :],), where)
                return
            if not is_own_module(found.__name__):
                self.count_read(found, (chain[depth + 1 :],), at.to(f"attribute {name}"))
                return
        self.count_module(found, at)

    def _count_import(self, each: Import, names: Mapping[str, Any], at: At) -> None:
        """Add what is imported inside the function, where it is own code."""
        written = "." * each.level + each.module
        try:
            package = names.get("__package__") or ""
            name = importlib.util.resolve_name(written, package)
        except ImportError:  # running it would fail too
            return
        where = at.to(f"import {name} {each.taken}", name)
        if not is_own_module(name):
            what = (name, each.taken) if each.taken else (name,)
            for chain in each.chains or ((),):
                self.miss(".".join((*what, *chain)), Reason.INSTALLED, at)
            return
        try:
            module = importlib.import_module(name)
            if each.taken and not hasattr(module, each.taken):
                importlib.import_module(f"{name}.{each.taken}")  # a module of a package
        except Exception:  # noqa: BLE001 - running it would fail too, or take another way
            self.miss(f"the module {name}, which fails", Reason.DYNAMIC, where)
            return
        if each.taken == "":
            module = importlib.import_module(name.partition(".")[0])
        taken = getattr(module, each.taken, None) if each.taken else module
        self.count_read(taken, each.chains, where.of(each.taken) if each.taken else where)


def _closure(function: FunctionType) -> dict[str, Any]:
    found = {}
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=False):
        try:
            found[name] = cell.cell_contents
        except ValueError:  # not bound yet
            continue
    return found
