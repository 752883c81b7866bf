"""What may be written to a vector store at all? The same in every store."""

import re
from collections.abc import Iterable, Sequence

import numpy as np

from ragflow.errors import NotFoundError, UsageError
from ragflow.interfaces.ingestion import StoredRow
from ragflow.stores.vectors.cosine import unpack
from ragflow.stores.vectors.encoding import is_unicode

_PLACE = re.compile(r"[a-z0-9][a-z0-9._-]{1,198}[a-z0-9]", re.ASCII)
_ADDRESS = re.compile(r"\d+\.\d+\.\d+\.\d+", re.ASCII)


def check_place(place: str) -> None:
    """Raise `UsageError` unless the name of a place is one that every database takes."""
    if not _PLACE.fullmatch(place) or ".." in place or _ADDRESS.fullmatch(place):
        raise UsageError(
            f"{place!r} cannot be the name of a place",
            hint="use 3 to 200 of a-z 0-9 . _ - and begin and end with a letter or digit",
        )


def check_rows(rows: Sequence[StoredRow], *, dimension: int) -> None:
    """Raise `UsageError` for a row whose id or vectors cannot be stored."""
    for row in rows:
        if not row.id or not is_unicode(row.id):
            raise UsageError(f"{row.id!r} cannot be the id of a row")
        if set(row.vectors) != {""}:
            raise UsageError(
                f"row {row.id!r} has {_named(row.vectors)}",
                hint='this store keeps one vector a row, the default one, named ""',
            )
        vector = row.vectors[""]
        if len(vector.half) != 2 * dimension:
            raise UsageError(
                f"row {row.id!r} has a vector of {vector.dimension} components, "
                f"the place has {dimension}",
                hint="rows of another model belong in a place of their own",
            )
        if not np.isfinite(unpack(vector.half)).all():
            raise UsageError(f"the vector of row {row.id!r} has components that are no numbers")


def check_dimension(label: str, *, there: int, asked: int) -> None:
    """Raise `UsageError` if a place that is there would have to hold vectors of another size."""
    if there != asked:
        raise UsageError(
            f"{label!r} holds vectors of {there} components, not {asked}",
            hint="give another model a collection of its own",
        )


def no_place(place: str) -> NotFoundError:
    """Return the error for a place that is not there."""
    return NotFoundError(
        f"the store has no place {place!r}",
        hint="`ragflow repair COLLECTION` makes it again; else run the pipeline that fills it",
    )


def _named(vectors: Iterable[str]) -> str:
    names = ", ".join(repr(name) for name in vectors)
    return f"vectors named {names}" if names else "no vector"
