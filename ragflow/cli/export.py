"""``ragflow export``: every row of a collection."""

from typing import Annotated

import typer

from ragflow.cli.options import Collection
from ragflow.cli.output import plain, results


def export_collection(
    collection: Collection,
    *,
    vectors: Annotated[bool, typer.Option("--vectors", help="Print the vectors too.")] = False,
) -> None:
    """Print every row of a collection as JSON lines.

    By id, as the store holds them: id, key, text, payload, and with --vectors the vectors.
    """
    from ragflow.runtime.home import open_home
    from ragflow.runtime.known_collections import export_rows

    with results() as out, open_home() as home:
        for row in export_rows(home, collection, vectors=vectors):
            line = {
                "id": row.id,
                "key": row.payload.get("key", ""),
                "text": row.text,
                "payload": plain(row.payload),
            }
            if vectors:
                line["vectors"] = {name: vector.floats() for name, vector in row.vectors.items()}
            out.json(line, indent=None)
