"""Which collections are there, and what can be done to one as a whole?"""

import difflib
from collections.abc import Iterator

from ragflow.core.records import Generation
from ragflow.errors import NotFoundError
from ragflow.interfaces.ingestion import StoredRow
from ragflow.runtime.home import Home

#: Name of the target plugin whose places are collections.
TARGET = "collection"


def find_collection(home: Home, name: str) -> Generation:
    """Return the published generation of a collection.

    Raises `NotFoundError` with the nearest name, or what makes the first collection.
    """
    generation = home.metadata.generations.published(TARGET, name)
    if generation is not None:
        return generation
    known = [each.place for each in list_collections(home)]
    near = difflib.get_close_matches(name, known, n=1)
    if near:
        hint = f"did you mean {near[0]!r}?"
    elif known:
        hint = f"collections: {', '.join(known)}"
    else:
        hint = "a run makes it: ragflow run quickstart -p collection=NAME"
    raise NotFoundError(f"there is no collection {name!r}", hint=hint)


def list_collections(home: Home) -> list[Generation]:
    """Return the published generation of every collection, by name."""
    return home.metadata.generations.places(TARGET)


def drop_collection(home: Home, name: str, *, wait: bool = False) -> int:
    """Remove a collection with all generations; return how many rows it had.

    What the ledger knew of it is forgotten, so the next run serves every document again from
    memos. Raises `NotFoundError` for an unknown one and `BusyError` while a run writes.
    """
    published = find_collection(home, name)
    target, store = home.target(TARGET), home.metadata
    rows = store.ledger.row_count(published.id)
    with target.writing(owner=f"drop of {name}", wait=wait):
        for generation in store.generations.of(TARGET, name):
            # First what the ledger believes: cut off after it, the next run serves all again.
            store.ledger.forget_generation(generation.id)
            target.drop(generation)
            store.generations.forget(generation)
    store.flush()
    return rows


def export_rows(home: Home, name: str, *, vectors: bool = False) -> Iterator[StoredRow]:
    """Yield every row of a collection, sorted by id, as the store holds it."""
    generation = find_collection(home, name)
    try:
        return home.vectors.rows(generation.physical, vectors=vectors)
    except NotFoundError:
        if home.metadata.ledger.row_count(generation.id):
            raise
        return iter(())  # nothing was ever written, so nothing was made
