"""What the ledger says of rows that are compared with what a target has."""

from ragflow.core.records import HeldRow
from ragflow.core.states import Change, OwnerState
from ragflow.stores.metadata import comparison
from tests.unit.stores.metadata.desk import SOURCE, listed, row, row_id


def test_rows_come_by_their_ids_with_their_owners_a_page_at_a_time(desk, monkeypatch):
    monkeypatch.setattr(comparison, "PAGE", 3)
    names = [f"row {number}" for number in range(10)]
    desk.serve("a", upserted=[row(name) for name in names[:7]])
    desk.serve("b", upserted=[row(name) for name in names[7:]])
    found = list(desk.ledger.rows(desk.generation))
    assert [each.id for _, each in found] == sorted(row_id(name) for name in names)
    owners = {each.id: owner for owner, each in found}
    assert owners[row_id("row 0")] == desk.number("a")
    assert owners[row_id("row 9")] == desk.number("b")
    assert {each for _, each in found} == {row(name) for name in names}


def test_ids_of_any_form_come_in_the_order_of_their_letters(desk):
    names = ["z", "A", "f" * 32, "0" * 32, "fifteen letters", "é"]
    desk.serve("a", upserted=[HeldRow(name, b"v", b"p") for name in names])
    assert [each.id for _, each in desk.ledger.rows(desk.generation)] == sorted(names)


def test_rows_are_those_of_one_instant(desk, monkeypatch):
    monkeypatch.setattr(comparison, "PAGE", 1)
    desk.serve("a", upserted=[row("one"), row("two")])
    rows = desk.ledger.rows(desk.generation)
    first = next(rows)
    desk.serve("a", deleted=[row_id("one"), row_id("two")])
    assert len([first, *rows]) == 2
    assert list(desk.ledger.rows(desk.generation)) == []
    assert list(desk.ledger.rows(desk.generation + 1)) == []


def test_an_owner_stands_by_what_its_rows_were_made_of(desk):
    desk.serve("a", upserted=[row("one")])
    number = desk.number("a")
    (stands,) = desk.ledger.standings(desk.generation, [number]).values()
    assert (stands.key, stands.source, stands.instance) == ("a", SOURCE, desk.instance.id)
    assert stands.state is OwnerState.SUCCEEDED
    assert stands.is_up_to_date
    content = stands.content
    assert content is not None
    assert stands.definition == desk.ends()[0].definition
    # What is seen moves on; the rows are still made of what they were made of.
    desk.serve("a", state=OwnerState.HELD_BACK, text="newer", token=b"t2")
    (stands,) = desk.ledger.standings(desk.generation, [number]).values()
    assert stands.state is OwnerState.HELD_BACK
    assert stands.content == content
    assert not stands.is_up_to_date


def test_owners_are_found_by_key_and_sources_are_known_once_listed(desk):
    desk.serve("a", "b")
    found = desk.ledger.find_owners(desk.instance, SOURCE, ["a", "b", "c"])
    assert found == {"a": desk.number("a"), "b": desk.number("b")}
    assert desk.ledger.find_owners(desk.instance, "another", ["a"]) == {}
    assert list(desk.ledger.known_sources()) == [(desk.instance.id, SOURCE)]
    assert desk.ledger.standings(desk.generation, [9_999]) == {}


def test_what_was_distrusted_is_stale_and_held_with_unknown_fingerprints(desk):
    desk.serve("a", upserted=[row("one"), row("two")])
    desk.serve("b", upserted=[row("three")])
    desk.ledger.distrust(desk.generation, {desk.number("a"): [row_id("two")], desk.number("b"): []})
    assert desk.held("a") == {
        row_id("one"): row("one"),
        row_id("two"): HeldRow(row_id("two"), b"", b""),
    }
    assert desk.held("b") == {row_id("three"): row("three")}
    kinds = desk.compare(listed("a"), listed("b")).kinds()
    assert kinds == {"a": Change.STALE, "b": Change.STALE}
    (stands,) = desk.ledger.standings(desk.generation, [desk.number("a")]).values()
    assert stands.definition is None
    assert stands.content is not None
    assert not stands.is_up_to_date


def test_what_is_restated_is_held_beside_the_rest(desk):
    desk.serve("a", upserted=[row("one"), row("two")])
    again = HeldRow(row_id("two"), b"v", b"p")
    desk.ledger.restate(desk.generation, {desk.number("a"): [again, row("three")]})
    assert desk.held("a") == {
        row_id("one"): row("one"),
        row_id("two"): again,
        row_id("three"): row("three"),
    }
    assert desk.compare(listed("a")).kinds() == {}


def test_what_was_announced_and_not_committed_is_counted(desk):
    assert desk.ledger.unfinished(desk.generation) == 0
    desk.intend({row_id("one"): "a"})
    assert desk.ledger.unfinished(desk.generation) == 1
    desk.ledger.recover(desk.instance)
    assert desk.ledger.unfinished(desk.generation) == 0
