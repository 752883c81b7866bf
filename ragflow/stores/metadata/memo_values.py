"""As which bytes is the value of a memo kept, and is what is read still what was kept?"""

import bz2
import zlib
from collections.abc import Callable
from functools import cached_property

from ragflow.core.items import Fingerprint
from ragflow.interfaces.orchestration import ArtifactStore
from ragflow.stores.metadata.deltas import difference, restored

#: Bytes below which packing saves less than it takes.
WORTH_PACKING = 512
#: The same of writing a value as what differs from its base.
WORTH_COMPARING = 128
#: Bytes from which packing otherwise than zlib saves something.
LONG = 16 * 1024
#: Bytes above which a value lies beside the database.
INLINE = 32 * 1024

#: As it is and a checksum; packed; the digest of an artifact, of such bytes and of packed ones; the
#: key of another memo and zlib of what differs from its value; every other byte packed, and the
#: rest.
PLAIN, PACKED, ARTIFACT, PACKED_ARTIFACT, DELTA, PLANES = range(6)

_CHECKSUM = 4
#: How bytes begin that bz2 packed; zlib's never do.
_BZIP2 = b"BZh"
#: Bytes of a memo's key.
KEY = 20

#: Returns the value of another memo, None where it is not remembered any more.
Base = Callable[[Fingerprint], bytes | None]


class Packing:
    """A value, packed once however often it is asked for."""

    def __init__(self, value: bytes) -> None:
        self.value = value

    @cached_property
    def packed(self) -> bytes:
        """What zlib makes of it."""
        return zlib.compress(self.value)


def encode(of: Packing, artifacts: ArtifactStore | None) -> tuple[int, bytes]:
    """Return how a value is kept and as which bytes; large ones go to the artifacts."""
    value = of.value
    packed = _packed(of) if _is_worth_packing(value) else value
    is_packed = len(packed) < len(value)
    kept = packed if is_packed else value
    if artifacts is not None and len(kept) > INLINE:
        return (PACKED_ARTIFACT if is_packed else ARTIFACT), artifacts.put(kept)
    if is_packed:
        return PACKED, kept
    planes = _planes(value)
    if planes is not None:
        return PLANES, planes + _checksum(value)
    return PLAIN, kept + _checksum(kept)


def encode_beside(base: Fingerprint, data: bytes, of: Packing) -> tuple[int, bytes] | None:
    """Return how a value is kept as what differs from `data`, the value of the memo `base`.

    None where that saves little, and for what is small, or looks like vectors or images.
    """
    value = of.value
    if len(value) < WORTH_COMPARING or len(base) != KEY or _is_noise(value):
        return None
    packed = zlib.compress(_checksum(value) + difference(data, value))
    # It is to be worth that the base must stay: half of what it would be packed by itself.
    if len(packed) > INLINE or 2 * (len(packed) + KEY) > len(of.packed):
        return None
    return DELTA, base + packed


def _packed(of: Packing) -> bytes:
    """Return a value packed; a long text a tenth smaller than zlib would, in twice its time."""
    is_short = len(of.value) < LONG
    return of.packed if is_short else min(of.packed, bz2.compress(of.value), key=len)


def is_comparable(value: bytes) -> bool:
    """Tell whether a base may help to keep a value."""
    return len(value) >= WORTH_COMPARING and not _is_noise(value)


def _is_worth_packing(value: bytes) -> bool:
    return len(value) > WORTH_PACKING and not _is_noise(value)


def _is_noise(value: bytes) -> bool:
    # Vectors and images hold most bytes there are, text never does; to find that packing
    # saves nothing takes ten times as long as to count.
    return len(value) > WORTH_PACKING and len(set(value[:WORTH_PACKING])) >= 160


def decode(encoding: int, data: bytes, artifacts: ArtifactStore | None, base: Base) -> bytes | None:
    """Return the value, None where it is damaged or what it needs is gone."""
    if encoding in (ARTIFACT, PACKED_ARTIFACT):
        kept = None if artifacts is None else artifacts.get(data)
        if kept is None or encoding == ARTIFACT:
            return kept
        return _unpacked(kept)
    if encoding == PACKED:
        return _unpacked(data)
    if encoding == DELTA:
        return _restored(data, base)
    value, checksum = data[:-_CHECKSUM], data[-_CHECKSUM:]
    if encoding == PLANES:
        value = _joined(value)
    return value if _checksum(value) == checksum else None


def _planes(value: bytes) -> bytes | None:
    """Return a value with every other byte packed; None where that saves little.

    Of each half of a vector one byte is noise, and the other, sign and exponent and little more,
    takes three quarters of its bits.
    """
    if not WORTH_PACKING < len(value) <= INLINE:
        return None
    for side in (0, 1):
        packer = zlib.compressobj(9, zlib.DEFLATED, -15, 9, zlib.Z_HUFFMAN_ONLY)
        packed = packer.compress(value[side::2]) + packer.flush()
        if len(packed) < len(value) * 7 // 16:
            head = (2 * len(value) + side).to_bytes(3, "big")
            return head + packed + value[1 - side :: 2]
    return None


def _joined(data: bytes) -> bytes:
    """Return the value that `_planes` was given; of damaged bytes anything."""
    size, side = divmod(int.from_bytes(data[:3], "big"), 2)
    value = bytearray(size)
    unpacker = zlib.decompressobj(-15)
    try:
        value[side::2] = unpacker.decompress(data[3:])
        value[1 - side :: 2] = unpacker.unused_data
    except (zlib.error, ValueError):
        return b""
    return bytes(value)


def _restored(data: bytes, base: Base) -> bytes | None:
    packed = _unpacked(data[KEY:])
    other = None if packed is None else base(data[:KEY])
    if packed is None or other is None:
        return None
    try:
        value = restored(other, packed[_CHECKSUM:])
    except ValueError:
        return None
    return value if _checksum(value) == packed[:_CHECKSUM] else None


def _unpacked(data: bytes) -> bytes | None:
    try:
        return bz2.decompress(data) if data.startswith(_BZIP2) else zlib.decompress(data)
    except (zlib.error, OSError, ValueError, EOFError):
        return None


def _checksum(value: bytes) -> bytes:
    return zlib.crc32(value).to_bytes(_CHECKSUM, "big")
