"""What must every vector store tell whoever compares it with what was written?"""

from typing import Any

import pytest

from ragflow.errors import NotFoundError
from ragflow.interfaces.ingestion import Inspected, StoredRow, VectorStore
from ragflow.testing.vector_rows import PAYLOADS, half, row, unit


class Inspection:
    """A place says how long its vectors are, and what really stands in it.

    Part of `ragflow.testing.vector_store.VectorStoreSuite`.
    """

    def test_a_place_tells_its_dimension(self, store: VectorStore, place: str) -> None:
        """Nothing is made by asking."""
        store.create("other", dimension=7, label="")
        assert store.dimension(place) == 4
        assert store.dimension("other") == 7
        assert store.dimension("nowhere") is None

    def test_a_place_that_is_not_there_is_not_inspected(self, store: VectorStore) -> None:
        """As `rows` refuses it."""
        with pytest.raises(NotFoundError, match="nowhere"):
            list(store.inspect("nowhere"))

    @pytest.mark.parametrize("payload", PAYLOADS, ids=range(len(PAYLOADS)))
    def test_what_was_written_is_found_whole(
        self, store: VectorStore, place: str, payload: dict[str, Any]
    ) -> None:
        """Whatever the payload, no fault is seen in it."""
        vectors = {"": unit(0.9)}
        rows = [row("a", text="é"), StoredRow(id="b", text="", payload=payload, vectors=vectors)]
        store.apply(place, rows, [])
        assert list(store.inspect(place)) == [Inspected(id=each.id, row=each) for each in rows]

    def test_everything_is_inspected_sorted_by_id(self, store: VectorStore, place: str) -> None:
        """Also where there is more than one portion."""
        rows = [row(f"{number:04}", unit(number / 700)) for number in range(600)]
        store.apply(place, [*rows[300:], *rows[:300]], [])
        assert [each.row for each in store.inspect(place)] == rows
        store.apply(place, [], [each.id for each in rows[1:]])
        assert [each.id for each in store.inspect(place)] == ["0000"]

    def test_vectors_without_a_length_and_of_any_length_are_found_whole(
        self, store: VectorStore, place: str
    ) -> None:
        """What a database makes of them in its index is no fault."""
        rows = [row("a", half(0, 0, 0, 0)), row("b", half(30, 0, -40, 0)), row("c", unit(1))]
        store.apply(place, rows, [])
        assert list(store.inspect(place)) == [Inspected(id=each.id, row=each) for each in rows]

    def test_rewriting_is_writing(self, store: VectorStore, place: str) -> None:
        """And may be done twice."""
        store.apply(place, [row("a", unit(0.1), old=1), row("b")], [])
        rows = [row("a", unit(0.7), new=[1]), row("c", text="added")]
        for _ in range(2):
            store.rewrite(place, rows)
            assert list(store.rows(place, vectors=True)) == [rows[0], row("b"), rows[1]]
        found = store.query(place, unit(0.7).floats(), k=1, where={"new": 1})
        assert [match.row.id for match in found] == ["a"]
        assert store.query(place, unit(0.7).floats(), k=1, where={"old": 1}) == []
