"""How is nothing left of the text of rows that were deleted?

Chroma keeps what was written in a log until an index is saved, SQLite keeps what was deleted in
free pages, and the file of an index is longer than the index: what is behind its last row is
whatever lay in memory then, text of rows included. Call this with the folder to oneself, no
client open. The vectors of deleted rows stay in an index until it is built anew.
"""

import os
import sqlite3
import struct
from contextlib import closing
from pathlib import Path

from ragflow.errors import HomeError

# What an index has still to read of an entry of the log is its vector; its text was read at once.
_EMPTY = """
UPDATE embeddings_queue SET metadata = NULL WHERE metadata IS NOT NULL AND seq_id <= (
  SELECT max(m.seq_id) FROM segments AS s JOIN max_seq_id AS m ON m.segment_id = s.id
  WHERE s.scope = 'METADATA' AND embeddings_queue.topic LIKE '%/' || s.collection
)
"""
#: The beginning of an index's header, as hnswlib writes it: a version, then where links begin,
#: the most rows, the rows there are, the bytes of each and where their label stands.
_HEADER = struct.Struct("<i5Q")
_VERSION = 1
#: Bytes of a row's label, which stands last.
_LABEL = 8
#: Bytes that say how long a row's links above the lowest level are.
_LENGTH = 4


def scrub(folder: Path) -> None:
    """Take the text of what was deleted out of every file.

    Takes a second for each 100 MB. Raises `HomeError` where there is no room for that.
    """
    database = folder / "chroma.sqlite3"
    if not database.is_file():
        return
    try:
        with closing(sqlite3.connect(database, isolation_level=None)) as connection:
            connection.execute(_EMPTY)
            connection.execute("VACUUM")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        for header in folder.glob("*/header.bin"):
            _clear_rest(header)
    except (sqlite3.Error, OSError) as error:
        raise HomeError(
            f"what was deleted could not be cleared from {str(folder)!r}: {error}",
            hint="make room on the disk and repeat the command",
        ) from error


def _clear_rest(header: Path) -> None:
    """Write zeros behind the last row of an index; nobody reads what is there."""
    data = header.read_bytes()
    if len(data) < _HEADER.size:
        return
    version, links, most, count, size, label = _HEADER.unpack_from(data)
    # Of a format that is not known nothing is touched.
    if (version, links, label) != (_VERSION, 0, size - _LABEL) or not count <= most:
        return
    _zero(header.with_name("data_level0.bin"), count * size)
    _zero(header.with_name("length.bin"), count * _LENGTH)


def _zero(path: Path, first: int) -> None:
    with path.open("r+b") as file:
        end = file.seek(0, os.SEEK_END)
        file.seek(first)
        while (left := end - file.tell()) > 0:
            file.write(bytes(min(left, 1 << 20)))
        file.flush()
        os.fsync(file.fileno())
