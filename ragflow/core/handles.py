"""What does a task return while a pipeline is being recorded?

A handle stands for items that will exist when the pipeline runs. It can be passed to other
tasks and nothing else; every other use raises with a sentence that says what to write.
"""

from typing import Generic, NoReturn, TypeVar

from ragflow.errors import HandleError

T_co = TypeVar("T_co", covariant=True)


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

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self.node!r}>"


class Items(Handle, Generic[T_co]):
    """Many values, one by one: what a source or a task over items yields."""

    __slots__ = ()


class Groups(Handle, Generic[T_co]):
    """Items brought together by `group`; given to a task with ``per="group"``."""

    __slots__ = ()


class Value(Handle, Generic[T_co]):
    """One value for the whole run: what a step returns."""

    __slots__ = ()


class End(Handle):
    """A target task: nothing comes out, but other tasks may wait with ``after=``."""

    __slots__ = ()
