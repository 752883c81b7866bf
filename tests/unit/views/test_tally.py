import pytest

from ragflow import Content, pipeline
from ragflow.tasks import chunk, embed, extract, files, group, parent_folder, read, split, upsert
from ragflow.views.tally import Tally
from tests.unit.views.drawn import FakeClock, chain, graph, ran

DONE = {"listed": 110, "added": 90, "modified": 5, "stale": 5, "unchanged": 10}


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def tally(clock):
    return Tally(graph(), clock)


def totals_of(tally):
    return {line.task: (line.done, line.total, line.is_estimate) for line in tally.lines()}


def test_nothing_is_known_before_the_listing(tally):
    assert totals_of(tally) == dict.fromkeys(
        ("read", "extract", "chunk", "embed"), (0, None, False)
    )


def test_tasks_called_once_a_document_have_the_changed_documents_as_total(tally):
    tally.listed(DONE)
    tally.progressed({"read": ran(20), "extract": ran(5, memoized=5)}, {})
    found = totals_of(tally)
    assert found["read"] == (20, 100, False)
    assert found["extract"] == (10, 100, False)


def test_a_document_that_failed_reaches_no_later_task(tally):
    tally.listed(DONE)
    tally.progressed({"read": ran(20), "extract": ran(5, failed=4)}, {})
    assert totals_of(tally)["chunk"] == (0, 96, False)


def test_the_number_of_parts_is_guessed_from_the_documents_cut_so_far(tally):
    tally.listed(DONE)
    tally.progressed({"chunk": ran(25), "embed": ran(100)}, {"embed": 50})
    assert totals_of(tally)["embed"] == (100, 600, True)


def test_the_number_of_parts_is_known_when_all_documents_are_cut(tally):
    tally.listed(DONE)
    tally.progressed(
        {"extract": ran(98, failed=2), "chunk": ran(98), "embed": ran(100)}, {"embed": 50}
    )
    assert totals_of(tally)["embed"] == (100, 150, False)


def test_rate_and_time_left_count_from_the_first_call(tally, clock):
    tally.listed(DONE)
    clock.seconds = 50
    tally.progressed({"read": ran(10)}, {})
    assert tally.lines()[0].rate is None
    clock.seconds = 60
    tally.progressed({"read": ran(30)}, {})
    assert tally.lines()[0].rate == 2
    assert tally.lines()[0].left == 35


def test_a_target_is_no_line_since_its_rows_are_no_calls(tally):
    assert "upsert" not in totals_of(tally)


def is_long(content: Content) -> bool:
    return len(content.text) > 100


@pipeline
def parted(folder: str = "docs", collection: str = "parted") -> None:
    long, short = split(extract(read(files(folder))), by=is_long)
    group(short, by=parent_folder)
    chunks = chunk(long | short, model="hashing")
    upsert(chunks, embed(chunks, model="hashing"), collection=collection)


def test_what_parts_unites_and_groups_calls_nothing_and_is_no_line(clock):
    assert list(totals_of(Tally(parted.graph(), clock))) == ["read", "extract", "chunk", "embed"]


def test_a_step_is_called_once(clock):
    tally = Tally(chain(3), clock)
    tally.progressed({"begin": ran(1)}, {})
    assert list(totals_of(tally).values()) == [(1, 1, False), (0, 1, False), (0, 1, False)]
