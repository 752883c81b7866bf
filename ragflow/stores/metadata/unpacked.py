"""How does a listing get what documents hold? Statements over its temporary tables."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection

from ragflow.core.records import Listed
from ragflow.stores.metadata.connections import fetch
from ragflow.stores.metadata.encoding import unpack_mapping

_OPENED = """
SELECT l.key, l.token, l.metadata, l.size, l.skip_reason, l.skip_message, m.token, m.held
FROM main.manifest AS m CROSS JOIN listed AS l ON l.key = m.key
WHERE m.source = ? ORDER BY l.key
"""

# Of numbers of changes 0 is added and 1 modified.
_UNREAD = """
SELECT l.key, l.token, l.metadata, l.size, l.skip_reason, l.skip_message
FROM compared AS c CROSS JOIN listed AS l ON l.key = c.key
WHERE c.change <= 1 AND l.skip_reason IS NULL AND instr(c.key, '!/') = 0 ORDER BY c.key
"""

_TYPED = """
SELECT l.key, l.token, l.metadata, l.size, l.skip_reason, l.skip_message
FROM compared AS c CROSS JOIN listed AS l ON l.key = c.key
JOIN main.seen AS s ON s.owner = c.owner
WHERE c.change > 1 AND l.skip_reason IS NULL AND instr(c.key, '!/') = 0
AND ({types}) ORDER BY c.key
"""
_TYPE = "instr(s.metadata, ?) > 0"

# As each stands: by the token it was seen with, or tried with in vain; and left out for the
# reason for which it was.
_KEEP = """
INSERT OR REPLACE INTO listed
SELECT s.key, coalesce(nullif(s.token, x''), b.token, x'00'), s.metadata, NULL,
  iif(s.content IS NULL AND d.state = 1, d.reason, NULL),
  iif(s.content IS NULL AND d.state = 1, d.message, NULL)
FROM main.seen AS s
LEFT JOIN main.done AS d
  ON d.owner = s.owner AND d.generation = (SELECT max(generation) FROM present)
LEFT JOIN main.dead_letter AS b ON b.owner = d.owner AND b.generation = d.generation
WHERE s.source = ? AND s.key >= ? AND s.key < ?
"""

_LEAVE_OUT = "UPDATE listed SET skip_reason = ?, skip_message = ? WHERE key = ?"


def opened(connection: Connection, source: int) -> list[tuple[Listed, bytes, bytes]]:
    """Return what is listed and has a manifest, with the token of that and what it says."""
    return [(_listed(row[:6]), row[6], row[7]) for row in fetch(connection, _OPENED, (source,))]


def unread(connection: Connection) -> list[Listed]:
    """Return what is listed, not left out, and was compared to be added or modified."""
    return [_listed(row) for row in fetch(connection, _UNREAD)]


def typed(connection: Connection, media_types: Sequence[str]) -> list[Listed]:
    """Return what else was compared, and was of one of these types when it was last read."""
    statement = _TYPED.format(types=" OR ".join([_TYPE] * len(media_types)))
    return [_listed(row) for row in fetch(connection, statement, tuple(map(_packed, media_types)))]


def keep(connection: Connection, source: int, start: str, end: str) -> None:
    """List the known owners whose keys lie between two as they stand."""
    connection.exec_driver_sql(_KEEP, (source, start, end))


def leave_out(connection: Connection, key: str, reason: tuple[str, str]) -> None:
    """Give what is listed a reason not to be read."""
    connection.exec_driver_sql(_LEAVE_OUT, (*reason, key))


def _packed(media_type: str) -> bytes:
    return media_type.encode()  # text within msgpack is its UTF-8


def _listed(row: Sequence[Any]) -> Listed:
    key, token, metadata, size, reason, message = row
    skip = None if reason is None else (reason, message or "")
    return Listed(key, token, unpack_mapping(metadata), size, skip)
