"""What does a task's function take and give?"""

import collections.abc
import inspect
import types
import typing
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from ragflow.core.items import Draft, Item, Part
from ragflow.core.parameters import Parameters, hints_of, type_name
from ragflow.core.resource_use import Resource
from ragflow.errors import PipelineError

_MANY = (
    list,
    tuple,
    collections.abc.Sequence,
    collections.abc.Iterable,
    collections.abc.Iterator,
    collections.abc.Generator,
)


class Signature(msgspec.Struct, frozen=True):
    """A task's function, read once."""

    #: Names of the positional parameters: what it runs over, then what is joined.
    data: tuple[str, ...]
    #: For each of `data`, whether it asks for ``Item[T]``.
    wants_item: tuple[bool, ...]
    #: For each of `data`, the type of its value as annotated; Any where it is not.
    data_kinds: tuple[Any, ...]
    #: What it computes with.
    parameters: Parameters
    #: What it needs opened.
    resources: dict[str, Resource[Any]]
    #: Type of one outcome, without list, Part and None.
    returns: Any
    #: Whether one call yields many parts.
    cuts: bool
    #: Whether the parts come with envelopes of their own.
    with_envelope: bool
    is_async: bool


def read_signature(
    function: Callable[..., Any], *, batch: bool = False, whole: bool = False
) -> Signature:
    """Read a task's function; with `whole` what it returns is one value even if a list.

    Raises `PipelineError` for ``*args``, ``**kwargs`` or a missing annotation of what it
    returns: without it a remembered value could not be told from a fresh one.
    """
    if inspect.isasyncgenfunction(function):
        raise PipelineError(
            f"the task {function.__name__!r} is an asynchronous generator",
            hint="let it return a list instead of yielding",
        )
    hints = hints_of(function)
    data, wants, kinds, resources = [], [], [], {}
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            raise PipelineError(
                f"the task {function.__name__!r} takes *{parameter.name}",
                hint="name each parameter: data are positional, parameters are keywords",
            )
        if parameter.kind is not parameter.KEYWORD_ONLY:
            data.append(parameter.name)
            wants.append(_is_item(hints.get(parameter.name), batch=batch))
            kinds.append(_kind(hints.get(parameter.name)))
        elif isinstance(parameter.default, Resource):
            resources[parameter.name] = parameter.default
        elif isinstance(hints.get(parameter.name), Resource):
            resources[parameter.name] = hints[parameter.name]
    returned = _returned(function, hints)
    if whole:  # a step returns one value, even when that is a list
        returns, cuts, with_envelope = returned, False, False
    elif batch and _element(returned) is None and returned is not Any:
        raise PipelineError(
            f"the batch task {function.__name__!r} must return a list, not {type_name(returned)}",
            hint="it is given a list of items and answers each, in order: -> list[Vector]",
        )
    else:
        returns, cuts, with_envelope = outcome_of(returned, batch=batch)
    _check_decodable(function, returns)
    return Signature(
        data=tuple(data),
        wants_item=tuple(wants),
        data_kinds=tuple(kinds),
        parameters=Parameters.of(
            function, owner=f"the task {function.__name__}", skip=[*data, *resources]
        ),
        resources=resources,
        returns=returns,
        cuts=cuts,
        with_envelope=with_envelope,
        is_async=inspect.iscoroutinefunction(function),
    )


def _returned(function: Callable[..., Any], hints: Mapping[str, Any]) -> Any:
    if "return" in hints:
        return hints["return"]
    stated = function.__annotations__.get("return")
    if stated is not None:
        raise PipelineError(
            f"the task {function.__name__!r} returns {stated!r}, which cannot be resolved",
            hint="import the type where the task is defined, not only for the type checker",
        )
    raise PipelineError(
        f"the task {function.__name__!r} does not say what it returns",
        hint=f"annotate it: def {function.__name__}(...) -> str",
    )


def _check_decodable(function: Callable[..., Any], returns: Any) -> None:
    try:
        msgspec.msgpack.Decoder(returns)
    except TypeError as error:
        raise PipelineError(
            f"what the task {function.__name__!r} returns could not be read back: {error}",
            hint="return one struct, dataclass or plain type",
        ) from error


def outcome_of(hint: Any, *, batch: bool) -> tuple[Any, bool, bool]:
    """Return (type of one outcome, whether one call cuts, whether parts have envelopes)."""
    if batch:  # the outer list is the batch itself
        hint = _element(hint) or Any
    hint = _without_none(hint)
    element = _element(hint)
    cuts = element is not None
    kind = element if cuts else hint
    if kind is Part or typing.get_origin(kind) is Part:
        return (typing.get_args(kind) or (Any,))[0], cuts, True
    return kind, cuts, False


def _element(hint: Any) -> Any | None:
    origin = typing.get_origin(hint)
    if hint in (list, collections.abc.Iterator, collections.abc.Iterable):
        return Any
    if origin not in _MANY:
        return None
    arguments = typing.get_args(hint)
    if origin is tuple and not (len(arguments) == 2 and arguments[1] is Ellipsis):
        return None  # a tuple of fixed length is one value
    return arguments[0] if arguments else Any


def _without_none(hint: Any) -> Any:
    if typing.get_origin(hint) not in (typing.Union, types.UnionType):
        return hint
    kept = [
        argument
        for argument in typing.get_args(hint)
        if argument is not type(None) and typing.get_origin(argument) is not Draft
    ]
    return kept[0] if len(kept) == 1 else typing.Union[tuple(kept)]  # noqa: UP007


def _kind(hint: Any) -> Any:
    """Return what a parameter is annotated with, that of ``Item[T]`` without the item."""
    if typing.get_origin(hint) is Item:
        return typing.get_args(hint)[0]
    return Any if hint is None or hint is Item else hint


def _is_item(hint: Any, *, batch: bool) -> bool:
    if batch and hint is not None:
        hint = _element(hint)
    return typing.get_origin(hint) is Item or hint is Item
