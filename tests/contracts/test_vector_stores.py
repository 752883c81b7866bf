"""Every vector store of ours passes the suite that any must pass."""

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ragflow.interfaces.ingestion import StoredRow, VectorStore
from ragflow.stores.vectors.chroma import ChromaStore
from ragflow.stores.vectors.memory import MemoryStore
from ragflow.testing.vector_rows import unit
from ragflow.testing.vector_store import VectorStoreSuite


class TestMemoryStore(VectorStoreSuite):
    @pytest.fixture
    def store(self) -> Iterator[VectorStore]:
        store = MemoryStore()
        yield store
        store.close()


class TestChromaStore(VectorStoreSuite):
    @pytest.fixture
    def store(self, tmp_path) -> Iterator[VectorStore]:
        store = ChromaStore(tmp_path / "chroma")
        yield store
        store.close()


# --- Chroma answers as memory does, whatever is asked ------------------------------------------


def _is_asked(value: object) -> bool:
    if isinstance(value, int | float):
        return -(2**63) <= value < 2**63
    return value != "\ud800"


KEYS = st.sampled_from(["n", "tags", "row", "", "é"])
NUMBERS = st.one_of(
    st.integers(-3, 3),
    st.sampled_from([-2.5, -2.0, -0.5, -0.0, 0.5, 1.5, 2.0, 1e300, -1e300]),
    st.sampled_from([2**53, 2**53 + 1, 2**62, -(2**63), 2**63, 2**70]),
)
VALUES = st.one_of(NUMBERS, st.booleans(), st.sampled_from(["", "a", "A", "b", "1", "\ud800"]))
ENTRIES = st.one_of(VALUES, st.none(), st.lists(VALUES, max_size=3), st.just({"n": 1}))
PAYLOAD = st.dictionaries(KEYS, ENTRIES, max_size=4)
ROWS = st.dictionaries(st.sampled_from("abcdef"), PAYLOAD, max_size=6)
CHANGES = st.tuples(ROWS, st.sets(st.sampled_from("abcdef"), max_size=2))

ASKED = VALUES.filter(_is_asked)
ORDERS = st.dictionaries(
    st.sampled_from(["$gt", "$gte", "$lt", "$lte"]),
    NUMBERS.filter(_is_asked),
    min_size=1,
    max_size=2,
)
AMONG = st.dictionaries(st.sampled_from(["$in", "$nin"]), st.lists(ASKED, max_size=3), min_size=1)
EQUAL = st.dictionaries(st.sampled_from(["$eq", "$ne"]), ASKED, min_size=1)
SIMPLE = st.dictionaries(KEYS, st.one_of(ASKED, EQUAL, AMONG, ORDERS), min_size=1, max_size=2)
WHERE = st.recursive(
    SIMPLE,
    lambda inner: st.dictionaries(
        st.sampled_from(["$and", "$or"]), st.lists(inner, min_size=1, max_size=3), min_size=1
    ),
    max_leaves=6,
)


@pytest.fixture(scope="module")
def both(tmp_path_factory) -> Iterator[tuple[VectorStore, VectorStore]]:
    chroma, memory = ChromaStore(tmp_path_factory.mktemp("both")), MemoryStore()
    for store in (chroma, memory):
        store.create("place", dimension=4, label="")
    yield chroma, memory
    chroma.close()


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=st.lists(CHANGES, min_size=1, max_size=4), conditions=st.lists(WHERE, max_size=25))
def test_chroma_answers_as_memory_does(both, changes, conditions):
    for store in both:
        store.apply("place", [], "abcdef")
        for upserts, deletes in changes:
            rows = [
                StoredRow(id=name, text=name, payload=payload, vectors={"": unit(ord(name) / 99)})
                for name, payload in upserts.items()
            ]
            store.apply("place", rows, sorted(deletes))
    chroma, memory = both
    assert list(chroma.rows("place", vectors=True)) == list(memory.rows("place", vectors=True))
    for where in conditions:
        asked = [store.query("place", [1, 0, 0, 0], k=9, where=where) for store in both]
        assert asked[0] == asked[1], where
