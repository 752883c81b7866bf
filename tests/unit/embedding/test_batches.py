import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragflow.embedding.batches import plan_batches, waste


@given(lengths=st.lists(st.integers(0, 50)), budget=st.integers(1, 200))
def test_every_text_is_in_one_batch_and_no_batch_is_above_the_budget(lengths, budget):
    batches = plan_batches(lengths, budget=budget)
    assert sorted(position for batch in batches for position in batch) == list(range(len(lengths)))
    for batch in batches:
        longest = max(lengths[position] for position in batch)
        assert len(batch) == 1 or longest * len(batch) <= budget


def test_the_longest_go_first_and_texts_of_one_length_together():
    assert plan_batches([1, 9, 2, 8, 2], budget=18) == [[1, 3], [2, 4, 0]]


def test_no_texts_make_no_batches():
    assert plan_batches([], budget=8) == []
    assert waste([], []) == 0


def test_padding_is_less_than_a_twentieth_of_what_is_computed():
    lengths = random.Random(1).choices(range(16, 257), k=1024)
    for budget in (1024, 2048, 4096):
        assert waste(lengths, plan_batches(lengths, budget=budget)) < 0.05
    in_order = [[*range(first, first + 32)] for first in range(0, 1024, 32)]
    assert waste(lengths, in_order) > 0.4


def test_waste_is_the_share_of_padding():
    assert waste([4, 2, 6], [[0, 1], [2]]) == pytest.approx(2 / 14)
