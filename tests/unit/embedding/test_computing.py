import threading

import numpy as np
import pytest

from ragflow.embedding.computing import ComputingThreads, compute, ran_out_of_memory
from ragflow.errors import LimitError


class Room:
    """A forward with room for so many padded tokens; a row is the ids' sum."""

    def __init__(self, room):
        self._room = room
        self.calls = 0

    def rows(self, batch):
        self.calls += 1
        if len(batch) * max(map(len, batch)) > self._room:
            raise MemoryError
        return np.array([[sum(ids)] for ids in batch], dtype=np.float32)


@pytest.mark.parametrize("room", [3, 4, 7, 12, 100])
def test_halves_are_joined_in_order(room):
    ids = [[n] * (1 + n % 3) for n in range(13)]
    told = []
    forward = Room(room)
    rows = compute(forward, ids, told.append)
    assert rows[:, 0].tolist() == [sum(each) for each in ids]
    assert forward.calls <= 2 * len(ids) - 1
    assert bool(told) is (room < 39)


def test_a_text_that_does_not_fit_alone_is_named_by_its_tokens():
    with pytest.raises(LimitError, match="a text of 9 tokens"):
        compute(Room(5), [[1] * 9], lambda _: None)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (MemoryError(), True),
        (RuntimeError("MPS backend out of memory"), True),
        (RuntimeError("[..] DefaultCPUAllocator: not enough memory: you tried"), True),
        (RuntimeError("shapes do not fit"), False),
        (ValueError("out of memory"), False),
    ],
)
def test_only_short_memory_is_taken_for_it(error, expected):
    assert ran_out_of_memory(error) is expected


@pytest.mark.slow
def test_each_thread_computes_alone_and_others_are_let_be():
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        threads = ComputingThreads(2)
        both = threading.Barrier(2)

        class Threads:
            def rows(self, batch):
                both.wait(timeout=10)  # so that each thread takes one
                return np.array([[torch.get_num_threads()] for _ in batch])

        waiting = [threads.begin(Threads(), [[1]], lambda _: None) for _ in range(2)]
        assert [each.result().item() for each in waiting] == [1, 1]
        assert torch.get_num_threads() == 3
        found = []
        other = threading.Thread(target=lambda: found.append(torch.get_num_threads()))
        other.start()
        other.join()
        assert found == [3]
        threads.close()
    finally:
        torch.set_num_threads(before)
