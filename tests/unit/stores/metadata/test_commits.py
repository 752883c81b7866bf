"""What a commit changes in the ledgers, and what it leaves."""

import pytest

from ragflow.core.records import OwnerRemoval
from ragflow.core.states import Change, OwnerState
from tests.unit.stores.metadata.desk import Desk, fp, listed, row, row_id, standing

SUCCEEDED, SKIPPED = OwnerState.SUCCEEDED, OwnerState.SKIPPED
FAILED, HELD_BACK = OwnerState.FAILED, OwnerState.HELD_BACK


def view(desk: Desk, key: str = "a"):
    (found,) = desk.ledger.owners(desk.generation, key=key)
    return found


def dead_letters(store) -> list[tuple]:
    return store._connections.fetch(
        "SELECT run, task, part, reason, message, traceback, release, attempts, created_at "
        "FROM dead_letter ORDER BY owner, generation"
    )


def test_rows_are_held_let_go_and_given_new_fingerprints(desk):
    desk.serve("a", upserted=[row("one"), row("two")])
    assert desk.held("a") == {row_id("one"): row("one"), row_id("two"): row("two")}
    desk.serve("a", upserted=[row("two", "new"), row("three")], deleted=[row_id("one")])
    assert desk.held("a") == {row_id("two"): row("two", "new"), row_id("three"): row("three")}
    assert desk.ledger.row_count(desk.generation) == 2


def test_row_ids_of_any_kind_come_back_to_the_letter(desk):
    ids = ["0" * 32, "F" * 32, "f" * 32, "g" * 32, "x" * 15, "x" * 14, "", "é\n", "a\0", "1" * 31]
    desk.serve("a", upserted=[row("one")] + [type(row("x"))(name, b"v", b"") for name in ids])
    assert set(desk.held("a")) == {row_id("one"), *ids}
    desk.serve("a", deleted=ids)
    assert set(desk.held("a")) == {row_id("one")}


def test_a_row_moves_when_it_is_deleted_and_upserted_at_once(desk):
    desk.serve("a", upserted=[row("one")])
    desk.serve("a", upserted=[row("one", "new")], deleted=[row_id("one")])
    assert desk.held("a") == {row_id("one"): row("one", "new")}


def test_rows_asked_for_of_an_owner_without_any_are_none(desk):
    assert desk.ledger.held(desk.generation, [7, 8]) == {7: {}, 8: {}}


def test_a_failure_leaves_what_is_served(desk):
    desk.serve("a", upserted=[row("one")])
    desk.serve("a", token=b"t2", text="new", state=FAILED, reason="timeout", message="slow")
    assert desk.held("a") == {row_id("one"): row("one")}
    change = desk.compare(listed("a", b"t2")).changes["a"]
    assert change.content == fp("content", "new")
    assert change.ends[desk.generation] == standing(
        FAILED, served=("text", "code"), tried=("new", "code"), reason="timeout"
    )


def test_success_after_a_failure_serves_what_was_tried(desk):
    desk.serve("a", state=HELD_BACK)
    desk.serve("a")
    assert desk.compare(listed("a")).unchanged["a"].ends == {
        desk.generation: standing(SUCCEEDED, served=("text", "code"), tried=("text", "code"))
    }


def test_a_dead_letter_is_kept_until_the_owner_is_served(desk, clock):
    trouble = {"task": "extract", "part": "page 3", "traceback": "Traceback …"}
    desk.serve("a", state=FAILED, reason="timeout", message="slow", **trouble)
    created = int(clock.now().timestamp() * 1_000_000)
    assert dead_letters(desk.store) == [
        (desk.run, "extract", "page 3", "timeout", "slow", "Traceback …", "time", 1, created)
    ]
    clock.sleep(3600)
    desk.run += 1
    desk.serve("a", state=HELD_BACK, reason="broken", message="no PDF", task="chunk")
    assert dead_letters(desk.store) == [
        (desk.run, "chunk", None, "broken", "no PDF", None, "content", 2, created)
    ]
    desk.serve("a")
    assert dead_letters(desk.store) == []


@pytest.mark.parametrize("state", [SUCCEEDED, SKIPPED])
def test_what_is_served_or_skipped_has_no_dead_letter(desk, state):
    desk.serve("a", state=HELD_BACK, requirement="program:x")
    assert [letter[6] for letter in dead_letters(desk.store)] == ["requirement:program:x"]
    desk.serve("a", state=state)
    assert dead_letters(desk.store) == []


def test_an_owner_never_read_is_read_again_whatever_its_token(desk):
    desk.serve("a", text=None, state=FAILED, reason="unreadable", metadata={"path": "x"})
    change = desk.compare(listed("a")).changes["a"]
    assert (change.change, change.token_seen, change.content) == (Change.MODIFIED, None, None)
    assert change.metadata == {"path": "x"}
    desk.serve("a", text=None, state=FAILED, metadata={"path": "y"})
    change = desk.compare(listed("a")).changes["a"]
    assert (change.change, change.metadata) == (Change.MODIFIED, {"path": "y"})


def test_an_owner_that_cannot_be_read_any_more_keeps_what_was_seen(desk):
    desk.serve("a", metadata={"path": "x"})
    desk.serve("a", token=b"t2", text=None, state=FAILED, metadata={"path": "y"})
    change = desk.compare(listed("a", b"t2")).changes["a"]
    assert (change.change, change.token_seen, change.content, change.metadata) == (
        Change.MODIFIED,
        b"t1",
        fp("content", "text"),
        {"path": "x"},
    )
    assert change.ends[desk.generation] == standing(
        FAILED, served=("text", "code"), tried=None
    ) or (change.ends[desk.generation].tried_input is None)


def test_a_token_alone_can_be_recorded(desk):
    desk.serve("a", upserted=[row("one")])
    desk.commit(desk.served("a", token=b"t2", generations=[]))
    assert desk.compare(listed("a", b"t2")).counts["unchanged"] == 1
    assert desk.held("a") == {row_id("one"): row("one")}


def test_an_owner_seen_without_ends_and_without_content_is_read_again(desk):
    desk.commit(desk.served("a", text=None, generations=[]))
    assert desk.compare(listed("a")).kinds() == {"a": Change.ADDED}
    assert desk.compare(listed("a"), ends=[]).kinds() == {"a": Change.MODIFIED}


def test_what_an_end_serves_is_known_however_far_the_source_goes_on(two_ends):
    first, second = (one.id for one in two_ends.generations)
    two_ends.serve("a", text="1", generations=[first, second])
    for text in ("2", "3", "1", "4"):
        two_ends.serve("a", text=text, generations=[second], state=FAILED)
    two_ends.serve("a", text="5", generations=[])
    ends = two_ends.compare(listed("a")).changes["a"].ends
    assert ends[first] == standing(SUCCEEDED, served=("1", "code"), tried=("1", "code"))
    assert ends[second] == standing(FAILED, served=("1", "code"), tried=("4", "code"))
    assert view(two_ends).version == fp("content", "1").hex()
    two_ends.serve("a", text="5", generations=[second])
    ends = two_ends.compare(listed("a")).changes["a"].ends
    assert ends[second] == standing(SUCCEEDED, served=("5", "code"), tried=("5", "code"))


def test_an_end_skipped_unread_is_not_served_by_what_is_read_later(two_ends):
    first, second = (one.id for one in two_ends.generations)
    two_ends.serve("a", text=None, state=SKIPPED)
    two_ends.serve("a", text="new", generations=[second])
    ends = two_ends.compare(listed("a")).changes["a"].ends
    assert ends[first].served_input is None
    assert ends[first].served_definition == fp("code")
    assert ends[second].served_input == fp("input", "new")


def test_many_owners_of_several_sources_are_committed_at_once(desk):
    keys = [f"{number:04}" for number in range(1200)]
    desk.serve(*keys[::2])
    desk.commit(
        *(desk.served(key, token=b"t2", upserted=[row(key)]) for key in keys),
        *(desk.served(key, source="mail", upserted=[row("m" + key)]) for key in keys),
    )
    assert desk.compare(*(listed(key, b"t2") for key in keys)).counts["unchanged"] == 1200
    assert desk.compare(*map(listed, keys), source="mail").counts["unchanged"] == 1200
    assert desk.ledger.row_count(desk.generation) == 2400
    assert desk.held("0007") == {row_id("0007"): row("0007")}
    numbers = [desk.number(key) for key in keys[:3]]
    assert desk.ledger.contents(desk.instance, "files", numbers) == dict.fromkeys(
        numbers, fp("content", "text")
    )
    assert desk.ledger.contents(desk.instance, "mail", numbers) == {}


def test_an_owner_named_twice_is_refused_and_nothing_is_written(desk):
    with pytest.raises(ValueError, match="'a' is named twice"):
        desk.commit(desk.served("b"), desk.served("a"), desk.served("a"))
    assert desk.compare().deleted == {}


def test_removal_forgets_an_owner_in_every_generation(two_ends):
    first, second = (one.id for one in two_ends.generations)
    two_ends.serve("a", "b", upserted=[row("one")])
    two_ends.serve("a", generations=[second], state=FAILED)
    number = two_ends.number("a")
    two_ends.remove(OwnerRemoval(owner=number, source="files", key="a"))
    assert list(two_ends.compare().deleted) == ["b"]
    assert two_ends.ledger.held(first, [number])[number] == {}
    assert two_ends.ledger.held(second, [number])[number] == {}
    assert dead_letters(two_ends.store) == []
    assert [one.key for one in two_ends.ledger.owners(second)] == ["b"]


@pytest.mark.parametrize(("source", "key"), [("files", "b"), ("mail", "a"), ("never", "a")])
def test_a_removal_of_another_owner_by_that_number_does_nothing(desk, source, key):
    desk.serve("a", upserted=[row("one")])
    desk.serve("x", source="mail")
    desk.remove(OwnerRemoval(owner=desk.number("a"), source=source, key=key))
    assert list(desk.compare().deleted) == ["a"]
    assert desk.held("a") != {}


def test_removal_and_commit_are_one(desk):
    desk.serve("a", upserted=[row("one")])
    gone = OwnerRemoval(owner=desk.number("a"), source="files", key="a")
    moved = desk.served("b", upserted=[row("two")])
    desk.ledger.commit(desk.instance, desk.run, [moved], [gone], None)
    assert list(desk.compare().deleted) == ["b"]
    assert desk.ledger.row_count(desk.generation) == 1


def test_rows_are_counted_but_for_one_instance(store, desk):
    other = Desk(store, name="other")
    other.generations = desk.generations
    desk.serve("a", upserted=[row("one"), row("two")])
    other.serve("a", upserted=[row("three")])
    ledger, generation = desk.ledger, desk.generation
    assert ledger.row_count(generation) == 3
    assert ledger.row_count(generation, but_not=desk.instance.id) == 1
    assert ledger.row_count(generation, but_not=other.instance.id) == 2
    assert ledger.row_count(generation + 1, but_not=desk.instance.id) == 0


def test_a_generation_is_forgotten_and_no_other(two_ends):
    first, second = (one.id for one in two_ends.generations)
    two_ends.serve("a", upserted=[row("one")])
    two_ends.serve("b", state=FAILED)
    two_ends.intend({row_id("two"): "a"})
    two_ends.ledger.forget_generation(first)
    assert list(two_ends.ledger.owners(first)) == []
    assert two_ends.ledger.row_count(first) == 0
    assert two_ends.ledger.row_count(second) == 1
    assert len(dead_letters(two_ends.store)) == 1
    assert two_ends.ledger.recover(two_ends.instance) == 0
    assert two_ends.compare(listed("a")).kinds() == {"a": Change.STALE}


def test_where_a_source_looked_is_recorded(desk):
    assert desk.ledger.locator(desk.instance, "files") is None
    desk.serve("a")
    assert desk.ledger.locator(desk.instance, "files") is None
    desk.ledger.set_locator(desk.instance, "files", {"root": "/srv/ü", "depth": 3})
    desk.ledger.set_locator(desk.instance, "mail", {})
    assert desk.ledger.locator(desk.instance, "files") == {"root": "/srv/ü", "depth": 3}
    assert desk.ledger.locator(desk.instance, "mail") == {}
    desk.ledger.set_locator(desk.instance, "files", {"root": "/srv"})
    assert desk.ledger.locator(desk.instance, "files") == {"root": "/srv"}


def test_requirements_are_named_once_and_by_instance(store, desk):
    other = Desk(store, name="other")
    desk.serve("a", "b", state=SKIPPED, requirement="program:tesseract")
    desk.serve("c", state=SKIPPED, requirement="program:antiword")
    other.serve("a", state=SKIPPED, requirement="program:other")
    assert desk.ledger.requirements(desk.instance) == ["program:antiword", "program:tesseract"]
    desk.serve("c")
    assert desk.ledger.requirements(desk.instance) == ["program:tesseract"]
