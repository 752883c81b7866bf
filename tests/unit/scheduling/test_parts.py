"""The small parts of the scheduler, each by itself."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from ragflow.scheduling.datum import Datum
from ragflow.scheduling.moves import Moves

# --- Moves ------------------------------------------------------------------------------------


def test_each_content_that_is_gone_is_claimed_once():
    moves = Moves([(b"a", "a1"), (b"a", "a2"), (b"b", "b")])
    found = [moves.claim(content, f"new {n}") for n, content in enumerate((b"a", b"c", b"a", b"a"))]
    assert found == ["a1", None, "a2", None]
    assert moves.claim(b"b", "new b") == "b"
    assert moves.moved_to == {"a1": "new 0", "a2": "new 2", "b": "new b"}
    assert moves.claimed == 3


# --- Datum ------------------------------------------------------------------------------------


def test_a_value_is_fetched_when_it_is_asked_for_and_once():
    fetched = []
    datum = Datum(b"f", {"a": 1}, fetch=lambda: fetched.append(1) or "value")
    elsewhere = datum.at({"a": 2})
    assert fetched == []
    assert datum.value() == elsewhere.value() == datum.value() == "value"
    assert fetched == [1]
    assert (datum.envelope, elsewhere.envelope) == ({"a": 1}, {"a": 2})
    assert datum.at({}).value() == "value"


def test_a_value_that_could_not_be_fetched_is_fetched_again():
    answers: list[Any] = [OSError("gone"), "value"]

    def fetch() -> Any:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    datum = Datum(b"f", {}, fetch=fetch)
    with pytest.raises(OSError, match="gone"):
        datum.value()
    assert datum.value() == "value"


def test_threads_racing_for_a_value_all_get_it():
    for _ in range(40):
        datum = Datum(b"f", {}, fetch=lambda: "value")
        barrier = threading.Barrier(4)

        def ask(_: int, datum: Datum = datum, barrier: threading.Barrier = barrier) -> Any:
            barrier.wait()
            return datum.value()

        with ThreadPoolExecutor(4) as pool:
            assert set(pool.map(ask, range(4))) == {"value"}
