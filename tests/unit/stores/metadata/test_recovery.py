"""What a crash between the store and the ledgers leaves to do."""

import pytest

from ragflow.core.records import HeldRow, Intent
from ragflow.core.states import Change, OwnerState
from tests.unit.stores.metadata.desk import SOURCE, Desk, listed, row, row_id, standing


def unknown(name: str) -> HeldRow:
    return HeldRow(row_id(name), b"", b"")


def test_an_intent_that_is_committed_leaves_nothing_to_recover(desk):
    number = desk.intend({row_id("one"): "a"})
    desk.commit(desk.served("a", upserted=[row("one")]), intent=number)
    assert desk.ledger.recover(desk.instance) == 0
    assert desk.held("a") == {row_id("one"): row("one")}
    assert desk.compare(listed("a")).counts["unchanged"] == 1


def test_rows_that_may_have_been_written_are_held_with_unknown_values(desk):
    desk.serve("a", upserted=[row("one"), row("two")])
    desk.intend({row_id("two"): "a", row_id("three"): "a"})
    assert desk.ledger.recover(desk.instance) == 2
    assert desk.held("a") == {
        row_id("one"): row("one"),
        row_id("two"): unknown("two"),
        row_id("three"): unknown("three"),
    }
    change = desk.compare(listed("a")).changes["a"]
    assert change.change is Change.STALE
    nothing = standing(OwnerState.FAILED, served=None, tried=None, reason="interrupted")
    assert change.ends == {desk.generation: nothing}
    assert desk.ledger.recover(desk.instance) == 0


def test_rows_that_may_have_been_deleted_are_held_with_unknown_values(desk):
    desk.serve("a", upserted=[row("one"), row("two")])
    desk.serve("b", upserted=[row("three")])
    desk.intend({}, deletes=[row_id("one"), row_id("never held")])
    assert desk.ledger.recover(desk.instance) == 2
    assert desk.held("a") == {row_id("one"): unknown("one"), row_id("two"): row("two")}
    assert desk.compare(listed("a"), listed("b")).kinds() == {"a": Change.STALE}


def test_an_owner_never_seen_is_known_afterwards_so_that_its_rows_can_be_deleted(desk):
    desk.intend({row_id("one"): "a"})
    assert desk.compare().deleted == {}
    assert desk.ledger.recover(desk.instance) == 1
    assert desk.compare(listed("a")).kinds() == {"a": Change.ADDED}
    assert desk.compare(listed("a")).changes["a"].token_seen is None
    (removal,) = desk.compare().deleted.values()
    assert desk.ledger.held(desk.generation, [removal.owner]) == {
        removal.owner: {row_id("one"): unknown("one")}
    }


def test_what_was_held_back_is_tried_again_when_its_rows_are_in_doubt(desk):
    desk.serve("a", state=OwnerState.HELD_BACK)
    desk.intend({row_id("one"): "a"})
    desk.ledger.recover(desk.instance)
    assert desk.compare(listed("a")).kinds() == {"a": Change.STALE}


def test_the_next_run_puts_it_right(desk):
    desk.serve("a", upserted=[row("one")])
    desk.intend({row_id("two"): "a"}, deletes=[row_id("one")])
    desk.ledger.recover(desk.instance)
    number = desk.intend({row_id("two"): "a"}, deletes=[row_id("one")])
    outcome = desk.served("a", upserted=[row("two")], deleted=[row_id("one")])
    desk.commit(outcome, intent=number)
    assert desk.held("a") == {row_id("two"): row("two")}
    assert desk.ledger.recover(desk.instance) == 0
    assert desk.compare(listed("a")).counts["unchanged"] == 1


def test_an_intent_of_several_generations_ends_as_one(two_ends):
    first, second = (one.id for one in two_ends.generations)
    intents = [
        Intent(generation=one, upserts=[row_id("one")], deletes=[], owners=[(SOURCE, "a")])
        for one in (first, second)
    ]
    number = two_ends.ledger.intend(intents, two_ends.instance)
    two_ends.commit(two_ends.served("a", upserted=[row("one")]), intent=number)
    assert two_ends.ledger.recover(two_ends.instance) == 0
    two_ends.ledger.intend(intents, two_ends.instance)
    assert two_ends.ledger.recover(two_ends.instance) == 2
    assert two_ends.held("a", first) == {row_id("one"): unknown("one")}
    assert two_ends.held("a", second) == {row_id("one"): unknown("one")}


def test_only_the_generation_in_doubt_is_distrusted(two_ends):
    first, second = (one.id for one in two_ends.generations)
    two_ends.serve("a", upserted=[row("one")])
    two_ends.intend({row_id("one"): "a"})
    two_ends.ledger.recover(two_ends.instance)
    assert two_ends.held("a", second) == {row_id("one"): row("one")}
    ends = two_ends.compare(listed("a")).changes["a"].ends
    assert ends[first].served_input is None
    assert ends[second].served_input is not None


def test_intents_of_another_instance_are_left_to_it(store, desk):
    other = Desk(store, name="other")
    number = other.intend({row_id("one"): "a"})
    mine = desk.intend({row_id("two"): "a"})
    assert number != mine
    assert desk.ledger.recover(desk.instance) == 1
    assert other.compare().deleted == {}
    assert other.ledger.recover(other.instance) == 1


def test_several_intents_are_recovered_together(desk):
    desk.intend({row_id(f"one {number}"): "a" for number in range(700)})
    desk.intend({row_id("two"): "a", row_id("three"): "b"})
    assert desk.ledger.recover(desk.instance) == 702
    assert desk.ledger.row_count(desk.generation) == 702


def test_an_intent_of_nothing_is_number_nought_and_ends_nobody_elses(desk):
    nothing = desk.intend({})
    assert desk.ledger.intend([], desk.instance) == nothing == 0
    desk.intend({row_id("one"): "a"})
    desk.commit(intent=nothing)
    assert desk.ledger.recover(desk.instance) == 1


def test_intents_of_one_generation_are_one(desk):
    intents = [
        Intent(
            generation=desk.generation, upserts=[row_id(one)], deletes=[], owners=[(SOURCE, one)]
        )
        for one in ("a", "b")
    ]
    desk.ledger.intend(intents, desk.instance)
    assert desk.ledger.recover(desk.instance) == 2
    assert desk.held("b") == {row_id("b"): unknown("b")}


def test_an_intent_names_an_owner_for_each_row(desk):
    intent = Intent(generation=desk.generation, upserts=[row_id("one")], deletes=[], owners=[])
    with pytest.raises(ValueError, match="another number of owners"):
        desk.ledger.intend([intent], desk.instance)
