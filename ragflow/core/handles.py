"""What does a task return while a pipeline is being recorded?

A handle stands for items that will exist when the pipeline runs. It can be passed to other
tasks and nothing else; every other use raises with a sentence that says what to write.
"""

from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, Generic, Never, NoReturn, Protocol, TypeVar

from ragflow.core.shapes import Shape
from ragflow.core.signature import Signature
from ragflow.errors import HandleError

T_co = TypeVar("T_co", covariant=True)
U = TypeVar("U")


class Handle:
    """What stands for the outcome of one task while a pipeline is recorded."""

    __slots__ = ("node",)

    def __init__(self, node: str) -> None:
        #: Name of the task in the pipeline.
        self.node = node

    def _refuse(self, use: str, instead: str) -> NoReturn:
        raise HandleError(
            f"the outcome of {self.node!r} was used {use}, but nothing has run yet",
            hint=instead,
        )

    def __bool__(self) -> NoReturn:  # noqa: PLE0304 - it never returns
        self._refuse("as a condition", "decide inside a task that is given the items")

    def __iter__(self) -> NoReturn:
        self._refuse(
            "in a loop", f"pass {self.node} to a task: it is called for each item by itself"
        )

    def __contains__(self, value: object) -> NoReturn:
        self._refuse("with `in`", "look for values inside a task that is given the items")

    def __len__(self) -> NoReturn:  # noqa: PLE0303 - it never returns
        self._refuse("with len()", "count inside a task over group(...)")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Handle):
            self._refuse("with ==", "compare values inside a task that is given the items")
        return self is other

    __hash__ = object.__hash__

    def __call__(self, *_: object, **__: object) -> NoReturn:
        self._refuse("as a function", f"pass {self.node} to a task: next_task({self.node})")

    def __getitem__(self, key: object) -> NoReturn:
        self._refuse("with [...]", "take values apart inside a task")

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("_"):  # what Python and Jupyter look for; no value's attribute
            raise AttributeError(name)
        self._refuse(f"with .{name}", "read attributes inside a task that is given the items")

    def __format__(self, spec: str) -> NoReturn:
        self._refuse("in an f-string", "build texts inside a task that is given the items")

    def __str__(self) -> NoReturn:  # noqa: PLE0307 - it never returns
        self._refuse("as a text", "build texts inside a task that is given the items")

    def __or__(self, other: Never) -> Any:
        raise _not_united(self, other)

    def __ror__(self, other: Never) -> Any:
        raise _not_united(other, self)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self.node!r}>"


def _not_united(one: object, other: object) -> HandleError:
    return HandleError(
        f"{one!r} | {other!r} would unite what are no items of one source",
        hint="`|` unites what two tasks made of one source's items: good | rescued",
    )


class Items(Handle, Generic[T_co]):
    """Many values, one by one: what a source or a task over items yields."""

    __slots__ = ()

    def __or__(self, other: "Items[U]") -> "Items[T_co | U]":
        """Unite items of one source, part by part: whichever of the two is there.

        A part that is there on neither side failed if it failed on one. Where both are there,
        the pipeline is refused if that can be known, else the document fails.
        """
        if not isinstance(other, Items):
            raise _not_united(self, other)
        builder = recording.get()
        if builder is None:
            raise HandleError(
                f"{self!r} was united outside of its pipeline",
                hint="use `|` on handles inside the @pipeline function only",
            )
        return builder.add_union(self, other)


class Groups(Handle, Generic[T_co]):
    """Items brought together by `group`; given to a task with ``per="group"``."""

    __slots__ = ()


class Value(Handle, Generic[T_co]):
    """One value for the whole run: what a step returns."""

    __slots__ = ()


class End(Handle):
    """A target task: nothing comes out, but other tasks may wait with ``after=``."""

    __slots__ = ()


class RecordedTask(Protocol):
    """What a pipeline needs to know of a task that is called in it."""

    @property
    def name(self) -> str:
        """Its name, before a number tells twins apart."""

    function: Callable[..., Any]
    shape: Shape
    signature: Signature
    settings: Any
    target: str | None
    place: str | None
    cost: Any
    completion: Any


class Recorder(Protocol):
    """Takes what is called while a pipeline function runs; raises where it makes no sense."""

    def record(self, task: RecordedTask, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Handle:
        """Record one call of a task; return the handle of what will come out."""

    def add_source(self, name: str, source: Any, *, source_name: str) -> Items[Any]:
        """Record a source."""

    def add_grouping(
        self, items: Items[Any], by: Callable[[Any], str], *, source_name: str
    ) -> Groups[Any]:
        """Record that items are brought together by what `by` returns."""

    def add_branches(
        self, items: Items[Any], by: Callable[[Any], bool]
    ) -> tuple[Items[Any], Items[Any]]:
        """Record that items are parted by what `by` returns; those it says yes to come first."""

    def add_union(self, one: Items[Any], other: Items[Any]) -> Items[Any]:
        """Record that items of one source are united, part by part."""


#: What takes the calls of tasks; None where nothing is recorded.
recording: ContextVar[Recorder | None] = ContextVar("recording", default=None)
