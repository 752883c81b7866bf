"""How does a listing differ from what the ledgers know?"""

import pytest

from ragflow.core.records import Listed
from ragflow.core.states import Change, OwnerState
from ragflow.errors import SourceError
from ragflow.stores.metadata import listing as listing_module
from tests.unit.stores.metadata.desk import Desk, fp, listed, standing

SUCCEEDED, SKIPPED = OwnerState.SUCCEEDED, OwnerState.SKIPPED
FAILED, HELD_BACK = OwnerState.FAILED, OwnerState.HELD_BACK


def test_an_owner_never_seen_is_added(desk):
    compared = desk.compare(listed("a", metadata={"path": "x"}, size=7))
    assert compared.counts == {
        "listed": 1,
        "added": 1,
        "modified": 0,
        "stale": 0,
        "unchanged": 0,
        "deleted": 0,
        "skipped": 0,
        "held_back": 0,
    }
    change = compared.changes["a"]
    assert (change.change, change.token, change.listed, change.size) == (
        Change.ADDED,
        b"t1",
        {"path": "x"},
        7,
    )
    assert (change.owner, change.token_seen, change.content, change.ends) == (None, None, None, {})


def test_an_owner_served_from_what_is_listed_is_unchanged(desk):
    desk.serve("a", metadata={"path": "x"})
    compared = desk.compare(listed("a"))
    assert compared.counts["unchanged"] == 1
    assert compared.changes == {}
    assert compared.unchanged["a"].ends == {
        desk.generation: standing(SUCCEEDED, served=("text", "code"), tried=("text", "code"))
    }


def test_another_token_is_a_modification_that_says_what_was_known(desk):
    desk.serve("a", metadata={"path": "x"})
    change = desk.compare(listed("a", b"t2")).changes["a"]
    assert change.change is Change.MODIFIED
    assert (change.token, change.token_seen) == (b"t2", b"t1")
    assert (change.content, change.metadata) == (fp("content", "text"), {"path": "x"})


def test_another_definition_makes_an_owner_stale(desk):
    desk.serve("a")
    assert desk.compare(listed("a"), definition="new code").kinds() == {"a": Change.STALE}
    desk.serve("a", definition="new code")
    assert desk.compare(listed("a"), definition="new code").counts["unchanged"] == 1
    assert desk.compare(listed("a"), definition="code").kinds() == {"a": Change.STALE}


def test_an_owner_not_listed_is_deleted(desk):
    desk.serve("a", "b")
    compared = desk.compare(listed("b"))
    assert compared.counts["deleted"] == 1
    assert list(compared.deleted) == ["a"]
    assert compared.deleted["a"].source == "files"
    assert compared.kinds() == {}


def test_a_failure_is_stale_until_it_is_served(desk):
    desk.serve("a", state=FAILED, reason="timeout", message="too slow")
    change = desk.compare(listed("a")).changes["a"]
    assert change.change is Change.STALE
    failed = standing(FAILED, served=None, tried=("text", "code"), reason="timeout")
    assert change.ends == {desk.generation: failed}


def test_what_is_held_back_waits_until_content_or_code_changes(desk):
    desk.serve("a", state=HELD_BACK, reason="broken", message="not a PDF")
    compared = desk.compare(listed("a"))
    assert (compared.counts["unchanged"], compared.counts["held_back"]) == (1, 1)
    assert desk.compare(listed("a"), definition="new").kinds() == {"a": Change.STALE}
    assert desk.compare(listed("a", b"t2")).kinds() == {"a": Change.MODIFIED}


def test_what_is_held_back_is_not_done_when_the_code_that_served_it_comes_back(desk):
    desk.serve("a", definition="old")
    desk.serve("a", definition="code", state=HELD_BACK)
    # Its rows are right, but it would be listed as failed for ever if it were let be.
    assert desk.compare(listed("a"), definition="old").kinds() == {"a": Change.STALE}


def test_a_skipped_owner_counts_as_served_until_its_requirement_is_released(desk):
    desk.serve("a", state=SKIPPED, reason="no_text", requirement="program:tesseract")
    compared = desk.compare(listed("a"))
    assert (compared.counts["unchanged"], compared.counts["skipped"]) == (1, 1)
    assert desk.compare(listed("a"), released=["program:other"]).counts["unchanged"] == 1
    released = ["program:tesseract", "program:other", "program:other"]
    assert desk.compare(listed("a"), released=released).kinds() == {"a": Change.STALE}


def test_a_requirement_releases_what_is_held_back_too(desk):
    desk.serve("a", state=HELD_BACK, requirement="secret:password")
    assert desk.compare(listed("a")).counts["held_back"] == 1
    released = desk.compare(listed("a"), released=["secret:password"])
    assert released.kinds() == {"a": Change.STALE}
    assert desk.ledger.requirements(desk.instance) == ["secret:password"]


def test_an_owner_left_out_by_its_source_is_unchanged_once_that_is_known(desk):
    too_large = listed("a", skip=("too_large", "more than 1 GB"))
    assert desk.compare(too_large).changes["a"].skip == ("too_large", "more than 1 GB")
    desk.serve("a", text=None, state=SKIPPED, reason="too_large", message="more than 1 GB")
    compared = desk.compare(too_large)
    assert (compared.counts["unchanged"], compared.counts["skipped"]) == (1, 1)
    assert compared.unchanged["a"].skip == ("too_large", "more than 1 GB")


@pytest.mark.parametrize(
    "now",
    [
        listed("a", b"t2", skip=("too_large", "")),
        listed("a", b"t1", skip=("hidden", "")),
        listed("a", b"t1"),
        listed("a", b"t2"),
    ],
)
def test_an_owner_left_out_comes_again_when_token_or_reason_differ(desk, now):
    desk.serve("a", text=None, state=SKIPPED, reason="too_large")
    change = desk.compare(now).changes["a"]
    assert change.change is Change.MODIFIED
    assert change.content is None
    assert change.skip == now.skip


def test_a_served_owner_that_its_source_leaves_out_now_comes_with_the_reason(desk):
    desk.serve("a")
    change = desk.compare(listed("a", skip=("hidden", "a dot file"))).changes["a"]
    assert (change.change, change.skip) == (Change.MODIFIED, ("hidden", "a dot file"))
    desk.serve("a", text=None, state=SKIPPED, reason="hidden")
    assert desk.compare(listed("a", skip=("hidden", "a dot file"))).counts["unchanged"] == 1
    back = desk.compare(listed("a")).changes["a"]
    # What was read before must not pass for what this token leads to.
    assert (back.change, back.content) == (Change.MODIFIED, None)


def test_an_owner_is_unchanged_only_if_it_is_at_every_end(two_ends):
    first, second = (one.id for one in two_ends.generations)
    two_ends.serve("a", generations=[first])
    change = two_ends.compare(listed("a")).changes["a"]
    assert change.change is Change.STALE
    assert list(change.ends) == [first]
    two_ends.serve("a", generations=[second])
    assert two_ends.compare(listed("a")).counts["unchanged"] == 1


def test_an_owner_counts_as_held_back_before_it_counts_as_skipped(two_ends):
    first, second = (one.id for one in two_ends.generations)
    two_ends.serve("a", generations=[first], state=SKIPPED)
    two_ends.serve("a", generations=[second], state=HELD_BACK)
    two_ends.serve("b", generations=[first], state=SKIPPED)
    two_ends.serve("b", generations=[second])
    counts = two_ends.compare(listed("a"), listed("b")).counts
    assert (counts["unchanged"], counts["held_back"], counts["skipped"]) == (2, 1, 1)


def test_an_end_that_lags_behind_what_is_seen_makes_an_owner_stale(two_ends):
    first, second = (one.id for one in two_ends.generations)
    two_ends.serve("a", text="old")
    two_ends.serve("a", text="new", token=b"t2", generations=[first])
    change = two_ends.compare(listed("a", b"t2")).changes["a"]
    assert change.change is Change.STALE
    assert change.ends == {
        first: standing(SUCCEEDED, served=("new", "code"), tried=("new", "code")),
        second: standing(SUCCEEDED, served=("old", "code"), tried=("old", "code")),
    }


def test_an_end_that_lags_behind_is_right_again_when_the_content_comes_back(two_ends):
    first, second = (one.id for one in two_ends.generations)
    two_ends.serve("a", text="old")
    two_ends.serve("a", text="new", generations=[first])
    two_ends.serve("a", text="old", generations=[first])
    change = two_ends.compare(listed("a")).unchanged["a"]
    served = standing(SUCCEEDED, served=("old", "code"), tried=("old", "code"))
    assert change.ends == {first: served, second: served}


def test_a_new_generation_has_everything_added(desk):
    desk.serve("a")
    following = desk.store.generations.build("chroma", "handbook-0", {}, publish=False)
    desk.generations = [following]
    change = desk.compare(listed("a")).changes["a"]
    assert (change.change, change.ends) == (Change.ADDED, {})
    assert change.content == fp("content", "text")


def test_without_ends_only_tokens_count(store):
    desk = Desk(store, ends=0)
    desk.serve("a", "b")
    compared = desk.compare(listed("a"), listed("b", b"t2"), listed("c"))
    assert compared.kinds() == {"b": Change.MODIFIED, "c": Change.ADDED}
    assert compared.counts["unchanged"] == 1


def test_sources_and_instances_do_not_meet(store, desk):
    other = Desk(store, name="other")
    desk.serve("a")
    desk.serve("a", source="mail")
    other.serve("b")
    assert desk.compare(listed("a")).deleted == {}
    assert list(desk.compare(source="mail").deleted) == ["a"]
    assert list(other.compare().deleted) == ["b"]
    assert desk.compare(listed("a"), source="never listed").kinds() == {"a": Change.ADDED}


KEYS = ["", "a\nb", "a\0b", "a\0c", "é", "e\u0301", "ﬁ", "fi", "A", "a", "😀", "\uffff", "%", "a b"]


def test_keys_are_what_they_are_to_the_byte(desk):
    desk.serve(*KEYS)
    compared = desk.compare(*map(listed, KEYS))
    assert compared.counts["unchanged"] == len(KEYS)
    assert list(compared.unchanged) == sorted(KEYS)
    assert list(desk.compare().deleted) == sorted(KEYS)
    for key in KEYS:
        assert list(desk.compare(*(listed(one) for one in KEYS if one != key)).deleted) == [key]
        assert [view.key for view in desk.ledger.owners(desk.generation, key=key)] == [key]


@pytest.mark.parametrize("pages", [[["a", "b", "a"]], [["a"], ["b", "a"]], [["b"], ["a"], ["a"]]])
def test_a_key_that_comes_twice_is_named(desk, pages):
    listing = desk.ledger.listing(desk.instance, "files", desk.ends())
    for page in pages[:-1]:
        listing.add([listed(key) for key in page])
    with pytest.raises(SourceError, match="'a' twice"):
        listing.add([listed(key) for key in pages[-1]])
    listing.close()


def test_all_is_yielded_by_key_however_many_pages_it_takes(desk, monkeypatch):
    monkeypatch.setattr(listing_module, "PAGE", 3)
    keys = [f"{number:02}" for number in range(10)]
    desk.serve(*keys[:7])
    compared = desk.compare(*(listed(key, b"t2") for key in reversed(keys)))
    assert list(compared.changes) == keys
    assert list(desk.compare(*map(listed, keys[:6])).unchanged) == keys[:6]
    assert list(desk.compare().deleted) == keys[:7]


def test_commits_in_between_do_not_disturb_what_is_yielded(desk, monkeypatch):
    monkeypatch.setattr(listing_module, "PAGE", 2)
    desk.serve("gone-1", "gone-2", "gone-3")
    listing = desk.ledger.listing(desk.instance, "files", desk.ends())
    listing.add([listed(key) for key in "abcdef"])
    assert listing.known() == 3
    found = []
    for change in listing.changes():
        found.append(change.key)
        desk.serve(change.key)
    removed = []
    for removal in listing.deleted():
        removed.append(removal.key)
        desk.remove(removal)
    assert found == list("abcdef")
    assert removed == ["gone-1", "gone-2", "gone-3"]
    assert listing.counts()["added"] == 6
    assert listing.known() == 3
    listing.close()


def test_a_page_after_the_counts_is_counted_too(desk):
    listing = desk.ledger.listing(desk.instance, "files", desk.ends())
    listing.add([listed("a")])
    assert listing.counts()["added"] == 1
    listing.add([])
    listing.add([listed("b")])
    assert listing.counts()["added"] == 2
    assert [change.key for change in listing.changes()] == ["a", "b"]
    listing.close()
    listing.close()


def test_two_listings_at_a_time_know_nothing_of_each_other(desk):
    first = desk.ledger.listing(desk.instance, "files", desk.ends())
    second = desk.ledger.listing(desk.instance, "files", desk.ends())
    first.add([listed("a")])
    second.add([listed("b")])
    assert [change.key for change in first.changes()] == ["a"]
    assert [change.key for change in second.changes()] == ["b"]
    first.close()
    second.close()


def test_a_listing_that_nobody_closed_leaves_nothing_to_the_next(desk):
    forgotten = desk.ledger.listing(desk.instance, "files", desk.ends())
    forgotten.add([listed("a")])
    del forgotten
    for _ in range(3):
        assert desk.compare(listed("b")).kinds() == {"b": Change.ADDED}


def test_metadata_comes_back_as_it_went(desk):
    metadata = {"path": "ü", "times": [1, 2.5], "deep": {"x": None}, "raw": b"\0\xff"}
    desk.serve("a", metadata=metadata)
    assert desk.compare(Listed("a", b"t1")).unchanged["a"].metadata == metadata
