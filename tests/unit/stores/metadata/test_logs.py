"""What tasks logged and printed."""

from datetime import timedelta

import pytest

from ragflow.core.run_records import LogLine
from ragflow.stores.metadata import logs as logs_module


def texts(store, run: int, **words) -> list[str]:
    store.flush()
    return [line.text for line in store.logs.read(run, **words)]


def test_a_line_is_kept_with_where_it_came_from(store, clock):
    at = clock.now() - timedelta(seconds=1)
    store.logs.add(
        1, "slow page", at=at, stream="log", level="warning", task="extract", key="a.pdf"
    )
    store.logs.add(1, "printed", at=at, stream="out")
    store.flush()
    assert store.logs.read(1) == [
        LogLine(
            run=1,
            task="extract",
            key="a.pdf",
            at=at,
            stream="log",
            level="warning",
            text="slow page",
        ),
        LogLine(run=1, task=None, key=None, at=at, stream="out", level=None, text="printed"),
    ]


def test_lines_are_found_by_run_task_and_key(store, clock):
    for run in (1, 2):
        for task in ("extract", "embed"):
            for key in ("a", "b"):
                store.logs.add(run, f"{run} {task} {key}", at=clock.now(), task=task, key=key)
    assert len(texts(store, 1)) == 4
    assert texts(store, 2, task="embed") == ["2 embed a", "2 embed b"]
    assert texts(store, 2, task="embed", key="b") == ["2 embed b"]
    assert texts(store, 1, key="a") == ["1 extract a", "1 embed a"]
    assert texts(store, 3) == []


def test_lines_stay_in_order_however_they_are_gathered(store, clock):
    for number in range(500):
        store.logs.add(1, f"{number}", at=clock.now())
        if number % 50 == 0:
            store.flush()
    assert texts(store, 1) == [f"{number}" for number in range(500)]


@pytest.mark.parametrize(("name", "most"), [("MOST_LINES", 10), ("MOST_BYTES", 20)])
def test_a_run_that_logs_too_much_is_capped_and_says_so(store, clock, monkeypatch, name, most):
    monkeypatch.setattr(logs_module, name, most)
    for number in range(30):
        store.logs.add(1, f"{number:02}", at=clock.now(), task="embed")
    store.logs.add(2, "of another run", at=clock.now())
    told = texts(store, 1)
    assert told[:10] == [f"{number:02}" for number in range(10)]
    assert len(told) == 11
    assert told[10].startswith("no more is kept of this run")
    assert texts(store, 2) == ["of another run"]


def test_a_line_that_is_too_long_is_cut(store, clock):
    store.logs.add(1, "x" * (logs_module.LINE + 7), at=clock.now())
    (text,) = texts(store, 1)
    assert text == "x" * logs_module.LINE + " … (7 letters more)"


@pytest.mark.parametrize(("name", "most"), [("MOST_LINES", 10), ("MOST_BYTES", 20)])
def test_the_cap_is_of_the_run_and_not_of_the_process(opened, clock, monkeypatch, name, most):
    monkeypatch.setattr(logs_module, name, most)
    for process in range(4):
        store = opened()
        for number in range(6):
            store.logs.add(1, f"{process}{number}", at=clock.now(), task="embed")
        told = texts(store, 1)
        store.close()
    assert told[:10] == ["00", "01", "02", "03", "04", "05", "10", "11", "12", "13"]
    assert len(told) == 11
    assert told[10].startswith("no more is kept of this run")


def test_a_cap_in_bytes_counts_bytes_and_says_once_that_it_is_reached(opened, clock, monkeypatch):
    monkeypatch.setattr(logs_module, "MOST_BYTES", 200)
    for _ in range(3):
        store = opened()
        store.logs.add(1, "ä" * 70, at=clock.now())
        told = texts(store, 1)
        store.close()
    assert [text[:2] for text in told] == ["ää", "no"]
