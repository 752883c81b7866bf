"""Names that only the function itself knows do not count."""

import pytest

from tests.unit.incremental.written import cases

HEAD = """
import functools
LIMIT = 3
def helper(text, size=2, **rest):
    return text[:size]
"""

#: The same function twice, its local names being others.
ALIKE = cases(
    """
## a variable
def f(text: str) -> str:
    found = text.strip()
    return found
--
def f(text: str) -> str:
    result = text.strip()
    return result

## the data of a task
def f(text: str) -> str:
    return text.strip()
--
def f(content: str) -> str:
    return content.strip()

## a loop, unpacked
def f(t: str) -> str:
    for a, (b, *c) in t:
        t += a
    return t, b, c
--
def f(t: str) -> str:
    for x, (y, *z) in t:
        t += x
    return t, y, z

## comprehensions
def f(t: str) -> str:
    return [a + b for a in t for b in a if b], {c: c for c in t}
--
def f(t: str) -> str:
    return [x + y for x in t for y in x if y], {t: t for t in t}

## a comprehension hiding a variable
def f(t: str) -> str:
    x = 1
    return [x for x in t], x
--
def f(t: str) -> str:
    x = 1
    return [y for y in t], x

## a lambda
def f(t: str) -> str:
    return sorted(t, key=lambda pair: pair[1])
--
def f(t: str) -> str:
    return sorted(t, key=lambda p: p[1])

## an error
def f(t: str) -> str:
    try:
        return t
    except OSError as e:
        return e
--
def f(t: str) -> str:
    try:
        return t
    except OSError as x:
        return x

## a walrus in a comprehension
def f(t: str) -> str:
    return [a for b in t if (a := b)], a
--
def f(t: str) -> str:
    return [x for y in t if (x := y)], x

## a function inside
def f(t: str) -> str:
    def g():
        n = t
        return n
    return g()
--
def f(t: str) -> str:
    def h():
        m = t
        return m
    return h()

## nonlocal
def f(t: str) -> str:
    n = 0
    def g():
        nonlocal n
        n += 1
    g()
    return n
--
def f(t: str) -> str:
    m = 0
    def g():
        nonlocal m
        m += 1
    g()
    return m

## with
def f(t: str) -> str:
    with open(t) as a, open(t) as b:
        return a, b
--
def f(t: str) -> str:
    with open(t) as x, open(t) as y:
        return x, y

## a match
def f(t: str) -> str:
    match t:
        case {'k': v, **r}:
            return v, r
        case [a, *b] as c:
            return a, b, c
--
def f(t: str) -> str:
    match t:
        case {'k': x, **s}:
            return x, s
        case [d, *e] as g:
            return d, e, g

## an import under another name
def f(t: str) -> str:
    import re
    return re.sub('a', 'b', t)
--
def f(t: str) -> str:
    import re as r
    return r.sub('a', 'b', t)

## starred parameters
def f(t: str) -> str:
    return g(t)
def g(*args, **kwargs):
    return args, kwargs
--
def f(t: str) -> str:
    return g(t)
def g(*many, **named):
    return many, named

## a positional-only parameter
def f(t: str) -> str:
    return g(t)
def g(a, /):
    return a
--
def f(t: str) -> str:
    return g(t)
def g(b, /):
    return b

## a variable that is annotated
def f(t: str) -> str:
    n = 1
    return t[n:]
--
def f(t: str) -> str:
    n: int = 1
    return t[n:]

## a variable named like a global that is not read
def f(t: str) -> str:
    found = t
    return found
--
def f(t: str) -> str:
    LIMIT = t
    return LIMIT

## what it closes over
def make(size, mark):
    def f(t: str) -> str:
        return t[:size] + mark
    return f
f = make(3, 'a')
--
def make(width, end):
    def f(t: str) -> str:
        return t[:width] + end
    return f
f = make(3, 'a')

## what it closes over, in another order of names
def make(a, b):
    def f(t: str) -> str:
        return t[:b] + a
    return f
f = make('a', 3)
--
def make(b, a):
    def f(t: str) -> str:
        return t[:a] + b
    return f
f = make('a', 3)

## type comments, texts that stand alone, pass
def f(t: str) -> str:
    n = 1
    return t[n:]
--
def f(t: str) -> str:
    '''Doc.'''
    n = 1  # type: int
    '''n is one'''
    pass
    return t[n:]
"""
)


@pytest.mark.parametrize("pair", ALIKE.values(), ids=ALIKE)
def test_local_names_do_not_count(prints, pair):
    one, other = (prints(HEAD + each, "f") for each in pair)
    assert one == other
