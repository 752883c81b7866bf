"""By what is a file recognized as the one that was read, without opening it?"""

import os
import struct
from datetime import UTC, datetime

SECOND = 1_000_000_000
#: File systems round times down: most to a tick of the kernel (4 or 10 ms) or finer.
FINE_GRAIN = SECOND // 20
#: Some keep whole seconds, FAT every second one.
COARSE_GRAIN = 2 * SECOND + FINE_GRAIN
#: How far a time may lie ahead: the clock is read before the file is looked at, and a busy
#: machine may let time pass between the two.
AHEAD = 2 * SECOND

STAMP = struct.Struct("<qqQQ")
WORD = 2**64 - 1


def stamp(found: os.stat_result) -> bytes:
    """Return when a file was modified and changed, its size and its inode, as 32 bytes."""
    try:
        return STAMP.pack(found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino)
    except struct.error:
        # ext4 keeps years up to 2446, more nanoseconds than 63 bits.
        numbers = (found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino)
        return b"".join((number & WORD).to_bytes(8, "little") for number in numbers)


def version_token(found: os.stat_result, now: int) -> bytes:
    """Return the token of a file looked at just after `now` (nanoseconds since 1970).

    Equal tokens mean equal content. A file that changed so recently that it might change
    again within the grain of its times gets a token that equals no other, so that the next
    run reads it again.
    """
    token = stamp(found)
    if _may_repeat(found.st_ctime_ns, now) or _may_repeat(found.st_mtime_ns, now):
        token += now.to_bytes(12, "little", signed=True)
    return token


def modified(found: os.stat_result) -> str | None:
    """Return when the file was modified, ISO 8601 to the second in UTC.

    None for years that ISO 8601 does not spell.
    """
    try:
        instant = datetime.fromtimestamp(found.st_mtime_ns // SECOND, UTC)
    except (OverflowError, ValueError, OSError):
        return None
    return instant.strftime("%Y-%m-%dT%H:%M:%SZ")


def _may_repeat(instant: int, now: int) -> bool:
    age = now - instant
    if not -AHEAD <= age <= COARSE_GRAIN:
        return False
    return age <= FINE_GRAIN or instant % SECOND == 0
