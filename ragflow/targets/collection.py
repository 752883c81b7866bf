"""Rows of a collection in a vector store."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

from ragflow.core.records import Generation
from ragflow.errors import PipelineError, PluginError
from ragflow.interfaces.comparison import TargetRow
from ragflow.interfaces.ingestion import Entry, StoredRow, VectorStore


class CollectionTarget:
    """Keeps the rows of `upsert` in a vector store, a generation at a place."""

    def __init__(self, store: VectorStore) -> None:
        self._store = store

    def prepare(self, generation: Generation) -> None:
        """Make the generation's physical place, if it is not there."""
        dimension = generation.space.get("dimension")
        if dimension is None:
            raise PipelineError(
                f"no task above the collection {generation.place!r} says how long its vectors are",
                hint="declare @task(space=RESOURCE) where they are made; the identity of the "
                "resource needs name, dimension and metric",
            )
        self._store.create(
            generation.physical,
            dimension=int(dimension),
            label=generation.place,
        )

    def apply(
        self,
        generation: Generation,
        upserts: Sequence[tuple[str, Any, Mapping[str, Any]]],
        deletes: Sequence[str],
    ) -> None:
        """Write the rows, then delete those ids; idempotent."""
        self._store.apply(generation.physical, _stored(generation, upserts), deletes)

    def rewrite(
        self, generation: Generation, upserts: Sequence[tuple[str, Any, Mapping[str, Any]]]
    ) -> None:
        """Write rows as `apply` does, and all of each, even where it seems to be there as given."""
        self._store.rewrite(generation.physical, _stored(generation, upserts))

    def dimension(self, generation: Generation) -> int | None:
        """Return how long the vectors of the place are; None where the place is gone."""
        return self._store.dimension(generation.physical)

    def inspect(self, generation: Generation) -> Iterator[TargetRow]:
        """Yield what stands at every id, sorted by id, whoever wrote it."""
        for each in self._store.inspect(generation.physical):
            if each.row is None:
                yield TargetRow(id=each.id, value=None, payload={}, faults=each.faults)
            else:
                yield _given(each.row, each.faults)

    def get(self, generation: Generation, ids: Sequence[str]) -> dict[str, TargetRow]:
        """Return those of these rows that can be read, by id."""
        return {row.id: _given(row) for row in self._store.get(generation.physical, ids)}

    def drop(self, generation: Generation) -> None:
        """Remove the generation's physical place and all its rows."""
        self._store.drop(generation.physical)

    def writing(
        self, *, owner: str, wait: bool, check: Callable[[], None] | None = None
    ) -> AbstractContextManager[None]:
        """Hold the store for a run that writes."""
        return self._store.writing(owner=owner, wait=wait, check=check)

    def scrub(self) -> None:
        """Leave nothing of the text of rows that were deleted in any file."""
        self._store.scrub()

    def close(self) -> None:
        """Let go of the store."""
        self._store.close()


def _stored(
    generation: Generation, upserts: Sequence[tuple[str, Any, Mapping[str, Any]]]
) -> list[StoredRow]:
    """Return rows as a vector store keeps them; `_given` takes it back."""
    rows = []
    for name, value, payload in upserts:
        if not isinstance(value, Entry):
            raise PluginError(
                f"a target task of the collection {generation.place!r} made a row of "
                f"{type(value).__name__}",
                hint="return Row(value=Entry(text, {'': vector}))",
            )
        rows.append(StoredRow(id=name, text=value.text, payload=payload, vectors=value.vectors))
    return rows


def _given(row: StoredRow, faults: tuple[str, ...] = ()) -> TargetRow:
    """Return a row as `apply` was given it, so that its fingerprints are those in the ledger."""
    entry = Entry(row.text, row.vectors)
    return TargetRow(id=row.id, value=entry, payload=row.payload, faults=faults)
