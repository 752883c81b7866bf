import numpy as np
import pytest

from ragflow.embedding.self_check import MEAN, WORST, compare, held_texts


def rows(angle: float) -> np.ndarray:
    return np.array([[np.cos(angle), np.sin(angle)], [1.0, 0.0]], dtype=np.float32)


def test_held_texts_are_of_three_kinds_by_turns():
    texts = held_texts()
    assert len(texts) >= 15
    assert len(texts) % 3 == 0
    assert len(set(texts)) == len(texts)
    assert all(text.isascii() for text in texts[::3])
    assert not any(text.isascii() for text in texts[2::3])


def test_what_is_near_enough_passes():
    assert compare(rows(0.01), rows(0)).complaint == ""
    assert compare(3 * rows(0), rows(0)).complaint == ""


def test_one_vector_that_is_too_far_is_named():
    far = compare(rows(float(np.arccos(WORST - 1e-4))), rows(0))
    assert "less than 0.9998" in far.complaint


def test_vectors_that_are_too_far_in_the_mean_are_named():
    angle = float(np.arccos((WORST + MEAN) / 2))
    both = np.array([[np.cos(angle), np.sin(angle)]] * 2, dtype=np.float32)
    found = compare(both, np.array([[1, 0]] * 2, dtype=np.float32))
    assert found.worst >= WORST
    assert "in the mean" in found.complaint


@pytest.mark.parametrize("value", [0.0, np.nan, np.inf])
def test_what_has_no_direction_does_not_pass(value):
    assert compare(np.full((2, 2), value, dtype=np.float32), rows(0)).complaint
