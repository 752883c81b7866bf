"""How is a syntax tree written as bytes that only its meaning changes?

Every node by its kind and its fields by their names, empty ones left out, so that a field that
another minor version of Python adds changes nothing. A variable is written by a number, an
attribute, a keyword or a name of the module as it is.
"""

import ast
from collections.abc import Iterable
from typing import Any

from ragflow.incremental.canonical import canonical
from ragflow.incremental.scopes import (
    Scope,
    bound_by_import,
    parameters_of,
    scope_of_body,
    scope_of_comprehension,
    scope_of_function,
    sees_local_names,
)
from ragflow.incremental.source_trees import FunctionTree

_METHOD = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
#: What says nothing of what is computed, or follows from where a node stands.
_LEFT_OUT = frozenset({"ctx", "kind", "type_comment", "type_ignores"})
#: Looks something up by a text.
_DYNAMIC = frozenset({"getattr", "eval", "exec", "globals", "__import__", "import_module"})
_LONGEST = 60


class Spelling:
    """Writes one tree, and takes down the names it meets."""

    def __init__(self, *, free: Iterable[str] = (), tree: FunctionTree | None = None) -> None:
        self._out: list[bytes] = []
        self._scopes: list[Scope] = []
        self._outer = Scope()
        self._outer.bound = set(free)
        self._numbers: dict[tuple[Scope, str], int] = {}
        #: Names count where the code can look at them.
        self._is_named = tree is not None and sees_local_names(tree)
        self._given_by_name: set[str] = set()
        self._gives_any_name = False
        if tree is not None:
            self._find_names_given(tree)
        self.reads: set[str] = set()
        #: By names that are read: attributes taken, () for the thing itself.
        self.chains: dict[str, set[tuple[str, ...]]] = {}
        #: As `chains`, by names of local variables.
        self.local_chains: dict[str, set[tuple[str, ...]]] = {}
        #: (dots, module, what is taken: a name, "" for the package at its top, None for the
        #: module itself; its name here)
        self.imports: list[tuple[int, str, str | None, str]] = []
        self.free: list[str] = []
        self.dynamic: list[str] = []

    def of_function(self, tree: FunctionTree) -> bytes:
        """Return what a function says, less its name, decorators, defaults and annotations.

        Defaults and annotations are values that the function has; names of positional
        parameters matter only where it is called by them.
        """
        self._out.append(type(tree).__name__.encode())
        self._scopes.append(scope_of_function(tree))
        self._parameters(tree.args, are_named=False)
        self._field("body", tree.body)
        return b"".join(self._out)

    def of_class(self, tree: ast.ClassDef) -> bytes:
        """Return what a class says, less its name, bases, methods and classes inside."""
        self._out.append(b"class")
        self._field("decorators", tree.decorator_list)
        self._field("keywords", tree.keywords)
        self._scopes.append(scope_of_body(tree.body, is_class=True))
        self._field("body", [each for each in tree.body if not isinstance(each, _METHOD)])
        return b"".join(self._out)

    def gives_by_name(self, names: set[str]) -> bool:
        """Tell whether a call in the tree may give one of these by name."""
        return self._gives_any_name or not self._given_by_name.isdisjoint(names)

    def _find_names_given(self, tree: ast.AST) -> None:
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                for keyword in node.keywords:
                    if keyword.arg is None:
                        self._gives_any_name = True
                    else:
                        self._given_by_name.add(keyword.arg)

    # --- Any node -----------------------------------------------------------------------------

    def _node(self, node: ast.AST) -> None:
        special = _SPECIAL.get(type(node))
        if special is not None:
            getattr(self, special)(node)
            return
        self._begin(node)
        for name in node._fields:
            if name not in _LEFT_OUT:
                self._field(name, getattr(node, name, None))
        self._out.append(b")")

    def _begin(self, node: ast.AST) -> None:
        self._out.append(b"(" + type(node).__name__.encode())

    def _field(self, name: str, value: Any) -> None:
        if value is None or value == []:
            return
        self._out.append(b" " + name.encode() + b"=")
        if isinstance(value, list):
            self._list(value)
        else:
            self._value(value)

    def _list(self, values: list[Any]) -> None:
        self._out.append(b"[")
        for each in values:
            # Docstrings, texts that stand alone and `pass` compute nothing.
            if not _is_idle(each):
                self._value(each)
        self._out.append(b"]")

    def _value(self, value: Any) -> None:
        if isinstance(value, ast.AST):
            self._node(value)
        elif isinstance(value, complex) or value is ...:
            self._out.append(b"c" + canonical(repr(value)))
        else:
            self._out.append(canonical(value))

    # --- Names --------------------------------------------------------------------------------

    def _scope_of(self, name: str) -> Scope | None:
        """Return the scope that a name belongs to; None for the module."""
        for depth, scope in enumerate(reversed(self._scopes)):
            if scope.is_class and depth > 0:
                continue
            if name in scope.of_module:
                return None
            if name in scope.bound:
                return scope
        return self._outer if name in self._outer.bound else None

    def _variable(self, name: str) -> None:
        """Write a name: by its number if it is local, else as it is."""
        scope = self._scope_of(name)
        if scope is None or scope.is_class:
            self._out.append(b"@" + canonical(name))
            self.reads.add(name)
            return
        key = (scope, name)
        if key not in self._numbers:
            self._numbers[key] = len(self._numbers)
            if scope is self._outer:
                self.free.append(name)
        self._out.append(b"%" + str(self._numbers[key]).encode() + b";")
        if self._is_named:
            self._out.append(canonical(name))

    def _name(self, node: ast.Name) -> None:
        self._take_chain(node.id, ())  # itself, whatever becomes of it
        self._variable(node.id)

    def _attribute(self, node: ast.Attribute) -> None:
        names: list[str] = []
        below: ast.expr = node
        while isinstance(below, ast.Attribute):
            names.append(below.attr)
            below = below.value
        if isinstance(below, ast.Name):
            self._take_chain(below.id, tuple(reversed(names)))
        self._out.append(b"(Attribute")
        for name in names:
            self._out.append(canonical(name))
        if isinstance(below, ast.Name):
            self._variable(below.id)
        else:
            self._node(below)
        self._out.append(b")")

    def _take_chain(self, name: str, chain: tuple[str, ...]) -> None:
        scope = self._scope_of(name)
        chains = self.chains if scope is None or scope is self._outer else self.local_chains
        chains.setdefault(name, set()).add(chain)

    def _call(self, node: ast.Call) -> None:
        called = node.func
        name = called.id if isinstance(called, ast.Name) else None
        if name in _DYNAMIC or getattr(called, "attr", None) == "import_module":
            taken = node.args[1] if name == "getattr" and len(node.args) > 1 else None
            if isinstance(taken, ast.Constant) and isinstance(taken.value, str):
                if isinstance(node.args[0], ast.Name):
                    self._take_chain(node.args[0].id, (taken.value,))
            else:
                self.dynamic.append(ast.unparse(node)[:_LONGEST])
        self._begin(node)
        self._field("func", node.func)
        self._field("args", node.args)
        self._field("keywords", node.keywords)
        self._out.append(b")")

    def _import(self, node: ast.Import | ast.ImportFrom) -> None:
        is_from = isinstance(node, ast.ImportFrom)
        level, module = 0, ""
        if isinstance(node, ast.ImportFrom):
            level, module = node.level, node.module or ""
        self._begin(node)
        self._out.append(canonical([level, module]))
        for alias in node.names:
            bound = bound_by_import(alias, is_from=is_from)
            # `import a.b` binds a, and `import a.b as c` binds b.
            is_top = not is_from and alias.asname is None
            self._out.append(canonical([alias.name, is_top and "." in alias.name]))
            self._variable(bound)
            if is_from:
                self.imports.append((level, module, alias.name, bound))
            else:
                # Of `import a.b` it is a that has the name a.
                self.imports.append((0, alias.name, "" if is_top else None, bound))
        self._out.append(b")")

    def _declared(self, node: ast.Global | ast.Nonlocal) -> None:
        """Leave it out: each name is written as what it was declared to be."""

    # --- Scopes -------------------------------------------------------------------------------

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        self._begin(node)
        self._field("decorators", node.decorator_list)
        self._variable(node.name)
        self._inner(node, are_named=True)
        self._out.append(b")")

    def _lambda(self, node: ast.Lambda) -> None:
        self._begin(node)
        names = {each.arg for each in parameters_of(node.args)}
        self._inner(node, are_named=self.gives_by_name(names))
        self._out.append(b")")

    def _inner(self, node: FunctionTree, *, are_named: bool) -> None:
        arguments = node.args
        self._field("defaults", arguments.defaults)
        self._field("kw_defaults", arguments.kw_defaults)
        for each in parameters_of(arguments):
            self._field("annotation", each.annotation)
        self._field("returns", getattr(node, "returns", None))
        self._scopes.append(scope_of_function(node))
        self._parameters(arguments, are_named=are_named)
        self._field("body", node.body)
        self._scopes.pop()

    def _parameters(self, arguments: ast.arguments, *, are_named: bool) -> None:
        for kind in ("posonlyargs", "args", "vararg", "kwonlyargs", "kwarg"):
            found = getattr(arguments, kind) or []
            for each in found if isinstance(found, list) else [found]:
                self._out.append(kind.encode())
                self._variable(each.arg)
                if kind == "kwonlyargs" or (kind == "args" and are_named):
                    self._out.append(canonical(each.arg))

    def _class(self, node: ast.ClassDef) -> None:
        self._begin(node)
        self._field("decorators", node.decorator_list)
        self._variable(node.name)
        self._out.append(canonical(node.name))  # shown by instances
        self._field("bases", node.bases)
        self._field("keywords", node.keywords)
        self._scopes.append(scope_of_body(node.body, is_class=True))
        self._field("body", node.body)
        self._scopes.pop()
        self._out.append(b")")

    def _comprehension(self, node: Any) -> None:
        self._begin(node)
        first = node.generators[0]
        self._field("over", first.iter)  # in the scope around
        self._scopes.append(scope_of_comprehension(node.generators))
        for each in node.generators:
            self._field("target", each.target)
            if each is not first:
                self._field("iter", each.iter)
            self._field("ifs", each.ifs)
            self._field("is_async", each.is_async)
        for name in ("elt", "key", "value"):
            self._field(name, getattr(node, name, None))
        self._scopes.pop()
        self._out.append(b")")

    # --- Statements that name something -------------------------------------------------------

    def _annotated(self, node: ast.AnnAssign) -> None:
        """Write an annotated variable of a function as one without: nobody sees it."""
        if self._scopes[-1].is_class:
            self._begin(node)
            self._field("target", node.target)
            self._field("annotation", node.annotation)
            self._field("value", node.value)
            self._out.append(b")")
        elif node.value is not None:
            self._out.append(b"(Assign")
            self._field("targets", [node.target])
            self._field("value", node.value)
            self._out.append(b")")

    def _handler(self, node: ast.ExceptHandler) -> None:
        self._begin(node)
        self._field("type", node.type)
        self._captured(node.name)
        self._field("body", node.body)
        self._out.append(b")")

    def _capture(self, node: ast.MatchAs | ast.MatchStar) -> None:
        self._begin(node)
        self._field("pattern", getattr(node, "pattern", None))
        self._captured(node.name)
        self._out.append(b")")

    def _mapping(self, node: ast.MatchMapping) -> None:
        self._begin(node)
        self._field("keys", node.keys)
        self._field("patterns", node.patterns)
        self._captured(node.rest)
        self._out.append(b")")

    def _captured(self, name: str | None) -> None:
        if name is not None:
            self._variable(name)


def _is_idle(node: Any) -> bool:
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Constant)
    return isinstance(node, ast.Pass)


_SPECIAL: dict[type[ast.AST], str] = {
    ast.Name: "_name",
    ast.Attribute: "_attribute",
    ast.Call: "_call",
    ast.Import: "_import",
    ast.ImportFrom: "_import",
    ast.Global: "_declared",
    ast.Nonlocal: "_declared",
    ast.FunctionDef: "_function",
    ast.AsyncFunctionDef: "_function",
    ast.Lambda: "_lambda",
    ast.ClassDef: "_class",
    ast.ListComp: "_comprehension",
    ast.SetComp: "_comprehension",
    ast.DictComp: "_comprehension",
    ast.GeneratorExp: "_comprehension",
    ast.AnnAssign: "_annotated",
    ast.ExceptHandler: "_handler",
    ast.MatchAs: "_capture",
    ast.MatchStar: "_capture",
    ast.MatchMapping: "_mapping",
}
