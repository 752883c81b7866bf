"""What a task reaches counts, however it is reached."""

import pytest

from ragflow.errors import FingerprintError
from tests.unit.incremental.written import cases, variants

#: FILL stands for something that counts.
REACHED = cases(
    """
## a function as a default
def clean(text):
    return text + "FILL"
def f(text: str) -> str:
    return g(text)
def g(text, by=clean):
    return by(text)

## a function as a keyword default
def clean(text):
    return text + "FILL"
def f(text: str) -> str:
    return g(text)
def g(text, *, by=clean):
    return by(text)

## a table of functions
def clean(text):
    return text + "FILL"
def keep(text):
    return text
TABLE = {"clean": clean, "keep": keep}
def f(text: str) -> str:
    return TABLE["clean"](text)

## a table by type
def number(value):
    return value + FILL1
TABLE = {int: number, str: len}
def f(text: str) -> str:
    return TABLE[type(text)](text)

## a tuple of pairs
def clean(text):
    return text + "FILL"
RULES = (("a", clean), ("b", str.lower))
def f(text: str) -> str:
    return [rule(text) for _, rule in RULES]

## a set of functions
def clean(text):
    return text + "FILL"
def keep(text):
    return text
RULES = {clean, keep}
def f(text: str) -> str:
    return [rule(text) for rule in RULES]

## a registry that a decorator fills
RULES = {}
def rule(function):
    RULES[function.__name__] = function
    return function
@rule
def clean(text):
    return text + "FILL"
def f(text: str) -> str:
    return RULES["clean"](text)

## a table's method
def clean(text):
    return text + "FILL"
find = {"clean": clean}.get
def f(text: str) -> str:
    return find("clean")(text)

## a partial of a function
from functools import partial
def clean(text, mark):
    return text + mark + "FILL"
cut = partial(clean, mark="a")
def f(text: str) -> str:
    return cut(text)

## what a partial is given
from functools import partial
def clean(text, mark):
    return text + mark
cut = partial(clean, mark="FILL")
def f(text: str) -> str:
    return cut(text)

## a function wrapped by an own decorator
def marked(function):
    def wrapper(text):
        return function(text) + "a"
    return wrapper
@marked
def clean(text):
    return text + "FILL"
def f(text: str) -> str:
    return clean(text)

## an own decorator with an argument
def marked(mark):
    def decorate(function):
        def wrapper(text):
            return function(text) + mark
        return wrapper
    return decorate
@marked("FILL")
def clean(text):
    return text
def f(text: str) -> str:
    return clean(text)

## a decorator that is a class
import functools
class Marked:
    def __init__(self, function):
        functools.update_wrapper(self, function)
        self.function = function
    def __call__(self, text):
        return self.function(text) + "FILL"
@Marked
def clean(text):
    return text
def f(text: str) -> str:
    return clean(text)

## a function below a decorator of Python's
from contextlib import contextmanager
@contextmanager
def opened(text):
    yield text + "FILL"
def f(text: str) -> str:
    with opened(text) as found:
        return found

## a remembered function
from functools import lru_cache
@lru_cache(maxsize=None)
def clean(text):
    return text + "FILL"
def f(text: str) -> str:
    return clean(text)

## a function for another type
from functools import singledispatch
@singledispatch
def clean(text):
    return text
@clean.register
def _(text: int):
    return text + "FILL"
def f(text: str) -> str:
    return clean(text)

## what a function carries
def clean(text):
    return clean.prompt + text
clean.prompt = "FILL"
def f(text: str) -> str:
    return clean.prompt

## an attribute asked for by a text
import own_helpers
def f(text: str) -> str:
    return getattr(own_helpers, "SIZE")

## a value of a module
import own_helpers
def f(text: str) -> str:
    return text[:own_helpers.SIZE]

## an attribute of a value of a module
import own_helpers
def f(text: str) -> str:
    return text[:own_helpers.NESTED["SIZE"].bit_length()]

## a module of a package, imported inside
def f(text: str) -> str:
    from own_folder import inner
    return inner.clean(text)

## a module by its path, imported inside
def f(text: str) -> str:
    import own_folder.inner
    return own_folder.inner.clean(text)

## a module by its path, imported outside
import own_folder.inner
def f(text: str) -> str:
    return own_folder.inner.clean(text)

## a function with no source
space = {"__name__": __name__}
exec("def clean(text):\\n    return text + 'FILL'", space)
clean = space["clean"]
def f(text: str) -> str:
    return clean(text)

## a value changed after it was made
SIZES = []
SIZES.append("FILL")
def f(text: str) -> str:
    return SIZES
"""
)


@pytest.mark.parametrize("text", [text for [text] in REACHED.values()], ids=REACHED)
def test_what_a_task_reaches_counts(filled, text):
    assert filled(text, "a") != filled(text, "b")
    assert filled(text, "a") == filled(text, "a")


@pytest.mark.parametrize(
    ("declared", "chain"),
    [
        ("THING = object()", "THING"),
        ("TABLE = {'a': object()}", r"TABLE\['a'\]"),
        ("TABLE = [0, (object(),)]", r"TABLE\[1\]\[0\]"),
        ("class C:\n    pass\nTHING = C()\nTHING.client = object()", r"THING\.client"),
        ("from functools import partial\nTHING = partial(int, object())", r"THING\.args\[0\]"),
        ("from threading import Lock\nTHING = Lock().acquire", r"THING\.__self__"),
        ("from os import environ", "environ"),
    ],
)
def test_what_cannot_be_followed_is_refused_by_its_whole_chain(prints, declared, chain):
    name = declared.rpartition(" ")[2] if "import environ" in declared else "TABLE"
    name = name if name in declared else "THING"
    text = f"{declared}\ndef helper(text):\n    return {name}\n"
    text += "def f(text: str) -> str:\n    return helper(text)\n"
    with pytest.raises(FingerprintError, match=rf"^f -> helper -> {chain} is an? .+, which cannot"):
        prints(text, "f")


def test_what_is_carried_along_is_not_refused(prints):
    """A default and an attribute of a class may never be used."""
    text = """
        THING = object()
        class Rule:
            lock = object()
            def cut(self, text, default=THING):
                return text
        def f(text: str) -> str:
            return Rule().cut(text)
    """
    prints(text, "f")


def test_an_installed_decorator_is_not_read_but_what_it_wraps_is(prints):
    text = """
        from contextlib import contextmanager
        THING = object()
        @contextmanager
        def opened():
            yield THING
        def f(text: str) -> str:
            with opened() as found:
                return found
    """
    with pytest.raises(FingerprintError, match="THING is an object"):
        prints(text, "f")


def test_moving_methods_and_functions_changes_nothing(prints):
    one = """
        class Rule:
            def a(self):
                return 1
            def b(self):
                return 2
        def helper(text):
            return text
        def f(text: str) -> str:
            return helper(Rule().a())
    """
    other = """
        def f(text: str) -> str:
            return helper(Rule().a())
        def helper(text):
            return text
        class Rule:
            def b(self):
                return 2

            def a(self):
                return 1
    """
    assert prints(one, "f") == prints(other, "f")


def test_what_a_run_remembered_does_not_count(prints):
    """Python keeps what a function was asked for in the function; that is no part of its code."""
    text = """
        from functools import cached_property, lru_cache, singledispatch
        @lru_cache
        def clean(text):
            return text
        class Rule:
            @cached_property
            def mark(self):
                return "a"
        RULE = Rule()
        @singledispatch
        def kind(text):
            return text
        CALL
        def f(text: str) -> str:
            return kind(clean(text)) + RULE.mark
    """
    called = text.replace("CALL", "clean('a'); kind(1); RULE.mark")
    assert prints(called, "f") == prints(text.replace("CALL", ""), "f")


def test_nothing_is_taken_for_a_part_of_something_else(prints):
    """The same functions, once read by the task and once by what it calls."""
    text = """
        def g(text):
            return text
        def h(text):
            return text
        def helper(text):
            return g, HELPER
        def f(text: str) -> str:
            return helper, g, F
    """
    one = text.replace("HELPER", "h").replace(", F", "")
    other = text.replace(", HELPER", "").replace("F", "h")
    assert len({variants(prints, each, "")[0] for each in (one, other)}) == 2
