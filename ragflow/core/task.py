"""What is a task, and what happens when one is called?

Inside a pipeline a call records a task in the graph and returns its handle. Outside it is
the plain function it decorates.
"""

import functools
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing
from typing import Any, Generic, Literal, ParamSpec, Protocol, TypeVar, cast, overload

from ragflow.core.drafts import Completion, check_completion
from ragflow.core.handles import Handle, Items, recording
from ragflow.core.items import Draft, Part, Row
from ragflow.core.options import Options, changed, check_names, check_options
from ragflow.core.resource_use import Resource, ResourceUse
from ragflow.core.secret_reference import Secret
from ragflow.core.shapes import DECLARED, Shape
from ragflow.core.signature import Signature, read_signature
from ragflow.errors import HandleError, PipelineError

P = ParamSpec("P")
R_co = TypeVar("R_co", covariant=True)
V_co = TypeVar("V_co", covariant=True)
T = TypeVar("T")


class Task(Generic[P, R_co, V_co]):
    """A function that pipelines call on items."""

    def __init__(
        self,
        function: Callable[P, R_co],
        *,
        shape: Shape,
        version: str | None,
        options: Options,
        target: str | None = None,
        place: str | None = None,
        space: str | None = None,
        cost: Resource[Any] | None = None,
        completion: Completion | None = None,
    ) -> None:
        functools.update_wrapper(self, function)
        self.function = function
        self.shape = shape
        self.version = version
        self.settings = options
        #: Name of the target plugin and of the parameter that says where, for a target.
        self.target = target
        self.place = place
        #: Name of the resource whose identity is the space of the vectors it makes.
        self.space = space
        #: Opens what says, to a plan, what a call costs: an `ragflow.interfaces.execution.Cost`.
        self.cost = cost
        #: The tasks that make whole what it drafts.
        self.completion = completion
        self.signature: Signature = read_signature(
            function, batch=shape is Shape.BATCH, whole=shape in (Shape.STEP, Shape.SOURCE)
        )
        _check(self)

    @property
    def name(self) -> str:
        """Its name in a pipeline, before a number tells twins apart."""
        return self.settings.name or self.function.__name__

    def options(self, **options: Any) -> "Task[P, R_co, V_co]":
        """Return the same task, run differently; takes the fields of `Options`.

        Raises `PipelineError` for an option there is not.
        """
        owner = f"the task {self.name!r}"
        check_names(owner, options, hint="parameters go into the call itself")
        return Task(
            self.function,
            shape=self.shape,
            version=self.version,
            options=changed(owner, self.settings, options),
            target=self.target,
            place=self.place,
            space=self.space,
            cost=self.cost,
            completion=self.completion,
        )

    @overload
    def __call__(self, first: Items[Any], /, *others: Handle, **parameters: Any) -> Items[V_co]: ...
    @overload
    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R_co: ...
    def __call__(self, *args: Any, **kwargs: Any) -> Any:  # type: ignore[misc]
        """Record the task in the pipeline being recorded; else call the function."""
        builder = recording.get()
        if builder is not None:
            return builder.record(self, args, kwargs)
        for value in (*args, *kwargs.values()):
            if isinstance(value, Handle):
                raise HandleError(
                    f"{self.name!r} was given {value!r} outside of its pipeline",
                    hint="call tasks on handles inside the @pipeline function only",
                )
        if self.completion is None:
            return self._plainly(args, kwargs)
        made = self._plainly(args, dict(kwargs))
        if not isinstance(made, Draft):
            return made
        return self.completion.completed(made, args, kwargs)

    def _plainly(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Call the function as it is, opening the resources it was not given."""
        declared = {k: v for k, v in self.signature.resources.items() if k not in kwargs}
        passed = {k: v for k, v in kwargs.items() if isinstance(v, Resource | ResourceUse)}
        wanted = {
            k: v if isinstance(v, ResourceUse) else v() for k, v in (declared | passed).items()
        }
        if not wanted:
            return self.function(*args, **kwargs)
        known = self.signature.parameters.without(wanted)
        values = known.convert({k: v for k, v in kwargs.items() if k in known.by_name})
        with ExitStack() as stack:
            for name, use in wanted.items():
                bound = use.bound(values)
                _check_told(self.name, name, bound)
                kwargs[name] = stack.enter_context(opened(use.resource, bound))
            if not self.signature.is_async:
                return self.function(*args, **kwargs)
            kept = stack.pop_all()

        async def awaited() -> Any:
            with kept:
                return await cast(Awaitable[Any], self.function(*args, **kwargs))

        return awaited()

    def __repr__(self) -> str:
        return f"<task {self.name}: {self.shape}>"


def opened(declared: Resource[T], parameters: dict[str, Any]) -> AbstractContextManager[T]:
    """Return a context in which the resource is open."""
    thing = declared.function(**parameters)
    if isinstance(thing, AbstractContextManager):
        return thing
    if isinstance(thing, Iterator):
        raise PipelineError(
            f"the resource {declared.name!r} is a generator",
            hint="decorate it with @contextmanager below @resource",
        )
    if hasattr(thing, "close"):
        return closing(thing)
    return _Open(thing)


class _Open(AbstractContextManager[T]):
    """A thing that needs no closing."""

    def __init__(self, thing: T) -> None:
        self._thing = thing

    def __enter__(self) -> T:
        return self._thing

    def __exit__(self, *_: object) -> None:
        return None


def _check_told(task: str, keyword: str, parameters: dict[str, Any]) -> None:
    for value in parameters.values():
        if isinstance(value, Secret):
            raise PipelineError(
                f"{task}: {keyword}= needs {value!r}, which is told to a run only",
                hint=f"outside of a pipeline open it yourself: {task}(..., {keyword}=...)",
            )


def _check(task: Task[Any, Any, Any]) -> None:
    over_items = task.shape in (Shape.ITEM, Shape.BATCH, Shape.GROUP, Shape.TARGET)
    if over_items and not task.signature.data:
        raise PipelineError(
            f"the task {task.name!r} runs over items but takes no positional parameter",
            hint='give it one, or declare @task(per="run") for a step without items',
        )
    if task.cost is not None and not isinstance(task.cost, Resource):
        raise PipelineError(
            f"the task {task.name!r} was given cost={task.cost!r}, which is no resource",
            hint="declare what says what a call costs with @resource",
        )
    if task.completion is not None:
        check_completion(task.name, task.completion)
        if task.shape is not Shape.ITEM or task.signature.cuts or task.signature.is_async:
            raise PipelineError(
                f"the task {task.name!r} cannot draft: it is not called for one item",
                hint='parts= and whole= are for a task with per="item" that returns one Draft',
            )
    if task.space is not None and task.space not in task.signature.resources:
        raise PipelineError(
            f"the task {task.name!r} has no resource {task.space!r}, which space= names",
            hint=f"resources: {', '.join(task.signature.resources) or 'none'}",
        )
    if task.shape is Shape.TARGET:
        if task.target is None or task.place not in task.signature.parameters.by_name:
            raise PipelineError(
                f"the target {task.name!r} does not say where it writes",
                hint='declare @task(per="target", target="collection", place="PARAMETER")',
            )
        if task.signature.returns is not Row:
            raise PipelineError(
                f"the target {task.name!r} must return Row", hint="-> Row, or -> Row | None"
            )


@overload
def task(function: Callable[P, list[Part[T]]], /) -> Task[P, list[Part[T]], T]: ...
@overload
def task(function: Callable[P, list[T]], /) -> Task[P, list[T], T]: ...
@overload
def task(function: Callable[P, T], /) -> Task[P, T, T]: ...
@overload
def task(
    *,
    parts: Task[..., Any, Any],
    whole: Task[..., R_co, V_co],
    version: str | None = None,
    **options: Any,
) -> "Drafting[R_co, V_co]": ...
@overload
def task(
    *,
    per: Literal["item", "group", "batch", "run", "source", "target"] = "item",
    version: str | None = None,
    target: str | None = None,
    place: str | None = None,
    space: str | None = None,
    cost: Resource[Any] | None = None,
    **options: Any,
) -> "Decorator": ...
def task(function: Callable[..., Any] | None = None, /, **declared: Any) -> Any:
    """Make a function a task.

    `per` says what one call is given: an ``"item"`` (one → one, none or many), a
    ``"batch"`` (a list of items; answer i depends on item i alone), a ``"group"``, the
    ``"run"`` (a step, given no items), nothing (``"source"``: yields items), or the parts an
    end writes (``"target"``). `version` stands for the code where it cannot be followed. `cost`
    is a resource that opens a `Cost`: with ``plan="count"`` a plan adds up what calls would cost.
    A task that returns a `Draft` names in `parts` the task that is called for each of its parts,
    and in `whole` the one that is given the value and what became of them. Further keywords
    are `Options`.
    """
    if function is not None:
        return Decorator()(function)
    return Decorator(**declared)


class Drafting(Protocol[R_co, V_co]):
    """What ``@task(parts=..., whole=...)`` returns: what a call comes to is what `whole` says."""

    def __call__(self, function: Callable[P, Any], /) -> Task[P, R_co, V_co]:
        """Make the function a task."""


class Decorator:
    """What ``@task(...)`` returns: makes tasks of functions."""

    def __init__(
        self,
        *,
        per: str = "item",
        version: str | None = None,
        target: str | None = None,
        place: str | None = None,
        space: str | None = None,
        cost: Resource[Any] | None = None,
        parts: Task[..., Any, Any] | None = None,
        whole: Task[..., Any, Any] | None = None,
        **options: Any,
    ) -> None:
        known = [shape.value for shape in DECLARED]
        if per not in known:
            raise PipelineError(f"per={per!r} is no shape of task", hint=f"one of {known}")
        check_names("@task", options)
        self._shape = Shape(per)
        self._facts: dict[str, Any] = {
            "version": version,
            "target": target,
            "place": place,
            "space": space,
            "cost": cost,
            "completion": None,
        }
        if (parts is None) is not (whole is None):
            raise PipelineError("parts= and whole= are declared together, or not at all")
        self._options = check_options("@task", options)
        if parts is not None:
            self._facts["completion"] = Completion(parts, whole, self._options)

    @overload
    def __call__(self, function: Callable[P, list[Part[T]]], /) -> Task[P, list[Part[T]], T]: ...
    @overload
    def __call__(self, function: Callable[P, list[T]], /) -> Task[P, list[T], T]: ...
    @overload
    def __call__(self, function: Callable[P, T], /) -> Task[P, T, T]: ...
    def __call__(self, function: Callable[..., Any], /) -> Any:
        """Make the function a task."""
        return Task(function, shape=self._shape, options=self._options, **self._facts)
