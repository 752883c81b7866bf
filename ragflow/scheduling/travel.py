"""How does a call travel as plain data, and how is what it names found again elsewhere?

Code travels by its import path with its fingerprint; values as the bytes they are hashed and
remembered by, or as a reference to what the worker can have by itself. Never pickle.
"""

import importlib
import importlib.util
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

import msgspec
from msgspec.msgpack import Ext

from ragflow.core.items import Fingerprint
from ragflow.core.members import Members
from ragflow.core.node import Node
from ragflow.core.options import IN_PROCESS
from ragflow.core.resource_use import Resource
from ragflow.core.secret_reference import Secret
from ragflow.core.task import Task
from ragflow.errors import FingerprintError, PipelineError
from ragflow.incremental.canonical import canonical
from ragflow.incremental.encoding import decoder, encode
from ragflow.incremental.own_code import is_own_module
from ragflow.interfaces.packed_error import PackedError
from ragflow.scheduling.printing import Line

#: Bytes up to which a value is sent again rather than held.
SMALL = 4096
#: Bytes of values that a worker holds for calls to come.
HELD = 64 << 20

# --- What travels -------------------------------------------------------------------------------


class Place(msgspec.Struct, frozen=True):
    """Where code is: its module, its path in it, and the module's file where that is ours."""

    module: str
    path: str
    file: str | None = None


class SentResource(msgspec.Struct, frozen=True):
    """A resource with all its parameters bound, secrets by reference."""

    place: Place
    parameters: bytes


class SentTask(msgspec.Struct, frozen=True, kw_only=True):
    """A task as a pipeline uses it."""

    name: str
    place: Place
    code: Fingerprint
    #: Stands for the code, where what is found at the place does not say it itself.
    version: str | None
    shape: str
    memo: bool | Literal["home"]
    #: Name of the type it returns.
    kind: str
    parameters: bytes
    resources: Mapping[str, SentResource]


class SentSource(msgspec.Struct, frozen=True, kw_only=True):
    """A source that a worker can open by itself."""

    plugin: str
    parameters: bytes
    root: str
    home: str
    #: Whether its documents are not looked into for others.
    is_whole: bool = False


class SentMembers(msgspec.Struct, frozen=True, kw_only=True):
    """The members of a group."""

    key: str
    keys: Sequence[str]
    missing: Sequence[str]
    identity: bytes
    values: Sequence[bytes]


class SentInput(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One input: its bytes, how to load it, or its fingerprint alone where it is held."""

    fingerprint: Fingerprint
    envelope: Mapping[str, Any] = {}
    data: bytes | None = None
    #: Whose return type, or which type, the data are of; None for what is plain.
    kind: Place | None = None
    source: SentSource | None = None
    key: str = ""
    token: bytes = b""
    members: SentMembers | None = None


class SentCall(msgspec.Struct, frozen=True, kw_only=True):
    """One call."""

    owner: str
    inputs: Sequence[SentInput]
    #: Whether what it makes is sent back, and not only held.
    comes_back: bool


class Assignment(msgspec.Struct, frozen=True, kw_only=True):
    """What a worker is to do."""

    #: A `SentTask`, encoded: the same bytes each time.
    task: bytes
    calls: Sequence[SentCall]
    #: Bytes of values the worker may hold, and that may come back of a call.
    room: int
    output: int | None = None
    #: The folder below which its worker keeps what it writes for a moment.
    scratch: str | None = None


class Spent(msgspec.Struct, frozen=True, array_like=True):
    """What one call took; of a processor and of memory (bytes, at most), where that is known."""

    seconds: float = 0.0
    processor: float = 0.0
    memory: int = 0


class Came(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What came of a call: what a memo keeps, or the names of what is held; or an error."""

    memo: bytes | None = None
    parts: Sequence[tuple[Fingerprint, Mapping[str, Any]]] = ()
    error: PackedError | None = None
    spent: Spent = Spent()


class Told(msgspec.Struct, frozen=True):
    """A line that a call printed or logged, sent as it came."""

    owner: str
    line: Line


class Answer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a worker sends back."""

    #: What it was to hold and does not; then nothing was called.
    lacks: Sequence[Fingerprint] = ()
    came: Sequence[Came] = ()
    #: Why all calls failed together.
    error: PackedError | None = None
    #: What it holds now of what it made or was given.
    held: Sequence[Fingerprint] = ()
    seconds: float = 0.0
    #: What services that were asked say was used, by unit.
    used: Mapping[str, float] = {}


# --- Parameters ---------------------------------------------------------------------------------

_SECRET = 1


def pack_parameters(values: Mapping[str, Any]) -> bytes:
    """Return parameters as plain data, a secret as its reference.

    Raises `PipelineError` for what is none.
    """
    try:
        return msgspec.msgpack.encode(values, enc_hook=_plain)
    except (TypeError, ValueError, OverflowError) as error:
        raise PipelineError(f"a parameter is no plain data: {error}") from error


def unpack_parameters(data: bytes) -> dict[str, Any]:
    """Return them; each is still to be converted to its type."""
    found: dict[str, Any] = msgspec.msgpack.decode(data, ext_hook=_special)
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, Secret):
        return Ext(_SECRET, value.reference.encode())
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"a {type(value).__qualname__}")


def _special(code: int, data: memoryview) -> Any:
    if code != _SECRET:
        raise ValueError(f"extension {code} is unknown")
    return Secret(bytes(data).decode())


def _check_same(what: str, sent: Any, found: Any) -> None:
    if canonical(sent) != canonical(found):
        raise PipelineError(f"{what} has parameters that would arrive as others: {sent!r}")


# --- Code ---------------------------------------------------------------------------------------


def place_of(thing: Any) -> Place:
    """Return where a function, class, task or resource can be imported from.

    Raises `PipelineError` saying why it cannot.
    """
    module, path = thing.__module__, thing.__qualname__
    if module in ("__main__", "__mp_main__"):
        raise PipelineError(f"{path} is defined in a notebook, or in the program itself")
    if "<" in path:
        raise PipelineError(f"{path} is defined inside a function")
    loaded = sys.modules.get(module)
    if loaded is None or not _is(_within(loaded, path), thing):
        raise PipelineError(f"{path} is not to be had as {module}.{path}")
    file = getattr(loaded, "__file__", None)
    return Place(module, path, file if is_own_module(module) else None)


def find_code(place: Place) -> Any:
    """Return what is there, importing its module as the scheduler did.

    Raises whatever importing it raises, and `AttributeError` where it is not in it.
    """
    module = sys.modules.get(place.module) or _imported(place)
    found = _within(module, place.path)
    if found is None:
        raise AttributeError(f"module {place.module!r} has no {place.path!r}")
    return found


def _within(module: ModuleType, path: str) -> Any:
    found: Any = module
    for name in path.split("."):
        found = getattr(found, name, None)
    return found


def _is(found: Any, thing: Any) -> bool:
    return found is thing or (isinstance(found, Task) and found.function is thing)


def _imported(place: Place) -> ModuleType:
    if place.file is None or _is_found(place.module, place.file):
        return importlib.import_module(place.module)
    # A file that a project loads by its path, under a name that no import finds.
    spec = importlib.util.spec_from_file_location(place.module, place.file)
    if spec is None or spec.loader is None:
        raise ImportError(f"{place.file} is no module")
    module = importlib.util.module_from_spec(spec)
    sys.modules[place.module] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[place.module]
        raise
    return module


def _is_found(module: str, file: str) -> bool:
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, ValueError, AttributeError):
        return False
    return spec is not None and spec.origin is not None and Path(spec.origin) == Path(file)


def stays_because(node: Node) -> str | None:
    """Return why a task cannot be called in another process; None where it can."""
    try:
        for use in node.resources.values():
            send_resource(use.resource, use.bound(node.parameters))
        place_of(node.task.function)
        sent = pack_parameters(node.parameters)
        found = node.task.signature.parameters.convert(unpack_parameters(sent))
        _check_same(node.name, dict(node.parameters), found)
    except PipelineError as error:
        return str(error)
    return None


def is_elsewhere(node: Node) -> bool:
    """Tell whether a task wants to be called in another process."""
    return node.task is not None and node.task.settings.executor not in IN_PROCESS


def send_resource(resource: Resource[Any], bound: Mapping[str, Any]) -> SentResource:
    """Return a resource as it travels; raises `PipelineError` where it cannot."""
    sent = pack_parameters(bound)
    found = unpack_parameters(sent)
    secrets = {name: value for name, value in found.items() if isinstance(value, Secret)}
    plain = {name: value for name, value in found.items() if name not in secrets}
    converted = resource.parameters.without(secrets).convert(plain)
    _check_same(resource.name, dict(bound), {**converted, **secrets})
    return SentResource(place_of(resource), sent)


# --- Values -------------------------------------------------------------------------------------


def send_value(value: Any, kind: Place | None, *, fingerprint: Fingerprint) -> SentInput:
    """Return a value as its bytes; `kind` says whose return type it is of, where one does.

    A type that msgspec does not know travels where it has ``__plain__()`` and, on the class,
    ``__of_plain__(plain)``. Raises `FingerprintError` for any other.
    """
    if isinstance(value, Members):
        encoding = _encode_alone if kind is None else encode
        members = SentMembers(
            key=value.key,
            keys=value.keys,
            missing=value.missing,
            identity=value.__fingerprint__(),
            values=[encoding(each) for each in value],
        )
        return SentInput(fingerprint=fingerprint, members=members, kind=kind)
    # What is not there is given as None, whatever type it would be of.
    if kind is None or value is None or hasattr(value, "__plain__"):
        return SentInput(fingerprint=fingerprint, data=_encode_alone(value))
    return SentInput(fingerprint=fingerprint, data=encode(value), kind=kind)


def receive_value(sent: SentInput) -> Any:
    """Return the value that was sent as bytes."""
    decode = _decode_alone if sent.kind is None else _decoder_of(sent.kind)
    if sent.members is not None:
        members = sent.members
        fetch = [partial(decode, data) for data in members.values]
        return Members(members.key, members.keys, fetch, members.identity, members.missing)
    assert sent.data is not None
    return decode(sent.data)


def _decoder_of(place: Place) -> Callable[[bytes], Any]:
    return decoder(find_code(place).signature.returns)


def _encode_alone(value: Any) -> bytes:
    """Return the bytes of a value with its own type, where no task says what it is."""
    plain: Callable[[], Any] | None = getattr(value, "__plain__", None)
    if plain is not None:
        return encode([_spelled(type(value)), plain()])
    if not _arrives_as_it_is(value):
        raise FingerprintError(
            f"a {type(value).__qualname__} cannot travel: it would arrive as another",
            hint="let the source or step say what it gives with a dataclass or struct",
        )
    return encode([_spelled(type(value)), value])


def _decode_alone(data: bytes) -> Any:
    place, raw = msgspec.msgpack.decode(data, type=tuple[Place, msgspec.Raw])
    kind = find_code(place) if place.module != "builtins" else _BUILT_IN.get(place.path)
    of_plain = getattr(kind, "__of_plain__", None)
    if of_plain is not None:
        return of_plain(msgspec.msgpack.decode(raw))
    return msgspec.msgpack.decode(raw, type=kind)


_BUILT_IN: dict[str, Any] = {
    each.__name__: each for each in (bool, int, float, str, bytes, list, dict)
}
_BUILT_IN["NoneType"] = type(None)


def _spelled(kind: type) -> Place:
    if kind.__module__ == "builtins" and kind.__name__ in _BUILT_IN:
        return Place("builtins", kind.__name__)
    try:
        if kind.__module__ == "builtins":
            raise PipelineError(f"a {kind.__name__} would arrive as another type")
        return place_of(kind)
    except PipelineError as error:
        raise FingerprintError(f"a value cannot travel: {error}", hint=error.hint) from error


def _arrives_as_it_is(value: Any) -> bool:
    if type(value) is list:
        return all(map(_is_plain, value))
    if type(value) is dict:
        return all(type(key) is str and _is_plain(each) for key, each in value.items())
    return True


def _is_plain(value: Any) -> bool:
    if type(value) in (list, dict):
        return _arrives_as_it_is(value)
    return value is None or type(value) in (bool, int, float, str, bytes)
