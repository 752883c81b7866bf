"""What of a task's code counts, and what could not be followed, as data."""

import re
import reprlib
from enum import StrEnum
from types import FunctionType
from typing import Any, NamedTuple

import msgspec

from ragflow.core.items import Fingerprint
from ragflow.incremental.source_trees import place_of_class

#: What a name says of a text that nobody should read over a shoulder or in a log.
_SECRET = re.compile(r"secret|passw|token|credential|api_?key|private_?key", re.IGNORECASE)


class _Abridging(reprlib.Repr):
    def repr_dict(self, x: dict[Any, Any], level: int) -> str:
        return super().repr_dict({key: _unless_secret(str(key), x[key]) for key in x}, level)


_abridging = _Abridging()
_abridging.maxstring = _abridging.maxother = 60
_abridging.maxdict = _abridging.maxlist = _abridging.maxtuple = _abridging.maxset = 4


class Kind(StrEnum):
    """What a thing that counts is counted as."""

    FUNCTION = "function"  #: by its syntax tree
    BYTECODE = "bytecode"  #: a function without source, or whose source is not what runs
    CLASS = "class"
    VALUE = "value"
    CONTAINER = "container"  #: its members follow
    INSTANCE = "instance"  #: its class and its attributes follow
    MODULE = "module"  #: what is taken of it follows, if it is own code
    ANNOTATION = "annotation"
    VERSION = "version"
    INSTALLED = "installed"  #: by its name
    BUILT_IN = "built-in"  #: by its name
    TYPE = "type"  #: by the name of its type
    AGAIN = "again"  #: it was counted above


class Reason(StrEnum):
    """Why something could not be followed."""

    INSTALLED = "installed"  #: it is of Python or of a package: declare a version where it matters
    BUILT_IN = "built-in"
    DYNAMIC = "dynamic"  #: it is looked up by a name that is known only when it runs
    BY_TYPE = "by type"  #: a value that counts by the name of its type alone


class Counted(NamedTuple):
    """One thing that counts."""

    #: What it is to what reads it: ``global LIMIT``, ``default size``, ``method clean``.
    role: str
    kind: Kind
    #: What enters the fingerprint.
    data: bytes
    #: How far it is from the task, so that nothing can be taken for a part of something else.
    depth: int
    #: How it was come by: ``shorten -> clean -> LIMIT``. For people: does not count.
    path: str
    #: The thing itself, to be shown; does not count.
    value: Any

    @property
    def shown(self) -> str:
        """The value, abridged; "" for a function or class.

        A text whose name says that it is secret is not shown, though it counts.
        """
        if self.kind in _CODE:
            return ""
        if isinstance(self.value, _Said):
            return self.value
        return _abridging.repr(_unless_secret(self.path.rpartition(" -> ")[2], self.value))

    @property
    def place(self) -> tuple[str, int] | None:
        """File and line of a function or class."""
        if self.kind is Kind.CLASS:
            return place_of_class(self.value)
        if self.kind in _CODE and isinstance(self.value, FunctionType):
            return self.value.__code__.co_filename, self.value.__code__.co_firstlineno
        return None


class _Hidden:
    """Stands for a text that is not shown."""

    def __repr__(self) -> str:
        return "not shown: declare a secret instead"


def _unless_secret(name: str, value: Any) -> Any:
    return _Hidden() if isinstance(value, str | bytes) and _SECRET.search(name) else value


class _Said(str):
    """Text that is shown as it is."""

    __slots__ = ()


def said(text: str) -> str:
    """Return a text that is shown as it is, not as a value of type str."""
    return _Said(text)


_CODE = frozenset({Kind.FUNCTION, Kind.BYTECODE, Kind.CLASS})


class Missed(msgspec.Struct, frozen=True):
    """One thing that could not be followed."""

    name: str
    reason: Reason
    #: How it was come by.
    path: str


class CodeReport(msgspec.Struct, frozen=True):
    """What names the code of a task, and what does not."""

    fingerprint: Fingerprint
    counted: list[Counted]
    missed: list[Missed]
