"""How does an error travel as plain data?

The class is named, and looked up only among modules that are loaded: reading an error imports
nothing. What its constructor was given and its attributes travel where they are plain.
"""

import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

import msgspec
from msgspec.msgpack import Ext

from ragflow.interfaces.execution import CarriedError, kinds_of

_TUPLE, _TIMEDELTA, _DATETIME = 1, 2, 3
#: Characters and bytes of each thing that travels; more of an error is read by nobody.
_LONGEST = 1 << 16
#: Bytes of all attributes together: well below what one frame to another process holds.
_ATTRIBUTES = 1 << 20
#: Classes that are named, and letters of each name.
_MOST_KINDS, _LONGEST_KIND = 64, 1000

#: What a text is to be when it travels: without secrets.
Masking = Callable[[str], str]


class PackedError(msgspec.Struct, frozen=True):
    """An error that travels."""

    #: Its class and the bases, nearest first, as ``module:name``.
    kinds: tuple[str, ...]
    message: str
    #: What its constructor is given, and its attributes, packed.
    arguments: bytes
    attributes: dict[str, bytes]
    traceback: str


def pack(error: BaseException, masked: Masking = str) -> PackedError:
    """Return the error as plain data, with what `masked` makes of each text of it.

    What of it is not plain, is huge, or raises when it is asked for, stays behind.
    """
    message = _message_of(error, masked)
    return PackedError(
        kinds=_kinds_of(error),
        message=message,
        arguments=_packed(_arguments_of(error), masked) or _packed((message,), masked) or b"",
        attributes=_attributes_of(error, masked),
        traceback=_traceback_of(error, masked),
    )


def escaped(text: str) -> str:
    """Return a text that any encoding to UTF-8 takes: halves of characters are written out."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


# --- What is asked of an error; all of it may be a user's code ------------------------------------


def _message_of(error: BaseException, masked: Masking) -> str:
    try:
        return escaped(masked(str(error)))[:_LONGEST]
    except Exception:  # noqa: BLE001 - whatever a user's __str__ raises, the error must travel
        return "(it cannot be shown)"


def _kinds_of(error: BaseException) -> tuple[str, ...]:
    try:
        kinds = kinds_of(type(error))[:_MOST_KINDS]
        return tuple(escaped(kind)[:_LONGEST_KIND] for kind in kinds)
    except Exception:  # noqa: BLE001 - a metaclass may answer with anything
        return ("builtins:Exception",)


def _arguments_of(error: BaseException) -> tuple[Any, ...]:
    """Return what the constructor was given."""
    with suppress(Exception):
        reduced = error.__reduce__()
        if isinstance(reduced, tuple) and isinstance(reduced[1], tuple):
            return reduced[1]
    with suppress(Exception):
        return tuple(error.args)
    return ()


def _attributes_of(error: BaseException, masked: Masking) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    left = _ATTRIBUTES
    with suppress(Exception):
        for name, value in list(vars(error).items()):
            data = _packed(value, masked)
            if data is None or len(name) + len(data) > left:
                continue
            left -= len(name) + len(data)
            found[escaped(name)] = data
    return found


def _traceback_of(error: BaseException, masked: Masking) -> str:
    try:
        return escaped(masked("".join(traceback.format_exception(error))))[-_LONGEST:]
    except Exception:  # noqa: BLE001 - as of the message
        return ""


# --- As it was ----------------------------------------------------------------------------------


def rebuild(packed: PackedError) -> Exception:
    """Return the error as it was raised, or a `CarriedError` where that cannot be had here.

    Either way the traceback of the worker is its note.
    """
    kind = _loaded(packed.kinds[0]) if packed.kinds else None
    error = _rebuilt(kind, packed) if kind else None
    if error is None:
        name = packed.kinds[0].rpartition(":")[2] if packed.kinds else "an error"
        error = CarriedError(f"{name}: {packed.message}", kinds=packed.kinds)
    with suppress(Exception):  # its notes may be no list, and its class may say how one is added
        error.add_note(f"in the worker:\n{packed.traceback}")
    return error


def _loaded(name: str) -> type[Exception] | None:
    module, _, path = name.partition(":")
    if module == "__main__":  # a worker has another one
        return None
    found: Any = sys.modules.get(module)
    for part in path.split("."):
        found = getattr(found, part, None)
    return found if isinstance(found, type) and issubclass(found, Exception) else None


def _rebuilt(kind: type[Exception], packed: PackedError) -> Exception | None:
    try:
        given = _unpacked(packed.arguments)
        attributes = {name: _unpacked(data) for name, data in packed.attributes.items()}
    except (ValueError, TypeError, msgspec.MsgspecError):
        return None
    for construct in (_called, _bare):
        try:
            error = construct(kind, given)
            vars(error).update(attributes)
            if type(error) is kind and str(error) == packed.message:
                return error
        except Exception:  # noqa: BLE001, S112 - a constructor that wants more; the next way may do
            continue
    return None


def _called(kind: type[Exception], given: Sequence[Any]) -> Exception:
    return kind(*given)


def _bare(kind: type[Exception], given: Sequence[Any]) -> Exception:
    """Return an error whose constructor was not called, since it takes something else."""
    error = kind.__new__(kind, *given)
    error.args = tuple(given)
    return error


# --- Plain values -------------------------------------------------------------------------------


def _packed(value: Any, masked: Masking) -> bytes | None:
    try:
        data = msgspec.msgpack.encode(_plain(value, masked))
    except Exception:  # noqa: BLE001 - the value is a user's, and so is what it does when asked
        return None
    return data if len(data) <= _LONGEST else None


def _plain(value: Any, masked: Masking) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str | bytes | list | tuple | Mapping) and len(value) > _LONGEST:
        raise ValueError("it is too long")
    if isinstance(value, bytes):
        return value
    for scalar in (int, float):  # an IntEnum or numpy.float64 goes as the plain value it is
        if isinstance(value, scalar):
            return scalar(value)
    if isinstance(value, str):
        return masked(str(value))
    if isinstance(value, timedelta):
        return Ext(_TIMEDELTA, _encoded([value.days, value.seconds, value.microseconds]))
    if isinstance(value, datetime):
        return Ext(_DATETIME, value.isoformat().encode())
    if isinstance(value, tuple):
        return Ext(_TUPLE, _encoded([_plain(each, masked) for each in value]))
    if isinstance(value, list):
        return [_plain(each, masked) for each in value]
    if isinstance(value, Mapping):
        return {_plain(name, masked): _plain(each, masked) for name, each in value.items()}
    raise TypeError(type(value).__name__)


def _encoded(value: list[Any]) -> bytes:
    return msgspec.msgpack.encode(value)


def _unpacked(data: bytes | memoryview) -> Any:
    return msgspec.msgpack.decode(data, ext_hook=_extended)


def _extended(code: int, data: memoryview) -> Any:
    if code == _TIMEDELTA:
        days, seconds, microseconds = msgspec.msgpack.decode(data)
        return timedelta(days, seconds, microseconds)
    if code == _DATETIME:
        return datetime.fromisoformat(bytes(data).decode())
    if code == _TUPLE:
        return tuple(_unpacked(data))
    raise ValueError(f"extension {code} is unknown")
