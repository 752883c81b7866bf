"""How is a plain value spelled as bytes, so that equal bytes mean equal values?

Every value is written as a type tag, the length of what follows, and its bytes; so no two
different values share a spelling ("1" + "23" is not "12" + "3", 1 is not 1.0 or True).
"""

import dataclasses
import enum
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from datetime import date, datetime, time, timedelta
from pathlib import PurePath
from typing import Any

import msgspec

from ragflow.errors import FingerprintError


def canonical(value: Any) -> bytes:
    """Return the bytes that spell a plain value.

    Plain are None, bool, int, float, str, bytes, dates, paths, enums, structs, dataclasses,
    and lists, tuples, sets and mappings of plain values; a secret reference, and whatever
    else says so through ``__identity__()``, is spelled by its identity. Stable across
    processes and machines. Raises `FingerprintError` for anything else.
    """
    return b"".join(_pieces(value))


def is_plain(value: Any) -> bool:
    """Tell whether `canonical` can spell the value."""
    try:
        canonical(value)
    except (FingerprintError, RecursionError):
        return False
    return True


def _pieces(value: Any) -> list[bytes]:
    tag, body = _spelled(value)
    return [tag, len(body).to_bytes(8, "little"), body]


def _spelled(value: Any) -> tuple[bytes, bytes]:  # noqa: C901 - one case a type
    if isinstance(value, enum.Enum):
        stands_for = value.value if is_plain(value.value) else None
        return b"E", canonical([type(value).__qualname__, value.name, stands_for])
    match value:
        case None:
            return b"0", b""
        case bool():
            return b"?", b"\1" if value else b"\0"
        case int():
            return b"i", f"{value:x}".encode()
        case float():
            return b"f", value.hex().encode()
        case str():
            return b"s", value.encode("utf-8", "surrogatepass")
        case bytes() | bytearray() | memoryview():
            return b"b", bytes(value)
        case datetime() | date() | time():
            return b"d", f"{type(value).__name__} {value.isoformat()}".encode()
        case timedelta():
            return b"t", repr(value).encode()
        case PurePath():
            return b"p", value.as_posix().encode("utf-8", "surrogatepass")
        case list():
            return b"l", b"".join(map(canonical, value))
        case tuple():
            return b"u", b"".join(map(canonical, value))
        case AbstractSet():
            return b"S", b"".join(sorted(map(canonical, value)))
        case Mapping():
            pairs = sorted((canonical(k), canonical(v)) for k, v in value.items())
            return b"m", b"".join(k + v for k, v in pairs)
        case msgspec.Struct():
            fields = {name: getattr(value, name) for name in value.__struct_fields__}
            return b"x", canonical([type(value).__qualname__, fields])
    if isinstance(value, type):
        raise _refusal(value)
    if dataclasses.is_dataclass(value):
        fields = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        return b"x", canonical([type(value).__qualname__, fields])
    identity = getattr(value, "__identity__", None)
    if identity is not None:
        return b"I", canonical([type(value).__qualname__, identity()])
    raise _refusal(value)


def _refusal(value: Any) -> FingerprintError:
    return FingerprintError(
        f"a {type(value).__qualname__} cannot be fingerprinted",
        hint="use plain values: None, bool, int, float, str, bytes, lists and mappings of them",
    )
