import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragflow.core.records import HeldRow
from ragflow.errors import PluginError
from ragflow.incremental.fingerprint import owner_mark, row_id
from ragflow.incremental.verify import There, compare

IDS = st.text("abc", min_size=1, max_size=3)
PRINTS = st.sampled_from([b"1", b"2"])
HELD = st.dictionaries(
    IDS, st.tuples(st.integers(1, 3), st.sampled_from([b"", b"1", b"2"]), PRINTS)
)
THERE = st.dictionaries(
    IDS, st.tuples(st.sampled_from([b"", b"1", b"2"]), PRINTS, st.sampled_from([(), ("vector",)]))
)


@given(held=HELD, there=THERE)
def test_every_id_at_which_they_differ_is_found_and_no_other(held, there):
    mine = [(owner, HeldRow(name, *prints)) for name, (owner, *prints) in sorted(held.items())]
    its = [There(name, *row) for name, row in sorted(there.items())]
    found = {each.id: each for each in compare(mine, its)}
    expected = set()
    for name in held.keys() | there.keys():
        believed, real = held.get(name), there.get(name)
        is_same = believed and real and believed[1:] == real[:2] and believed[1] and not real[2]
        if not is_same:
            expected.add(name)
    assert set(found) == expected
    assert list(found) == sorted(found)
    for name, each in found.items():
        assert (each.held is not None) == (name in held)
        assert (each.there is not None) == (name in there)
        assert each.owner == (held[name][0] if name in held else None)


def test_what_agrees_is_gone_through_a_row_at_a_time():
    ahead = 0

    def rows(make, step):
        nonlocal ahead
        for number in range(1000):
            ahead += step
            assert abs(ahead) <= 1
            yield make(f"{number:04}")

    held = rows(lambda name: (1, HeldRow(name, b"v", b"p")), 1)
    there = rows(lambda name: There(name, b"v", b"p"), -1)
    extra = [There("9999", b"v", b"p")]
    assert [each.id for each in compare(held, itertools.chain(there, extra))] == ["9999"]


@pytest.mark.parametrize("names", ["ba", "aa"])
def test_a_target_that_is_out_of_order_is_refused(names):
    with pytest.raises(PluginError, match="not sorted"):
        list(compare([], [There(name, b"", b"") for name in names]))


@given(st.text(max_size=5), st.text(max_size=5), st.integers(1, 9), st.binary(max_size=4))
def test_the_id_of_a_row_begins_with_the_mark_of_its_owner(source, key, number, content):
    name = row_id(b"instance", source, key, content, number)
    assert len(name) == 32
    assert name.startswith(owner_mark(b"instance", source, key))
    assert name != row_id(b"instance", source, key, content, number + 1)


def test_no_two_owners_have_one_mark():
    marks = {
        owner_mark(instance, source, key)
        for instance in (b"a", b"b", b"ab")
        for source in ("", "a", "ab")
        for key in ("", "a", "b", "ab", "\ud800")
    }
    assert len(marks) == 45
