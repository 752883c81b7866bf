"""Names by which one function does other than another count."""

import pytest

from tests.unit.incremental.written import cases

HEAD = """
import functools
LIMIT = 3
def helper(text, size=2, **rest):
    return text[:size]
"""

#: Two functions that are not the same, though only a name or two tells.
DIFFERENT = cases(
    """
## variables exchanged
def f(t: str) -> str:
    a = t
    b = 1
    return a
--
def f(t: str) -> str:
    a = t
    b = 1
    return b

## parameters exchanged
def f(a: str, b: str) -> str:
    return a + b
--
def f(b: str, a: str) -> str:
    return a + b

## a keyword parameter
def f(t: str, *, size: int = 1) -> str:
    return t[:size]
--
def f(t: str, *, limit: int = 1) -> str:
    return t[:limit]

## a parameter that a call names
def f(t: str) -> str:
    return g(a=t, b=1)
def g(a, b):
    return a * b, b
--
def f(t: str) -> str:
    return g(a=t, b=1)
def g(b, a):
    return b * a, a

## a parameter of a lambda that a call names
def f(t: str) -> str:
    return (lambda a, b: a - b)(a=1, b=2)
--
def f(t: str) -> str:
    return (lambda b, a: b - a)(a=1, b=2)

## an attribute
def f(t: str) -> str:
    return t.lower()
--
def f(t: str) -> str:
    return t.upper()

## the keyword of a call
def f(t: str) -> str:
    return helper(t, size=1)
--
def f(t: str) -> str:
    return helper(t, width=1)

## a built-in
def f(t: str) -> str:
    return min(t)
--
def f(t: str) -> str:
    return max(t)

## global against local
def f(t: str) -> str:
    global LIMIT
    LIMIT = 4
    return t
--
def f(t: str) -> str:
    LIMIT = 4
    return t

## nonlocal against local
def f(t: str) -> str:
    n = 0
    def g():
        nonlocal n
        n = 1
    g()
    return n
--
def f(t: str) -> str:
    n = 0
    def g():
        n = 1
    g()
    return n

## a comprehension's variable against the one around it
def f(t: str) -> str:
    x = 1
    return [x for y in t]
--
def f(t: str) -> str:
    x = 1
    return [y for y in t]

## names that are looked at
def f(t: str) -> str:
    found = t
    return locals()
--
def f(t: str) -> str:
    result = t
    return locals()

## names that a text may hold
def f(t: str) -> str:
    found = t
    return eval(t)
--
def f(t: str) -> str:
    result = t
    return eval(t)

## a name shown by an f-string
def f(t: str) -> str:
    found = t
    return f'{found=}'
--
def f(t: str) -> str:
    result = t
    return f'{result=}'

## an attribute of a class inside
def f(t: str) -> str:
    class C:
        a = 1
    return C().a
--
def f(t: str) -> str:
    class C:
        b = 1
    return C().a

## a class's name is not seen by its methods
def f(t: str) -> str:
    x = 1
    class C:
        x = 2
        def m(self):
            return x
    return C().m()
--
def f(t: str) -> str:
    y = 1
    class C:
        x = 2
        def m(self):
            return x
    return C().m()

## which of two values is closed over
def make(a, b):
    def f(t: str) -> str:
        return a - b
    return f
f = make(1, 2)
--
def make(a, b):
    def f(t: str) -> str:
        return a - b
    return f
f = make(2, 1)

## a package or its module
def f(t: str) -> str:
    import os.path
    return os.path.join(t)
--
def f(t: str) -> str:
    import os.path as os
    return os.path.join(t)

## one import or another
def f(t: str) -> str:
    from math import floor as g
    return g(t)
--
def f(t: str) -> str:
    from math import ceil as g
    return g(t)

## an async comprehension
async def f(t: str) -> str:
    return [x async for x in t]
--
async def f(t: str) -> str:
    return [x for x in t]

## a default of a function inside
def f(t: str) -> str:
    def g(a=1):
        return a
    return g()
--
def f(t: str) -> str:
    def g(a=2):
        return a
    return g()

## a docstring that is read
def f(t: str) -> str:
    return p.__doc__ + t
def p():
    'Be brief.'
--
def f(t: str) -> str:
    return p.__doc__ + t
def p():
    'Be long.'
"""
)


@pytest.mark.parametrize("pair", DIFFERENT.values(), ids=DIFFERENT)
def test_names_that_tell_functions_apart_count(prints, pair):
    one, other = (prints(HEAD + each, "f") for each in pair)
    assert one != other


def test_what_is_numbered_is_never_taken_for_another_variable(prints):
    """Each comprehension has variables of its own, though one is over before the next begins."""
    texts = [
        f"def f(t: str) -> str:\n    return [{a} for a in t], [{b} for b in t], [a for a in t]"
        for a, b in [("a", "b"), ("t", "b"), ("a", "t"), ("t", "t")]
    ]
    assert len({prints(HEAD + text, "f") for text in texts}) == len(texts)
