"""The difference between what is wanted and what is held, applied, gives what is wanted."""

from hypothesis import given
from hypothesis import strategies as st

from ragflow.core.records import HeldRow
from ragflow.incremental.reconcile import reconcile

names = st.sampled_from([letter * 32 for letter in "abcdef"])
prints = st.sampled_from([b"1", b"2", b"3"])


@st.composite
def rows(draw: st.DrawFn, unknown: bool = False) -> dict[str, HeldRow]:
    known = st.builds(HeldRow, st.just(""), prints, prints)
    lost = st.just(HeldRow("", b"", b""))
    found = draw(st.dictionaries(names, known | lost if unknown else known))
    return {name: HeldRow(name, row.value, row.payload) for name, row in found.items()}


@given(rows(), rows(unknown=True))
def test_applying_the_difference_gives_what_is_wanted(wanted, held):
    difference = reconcile(wanted, held)
    after = {**held, **{row.id: row for row in difference.upserts}}
    for name in difference.deletes:
        del after[name]
    assert after == wanted


@given(rows(), rows(unknown=True))
def test_there_is_a_difference_exactly_where_there_is_one(wanted, held):
    assert bool(reconcile(wanted, held)) == (wanted != held)
    assert not reconcile(wanted, wanted)


@given(rows(), rows(unknown=True))
def test_nothing_is_written_that_is_held_and_nothing_deleted_that_is_wanted(wanted, held):
    difference = reconcile(wanted, held)
    assert all(held.get(row.id) != row for row in difference.upserts)
    assert not set(difference.deletes) & wanted.keys()
    assert list(difference.deletes) == sorted(set(difference.deletes))


def test_a_row_of_unknown_value_is_written_again():
    row = HeldRow("a", b"1", b"2")
    assert reconcile({"a": row}, {"a": HeldRow("a", b"", b"")}).upserts == [row]


def test_rows_are_written_in_the_order_they_are_wanted():
    wanted = {name: HeldRow(name, b"1", b"1") for name in ("c", "a", "b")}
    assert [row.id for row in reconcile(wanted, {}).upserts] == ["c", "a", "b"]
