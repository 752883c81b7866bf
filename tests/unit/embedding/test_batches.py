from hypothesis import given
from hypothesis import strategies as st

from ragflow.embedding.batches import plan_batches


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
