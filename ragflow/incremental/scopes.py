"""To which scope of a function does a name belong?

A local name is nothing but a way to say "the third variable": two functions that differ in
local names alone do the same. A name of the module, an attribute, or a name of a class's body is
known to others, and is what it is.
"""

import ast
from collections.abc import Iterator
from typing import Final

#: Trees that have a scope of their own.
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)

#: Called without arguments, or at all, they see the names of local variables.
_SEE_LOCALS: Final = frozenset({"locals", "vars", "dir"})
_SEE_ALL: Final = frozenset({"eval", "exec"})
_FRAMES: Final = frozenset({"f_locals", "_getframe", "currentframe"})


class Scope:
    """The names that a function, a class's body or a comprehension makes its own."""

    def __init__(self, *, is_class: bool = False) -> None:
        #: Names of a class's body are attributes: kept, and not seen by functions inside.
        self.is_class = is_class
        self.bound: set[str] = set()
        #: Names declared `global`.
        self.of_module: set[str] = set()
        #: Names declared `nonlocal`.
        self.of_outer: set[str] = set()

    def _bind(self, names: set[str]) -> None:
        self.bound |= names - self.of_module - self.of_outer


def scope_of_body(body: list[ast.stmt], *, is_class: bool = False) -> Scope:
    """Return the scope of a function's or class's statements; its parameters are not in it."""
    scope = Scope(is_class=is_class)
    names: set[str] = set()
    for statement in body:
        names |= _bound_by(statement, scope)
    scope._bind(names)  # noqa: SLF001 - its own
    return scope


def scope_of_function(tree: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> Scope:
    """Return the scope of a function, its parameters included."""
    if isinstance(tree, ast.Lambda):
        scope = Scope()
        scope.bound |= set(_walrus(tree.body))
    else:
        scope = scope_of_body(tree.body)
    scope.bound |= {each.arg for each in parameters_of(tree.args)}
    return scope


def scope_of_comprehension(generators: list[ast.comprehension]) -> Scope:
    """Return the scope of a comprehension: its targets."""
    scope = Scope()
    for each in generators:
        scope.bound |= set(_stored(each.target))
    return scope


def parameters_of(arguments: ast.arguments) -> list[ast.arg]:
    """Return all parameters in the order they are written."""
    first = [*arguments.posonlyargs, *arguments.args]
    starred = [each for each in (arguments.vararg,) if each is not None]
    doubly = [each for each in (arguments.kwarg,) if each is not None]
    return [*first, *starred, *arguments.kwonlyargs, *doubly]


def sees_local_names(tree: ast.AST) -> bool:
    """Tell whether anything inside can look at the names of local variables."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in _FRAMES:
            return True
        if isinstance(node, ast.Name) and node.id in _SEE_ALL:
            return True
        if isinstance(node, ast.Call) and not (node.args or node.keywords):
            called = node.func
            if isinstance(called, ast.Name) and called.id in _SEE_LOCALS:
                return True
    return False


def _bound_by(node: ast.AST, scope: Scope) -> set[str]:
    """Return the names that a statement binds in its own scope, and note what it declares."""
    found: set[str] = set()
    waiting: list[ast.AST] = [node]
    while waiting:
        each = waiting.pop()
        if isinstance(each, _FUNCTIONS):
            found.add(each.name)
            waiting += [*each.decorator_list, *_defaults(each.args)]
            continue
        if isinstance(each, ast.ClassDef):
            found.add(each.name)
            waiting += [*each.decorator_list, *each.bases, *each.keywords]
            continue
        if isinstance(each, ast.Lambda):
            waiting += _defaults(each.args)
            continue
        if isinstance(each, _COMPREHENSIONS):
            found |= set(_walrus(each))
            continue
        found |= set(_own_names(each, scope))
        waiting += ast.iter_child_nodes(each)
    return found


def _own_names(node: ast.AST, scope: Scope) -> Iterator[str]:
    if isinstance(node, ast.Name):
        if not isinstance(node.ctx, ast.Load):
            yield node.id
    elif isinstance(node, ast.Import | ast.ImportFrom):
        for alias in node.names:
            yield bound_by_import(alias, is_from=isinstance(node, ast.ImportFrom))
    elif isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar):
        if node.name is not None:
            yield node.name
    elif isinstance(node, ast.MatchMapping):
        if node.rest is not None:
            yield node.rest
    elif isinstance(node, ast.Global):
        scope.of_module.update(node.names)
    elif isinstance(node, ast.Nonlocal):
        scope.of_outer.update(node.names)


def bound_by_import(alias: ast.alias, *, is_from: bool) -> str:
    """Return the name that an import binds."""
    return alias.asname or (alias.name if is_from else alias.name.partition(".")[0])


def _defaults(arguments: ast.arguments) -> list[ast.expr]:
    return [*arguments.defaults, *(each for each in arguments.kw_defaults if each is not None)]


def _stored(node: ast.AST) -> Iterator[str]:
    for each in ast.walk(node):
        if isinstance(each, ast.Name) and not isinstance(each.ctx, ast.Load):
            yield each.id


def _walrus(node: ast.AST) -> Iterator[str]:
    """Yield what ``:=`` binds inside a comprehension or lambda, functions inside left out."""
    waiting: list[ast.AST] = [node]
    while waiting:
        each = waiting.pop()
        if isinstance(each, ast.Lambda) and each is not node:
            continue
        if isinstance(each, ast.NamedExpr):
            yield each.target.id
        waiting += ast.iter_child_nodes(each)
