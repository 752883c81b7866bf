"""What may a pipeline or task be given by name, and is this value one of that kind?"""

import difflib
import inspect
import types
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from ragflow.core.secret_reference import Secret
from ragflow.errors import ParameterError, PipelineError

REQUIRED = inspect.Parameter.empty
_COLLECTIONS = (list, tuple, dict, set, frozenset, Sequence, Mapping, AbstractSet, msgspec.Struct)


class Parameter(msgspec.Struct, frozen=True):
    """One parameter: its name, type and default (`REQUIRED` when it has none)."""

    name: str
    kind: Any
    default: Any = REQUIRED

    @property
    def is_required(self) -> bool:
        """Whether a value must be given."""
        return self.default is REQUIRED


class Parameters:
    """The typed parameters of one function, validated and shown as JSON Schema."""

    def __init__(
        self, owner: str, parameters: Iterable[Parameter], *, give: str = "-p {name}=..."
    ) -> None:
        self.owner = owner
        # How a person gives one of them a value.
        self._give = give
        self.by_name: dict[str, Parameter] = {p.name: p for p in parameters}

    @classmethod
    def of(
        cls,
        function: Callable[..., Any],
        *,
        owner: str,
        skip: Iterable[str] = (),
        give: str = "-p {name}=...",
    ) -> "Parameters":
        """Read them off a function's signature; unannotated ones take the default's type.

        Raises `PipelineError` for what has no name of its own: ``*args`` and ``**kwargs``.
        """
        left_out = set(skip)
        hints = hints_of(function, extras=True)
        found = []
        for name, parameter in inspect.signature(function).parameters.items():
            if name in left_out:
                continue
            if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
                raise PipelineError(
                    f"{owner} takes *{name}", hint="name each parameter, so that it can be checked"
                )
            kind = hints.get(name, Any)
            default = parameter.default
            if kind is Any and default is not REQUIRED and default is not None:
                kind = type(default)
            found.append(Parameter(name, kind, parameter.default))
        return cls(owner, found, give=give)

    def without(self, names: Iterable[str]) -> "Parameters":
        """Return the same parameters but those of these names."""
        left_out = set(names)
        kept = (p for p in self.by_name.values() if p.name not in left_out)
        return Parameters(self.owner, kept, give=self._give)

    def check_names(self, given: Iterable[str]) -> None:
        """Raise `ParameterError` for an unknown name, with the nearest known one."""
        for name in given:
            if name not in self.by_name:
                near = difflib.get_close_matches(name, self.by_name, n=1)
                known = ", ".join(self.by_name) or "none"
                raise ParameterError(
                    f"{self.owner} has no parameter {name!r}",
                    hint=f"did you mean {near[0]!r}?" if near else f"its parameters: {known}",
                )

    def convert(self, given: Mapping[str, Any], *, texts: bool = False) -> dict[str, Any]:
        """Return every parameter's value, defaults filled in, in the order of the signature.

        With `texts`, values are strings from a command line: ``5`` is an int where one is
        asked for, lists and mappings are JSON. Raises `ParameterError` naming the parameter,
        its type and the value.
        """
        self.check_names(given)
        values: dict[str, Any] = {}
        for parameter in self.by_name.values():
            if parameter.name in given:
                values[parameter.name] = self._one(parameter, given[parameter.name], texts=texts)
            elif parameter.is_required:
                raise ParameterError(
                    f"{self.owner} needs the parameter {parameter.name!r}",
                    hint=f"give it a value: {self._give.format(name=parameter.name)}",
                )
            else:
                values[parameter.name] = parameter.default
        return values

    def _one(self, parameter: Parameter, value: Any, *, texts: bool) -> Any:
        if parameter.kind is Any:
            return value
        try:
            is_json = texts and isinstance(value, str) and _wants_json(parameter.kind)
            said = _from_json(value) if is_json else value
            return msgspec.convert(
                said, parameter.kind, strict=not texts, dec_hook=_decode, str_keys=True
            )
        except (msgspec.ValidationError, TypeError, ValueError) as error:
            raise ParameterError(
                f"{self.owner}: {value!r} is no {type_name(parameter.kind)} "
                f"for the parameter {parameter.name!r}",
                hint=f"{error}",
            ) from error

    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema of an object with these parameters."""
        kinds = [p.kind for p in self.by_name.values()]
        shown, named = msgspec.json.schema_components(kinds, schema_hook=_schema)
        properties = {
            p.name: each if p.is_required else {**each, "default": plainly(p.default)}
            for p, each in zip(self.by_name.values(), shown, strict=True)
        }
        schema: dict[str, Any] = {
            "type": "object",
            "properties": properties,
            "required": [p.name for p in self.by_name.values() if p.is_required],
            "additionalProperties": False,
        }
        return {**schema, "$defs": named} if named else schema


def hints_of(function: Callable[..., Any], *, extras: bool = False) -> dict[str, Any]:
    """Return the resolved annotations of a function; an unresolvable one is left out.

    With `extras`, what ``Annotated`` adds is kept: limits are checked.
    """
    with suppress(Exception):  # annotations are arbitrary code
        return typing.get_type_hints(function, include_extras=extras)
    found = {}
    names = getattr(inspect.unwrap(function), "__globals__", {})
    for name, hint in getattr(function, "__annotations__", {}).items():
        alone = types.SimpleNamespace(__annotations__={name: hint})
        with suppress(Exception):
            found.update(typing.get_type_hints(alone, names, include_extras=extras))
    return found


def type_name(kind: Any) -> str:
    """Return what a person calls the type."""
    if typing.get_origin(kind) is typing.Annotated:
        kind = typing.get_args(kind)[0]
    return kind.__name__ if isinstance(kind, type) else str(kind).replace("typing.", "")


def plainly(value: Any) -> Any:
    """Return values of parameters as JSON can say them; a secret is its reference."""
    return msgspec.to_builtins(value, str_keys=True, enc_hook=_encode)


def _wants_json(kind: Any) -> bool:
    if typing.get_origin(kind) is typing.Annotated:
        return _wants_json(typing.get_args(kind)[0])
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        return any(_wants_json(argument) for argument in typing.get_args(kind))
    origin = typing.get_origin(kind) or kind
    is_collection = isinstance(origin, type) and issubclass(origin, _COLLECTIONS)
    return is_collection and not issubclass(origin, str | bytes)


def _from_json(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        raise ValueError('write it as JSON, for example ["a", "b"]') from error


def _decode(kind: type, value: Any) -> Any:
    if isinstance(value, kind):
        return value
    if kind is Path and isinstance(value, str):
        return Path(value)
    if kind is Secret and isinstance(value, str):
        return Secret(value)
    raise ValueError(f"expected `{type_name(kind)}`, got `{type(value).__name__}`")


def _encode(value: Any) -> str:
    return value.reference if isinstance(value, Secret) else str(value)


def _schema(kind: type) -> dict[str, Any]:
    if kind is Path:
        return {"type": "string", "format": "path"}
    if kind is Secret:
        return {"type": "string", "format": "secret"}
    # A type of the user's own: JSON Schema has no word for it.
    return {"description": type_name(kind)}
