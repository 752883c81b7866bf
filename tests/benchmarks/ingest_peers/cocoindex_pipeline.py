"""CocoIndex: load, split, embed, keep in its SQLite target; run by `ingest` in its environment.

``cocoindex update cocoindex_pipeline.py`` with INGEST_DOCUMENTS, INGEST_STORE, INGEST_MODEL and
INGEST_SIZE in the environment. As in CocoIndex's example of text embedding, with the target that
needs no server; no overlap, since nobody here has one.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Annotated

import cocoindex
import numpy as np
from cocoindex.connectors import localfs, sqlite
from cocoindex.ops.sentence_transformers import SentenceTransformerEmbedder
from cocoindex.ops.text import RecursiveSplitter
from cocoindex.resources.chunk import Chunk
from cocoindex.resources.file import PatternFilePathMatcher
from cocoindex.resources.id import IdGenerator
from numpy.typing import NDArray

DOCUMENTS = Path(os.environ["INGEST_DOCUMENTS"])
STORE = Path(os.environ["INGEST_STORE"])
SIZE = int(os.environ["INGEST_SIZE"])
ROWS = cocoindex.ContextKey[sqlite.ManagedConnection]("rows")
EMBEDDER = cocoindex.ContextKey[SentenceTransformerEmbedder]("embedder")
SPLITTER = RecursiveSplitter()


@dataclass
class Row:
    id: int
    filename: str
    text: str
    embedding: Annotated[NDArray[np.float32], EMBEDDER]


@cocoindex.lifespan
def lifespan(builder: cocoindex.EnvironmentBuilder) -> Iterator[None]:
    STORE.mkdir(parents=True, exist_ok=True)
    builder.settings.db_path = STORE / "state.lmdb"
    with sqlite.managed_connection(STORE / "rows.sqlite", load_vec=True) as connection:
        builder.provide(ROWS, connection)
        builder.provide(EMBEDDER, SentenceTransformerEmbedder(os.environ["INGEST_MODEL"]))
        yield


@cocoindex.fn
async def index_chunk(
    chunk: Chunk, filename: PurePath, numbers: IdGenerator, table: sqlite.TableTarget[Row]
) -> None:
    table.declare_row(
        row=Row(
            id=await numbers.next_id(f"{filename}\n{chunk.text}"),
            filename=str(filename),
            text=chunk.text,
            embedding=await cocoindex.use_context(EMBEDDER).embed(chunk.text),
        )
    )


@cocoindex.fn(memo=True)
async def index_file(file: localfs.File, table: sqlite.TableTarget[Row]) -> None:
    chunks = SPLITTER.split(await file.read_text(), SIZE)
    await cocoindex.map(index_chunk, chunks, file.file_path.path, IdGenerator(), table)


@cocoindex.fn
async def main(documents: Path) -> None:
    table = await sqlite.mount_table_target(
        ROWS,
        "documents",
        await sqlite.TableSchema.from_class(Row, ["id"]),
        virtual_table_def=sqlite.Vec0TableDef(),
    )
    folder = localfs.walk_dir(
        documents,
        recursive=True,
        path_matcher=PatternFilePathMatcher(included_patterns=["**/*.txt"]),
    )
    await cocoindex.mount_each(index_file, folder.items(), table)


app = cocoindex.App(cocoindex.AppConfig(name="ingest"), main, documents=DOCUMENTS)
