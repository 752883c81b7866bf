"""From chunks and vectors to rows of a collection."""

from ragflow.core.items import Row
from ragflow.core.task import task
from ragflow.documents import Chunk, Vector
from ragflow.interfaces.ingestion import Entry


@task(per="target", version="1", target="collection", place="collection")
def upsert(chunk: Chunk, vector: Vector, *, collection: str) -> Row:
    """Keep a collection true to the chunks: adds, changes and deletes, nothing else.

    The payload of a row is the document's metadata, the chunk's position and the key.
    """
    del collection  # it says where, not what
    return Row(value=Entry(chunk.text, {"": vector}))
