"""Of own classes and their instances everything counts that a task can reach."""

import pytest

from tests.unit.incremental.written import cases

#: FILL stands for something that counts.
REACHED = cases(
    """
## a field of an instance
from dataclasses import dataclass
@dataclass
class Settings:
    size: int
SETTINGS = Settings("FILL")
def f(text: str) -> str:
    return text[:SETTINGS.size]

## a method of an instance
from dataclasses import dataclass
@dataclass
class Settings:
    size: int
    def cut(self, text):
        return text + "FILL"
SETTINGS = Settings(3)
def f(text: str) -> str:
    return SETTINGS.cut(text)

## instances in a list
class Rule:
    def __init__(self, mark):
        self.mark = mark
    def __call__(self, text):
        return text + self.mark
RULES = [Rule("a"), Rule("FILL")]
def f(text: str) -> str:
    return [rule(text) for rule in RULES]

## an instance with slots
class Rule:
    __slots__ = ("mark", "__hidden")
    def __init__(self, mark):
        self.__hidden = mark
RULE = Rule("FILL")
def f(text: str) -> str:
    return RULE

## an instance of a struct
import msgspec
class Rule(msgspec.Struct):
    mark: str = ""
    def cut(self, text):
        return text + "FILL"
RULE = Rule()
def f(text: str) -> str:
    return RULE.cut(text)

## a default of a struct
import msgspec
class Rule(msgspec.Struct):
    mark: str = "FILL"
def f(text: str) -> str:
    return Rule().mark

## what makes a default of a struct
import msgspec
def make():
    return ["FILL"]
class Rule(msgspec.Struct):
    marks: list = msgspec.field(default_factory=make)
def f(text: str) -> str:
    return Rule().marks

## a named tuple
from typing import NamedTuple
class Rule(NamedTuple):
    mark: str
    def cut(self, text):
        return text + self.mark
RULE = Rule("FILL")
def f(text: str) -> str:
    return RULE.cut(text)

## what a named tuple's method says
from typing import NamedTuple
class Rule(NamedTuple):
    mark: str
    def cut(self, text):
        return text + "FILL"
RULE = Rule("a")
def f(text: str) -> str:
    return RULE.cut(text)

## an own list
class Rules(list):
    pass
RULES = Rules(["FILL"])
def f(text: str) -> str:
    return RULES

## an own mapping
class Rules(dict):
    pass
RULES = Rules(a="FILL")
def f(text: str) -> str:
    return RULES

## an own text
class Prompt(str):
    def filled(self, text):
        return self + text
PROMPT = Prompt("FILL")
def f(text: str) -> str:
    return PROMPT.filled(text)

## a bound method
class Rule:
    mark = "a"
    def cut(self, text):
        return text + self.mark
rule = Rule()
rule.mark = "FILL"
cut = rule.cut
def f(text: str) -> str:
    return cut(text)

## a member of an enum
from enum import Enum
class Mode(Enum):
    FAST = "FILL"
MODE = Mode.FAST
def f(text: str) -> str:
    return text + MODE.value

## a method of an enum
from enum import Enum
class Mode(Enum):
    FAST = 1
    def cut(self, text):
        return text + "FILL"
MODE = Mode.FAST
def f(text: str) -> str:
    return MODE.cut(text)

## another member of an enum
from enum import Enum
class Mode(Enum):
    FAST = 1
    SLOW = "FILL"
def f(text: str) -> str:
    return list(Mode)

## an attribute of a class
class Rule:
    mark = "FILL"
def f(text: str) -> str:
    return Rule.mark

## an inherited attribute
class Base:
    mark = "FILL"
class Rule(Base):
    pass
def f(text: str) -> str:
    return Rule.mark

## the start of an instance made inside
class Rule:
    def __init__(self):
        self.mark = "FILL"
def f(text: str) -> str:
    return Rule().mark

## a property
class Rule:
    @property
    def mark(self):
        return "FILL"
def f(text: str) -> str:
    return Rule().mark

## a cached property
from functools import cached_property
class Rule:
    @cached_property
    def mark(self):
        return "FILL"
def f(text: str) -> str:
    return Rule().mark

## a class inside a class
class Rule:
    class Inner:
        mark = "FILL"
def f(text: str) -> str:
    return Rule.Inner.mark

## what makes a field
from dataclasses import dataclass, field
def make():
    return ["FILL"]
@dataclass
class Rule:
    marks: list = field(default_factory=make)
def f(text: str) -> str:
    return Rule().marks

## how a dataclass was declared
from dataclasses import dataclass
@dataclass(order="FILL" == "b")
class Rule:
    mark: str
def f(text: str) -> str:
    return Rule(text)

## the type of a field
from dataclasses import dataclass
@dataclass
class Inner:
    def cut(self):
        return "FILL"
@dataclass
class Rule:
    inner: Inner
def f(rule: Rule) -> str:
    return rule.inner.cut()

## a metaclass
class Meta(type):
    def __call__(cls, *args):
        return "FILL"
class Rule(metaclass=Meta):
    pass
def f(text: str) -> str:
    return Rule()

## the class that super() asks
class Base:
    def mark(self):
        return "FILL"
class Rule(Base):
    def mark(self):
        return super().mark()
def f(text: str) -> str:
    return Rule().mark()
"""
)


@pytest.mark.parametrize("text", [text for [text] in REACHED.values()], ids=REACHED)
def test_what_a_task_reaches_counts(filled, text):
    assert filled(text, "a") != filled(text, "b")
    assert filled(text, "a") == filled(text, "a")
