"""A call is let in with all it needs or not at all, and is told at once what it can never get."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragflow.core.needs import check_needs, fits, read_size, show_amount, show_size, total
from ragflow.errors import PipelineError

LIMITS = {"cpu": 2, "memory": 4 * 10**9, "llm": 3}

amounts = st.dictionaries(
    st.sampled_from(["cpu", "memory", "llm", "ocr"]), st.integers(0, 8), max_size=4
)


def test_all_of_it_fits_or_none():
    assert fits({}, {"cpu": 2, "llm": 3}, LIMITS)
    assert not fits({"llm": 1}, {"cpu": 1, "llm": 3}, LIMITS)
    assert fits({"llm": 1}, {"cpu": 1, "llm": 2}, LIMITS)


def test_what_is_not_asked_for_holds_nobody_up():
    assert fits({"cpu": 99}, {"llm": 1}, LIMITS)
    assert fits({"cpu": 99}, {"cpu": 0, "llm": 1}, LIMITS)


def test_a_resource_without_a_limit_is_never_short():
    assert fits({"gpu": 99}, {"gpu": 1}, LIMITS)


def test_tenths_add_up():
    tenths = [{"cpu": 0.1}] * 9
    assert fits(total(tenths), {"cpu": 0.1}, {"cpu": 1})
    assert not fits(total([*tenths, {"cpu": 0.1}]), {"cpu": 0.1}, {"cpu": 1})


@given(st.lists(amounts, max_size=30), amounts)
def test_what_was_let_in_one_by_one_is_never_beyond_a_limit(wanted, limits):
    admitted = []
    for needs in wanted:
        if fits(total(admitted), needs, limits):
            admitted.append(needs)
    use = total(admitted)
    assert all(use.get(name, 0) <= limit for name, limit in limits.items())


@given(amounts, amounts, st.integers(0, 9))
def test_more_room_never_shuts_anyone_out(use, needs, more):
    limits = dict.fromkeys(needs, 4)
    wider = {name: limit + more for name, limit in limits.items()}
    assert not fits(use, needs, limits) or fits(use, needs, wider)


def test_use_is_the_sum_over_what_is_open():
    assert total([]) == {}
    assert total([{"cpu": 1, "llm": 2}, {"cpu": 0.5}]) == {"cpu": 1.5, "llm": 2}


@pytest.mark.parametrize(
    ("needs", "said", "way_out"),
    [
        ({"cpu": 3}, "needs cpu 3, more than the limit of cpu 2", "raise cpu under [limits]"),
        ({"memory": 8 * 10**9}, "needs memory 8 GB, more than the limit of memory 4 GB", "memory"),
        ({"llm": 4}, "needs llm 4, more than the limit of llm 3", "raise llm under [pools]"),
        ({"ocr": 1}, "needs the pool 'ocr', which is not declared", "pools: llm"),
    ],
)
def test_what_can_never_be_met_names_need_and_limit(needs, said, way_out):
    with pytest.raises(PipelineError, match=f"^the task 'a' {said}$") as raised:
        check_needs("the task 'a'", needs, LIMITS)
    assert way_out in raised.value.hint


def test_what_can_be_met_is_let_be():
    check_needs("the task 'a'", {"cpu": 2, "memory": 1, "gpu": 9, "llm": 3}, LIMITS)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("512 MB", 512 * 10**6),
        ("2 GiB", 2 * 2**30),
        ("2gib", 2 * 2**30),
        (" 1.5 kB ", 1500),
        ("1 TB", 10**12),
        ("7", 7),
        ("7 B", 7),
        (7, 7),
        (7.9, 7),
    ],
)
def test_sizes_are_written_as_people_write_them(text, size):
    assert read_size(text) == size


@pytest.mark.parametrize(
    "value",
    ["", "MB", "2 G", "-1 GB", "1,5 GB", "2 GB!", "٣ GB", 0, -1, True, float("nan"), None, "0 GB"],
)
def test_what_is_no_size_is_refused(value):
    with pytest.raises(PipelineError, match="is no size") as raised:
        read_size(value)
    assert "512 MB" in raised.value.hint


def test_amounts_are_shown_as_people_read_them():
    assert show_amount("memory", 1_500_000_000) == "memory 1.5 GB"
    assert show_amount("memory", 999) == "memory 999 B"
    assert show_amount("memory", 2000) == "memory 2 kB"
    assert show_amount("cpu", 0.5) == "cpu 0.5"


@pytest.mark.parametrize(
    ("size", "shown"),
    [
        (0, "0 bytes"),
        (17, "17 bytes"),
        (2048, "2 KiB"),
        (512 << 20, "512 MiB"),
        (3 << 30, "3 GiB"),
        (1500, "1.5 kB"),
        (200_000_000, "200 MB"),
        (2_500_000_001, "2.5 GB"),
    ],
)
def test_a_size_is_shown_as_a_person_reads_it(size, shown):
    assert show_size(size) == shown
