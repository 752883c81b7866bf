"""A collection of real documents in a real store, and ways to damage it behind ragflow's back."""

import json
import os
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ragflow.api.pipeline import Pipeline, pipeline
from ragflow.config import Project, ProjectConfig, RunConfig
from ragflow.core.records import Instance
from ragflow.documents import Chunk
from ragflow.embedding.hashing import HashingEmbedder
from ragflow.incremental.fingerprint import fingerprint_value, row_id
from ragflow.interfaces.ingestion import StoredRow
from ragflow.runtime.home import Home
from ragflow.runtime.repair import repair
from ragflow.runtime.request import Request
from ragflow.runtime.run import run
from ragflow.runtime.verify import verify
from ragflow.stores.vectors.encoding import decode, encode, is_readable
from ragflow.stores.vectors.engine import Collection, Engine
from ragflow.stores.vectors.filters import BODY
from ragflow.tasks import chunk, embed, extract, files, read, upsert

DOCUMENTS = {
    "doors.md": "# Doors\n\nThe front door opens at seven. The door to the yard stays closed.\n",
    "heating.md": "# Heating\n\nTurn the valve to three. Above four the boiler works in vain.\n",
    "keys.txt": "A lost key is reported to the desk, which has it replaced within a day.\n",
    "post.txt": "Parcels wait at the desk for a week and are then sent back to who sent them.\n",
    "rooms.txt": "\n\n".join(f"Room {n} has {n} chairs and a view of the yard." for n in range(40)),
}
#: What of a home is the store, and what the state.
STORE = ("chroma",)
STATE = ("ragflow.db", "ragflow.db-wal", "ragflow.db-shm", "artifacts")
PARTS = (*STORE, *STATE)
#: A model of the same length as the one that is used, which sees something else.
OTHER = """
name = "other"
kind = "hashing"
revision = "1"
dimension = 256
metric = "cosine"
pooling = "sum"
limit = 256
licence = "Apache-2.0"
source = "ragflow/embedding/hashing.py"

[prompts]
document = "passage: of a text "
"""
NAME = "handbook"


@pipeline
def handbook(
    folder: str = "docs", collection: str = "handbook", model: str = "hashing", size: int = 32
) -> None:
    """Keep the handbook searchable."""
    chunks = chunk(extract(read(files(folder))), model=model, size=size)
    upsert(chunks, embed(chunks, model=model), collection=collection)


class World:
    """A project with documents, its store, and what was embedded."""

    def __init__(self, folder: Path, monkeypatch: Any) -> None:
        self.folder = folder
        self.docs = folder / "docs"
        self.docs.mkdir(parents=True)
        self.project = Project(folder, folder / ".ragflow", ProjectConfig(run=RunConfig(workers=1)))
        self.embedded: Counter[str] = Counter()
        self.pipeline: Pipeline = handbook
        #: Rows that are no more: of a document as it was, and of one that is gone.
        self.older: Any = None
        self.of_gone: Any = None
        #: Parameters of the runs so far, newest first, by instance.
        self.parameters: list[tuple[str | None, dict[str, Any]]] = []
        for name, text in DOCUMENTS.items():
            self.write(name, text)
        embedding = HashingEmbedder.embed

        def counting(embedder: Any, texts: Any, *, kind: Any = "document") -> Any:
            if kind == "document":
                self.embedded.update(texts)
            return embedding(embedder, texts, kind=kind)

        monkeypatch.setattr(HashingEmbedder, "embed", counting)

    # Documents

    def write(self, name: str, text: str) -> None:
        """Write a document; it looks old, so that its time says whether it changed."""
        path = self.docs / name
        path.write_text(text, "utf-8")
        os.utime(path, (1_700_000_000, 1_700_000_000 + len(text)))

    def add_model(self) -> None:
        """Add the model ``other`` to the project."""
        (self.folder / "models").mkdir(exist_ok=True)
        (self.folder / "models" / "other.toml").write_text(OTHER, "utf-8")

    # What ragflow does

    @contextmanager
    def home(self) -> Iterator[Home]:
        home = Home(self.project)
        try:
            yield home
        finally:
            home.close()

    def run(self, *, instance: str | None = None, **parameters: Any) -> dict[str, Any]:
        how = {name: parameters.pop(name) for name in ("accept", "only") if name in parameters}
        if (instance, parameters) not in self.parameters:
            self.parameters.insert(0, (instance, parameters))
        with self.home() as home:
            return run(home, self.request(instance, parameters, **how))

    def request(self, instance: str | None, given: Mapping[str, Any], **how: Any) -> Request:
        folder = str(self.docs) if "folder" not in given else given["folder"]
        given = {**given, "folder": folder}
        return self.pipeline.request(given, project=self.project, instance=instance, **how)

    def requests(self, instance: Instance) -> Iterator[Request]:
        """Return what `ragflow.api.repairs` finds in the history of a project's own pipelines."""
        for name, given in self.parameters:
            request = self.request(name, given)
            if (request.instance, request.scope) == (instance.name, instance.scope):
                yield request

    def verify(self, name: str = "handbook", **how: Any) -> dict[str, Any]:
        with self.home() as home:
            return verify(home, name, self.requests, **how)

    def repair(self, name: str = "handbook", **how: Any) -> dict[str, Any]:
        with self.home() as home:
            return repair(home, name, self.requests, actor="a test", **how)

    def rows(self, name: str = "handbook") -> list[StoredRow]:
        """Return what readers see, with vectors."""
        with self.home() as home:
            generation = home.metadata.generations.published("collection", name)
            assert generation is not None
            return list(home.vectors.rows(generation.physical, vectors=True))

    # What others do

    @contextmanager
    def raw(self, name: str = "handbook") -> Iterator["Raw"]:
        """Open the database itself, as any program may that knows Chroma."""
        with self.home() as home:
            generation = home.metadata.generations.published("collection", name)
            assert generation is not None
            instances = home.metadata.instances()
        engine = Engine(self.folder / ".ragflow" / "chroma")
        found = {each.name: each for each in engine.collections()}
        mine = [each for each in instances if each.scope["collection"] == name]
        yield Raw(engine, found[generation.physical], mine)
        del engine
        commits = self.folder / ".ragflow" / "chroma" / "sharing" / "commits"
        count = int.from_bytes(commits.read_bytes(), "big")
        commits.write_bytes((count + 2).to_bytes(8, "big"))

    def keep(self, *parts: str) -> Path:
        """Copy parts of the home, as a backup does."""
        kept = self.folder / "backup"
        shutil.rmtree(kept, ignore_errors=True)
        for part in parts or PARTS:
            place = self.folder / ".ragflow" / part
            if place.is_dir():
                shutil.copytree(place, kept / part)
            elif place.exists():
                kept.mkdir(exist_ok=True)
                shutil.copy(place, kept / part)
        return kept

    def bring_back(self, kept: Path, *parts: str) -> None:
        """Put a backup in the place of these parts of the home."""
        for part in parts:
            place = self.folder / ".ragflow" / part
            if place.is_dir():
                shutil.rmtree(place)
            place.unlink(missing_ok=True)
            if (kept / part).is_dir():
                shutil.copytree(kept / part, place)
            elif (kept / part).exists():
                shutil.copy(kept / part, place)


class Raw:
    """The database below a collection."""

    def __init__(self, engine: Engine, collection: Collection, instances: list[Instance]) -> None:
        self.engine = engine
        self.collection = collection
        self.instances = {each.name: each for each in instances}

    def rows(self) -> dict[str, StoredRow]:
        """Return the rows that are ours to look at, by id."""
        found = {}
        ids = sorted(self.engine.ids(self.collection))
        for name, kept in self.engine.metadata(self.collection, ids).items():
            if is_readable(kept.get(BODY), dimension=self.collection.dimension):
                found[name] = decode(name, kept[BODY], vectors=True)
        return found

    def row(self, key: str, number: int = 0) -> StoredRow:
        """Return one row of a document."""
        mine = [row for row in self.rows().values() if row.payload.get("key") == key]
        mine.sort(key=lambda row: row.payload["start"])
        return mine[number]

    def put(self, row: StoredRow, *, index: list[float] | None = None, **fields: Any) -> None:
        """Write a row whole, as one of ours; the index and what filters see may be others."""
        kept = {BODY: encode(row), "key": row.payload.get("key", ""), **row.payload, **fields}
        kept = {key: value for key, value in kept.items() if isinstance(value, str | int | list)}
        vector = index or row.vectors[""].floats()
        self.engine.upsert(self.collection, {row.id: kept}, [vector])

    def body(self, name: str, body: Any) -> None:
        """Write something else where the row is."""
        self.engine.update(self.collection, {name: {BODY: body}})

    def foreign(self, name: str, **entries: Any) -> None:
        """Write a row as another program does."""
        vector = [1.0] + [0.0] * (self.collection.dimension - 1)
        self.engine.upsert(self.collection, {name: entries or {"note": "mine"}}, [vector])

    def delete(self, *ids: str) -> None:
        self.engine.delete(self.collection, list(ids))

    def everything(self, *ids: str) -> Any:
        """Return all there is at these ids, to the byte."""
        kept = self.engine.metadata(self.collection, list(ids))
        vectors = self.engine.vectors(self.collection, list(ids))
        indexed = {name: list(map(float, vector)) for name, vector in vectors.items()}
        return json.dumps([kept, indexed], sort_keys=True)

    def id_of(self, key: str, text: str, *, number: int = 1, instance: str = "handbook") -> str:
        """Return the id that a chunk of a document has."""
        content = fingerprint_value(Chunk(" ".join(text.split())))
        return row_id(self.instances[instance].identity, "", key, content, number)
