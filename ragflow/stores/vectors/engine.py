"""One open Chroma client on a folder: the only file that speaks to Chroma.

It speaks to `chromadb_rust_bindings`, the compiled part that chromadb's own embedded client is
a wrapper of. The wrapper keeps one client a folder and process in a global registry, where a
second store in the process would hold a stale client open; it reads the environment and
``.env``; and it imports telemetry, gRPC and embedding functions, which takes 0.8 s. Without it
there is no registry, nothing that could open a connection, and an import takes 0.1 s.

A client sees what changed through itself only. It writes when it is opened, and may write at
the first call on a collection (what a writer that died left in the log); after that its reads
only read. So it must be opened, and each collection touched, while nobody else is there.
"""

import ctypes
import importlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ragflow.errors import HomeError, PluginError
from ragflow.stores.vectors.filters import BODY, Filter

#: Measured on 24,000 sentences of SciFact and 100,000 mixtures of them (MiniLM): recall@10 is
#: 0.999, and nDCG@10 within 0.001 of comparing every row. With an ``ef_search`` of 100 it is
#: 0.992 and 0.004. ``sync_threshold`` bounds what a client replays when it is opened: twice as
#: much doubles the time to open (0.4 s at worst at 20,000 rows), and saves a tenth of writing.
HNSW = {
    "space": "cosine",
    "max_neighbors": 16,
    "ef_construction": 100,
    "ef_search": 400,
    "sync_threshold": 500,
}
#: Marks the collections that are ours, and says which version of how rows are kept in them.
FORMAT = "ragflow_format"
VERSION = 1
#: Names, in a collection that is not whole yet, the place it will be.
INSTEAD_OF = "instead_of"

_WHOSE = {"tenant": "default_tenant", "database": "default_database"}
#: Indexes kept in memory. One that is dropped comes back without what was not yet on disk.
_INDEXES = 10_000


@dataclass(frozen=True, slots=True)
class Collection:
    """One collection of a client."""

    id: str
    name: str
    dimension: int
    label: str
    #: The place it will be once it is whole; None if it is whole.
    instead_of: str | None


#: How Chroma spells SQLite's words for a file that is damaged, and one that is no database.
_DAMAGED = ("(code: 11)", "(code: 26)")


class Engine:
    """An open client, let go of when the object is; safe for threads that only read.

    Every method raises `HomeError` when Chroma fails.
    """

    def __init__(self, folder: Path) -> None:
        try:
            chroma = importlib.import_module("chromadb_rust_bindings")
        except ImportError as error:
            raise PluginError(
                "the vector store chroma needs the package chromadb",
                hint="pip install chromadb",
            ) from error
        self._folder = folder
        with self._asked("be opened"):
            folder.mkdir(parents=True, exist_ok=True)
            database = chroma.SqliteDBConfig(
                hash_type=chroma.MigrationHash.MD5,
                migration_mode=chroma.MigrationMode.Apply,
                url=str(folder / "chroma.sqlite3"),
            )
            self._chroma = chroma.Bindings(
                allow_reset=False,
                sqlite_db_config=database,
                hnsw_cache_size=_INDEXES,
                persist_path=str(folder),
            )
        self._collections: list[Collection] | None = None

    def collections(self) -> list[Collection]:
        """Return the collections that are ours, those not whole yet among them."""
        if self._collections is None:
            with self._asked("list collections"):
                found = self._chroma.list_collections(**_WHOSE)
            described = [(str(each.id), each.name, each.metadata or {}) for each in found]
            for _, name, kept in described:
                if kept.get(FORMAT, VERSION) > VERSION:
                    raise HomeError(
                        f"{name!r} in {self._folder} was written by a newer ragflow",
                        hint="pip install --upgrade ragflow",
                    )
            self._collections = [
                Collection(
                    id=number,
                    name=name,
                    dimension=kept["dimension"],
                    label=kept["label"],
                    instead_of=kept.get(INSTEAD_OF),
                )
                for number, name, kept in described
                if FORMAT in kept
            ]
        return self._collections

    def create(
        self, name: str, *, dimension: int, label: str, instead_of: str | None
    ) -> Collection:
        """Make a collection and return it; nothing may be there under its name."""
        kept = _describe(dimension, label) | ({INSTEAD_OF: instead_of} if instead_of else {})
        configuration = json.dumps({"hnsw": HNSW, "embedding_function": None})
        with self._asked(f"create {name!r}"):
            made = self._chroma.create_collection(
                name=name, configuration_json_str=configuration, metadata=kept, **_WHOSE
            )
        self._collections = None
        return Collection(str(made.id), name, dimension, label, instead_of)

    def settle(self, collection: Collection) -> None:
        """Make a collection that is whole the place it was made for."""
        kept = _describe(collection.dimension, collection.label)
        with self._asked(f"rename {collection.name!r}"):
            self._chroma.update_collection(
                collection_id=collection.id, new_name=collection.instead_of, new_metadata=kept
            )
        self._collections = None

    def drop(self, collection: Collection) -> None:
        """Remove a collection; what Chroma leaves behind of it is `salvage.tidy`'s to remove."""
        with self._asked(f"drop {collection.name!r}"):
            self._chroma.delete_collection(name=collection.name, **_WHOSE)
        self._collections = None

    def touch(self, collection: Collection) -> None:
        """Load a collection, with what its log holds, so that from now on reads only read."""
        self.count(collection)

    def count(self, collection: Collection) -> int:
        """Return the number of rows."""
        with self._asked(f"count {collection.name!r}"):
            return int(self._chroma.count(collection_id=collection.id, **_WHOSE))

    def ids(self, collection: Collection, *, only: Filter | None = None) -> list[str]:
        """Return the ids of all rows that satisfy the filter, in no order."""
        with self._asked(f"list {collection.name!r}"):
            found = self._chroma.get(
                collection_id=collection.id,
                where=json.dumps(only) if only else None,
                include=[],
                **_WHOSE,
            )
        return list(found.ids)

    def metadata(self, collection: Collection, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
        """Return the metadata of those of the rows that are there, by id."""
        with self._asked(f"read {collection.name!r}"):
            found = self._chroma.get(
                collection_id=collection.id, ids=list(ids), include=["metadatas"], **_WHOSE
            )
        return {number: kept or {} for number, kept in zip(found.ids, found.metadatas, strict=True)}

    def vectors(self, collection: Collection, ids: Sequence[str]) -> dict[str, list[float]]:
        """Return the vectors of these rows as the index holds them, by id."""
        with self._asked(f"read {collection.name!r}"):
            found = self._chroma.get(
                collection_id=collection.id, ids=list(ids), include=["embeddings"], **_WHOSE
            )
        return dict(zip(found.ids, found.embeddings, strict=True))

    def nearest(
        self, collection: Collection, vector: Sequence[float], *, limit: int, only: Filter | None
    ) -> list[tuple[str, Any, float]]:
        """Return about the `limit` nearest rows as (id, body, distance), nearest first.

        The body of what others wrote may be anything; None where there is none.
        """
        with self._asked(f"search {collection.name!r}"):
            found = self._chroma.query(
                collection_id=collection.id,
                ids=None,
                query_embeddings=[list(vector)],
                n_results=limit,
                where=json.dumps(only) if only else None,
                include=["metadatas", "distances"],
                **_WHOSE,
            )
        bodies = [(kept or {}).get(BODY) for kept in found.metadatas[0]]
        return list(zip(found.ids[0], bodies, found.distances[0], strict=True))

    def upsert(
        self,
        collection: Collection,
        kept: Mapping[str, Mapping[str, Any]],
        vectors: Sequence[Sequence[float]],
    ) -> None:
        """Write rows; metadata that is None is removed, other old metadata stays."""
        if kept:
            with self._asked(f"write to {collection.name!r}"):
                self._chroma.upsert(
                    collection_id=collection.id,
                    ids=list(kept),
                    embeddings=vectors,
                    metadatas=list(kept.values()),
                    **_WHOSE,
                )

    def update(self, collection: Collection, kept: Mapping[str, Mapping[str, Any]]) -> None:
        """Write metadata of rows that are there, and leave their vectors."""
        if kept:
            with self._asked(f"write to {collection.name!r}"):
                self._chroma.update(
                    collection_id=collection.id,
                    ids=list(kept),
                    metadatas=list(kept.values()),
                    **_WHOSE,
                )

    def delete(self, collection: Collection, ids: Sequence[str]) -> None:
        """Remove rows; ids that are not there are no error."""
        if ids:
            with self._asked(f"remove rows of {collection.name!r}"):
                self._chroma.delete(collection_id=collection.id, ids=list(ids), **_WHOSE)

    def abandon(self) -> None:
        """Never let go of the client: in a forked child, whose threads are gone, it would hang."""
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(self._chroma))

    @contextmanager
    def _asked(self, what: str) -> Iterator[None]:
        try:
            yield
        except BaseException as error:
            # Chroma raises what its parts raise; a panic of Rust is not even an `Exception`.
            if isinstance(error, Exception) or type(error).__name__ == "PanicException":
                raise HomeError(
                    f"the store in {self._folder} could not {what}: {error}",
                    hint=_hint(str(error)),
                ) from error
            raise


def _hint(message: str) -> str:
    if any(code in message for code in _DAMAGED):
        return (
            "its database is damaged: move the folder away, then `ragflow repair` makes each "
            "collection anew from what is remembered"
        )
    return "check who may write there, and whether the disk is full"


def _describe(dimension: int, label: str) -> dict[str, Any]:
    shown = label.encode("utf-8", "backslashreplace").decode()
    return {FORMAT: VERSION, "dimension": dimension, "label": shown}
