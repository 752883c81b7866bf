"""Rows of a collection in a vector store."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

from ragflow.core.records import Generation
from ragflow.errors import PipelineError, PluginError
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
        rows = []
        for name, value, payload in upserts:
            if not isinstance(value, Entry):
                raise PluginError(
                    f"a target task of the collection {generation.place!r} made a row of "
                    f"{type(value).__name__}",
                    hint="return Row(value=Entry(text, {'': vector}))",
                )
            rows.append(StoredRow(id=name, text=value.text, payload=payload, vectors=value.vectors))
        self._store.apply(generation.physical, rows, deletes)

    def drop(self, generation: Generation) -> None:
        """Remove the generation's physical place and all its rows."""
        self._store.drop(generation.physical)

    def writing(
        self, *, owner: str, wait: bool, check: Callable[[], None] | None = None
    ) -> AbstractContextManager[None]:
        """Hold the store for a run that writes."""
        return self._store.writing(owner=owner, wait=wait, check=check)

    def close(self) -> None:
        """Let go of the store."""
        self._store.close()
