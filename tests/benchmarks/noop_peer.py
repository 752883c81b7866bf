"""CocoIndex over the same folder, with its SQLite target; run by `noop`, in its environment.

``cocoindex update noop_peer.py`` in a folder that has `docs`; state and rows go beside it.
"""

import hashlib
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import cocoindex
import numpy as np
from cocoindex.connectors import localfs, sqlite
from cocoindex.ops.text import RecursiveSplitter
from cocoindex.resources.schema import VectorSchema
from numpy.typing import NDArray

ROWS = cocoindex.ContextKey[sqlite.ManagedConnection]("rows")
DIMENSION = 256
SPACE = VectorSchema(dtype=np.dtype(np.float32), size=DIMENSION)
SPLITTER = RecursiveSplitter()


@dataclass
class Row:
    id: int
    text: str
    vector: Annotated[NDArray[np.float32], SPACE]


def vector_of(text: str) -> NDArray[np.float32]:
    vector = np.zeros(DIMENSION, np.float32)
    for word in text.lower().split():
        number = zlib.crc32(word.encode())
        vector[number % DIMENSION] += 1 if number & (1 << 20) else -1
    return vector


def number_of(name: str) -> int:
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=7).digest())


@cocoindex.lifespan
def lifespan(builder: cocoindex.EnvironmentBuilder) -> Iterator[None]:
    builder.settings.db_path = Path("state.lmdb")
    with sqlite.managed_connection("rows.sqlite", load_vec=True) as connection:
        builder.provide(ROWS, connection)
        yield


@cocoindex.fn(memo=True)
async def index(file: localfs.File, table: sqlite.TableTarget[Row]) -> None:
    text = await file.read_text()
    path = file.file_path.path.as_posix()
    for number, chunk in enumerate(SPLITTER.split(text, 1000)):
        name = number_of(f"{path}#{number}")
        table.declare_row(row=Row(id=name, text=chunk.text, vector=vector_of(chunk.text)))


@cocoindex.fn
async def main() -> None:
    schema = await sqlite.TableSchema.from_class(Row, ["id"])
    kind = sqlite.Vec0TableDef()
    table = await sqlite.mount_table_target(ROWS, "pages", schema, virtual_table_def=kind)
    folder = localfs.walk_dir(Path("docs"), recursive=True)
    await cocoindex.mount_each(index, folder.items(), table)


app = cocoindex.App(cocoindex.AppConfig(name="noop"), main)
