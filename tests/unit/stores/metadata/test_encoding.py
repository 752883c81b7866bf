"""How values are written into columns."""

from datetime import UTC, datetime

from hypothesis import example, given
from hypothesis import strategies as st

from ragflow.core.states import OwnerState
from ragflow.stores.metadata.encoding import (
    OWNER_STATES,
    canonical_json,
    digest,
    from_microseconds,
    pack_row_id,
    slug,
    to_microseconds,
    unpack_row_id,
)

HEX = st.text("0123456789abcdefABCDEF", min_size=30, max_size=33)
IDS = st.one_of(st.text(), HEX, st.text(min_size=13, max_size=17))


@given(st.lists(IDS, unique=True, min_size=2, max_size=2))
@example(["x" * 15, "x" * 16])
@example(["0" * 32, "\0" * 15])
def test_row_ids_come_back_and_no_two_become_one(ids):
    packed = [pack_row_id(one) for one in ids]
    assert [unpack_row_id(one) for one in packed] == ids
    assert packed[0] != packed[1]


def test_the_usual_row_id_takes_sixteen_bytes():
    assert len(pack_row_id("0123456789abcdef" * 2)) == 16


@given(st.lists(st.binary(), max_size=4), st.lists(st.binary(), max_size=4))
def test_digests_agree_only_when_the_parts_do(one, other):
    assert (digest(one) == digest(other)) == (one == other)


@given(st.datetimes(timezones=st.just(UTC)))
@example(datetime(1, 1, 1, tzinfo=UTC))
@example(datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC))
def test_instants_come_back_to_the_microsecond(instant):
    assert from_microseconds(to_microseconds(instant)) == instant


def test_canonical_json_knows_no_order():
    assert canonical_json({"b": {"d": 1, "c": 2}, "a": "ü"}) == (
        '{"a":"ü","b":{"c":2,"d":1}}'.encode()
    )


@given(st.text(), st.integers(1, 30))
def test_a_slug_holds_nothing_but_letters_digits_and_hyphens_inside(text, limit):
    found = slug(text, limit=limit)
    assert len(found) <= limit
    assert found == found.strip("-")
    assert set(found) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")


def test_the_numbers_of_states_are_part_of_the_schema():
    assert len(set(OWNER_STATES)) == len(OwnerState)
    assert [state.value for state in OWNER_STATES] == [
        "succeeded",
        "skipped",
        "failed",
        "held_back",
    ]
