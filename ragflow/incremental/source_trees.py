"""Which syntax tree does the running code come from?

A file may have been edited since it was imported. So the text of its file is compiled, and a
tree is given out only where its code is the running code, places and names of files aside.
Else there is none, and the bytecode must speak for itself.
"""

import __future__

import ast
import functools
import linecache
import operator
import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any, NamedTuple

#: Trees deeper than this are not read.
_DEEPEST = 80
#: Bytes before the code in a file of compiled code.
_HEAD = 16
FunctionTree = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
_NAMED = (ast.FunctionDef, ast.AsyncFunctionDef)

#: What a `from __future__ import` in force changes of the compiler; a notebook's cell inherits it.
_FUTURE = functools.reduce(
    operator.or_,
    (getattr(__future__, name).compiler_flag for name in __future__.all_feature_names),
)


class _File(NamedTuple):
    """The text of a file, parsed and compiled."""

    #: By qualified name: code that may run under it.
    codes: dict[str, list[CodeType]]
    #: By first line and name.
    functions: dict[tuple[int, str], list[FunctionTree]]
    #: By qualified name; several where the text defines it several times.
    classes: dict[str, list[ast.ClassDef]]


def tree_of(function: FunctionType) -> FunctionTree | None:
    """Return the tree that a function's running code was compiled from, if it can be known."""
    code = function.__code__
    file = _file(code.co_filename, function.__globals__, code.co_flags & _FUTURE)
    if file is None:
        return None
    candidates = file.codes.get(code.co_qualname, [])
    # Equal to the letter, places too, before equal but moved.
    found = next((each for each in candidates if each == code), None)
    if found is None and candidates:
        running = _placeless(code)
        found = next((each for each in candidates if _placeless(each) == running), None)
    tree = None if found is None else _tree_among(file, found)
    return tree if tree is not None and _is_shallow(tree) else None


def class_trees(kind: type) -> list[ast.ClassDef]:
    """Return what the text says of a class; several trees where it says it several times."""
    return _class_in_file(kind)[1]


def place_of_class(kind: type) -> tuple[str, int] | None:
    """Return file and line of a class, where its text is found."""
    place, trees = _class_in_file(kind)
    return (place, trees[0].lineno) if trees else None


def _class_in_file(kind: type) -> tuple[str, list[ast.ClassDef]]:
    module = sys.modules.get(kind.__module__)
    names = vars(module) if module is not None else {}
    methods = (getattr(each, "__func__", each) for each in vars(kind).values())
    # A cell of a notebook is no module with a file, but its functions know the cell.
    places = [m.__code__.co_filename for m in methods if isinstance(m, FunctionType)]
    if names.get("__file__") is None and names.get(kind.__qualname__) is kind:
        places += _cells(names.get("In"))  # a class of fields alone
    if _was_written_since(names):
        return "", []
    for place in dict.fromkeys([names.get("__file__"), *places]):
        file = _file(place, names, 0) if place else None
        found = [] if file is None else file.classes.get(kind.__qualname__, [])
        if place and found and all(map(_is_shallow, found)):
            return place, found
    return "", []


def _was_written_since(names: dict[str, Any]) -> bool:
    """Tell whether the text of a module is not what was imported last, as far as Python noted it.

    Of a function the bytecode would tell; the body of a class leaves none.
    """
    file, noted = names.get("__file__"), names.get("__cached__")
    if not isinstance(file, str) or not isinstance(noted, str):
        return False
    try:
        head = Path(noted).read_bytes()[:16]
        found = Path(file).stat()
    except OSError:
        return False
    # https://peps.python.org/pep-0552/: flags, then when it was written and how long it is.
    flags, written, size = struct.unpack("<4xIII", head) if len(head) == _HEAD else (1, 0, 0)
    now = (int(found.st_mtime) & 0xFFFFFFFF, found.st_size & 0xFFFFFFFF)
    return flags == 0 and (written, size) != now


def _cells(ran: Any) -> Iterator[str]:
    """Yield the names of a notebook's cells, the one that ran last first."""
    names = {"".join(entry[2]): name for name, entry in linecache.cache.items() if len(entry) > 2}
    for text in reversed(ran) if isinstance(ran, list) else ():
        found = names.get(text) or names.get(f"{text}\n")
        if found is not None:
            yield found


def _file(name: str, names: dict[str, Any], flags: int) -> _File | None:
    if name == names.get("__file__"):
        flags = 0  # a file says itself what it asks of the compiler
    linecache.checkcache(name)
    text = "".join(linecache.getlines(name, names))
    return _compiled(name, text, flags) if text else None


@functools.lru_cache(maxsize=32)
def _compiled(name: str, text: str, flags: int) -> _File | None:
    try:
        tree = ast.parse(text, name)
        # A cell of a notebook may await at its top.
        allowed = flags | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
        code = compile(tree, name, "exec", flags=allowed, dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError):
        return None
    file = _File({}, {}, {})
    for each in _codes_in(code):
        file.codes.setdefault(each.co_qualname, []).append(each)
    _index(tree, file)
    return file


def _index(tree: ast.AST, file: _File) -> None:
    waiting = [(child, "") for child in ast.iter_child_nodes(tree)][::-1]
    while waiting:  # nests deeper than Python may call
        child, prefix = waiting.pop()
        below = prefix
        if isinstance(child, _NAMED):
            first = min([child.lineno, *(each.lineno for each in child.decorator_list)])
            file.functions.setdefault((first, child.name), []).append(child)
            below = f"{prefix}{child.name}.<locals>."
        elif isinstance(child, ast.Lambda):
            file.functions.setdefault((child.lineno, "<lambda>"), []).append(child)
        elif isinstance(child, ast.ClassDef):
            file.classes.setdefault(prefix + child.name, []).append(child)
            below = f"{prefix}{child.name}."
        waiting += [(each, below) for each in ast.iter_child_nodes(child)][::-1]


def _is_shallow(tree: ast.AST) -> bool:
    """Tell whether a tree can be gone through by calls, whoever calls."""
    level: list[ast.AST] = [tree]
    for _ in range(_DEEPEST):
        level = [child for each in level for child in ast.iter_child_nodes(each)]
        if not level:
            return True
    return False


def _codes_in(code: CodeType) -> Iterator[CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield constant
            yield from _codes_in(constant)


def _placeless(code: CodeType) -> CodeType:
    """Return the code as it would be in any other place; only for comparison."""
    return code.replace(
        co_filename="",
        co_firstlineno=1,
        co_linetable=b"",
        co_consts=tuple(
            _placeless(each) if isinstance(each, CodeType) else each for each in code.co_consts
        ),
    )


def _tree_among(file: _File, code: CodeType) -> FunctionTree | None:
    found = file.functions.get((code.co_firstlineno, code.co_name), [])
    if len(found) == 1:
        return found[0]
    # Lambdas on one line: by where the body stands.
    places = {(line, column) for line, _, column, _ in code.co_positions() if column}
    inside = [each for each in found if isinstance(each, ast.Lambda) and _start(each) in places]
    return inside[0] if len(inside) == 1 else None


def _start(tree: ast.Lambda) -> tuple[int, int]:
    return tree.body.lineno, tree.body.col_offset
