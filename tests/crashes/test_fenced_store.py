"""A store changes nothing for a writer that may write no more, whatever it is asked."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ragflow.errors import LeaseLostError
from ragflow.interfaces.ingestion import VectorStore
from ragflow.stores.vectors.chroma import ChromaStore
from ragflow.stores.vectors.memory import MemoryStore
from ragflow.testing.vector_rows import row


@pytest.fixture(params=["chroma", "memory"])
def store(request: Any, tmp_path: Path) -> Iterator[VectorStore]:
    opened: VectorStore = ChromaStore(tmp_path) if request.param == "chroma" else MemoryStore()
    yield opened
    opened.close()


class Lease:
    """Counts until it is lost."""

    is_lost = False

    def check(self) -> None:
        if self.is_lost:
            raise LeaseLostError("another took over")


CHANGES: dict[str, Callable[[VectorStore], None]] = {
    "a row is written": lambda store: store.apply("fruits", [row("b")], []),
    "a row is deleted": lambda store: store.apply("fruits", [], ["a"]),
    "a place is made": lambda store: store.create("elsewhere", dimension=4, label="elsewhere"),
    "a place is dropped": lambda store: store.drop("fruits"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_nothing_changes_once_the_lease_is_lost(store, change):
    store.create("fruits", dimension=4, label="fruits")
    lease = Lease()
    with store.writing(owner="late", wait=False, check=lease.check):
        store.apply("fruits", [row("a")], [])
        lease.is_lost = True
        with pytest.raises(LeaseLostError):
            change(store)
    assert store.places() == ["fruits"]
    assert [each.id for each in store.rows("fruits")] == ["a"]


def test_the_next_session_is_not_held_to_the_lease_of_the_last(store):
    store.create("fruits", dimension=4, label="fruits")
    lease = Lease()
    with store.writing(owner="late", wait=False, check=lease.check):
        lease.is_lost = True
    with store.writing(owner="next", wait=False):
        store.apply("fruits", [row("a")], [])
    assert store.count("fruits") == 1
