"""From chunks and vectors to rows of a collection."""

from ragflow.core.items import Item, Row
from ragflow.core.task import task
from ragflow.documents import Chunk, Vector
from ragflow.interfaces.ingestion import Entry


@task(per="target", version="2", target="collection", place="collection")
def upsert(chunk: Item[Chunk], vector: Vector, *, collection: str) -> Row:
    """Keep a collection true to the chunks: adds, changes and deletes, nothing else.

    The text of a row is the exact slice of the document, however the chunk was collapsed. Its
    payload is the document's metadata, the chunk's position and the key.
    """
    del collection  # it says where, not what
    text, exact = chunk.value.text, chunk.envelope.get("text")
    # A task on the way may have made another text of it, and metadata may have that name too.
    if isinstance(exact, str) and exact.split() == text.split():
        return Row(value=Entry(exact, {"": vector}), taken=("text",))
    return Row(value=Entry(text, {"": vector}))
