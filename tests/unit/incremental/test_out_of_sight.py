"""What decides what a task does counts where it is easily overlooked, too."""

import functools
import importlib
import os
import subprocess
import sys

import pytest

from ragflow.incremental.task_code import code_fingerprint
from tests.unit.incremental.written import all_differ, cases, variants

#: A case a heading; FILL is 1, then 2. `own_helpers.clean` adds it too.
COUNTS = cases("""
## the order of a dict
RULES = dict(sorted({"a": "b", "b": "c"}.items(), reverse=FILL == 1))
def f(text):
    for old, new in RULES.items():
        text = text.replace(old, new)
    return text

## the order of a dict of functions
def one(text): return text + "1"
def two(text): return text * 2
RULES = dict([(1, one), (2, two)][:: -1 if FILL == 1 else 1])
def f(text):
    for rule in RULES.values():
        text = rule(text)
    return text

## a limit of a field that a library keeps out of sight
from pydantic import BaseModel, Field
LIMIT = FILL
class Model(BaseModel):
    size: int = Field(default=1, le=LIMIT)
def f(text): return Model(size=text)

## a limit beside a type
from typing import Annotated
from msgspec import Meta, Struct, json
import own_helpers
class Model(Struct):
    size: Annotated[int, Meta(le=own_helpers.SIZE)]
def f(text): return json.decode(text, type=Model)

## what checks a field
from typing import Annotated
from pydantic import AfterValidator, BaseModel
def check(size): return size + FILL
class Model(BaseModel):
    size: Annotated[int, AfterValidator(check)]
def f(text): return Model(size=text)

## what checks a type that has a name
from typing import Annotated
from pydantic import AfterValidator, TypeAdapter
def check(size): return size + FILL
Size = Annotated[int, AfterValidator(check)]
def f(text): return TypeAdapter(Size).validate_python(text)

## a class in a type that has a name
from typing import Optional
from pydantic import BaseModel, TypeAdapter
class Model(BaseModel):
    size: int = FILL
Models = list[Optional[Model]]
def f(text): return TypeAdapter(Models).validate_python(text)

## a keyword of a class
import msgspec
TAG = "FILL"
class Model(msgspec.Struct, tag=TAG):
    size: int = 1
def f(text): return msgspec.json.encode(Model())

## what a model was given after it was made
from pydantic import BaseModel, PrivateAttr
class Model(BaseModel):
    _size: int = PrivateAttr(default=0)
MODEL = Model()
MODEL._size = int("FILL")
def f(text): return MODEL._size

## a method of Python's that a decorator made
from functools import lru_cache
class Rule:
    @lru_cache
    def __call__(self, text): return text + "FILL"
def f(text): return Rule()(text)

## an attribute between two underscores
MARK = "FILL"
class Rule:
    __mark__ = MARK
def f(text): return text + Rule.__mark__

## what a decorator hung on a function
def marked(mark):
    def hang(function):
        function.mark = mark
        return function
    return hang
@marked("FILL")
def clean(text): return text
def call(function, text): return function(text) + function.mark
def f(text): return call(clean, text)

## a date of our own
from datetime import datetime
class Day(datetime): pass
DAY = Day(2000 + FILL, 1, 1)
def f(text): return text + str(DAY)

## a number of our own
from decimal import Decimal
class Price(Decimal): pass
PRICE = Price(FILL)
def f(text): return text + str(PRICE)

## a queue of our own
from collections import deque
class Queue(deque): pass
QUEUE = Queue([FILL])
def f(text): return text + str(QUEUE[0])

## a module by another name
import own_helpers
def f(text):
    helpers = own_helpers
    return helpers.clean(text)

## a module by another name that is taken by its own, too
import own_helpers
def call(module, text): return module.clean(text)
def f(text): return call(own_helpers, text) + own_helpers.FIXED

## a module of a package by another name
import own_package.inner
def f(text):
    inner = own_package.inner
    return inner.clean(text)

## a module that is imported inside, by another name
def f(text):
    from own_package import inner
    module = inner
    return module.clean(text)

## a module in a dict
import own_helpers
RULES = {"one": own_helpers}
def f(text): return RULES["one"].clean(text)

## a module of an instance
import own_helpers
class Rule:
    def __init__(self): self.helpers = own_helpers
RULE = Rule()
def f(text): return RULE.helpers.clean(text)

## a module as a default
import own_helpers
def f(text, helpers=own_helpers): return helpers.clean(text)

## a module that code without source reads
exec("import own_package.inner\\ndef f(text): return own_package.inner.clean(text)")

## the last of many functions that call each other
def f0(text): return text + "FILL"
for n in range(1, 300):
    exec(f"def f{n}(text): return f{n - 1}(text)")
def f(text): return f299(text)

## the last of many that hold each other
class Rule:
    def __init__(self, next): self.next = next
RULE = FILL
for n in range(300):
    RULE = Rule(RULE)
def f(text): return RULE

## the innermost of many tuples
TUPLE = FILL
for n in range(2000):
    TUPLE = (TUPLE,)
def f(text): return TUPLE
""")

HELPERS = """
SIZE = FILL
FIXED = "a"
def clean(text):
    return text + "FILL"
"""


@pytest.fixture
def package(tmp_path):
    (tmp_path / "own_package").mkdir()
    (tmp_path / "own_package" / "__init__.py").touch()
    return tmp_path / "own_package" / "inner.py"


@pytest.mark.parametrize("text", [each for (each,) in COUNTS.values()], ids=COUNTS)
def test_what_is_easily_overlooked_counts(prints, package, text):
    found = []
    for filling in ("1", "2"):
        package.write_text(HELPERS.replace("FILL", filling), encoding="utf-8")
        found += variants(prints, text, filling, own_helpers=HELPERS)
    assert all_differ(found)


#: Ordinary code that nothing ends in, or that shows where in memory it lies.
STABLE = """
import json
from datetime import timedelta, tzinfo
from functools import singledispatch
from typing import Annotated
from collections.abc import Mapping
from pydantic import AfterValidator

RULES = {}
class Rule:
    def run(self, text): return RULES[type(self)](text)
class Other(Rule): pass
def first(text): return Rule().run(text)
RULES[Rule] = RULES[Other] = first

class Node:
    def __init__(self): self.beside = set()
one, two, three = Node(), Node(), Node()
one.beside |= {two, three}
two.beside |= {one, three}

class Zone(tzinfo):
    def utcoffset(self, at): return timedelta(0)
ZONE = Zone()

class Doc:
    def __init__(self, text): self.text = text
def check(text): return text

@singledispatch
def kind(text): return text
@kind.register(Mapping)
def _(text): return None

class Proxy:
    def __getattr__(self, name): return 5
PROXY = Proxy()

LIST = []
LIST.append(LIST)

def deep(text):
    return DEEP

def branches(text):
    if text == "": return 0
    BRANCHES

def fails(text):
    import own_failing
    return own_failing

def f(text: Annotated[str, Doc("a"), AfterValidator(check)]) -> str:
    return first, one, ZONE, kind, PROXY, LIST, deep, branches, fails
"""
SCRIPT = """
EXTRA
import own_ordinary
from ragflow.incremental.task_code import code_fingerprint
print(code_fingerprint(own_ordinary.f).hex())
"""
#: Moves the number by which Python knows that its abstract types are still the same.
EXTRA = """
from collections.abc import Mapping
for n in range(9):
    Mapping.register(type("Made", (), {}))
"""


def test_ordinary_code_has_one_name_in_every_process(tmp_path):
    branches = "\n".join(f"    elif text == {n}: return {n}" for n in range(300)).lstrip()
    text = STABLE.replace("DEEP", " + ".join(["text"] * 400)).replace("BRANCHES", branches)
    (tmp_path / "own_ordinary.py").write_text(text, encoding="utf-8")
    (tmp_path / "own_failing.py").write_text("raise KeyError('HOME')\n", encoding="utf-8")
    found = set()
    for seed, extra in (("0", ""), ("1", EXTRA), ("77", "")):
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT.replace("EXTRA", extra)],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(tmp_path)},
            capture_output=True,
            check=False,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        found.add(done.stdout)
    assert len(found) == 1


def test_a_name_does_not_hang_on_how_deep_the_caller_is(tmp_path, monkeypatch):
    text = "TUPLE = ()\nfor n in range(60):\n    TUPLE = (TUPLE,)\n"
    text += "def f(text):\n    return TUPLE, " + "(" * 30 + "text" + ",)" * 30 + "\n"
    (tmp_path / "own_nested.py").write_text(text, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    module = importlib.import_module("own_nested")
    monkeypatch.delitem(sys.modules, "own_nested")
    name = functools.partial(code_fingerprint, module.f)

    def below(depth: int) -> bytes:
        return name() if depth == 0 else below(depth - 1)

    assert below(0) == below(300)
