"""How values of the records are written into columns, and read from them."""

import hashlib
import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from ragflow.core.states import OwnerState

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_HEX_ID = re.compile(r"[0-9a-f]{32}", re.ASCII)

#: The states of an owner as `done` writes them; the order is part of the schema.
OWNER_STATES = (
    OwnerState.SUCCEEDED,
    OwnerState.SKIPPED,
    OwnerState.FAILED,
    OwnerState.HELD_BACK,
)
OWNER_STATE_NUMBERS = {state: number for number, state in enumerate(OWNER_STATES)}

pack = msgspec.msgpack.Encoder().encode
unpack = msgspec.msgpack.Decoder().decode


def pack_mapping(values: Mapping[str, Any]) -> bytes | None:
    """Return the bytes of a mapping, None for an empty one."""
    return pack(values) if values else None


def unpack_mapping(data: bytes | None) -> dict[str, Any]:
    """Return the mapping that `pack_mapping` wrote."""
    return unpack(data) if data else {}


def to_json(values: Any) -> str:
    """Return JSON text of plain values; instants and bytes become text."""
    return msgspec.json.encode(values).decode()


def from_json(text: str) -> Any:
    """Return the values of JSON text."""
    return msgspec.json.decode(text)


def canonical_json(values: Mapping[str, Any]) -> bytes:
    """Return the one JSON text of these values, whatever the order of their names.

    Raises `TypeError` or `ValueError` where a value has no JSON.
    """
    text = json.dumps(
        values, sort_keys=True, ensure_ascii=False, allow_nan=False, separators=(",", ":")
    )
    return text.encode()


def digest(parts: Sequence[bytes], *, size: int = 20) -> bytes:
    """Return BLAKE2b over the parts, each behind its length, so that no two lists agree."""
    state = hashlib.blake2b(digest_size=size)
    for part in parts:
        state.update(len(part).to_bytes(8, "big"))
        state.update(part)
    return state.digest()


def slug(text: str, *, limit: int) -> str:
    """Return what a-z, 0-9 and hyphens can say of a name; may be empty, is not unique."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain)[:limit].strip("-")


def pack_row_id(row: str) -> bytes:
    """Return a row's id as bytes: 16 for 32 hex digits, another number for anything else."""
    if len(row) == 32 and _HEX_ID.fullmatch(row):
        return bytes.fromhex(row)
    data = row.encode()
    # Sixteen bytes are hex digits and nothing else, so fifteen letters get one byte more.
    return b"\x02" + data + b"\x00" if len(data) == 15 else b"\x01" + data


def unpack_row_id(data: bytes) -> str:
    """Return the id that `pack_row_id` wrote."""
    if len(data) == 16:
        return data.hex()
    return (data[1:] if data[0] == 1 else data[1:-1]).decode()


def to_microseconds(instant: datetime) -> int:
    """Return an aware instant as microseconds since 1970."""
    return (instant - _EPOCH) // _MICROSECOND


def from_microseconds(number: int) -> datetime:
    """Return the instant of so many microseconds since 1970."""
    return _EPOCH + number * _MICROSECOND


def day_of(instant: datetime) -> int:
    """Return how many days of UTC there were since 1970."""
    return (instant - _EPOCH).days
