"""What does a function say, and which names does it read? From syntax tree and bytecode."""

import ast
import importlib.util
import inspect
import site
import sys
import sysconfig
import textwrap
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

from ragflow.incremental.canonical import canonical, is_plain


class Names:
    """The names a function reads that it did not make itself."""

    def __init__(self, function: FunctionType, tree: ast.AST | None) -> None:
        self._codes = list(_codes(function.__code__))
        self._tree = tree
        #: Names looked up in the module, nested functions included.
        self.read = frozenset(name for code in self._codes for name in _globals_of(code))

    def attributes(self, name: str) -> list[tuple[str, ...]]:
        """Return the chains of attributes taken of a name: ``a.b.c`` gives ``("b", "c")``."""
        if self._tree is None:  # whatever is taken of anything
            return sorted({(each,) for code in self._codes for each in code.co_names})
        found = {
            tuple(chain)
            for node in ast.walk(self._tree)
            if isinstance(node, ast.Attribute) and (chain := _chain(node, name))
        }
        return sorted(found)

    def imports(self, package: str | None) -> Iterator[tuple[str, str | None, str]]:
        """Yield what is imported inside: (module, name taken from it or None, its name here)."""
        for node in ast.walk(self._tree) if self._tree is not None else ():
            if isinstance(node, ast.Import):
                for alias in node.names:
                    here = alias.asname or alias.name.partition(".")[0]
                    yield alias.name if alias.asname else here, None, here
            elif isinstance(node, ast.ImportFrom):
                above = "." * node.level + (node.module or "")
                try:
                    module = importlib.util.resolve_name(above, package or "")
                except ImportError:  # running it would fail too
                    continue
                for alias in node.names:
                    yield module, alias.name, alias.asname or alias.name


def names_of(function: FunctionType) -> Names:
    """Return the names a function reads."""
    return Names(function, _tree_of(function))


def spelled_code(function: FunctionType) -> bytes:
    """Return what a function says: its syntax tree, or its bytecode where there is no source.

    Without decorators, comments, formatting, docstrings and its own name. Of a lambda that
    shares a line with others the bytecode counts too.
    """
    tree = _tree_of(function)
    if tree is None:
        return _spelled_bytecode(function.__code__)
    if not isinstance(tree, ast.Module):
        return ast.dump(tree, annotate_fields=False).encode()
    # Source that does not parse as one function: a lambda among other things.
    lambdas = [node for node in ast.walk(tree) if isinstance(node, ast.Lambda)]
    if len(lambdas) == 1:
        return ast.dump(lambdas[0], annotate_fields=False).encode()
    return _spelled_bytecode(function.__code__)


def spelled_class(kind: type) -> bytes:
    """Return what a class says; where there is no source, its plain attributes."""
    tree = _parsed(kind)
    if tree is not None:
        return ast.dump(_bare(tree), annotate_fields=False).encode()
    return canonical(
        {
            name: value
            for name, value in vars(kind).items()
            if is_plain(value) and name not in {"__module__", "__doc__", "__firstlineno__"}
        }
    )


def is_own_module(name: str | None) -> bool:
    """Tell whether a module is neither Python's, nor ragflow's, nor of an installed package."""
    if name is None or name.partition(".")[0] in {"ragflow", "builtins"}:
        return False
    module = sys.modules.get(name)
    if module is None:
        try:
            spec = importlib.util.find_spec(name)
        except (ImportError, ValueError):
            return True  # loaded from a file, and not put where imports look
        return spec is None or _is_own_file(spec.origin)
    if name in {"__main__", "__mp_main__"}:
        return True
    return _is_own_file(getattr(module, "__file__", None) or "built-in")


@lru_cache(maxsize=4096)
def _is_own_file(file: str | None) -> bool:
    if file is None:
        return True  # a namespace package: a folder of the user's
    if file in {"built-in", "frozen"}:
        return False
    place = Path(file).resolve()
    if {"site-packages", "dist-packages"} & set(place.parts):
        return False
    installed = (sysconfig.get_path(name) for name in ("stdlib", "platstdlib"))
    folders = [*installed, site.getusersitepackages()]
    return not any(place.is_relative_to(Path(folder).resolve()) for folder in folders)


def _tree_of(function: FunctionType) -> ast.AST | None:
    """Return the tree of a function; a `Module` where its source holds more than that."""
    # The code, not the function: of that `inspect` would look at what it wraps.
    tree = _parsed(function.__code__)
    if tree is None:
        return None
    first = tree.body[0]
    if (
        isinstance(first, ast.FunctionDef | ast.AsyncFunctionDef)
        and len(tree.body) == 1
        and first.name == function.__code__.co_name
    ):
        first.name = ""
        return _bare(first)
    return tree


def _parsed(thing: Any) -> ast.Module | None:
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(thing)))
    except (OSError, TypeError, SyntaxError):
        return None
    return tree if tree.body else None


def _bare(tree: ast.AST) -> ast.AST:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            node.decorator_list = []
            if ast.get_docstring(node, clean=False) is not None:
                node.body = node.body[1:] or [ast.Pass()]
    return tree


def _chain(node: ast.Attribute, name: str) -> list[str]:
    parts: list[str] = []
    above: ast.expr = node
    while isinstance(above, ast.Attribute):
        parts.insert(0, above.attr)
        above = above.value
    return parts if isinstance(above, ast.Name) and above.id == name else []


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)


def _globals_of(code: CodeType) -> Iterator[str]:
    import dis

    for instruction in dis.get_instructions(code):
        if instruction.opname in {"LOAD_GLOBAL", "LOAD_NAME"}:
            yield instruction.argval


def _spelled_bytecode(code: CodeType) -> bytes:
    constants = [
        _spelled_bytecode(each)
        if isinstance(each, CodeType)
        # A set would be shown in another order by another process.
        else (canonical(each) if is_plain(each) else repr(each))
        for each in code.co_consts
    ]
    return canonical([code.co_code, constants, list(code.co_names), list(code.co_varnames)])
