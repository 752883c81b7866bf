"""What if a writer died half-way?

SQLite undoes its own half of the work. Chroma's index files are written in place, so a writer
killed while it saves them leaves an index that cannot be opened, or, worse, one that opens and
finds a tenth of its rows. Every row, vector included, is in SQLite too: so an index that is
not whole is found out and built anew. Call these with the folder to oneself, no client open.
"""

import json
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import IO
from uuid import UUID, uuid4

from ragflow.errors import HomeError
from ragflow.stores.vectors.cosine import unpack
from ragflow.stores.vectors.encoding import half_of, is_readable
from ragflow.stores.vectors.engine import Collection, Engine
from ragflow.stores.vectors.filters import BODY
from ragflow.stores.vectors.inspection import are_near
from ragflow.stores.vectors.portions import portions, write

#: The last file that Chroma writes when it saves an index.
_LAST = "index_metadata.pickle"
#: Rows that must find themselves, and the distance that a row has from itself.
_SAMPLE = 64
_SAME = 0.001


def recover(folder: Path) -> Engine:
    """Return an open client on a folder whose last writer died; every collection is whole.

    Interrupted, it can be called again. Takes about 0.1 ms a row when nothing is broken, and
    the time to write all rows of a collection that is.
    """
    tidy(folder)
    suspects = _half_saved(folder)
    engine = Engine(folder)
    _finish(engine)
    broken = [
        collection
        for collection in engine.collections()
        if collection.id in suspects or not _is_whole(engine, collection)
    ]
    if not broken:
        return engine
    del engine
    for collection in broken:
        with tempfile.TemporaryFile("w+", encoding="utf-8") as spool:
            _save_rows(folder, collection, spool)
            _build(Engine(folder), collection, spool)
    tidy(folder)
    return Engine(folder)


def tidy(folder: Path) -> None:
    """Remove what Chroma leaves behind of collections that were dropped.

    Their index files, and list entries of their rows: those would pass to later rows, which
    are given the same numbers.
    """
    database = folder / "chroma.sqlite3"
    if not database.exists():
        return
    with closing(sqlite3.connect(database)) as connection:
        if "segments" not in _tables(connection):
            return
        segments = {segment for (segment,) in connection.execute("SELECT id FROM segments")}
        if "embedding_metadata_array" in _tables(connection):
            connection.execute(
                "DELETE FROM embedding_metadata_array WHERE id NOT IN (SELECT id FROM embeddings)"
            )
            connection.commit()
    for path in folder.iterdir():
        if path.is_dir() and _is_uuid(path.name) and path.name not in segments:
            shutil.rmtree(path)


def _half_saved(folder: Path) -> set[str]:
    """Return the ids of collections whose index files are newer than their last one."""
    newer = []
    for path in folder.glob(f"*/{_LAST}"):
        others = [each for each in path.parent.iterdir() if each.name != _LAST]
        if any(each.stat().st_mtime_ns > path.stat().st_mtime_ns for each in others):
            newer.append(path.parent.name)
    if not newer:
        return set()
    with closing(sqlite3.connect(folder / "chroma.sqlite3")) as connection:
        owners = dict(connection.execute("SELECT id, collection FROM segments"))
    return {owners[segment] for segment in newer if segment in owners}


def _finish(engine: Engine) -> None:
    """Settle what an earlier recovery had built, or drop what it had not."""
    whole = {collection.name for collection in engine.collections() if not collection.instead_of}
    for collection in engine.collections():
        if collection.instead_of in whole:
            engine.drop(collection)
        elif collection.instead_of:
            engine.settle(collection)


def _is_whole(engine: Engine, collection: Collection) -> bool:
    """Whether the index opens, holds every row as it was given, and finds rows."""
    try:
        engine.touch(collection)
        ids = sorted(engine.ids(collection))
        return all(_holds(engine, collection, portion) for portion in portions(ids)) and _finds(
            engine, collection, ids
        )
    except HomeError:
        return False


def _holds(engine: Engine, collection: Collection, ids: Sequence[str]) -> bool:
    indexed = engine.vectors(collection, ids)
    kept = engine.metadata(collection, ids)
    if not indexed.keys() == kept.keys() == set(ids):
        return False
    # What others wrote says nothing of itself that could be compared.
    ours = {
        each: half_of(kept[each][BODY])
        for each in ids
        if is_readable(kept[each].get(BODY), dimension=collection.dimension)
    }
    return bool(are_near(list(ours.values()), [indexed[each] for each in ours]).all())


def _finds(engine: Engine, collection: Collection, ids: Sequence[str]) -> bool:
    step = max(1, len(ids) // _SAMPLE)
    for kept in engine.metadata(collection, ids[::step]).values():
        if not is_readable(kept.get(BODY), dimension=collection.dimension):
            continue
        vector = unpack(half_of(kept[BODY])).astype("<f4").tolist()
        nearest = engine.nearest(collection, vector, limit=1, only=None)
        if any(vector) and not (nearest and nearest[0][2] <= _SAME):
            return False
    return True


def _save_rows(folder: Path, collection: Collection, spool: IO[str]) -> None:
    # Spooled, because no row may be read here while Chroma's own SQLite writes the same file:
    # closing one library's descriptor would end the locks of the other.
    query = (
        "SELECT embedding_id, string_value FROM embeddings JOIN embedding_metadata USING (id) "
        "JOIN segments ON segments.id = segment_id "
        "WHERE collection = ? AND scope = 'METADATA' AND key = ?"
    )
    with closing(sqlite3.connect(folder / "chroma.sqlite3")) as connection:
        for row in connection.execute(query, (collection.id, BODY)):
            spool.write(json.dumps(row) + "\n")


def _build(engine: Engine, collection: Collection, spool: IO[str]) -> None:
    """Write the rows to a new collection and put it in the old one's stead."""
    fresh = engine.create(
        f"rebuilt-{uuid4().hex}",
        dimension=collection.dimension,
        label=collection.label,
        instead_of=collection.name,
    )
    spool.seek(0)
    for portion in portions(_lines(spool)):
        write(engine, fresh, dict(portion))
    engine.drop(collection)
    engine.settle(fresh)


def _lines(spool: IO[str]) -> Iterator[tuple[str, str]]:
    for line in spool:
        number, body = json.loads(line)
        yield number, body


def _tables(connection: sqlite3.Connection) -> set[str]:
    return {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}


def _is_uuid(name: str) -> bool:
    try:
        return str(UUID(name)) == name
    except ValueError:
        return False
