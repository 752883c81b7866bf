"""How does an error travel as plain data?

The class is named, and looked up only among modules that are loaded: reading an error imports
nothing. What its constructor was given and its attributes travel where they are plain.
"""

import sys
import traceback
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
from msgspec.msgpack import Ext

from ragflow.interfaces.execution import CarriedError, kinds_of

_TUPLE, _TIMEDELTA, _DATETIME = 1, 2, 3
#: Characters and bytes of each thing that travels; more of an error is read by nobody.
_LONGEST = 1 << 16


class PackedError(msgspec.Struct, frozen=True):
    """An error that travels."""

    #: Its class and the bases, nearest first, as ``module:name``.
    kinds: tuple[str, ...]
    message: str
    #: What its constructor is given, and its attributes, packed.
    arguments: bytes
    attributes: dict[str, bytes]
    traceback: str


def pack(error: BaseException) -> PackedError:
    """Return the error as plain data; what of it is not plain, or huge, stays behind."""
    message = _text_of(error)
    reduced = error.__reduce__()
    given = reduced[1] if isinstance(reduced, tuple) and isinstance(reduced[1], tuple) else ()
    attributes = {str(name): _packed(value) for name, value in vars(error).items()}
    lines = traceback.format_exception(error)
    return PackedError(
        kinds=kinds_of(type(error)),
        message=message,
        arguments=_packed(given) or _packed((message,)) or b"",
        attributes={name: data for name, data in attributes.items() if data is not None},
        traceback=_text("".join(lines)[-_LONGEST:]),
    )


def rebuild(packed: PackedError) -> Exception:
    """Return the error as it was raised, or a `CarriedError` where that cannot be had here.

    Either way the traceback of the worker is its note.
    """
    kind = _loaded(packed.kinds[0]) if packed.kinds else None
    error = _rebuilt(kind, packed) if kind else None
    if error is None:
        name = packed.kinds[0].rpartition(":")[2] if packed.kinds else "an error"
        error = CarriedError(f"{name}: {packed.message}", kinds=packed.kinds)
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


def _packed(value: Any) -> bytes | None:
    try:
        data = msgspec.msgpack.encode(_plain(value))
    except (TypeError, ValueError, OverflowError, RecursionError, msgspec.MsgspecError):
        return None
    return data if len(data) <= _LONGEST else None


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, bool | bytes):
        return value
    for scalar in (int, float, str):  # a StrEnum or numpy.float64 goes as the plain value it is
        if isinstance(value, scalar):
            return scalar(value)
    if isinstance(value, timedelta):
        return Ext(_TIMEDELTA, _encoded([value.days, value.seconds, value.microseconds]))
    if isinstance(value, datetime):
        return Ext(_DATETIME, value.isoformat().encode())
    if isinstance(value, tuple):
        return Ext(_TUPLE, _encoded([_plain(each) for each in value]))
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if isinstance(value, Mapping):
        return {_plain(name): _plain(each) for name, each in value.items()}
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


def _text_of(error: BaseException) -> str:
    try:
        return _text(str(error)[:_LONGEST])
    except Exception:  # noqa: BLE001 - whatever a user's __str__ raises, the error must travel
        return "(it cannot be shown)"


def _text(value: str) -> str:
    return value.encode("utf-8", "backslashreplace").decode("utf-8")
