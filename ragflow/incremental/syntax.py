"""What does a function say, and which names does it read that it did not make itself?

From its syntax tree, or from its bytecode where there is no tree. Local names are numbered in
the order they are met; comments, formatting, docstrings and decorators are left out.
"""

import ast
from types import CodeType, FunctionType
from typing import NamedTuple
from weakref import WeakKeyDictionary

from ragflow.incremental.scopes import scope_of_body
from ragflow.incremental.source_trees import FunctionTree, class_trees, tree_of
from ragflow.incremental.spelling import Spelling
from ragflow.incremental.unread_source import said_by_bytecode

Chain = tuple[str, ...]


class Import(NamedTuple):
    """One name that is imported inside a function."""

    #: Dots before the module, as in ``from ..a import b``.
    level: int
    module: str
    #: What is taken from the module: a name, "" for the package at its top, None for itself.
    taken: str | None
    #: Attributes that are read of it.
    chains: tuple[Chain, ...]


class Said(NamedTuple):
    """What one function says."""

    #: Equal bytes, equal behaviour, given what is read.
    spelled: bytes
    #: Positional parameters that can also be given by name.
    positional: tuple[str, ...]
    #: Whether a call inside may give one of them by name.
    is_called_by_name: bool
    #: Names looked up in the module, functions inside included; sorted.
    reads: tuple[str, ...]
    #: Of these, the attributes read of them: ``a.b.c`` gives ``("b", "c")``, a alone ``()``.
    chains: dict[str, tuple[Chain, ...]]
    imports: tuple[Import, ...]
    #: Names it closes over, in the order they are met.
    free: tuple[str, ...]
    #: What is looked up by a name that is not written down, as it is written.
    dynamic: tuple[str, ...]
    is_from_source: bool


class ClassSaid(NamedTuple):
    """What the body of a class says beside its methods."""

    spelled: bytes
    #: Names it looks up in the module, and the attributes read of each.
    reads: dict[str, tuple[Chain, ...]]


#: What was once found out of running code stays true, whatever becomes of its file.
_known: WeakKeyDictionary[CodeType, Said] = WeakKeyDictionary()
_known_classes: WeakKeyDictionary[type, ClassSaid | None] = WeakKeyDictionary()


def said_by(function: FunctionType) -> Said:
    """Return what a function says."""
    code = function.__code__
    found = _known.get(code)
    if found is None:
        tree = tree_of(function)
        if tree is None:
            # Not kept: the file may come back, as when an editor writes it anew.
            return _from_bytecode(code)
        found = _known[code] = _from_tree(tree, code)
    return found


def said_by_class(kind: type) -> ClassSaid | None:
    """Return what the body of a class says beside its methods; None where there is no source."""
    if kind not in _known_classes:
        trees = class_trees(kind)
        _known_classes[kind] = _from_class_trees(trees) if trees else None
    return _known_classes[kind]


def _from_class_trees(trees: list[ast.ClassDef]) -> ClassSaid:
    spelled, reads = b"", dict[str, tuple[Chain, ...]]()
    for tree in trees:
        spelling = Spelling()
        spelled += spelling.of_class(tree)
        bound = scope_of_body(tree.body, is_class=True).bound
        for name in sorted(spelling.reads - bound):
            reads[name] = tuple(sorted(spelling.chains.get(name, ())))
    return ClassSaid(spelled, reads)


def _from_tree(tree: FunctionTree, code: CodeType) -> Said:
    spelling = Spelling(free=code.co_freevars, tree=tree)
    spelled = spelling.of_function(tree)
    seen = [name for name in spelling.free if name in code.co_freevars]
    return Said(
        spelled=spelled,
        positional=tuple(each.arg for each in tree.args.args),
        is_called_by_name=spelling.gives_by_name({each.arg for each in tree.args.args}),
        reads=tuple(sorted(spelling.reads)),
        chains={name: tuple(sorted(found)) for name, found in spelling.chains.items()},
        imports=tuple(
            Import(level, module, taken, tuple(sorted(spelling.local_chains.get(name, ()))))
            for level, module, taken, name in spelling.imports
        ),
        # `super()` closes over a name that no tree shows.
        free=(*seen, *(name for name in code.co_freevars if name not in seen)),
        dynamic=tuple(spelling.dynamic),
        is_from_source=True,
    )


def _from_bytecode(code: CodeType) -> Said:
    spelled, reads, attributes, imports = said_by_bytecode(code)
    chains = ((), *((name,) for name in attributes))
    return Said(
        spelled=spelled,
        positional=(),
        is_called_by_name=False,
        reads=reads,
        chains=dict.fromkeys(reads, chains),
        imports=tuple(Import(*found, chains) for found in imports),
        free=code.co_freevars,
        dynamic=(),
        is_from_source=False,
    )
