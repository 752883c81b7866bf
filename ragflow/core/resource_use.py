"""What does a task need but not compute with: a client, a loaded model, a connection?"""

import functools
import inspect
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any, Generic, TypeVar, overload

import msgspec

from ragflow.core.parameters import Parameters
from ragflow.core.secret_reference import Secret
from ragflow.errors import PipelineError

T = TypeVar("T")


class Resource(Generic[T]):
    """A way to open something a task needs, with the identity that counts.

    Opened once a worker process, shared by its threads, closed with it, handed to tasks as a
    keyword. Its identity enters
    fingerprints; the object never does. Parameters it does not get from the pipeline it
    takes from the task's parameters of the same name.
    """

    def __init__(
        self,
        function: Callable[..., T | AbstractContextManager[T]],
        identity: Callable[..., Any] | None = None,
        secrets: Callable[..., Mapping[str, Secret]] | None = None,
    ) -> None:
        functools.update_wrapper(self, function)
        self.function = function
        self.name = function.__name__
        self.parameters = Parameters.of(
            function,
            owner=f"the resource {self.name}",
            give=f"bind it in the call of the task, as in llm={self.name}({{name}}=...)",
        )
        self._identity = identity
        self._secrets = secrets

    def __call__(self, **parameters: Any) -> "ResourceUse":
        """Bind parameters: ``situate(chunks, llm=client(model="x"))``."""
        self.parameters.check_names(parameters)
        return ResourceUse(self, parameters)

    def identity(self, parameters: Mapping[str, Any]) -> Any:
        """Return the plain value that counts; by default name and parameters."""
        if self._identity is not None:
            return _called(self._identity, parameters)
        return [self.name, dict(parameters)]

    def secrets(self, parameters: Mapping[str, Any]) -> Mapping[str, Secret]:
        """Return the secrets it needs with these parameters, by the keyword that takes each."""
        return {} if self._secrets is None else _called(self._secrets, parameters)

    def __identity__(self) -> str:
        return self.name


class ResourceUse(msgspec.Struct, frozen=True):
    """A resource with the parameters that a pipeline bound to it."""

    resource: Resource[Any]
    given: Mapping[str, Any]

    def surrounded(self, facts: Mapping[str, Any]) -> "ResourceUse":
        """Return the use with facts of the project for parameters that were left open."""
        names = self.resource.parameters.by_name
        asked = {k: v for k, v in facts.items() if k in names}
        return ResourceUse(self.resource, {**asked, **self.given})

    def bound(self, task_parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Return all its parameters: bound ones, else the task's of the same name.

        A secret stands for the text it is resolved to, so it is not checked against a type.
        """
        parameters = self.resource.parameters
        taken = {k: v for k, v in task_parameters.items() if k in parameters.by_name}
        given = {**taken, **self.given}
        secrets = {k: v for k, v in given.items() if isinstance(v, Secret)}
        plain = {k: v for k, v in given.items() if k not in secrets}
        bound = {**parameters.without(secrets).convert(plain), **secrets}
        return {**bound, **self.resource.secrets(bound)}


def _called(function: Callable[..., T], parameters: Mapping[str, Any]) -> T:
    """Call a function with those of the parameters that it takes."""
    wanted = inspect.signature(function).parameters
    return function(**{k: v for k, v in parameters.items() if k in wanted})


@overload
def resource(function: Callable[..., T], /) -> Resource[T]: ...
@overload
def resource(
    *,
    identity: Callable[..., Any] | None = None,
    secrets: Callable[..., Mapping[str, Secret]] | None = None,
) -> Callable[[Callable[..., T]], Resource[T]]: ...
def resource(
    function: Callable[..., Any] | None = None,
    /,
    *,
    identity: Callable[..., Any] | None = None,
    secrets: Callable[..., Mapping[str, Secret]] | None = None,
) -> Any:
    """Declare how a resource is opened.

    The function returns the object, or a context manager whose value is the object; an
    object with ``close()`` is closed with the worker. `identity` is a function of the same
    parameters that returns the plain value which enters fingerprints. `secrets` is one that
    returns further keywords of the function, each a `Secret`, told just before it is opened.
    """
    if function is None:
        return lambda decorated: Resource(decorated, identity, secrets)
    if not callable(function):
        raise PipelineError("@resource decorates a function")
    return Resource(function, identity, secrets)
