"""What exactly is remembered of a call?

The list of what came out: for each part its encoded value and its envelope. A call that
filtered its item out is remembered as an empty list.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from ragflow.incremental.encoding import encode

Remembered = list[tuple[bytes, dict[str, Any]]]
_decode = msgspec.msgpack.Decoder(Remembered).decode


def pack(parts: Sequence[tuple[bytes, Mapping[str, Any]]]) -> bytes:
    """Return the bytes of what came out of a call."""
    return encode(parts)


def unpack(data: bytes) -> Remembered:
    """Return what came out of a call."""
    return _decode(data)
