"""What does code say whose source is not known, or no longer what it was?

Its bytecode, which knows no comment and no line, but local names, and which another minor
version of Python spells in another way.
"""

import dis
from collections.abc import Iterator
from types import CodeType

from ragflow.incremental.canonical import canonical, is_plain


def said_by_bytecode(
    code: CodeType,
) -> tuple[bytes, tuple[str, ...], tuple[str, ...], tuple[tuple[int, str, str | None], ...]]:
    """Return (what it says, names read of the module, of anything, imports inside)."""
    codes = list(_codes_of(code))
    reads: set[str] = set()
    imports: list[tuple[int, str, str | None]] = []
    for each in codes:
        before: list[object] = []
        for instruction in dis.get_instructions(each):
            if instruction.opname in {"LOAD_GLOBAL", "LOAD_NAME"}:
                reads.add(instruction.argval)
            elif instruction.opname == "IMPORT_NAME":
                level, taken = before[-2:]
                names = taken if isinstance(taken, tuple) else ("",)
                depth = level if isinstance(level, int) else 0
                imports += [(depth, instruction.argval, name) for name in names]
            if instruction.opname != "EXTENDED_ARG":
                before.append(instruction.argval)
    attributes = sorted({name for each in codes for name in each.co_names})
    return _spelled(code), tuple(sorted(reads)), tuple(attributes), tuple(imports)


def _codes_of(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes_of(constant)


def _spelled(code: CodeType) -> bytes:
    constants = [
        _spelled(each)
        if isinstance(each, CodeType)
        # A set would be shown in another order by another process.
        else (canonical(each) if is_plain(each) else repr(each))
        for each in code.co_consts
    ]
    takes = [code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags]
    return canonical(
        [
            code.co_code,
            code.co_exceptiontable,
            takes,
            constants,
            [*code.co_names],
            [*code.co_varnames],
            [*code.co_cellvars],
            [*code.co_freevars],
        ]
    )
