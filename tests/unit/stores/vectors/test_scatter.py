"""Rows with equal vectors neither hide each other nor the rest."""

import numpy as np
import pytest

from ragflow.documents import Vector
from ragflow.interfaces.ingestion import StoredRow
from ragflow.stores.vectors.chroma import ChromaStore
from ragflow.stores.vectors.scatter import BESIDE, scattered


def test_a_vector_is_moved_by_a_hundredth_of_its_length_and_always_alike():
    half = np.arange(1, 65).astype("<f2").tobytes()
    given = np.arange(1, 65, dtype=np.float32)
    moved = scattered(half, "a")
    assert np.linalg.norm(moved - given) == pytest.approx(BESIDE * np.linalg.norm(given), rel=1e-5)
    assert (scattered(half, "a") == moved).all()
    assert (scattered(half, "b") != moved).any()


def test_a_vector_without_length_stays():
    assert not scattered(bytes(128), "a").any()


def test_copies_of_one_vector_leave_the_others_findable(tmp_path):
    chance = np.random.default_rng(0)
    middles = chance.normal(size=(20, 32))
    vectors = middles[chance.integers(0, 20, 300)] + chance.normal(size=(300, 32))
    vectors = np.concatenate([vectors, np.repeat(vectors[:1], 900, axis=0)]).astype("<f2")
    order = chance.permutation(len(vectors))
    store = ChromaStore(tmp_path)
    store.create("place", dimension=32, label="")
    store.apply(
        "place",
        [
            StoredRow(id=f"{i}", text="", payload={}, vectors={"": Vector(vectors[i].tobytes())})
            for i in order
        ],
        [],
    )
    lost = [
        i
        for i in range(1, 300)
        if store.query("place", vectors[i].tolist(), k=1, where=None)[0].row.id != f"{i}"
    ]
    store.close()
    # The graph is approximate and grows in another shape each time; one in a hundred may hide.
    assert len(lost) <= 3
