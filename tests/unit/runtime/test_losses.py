"""A source that lost many documents is refused; what was only moved is not lost."""

from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from ragflow.core.records import Listed
from ragflow.errors import GuardError, SourceError
from tests.unit.runtime.test_guards import CALLS, embedding
from tests.unit.runtime.test_redoing import guarded, shelf_of
from tests.unit.scheduling.desk import Desk, Shelf, changes


def take(shelf: Shelf, number: int) -> None:
    for key in list(shelf)[:number]:
        shelf.take(key)


@pytest.mark.parametrize(("known", "lost"), [(20, 5), (10, 3), (5, 3)])
def test_more_than_the_share_is_refused_and_nothing_is_done(desk: Desk, known: int, lost: int):
    shelf = shelf_of(known)
    p = embedding(shelf)
    desk.run(p)
    before = desk.rows()
    CALLS.clear()
    take(shelf, lost)
    with pytest.raises(GuardError) as raised:
        desk.run(p)
    assert str(raised.value) == (
        f"shelf 'a' lost {lost} of its {known} documents, more than 20%: nothing is deleted"
    )
    assert "--allow-deletions" in raised.value.hint
    assert raised.value.option is None  # nobody is asked at a terminal
    assert (desk.rows(), CALLS, desk.last_run().state.value) == (before, [], "failed")
    [refused] = desk.plan(p)["would_be_refused"]
    assert refused["message"] == str(raised.value)
    run = desk.run(p, allow_deletions=True)
    assert changes(run) == {"deleted": lost, "unchanged": known - lost}
    assert changes(desk.run(p)) == {"unchanged": known - lost}


@pytest.mark.parametrize(("known", "lost"), [(20, 4), (3, 2), (2, 1), (10, 2)])
def test_the_share_itself_and_two_documents_may_go(desk: Desk, known: int, lost: int):
    shelf = shelf_of(known)
    p = embedding(shelf)
    desk.run(p)
    take(shelf, lost)
    assert desk.plan(p)["would_be_refused"] == []
    assert changes(desk.run(p)) == {"deleted": lost, "unchanged": known - lost}


def test_a_moved_folder_passes_and_embeds_nothing(desk: Desk):
    shelf = shelf_of(20)
    p = embedding(shelf)
    desk.run(p)
    CALLS.clear()
    for key in list(shelf):
        shelf.move(key, f"moved/{key}")
    assert desk.plan(p)["would_be_refused"] == []
    assert changes(desk.run(p)) == {"moved": 20}
    assert CALLS == []


@pytest.mark.parametrize("kind", ["skipped", "failed"])
@pytest.mark.parametrize("is_moved", [True, False])
def test_documents_that_were_never_read_are_not_lost(desk: Desk, kind: str, is_moved: bool):
    shelf = shelf_of(20)
    told: dict[str, Any] = shelf.skips if kind == "skipped" else shelf.errors
    why = ("unsupported", "a picture") if kind == "skipped" else OSError("no disk")
    pictures = [f"picture{number}" for number in range(10)]
    for key in pictures:
        shelf.put(key, f"the text of {key}")
        told[key] = why
    p = embedding(shelf)
    assert changes(desk.run(p)) == {"added": 20, kind: 10}
    before = desk.rows()
    for key in pictures:
        del told[key]
        if is_moved:
            shelf.move(key, f"moved/{key}")
            told[f"moved/{key}"] = why
        else:
            shelf.take(key)
    assert desk.plan(p)["would_be_refused"] == []
    assert changes(desk.run(p))["deleted"] == 10
    assert desk.rows() == before
    take(shelf, 7)  # what is in the index is guarded as ever
    with pytest.raises(GuardError, match="lost 7 of its"):
        desk.run(p)


def test_what_moved_in_a_run_that_was_cut_off_is_not_lost_to_the_next(desk: Desk, monkeypatch):
    """What was moved to is nothing new to the next run: it is there, and unchanged."""
    monkeypatch.setattr("ragflow.scheduling.policies.PORTION", 1)
    shelf = shelf_of(12)
    p = embedding(shelf)
    desk.run(p)
    for key in list(shelf):
        shelf.move(key, f"moved/{key}")
    before = len(desk.tables.applied)

    def cut_off() -> None:
        if len(desk.tables.applied) == before + 10:
            raise KeyboardInterrupt

    desk.tables.after = cut_off
    with pytest.raises(KeyboardInterrupt):
        desk.run(p)
    desk.tables.after = None
    run = desk.run(p)
    assert sum(changes(run).values()) - run["documents"]["deleted"] == 12
    assert set(desk.values()) == set(shelf)


def test_documents_written_over_by_others_are_not_lost(desk: Desk):
    shelf = shelf_of(12)
    p = embedding(shelf)
    desk.run(p)
    keys = list(shelf)
    for old, new in zip(keys[:6], keys[6:], strict=True):
        shelf.move(old, new)
    assert changes(desk.run(p)) == {"modified": 6, "deleted": 6}


def test_copies_that_go_are_not_lost_while_one_stays(desk: Desk):
    shelf = Shelf(**{f"k{n}": "the same" for n in range(8)}, other="other")
    p = embedding(shelf)
    desk.run(p)
    take(shelf, 7)
    assert changes(desk.run(p)) == {"deleted": 7, "unchanged": 2}


def test_many_that_went_into_one_new_document_are_not_lost(desk: Desk):
    shelf = Shelf(**{f"k{n}": "the same" for n in range(8)})
    p = embedding(shelf)
    desk.run(p)
    take(shelf, 8)
    shelf.put("new", "the same")
    assert changes(desk.run(p)) == {"moved": 1, "deleted": 7}


def test_new_documents_explain_no_loss_once_they_are_read(desk: Desk):
    """Only their content tells that they are others; nothing is deleted, what is new is there."""
    shelf = shelf_of(10)
    p = embedding(shelf)
    desk.run(p)
    take(shelf, 4)
    for number in range(4):
        shelf.put(f"new{number}", f"quite new {number}")
    with pytest.raises(GuardError, match="lost 4 of its 10 documents"):
        desk.run(p)
    assert len(desk.values()) == 14
    [refused] = desk.plan(p)["would_be_refused"]
    assert "lost 4 of its 10 documents" in refused["message"]
    assert changes(desk.run(p, allow_deletions=True)) == {"unchanged": 10, "deleted": 4}


def test_what_a_refused_run_added_makes_no_loss_smaller(desk: Desk):
    shelf = shelf_of(50)
    p = embedding(shelf)
    desk.run(p)
    take(shelf, 12)
    for number in range(20):
        shelf.put(f"new{number}", f"quite new {number}")
    for _ in range(2):
        with pytest.raises(GuardError, match="lost 12 of its 50 documents"):
            desk.run(p)
    [refused] = desk.plan(p)["would_be_refused"]
    assert "lost 12 of its 50 documents" in refused["message"]
    assert len(desk.values()) == 70
    assert changes(desk.run(p, allow_deletions=True)) == {"unchanged": 58, "deleted": 12}
    take(shelf, 11)  # of 58, now that the loss was judged
    assert changes(desk.run(p)) == {"unchanged": 47, "deleted": 11}


@pytest.mark.parametrize(
    "how", [{"until": "embed"}, {"only": tuple(f"new{number:02}" for number in range(30))}]
)
def test_what_a_partial_run_added_makes_no_loss_smaller(desk: Desk, how: dict[str, Any]):
    """It deletes nothing and moves no guard, but what it reads is known from then on."""
    shelf = shelf_of(10)
    p = embedding(shelf)
    desk.run(p)
    take(shelf, 3)
    for number in range(30):
        shelf.put(f"new{number:02}", f"quite new {number}")
    desk.run(p, how=how)
    with pytest.raises(GuardError, match="lost 3 of its 10 documents"):
        desk.run(p)


def test_what_a_run_added_that_was_cut_off_makes_no_loss_smaller(desk: Desk, monkeypatch):
    monkeypatch.setattr("ragflow.scheduling.policies.PORTION", 1)
    shelf = shelf_of(10)
    p = embedding(shelf)
    desk.run(p)
    take(shelf, 4)
    for number in range(20):
        shelf.put(f"new{number}", f"quite new {number}")
    before = len(desk.tables.applied)

    def cut_off() -> None:
        if len(desk.tables.applied) == before + 15:
            raise KeyboardInterrupt

    desk.tables.after = cut_off
    with pytest.raises(KeyboardInterrupt):
        desk.run(p)
    desk.tables.after = None
    assert len(desk.values()) > 20
    # What is still to be read may be where one of the four went.
    with pytest.raises(GuardError, match=r"lost [34] of its 10 documents"):
        desk.run(p)


def test_a_loss_that_came_back_is_forgotten(desk: Desk):
    shelf = shelf_of(10)
    p = embedding(shelf)
    desk.run(p)
    lost = list(shelf)[:4]
    texts = {key: shelf.take(key) for key in lost}
    for number in range(20):
        shelf.put(f"new{number}", f"quite new {number}")
    with pytest.raises(GuardError):
        desk.run(p)
    for key, text in texts.items():
        shelf.put(key, text)
    assert changes(desk.run(p)) == {"unchanged": 30}
    take(shelf, 6)
    assert changes(desk.run(p)) == {"unchanged": 24, "deleted": 6}


def test_documents_that_were_never_read_make_no_loss_smaller(desk: Desk):
    shelf = shelf_of(10)
    for number in range(90):
        shelf.put(f"picture{number:02}", f"the picture {number}")
        shelf.skips[f"picture{number:02}"] = ("unsupported", "a picture")
    p = embedding(shelf)
    assert changes(desk.run(p)) == {"added": 10, "skipped": 90}
    take(shelf, 3)
    with pytest.raises(GuardError, match="lost 3 of its 10 documents"):
        desk.run(p)


def test_half_moved_and_half_lost_is_judged_by_what_is_lost(desk: Desk):
    shelf = shelf_of(20)
    p = embedding(shelf)
    desk.run(p)
    for key in list(shelf)[:8]:
        shelf.move(key, f"moved/{key}")
    take(shelf, 4)
    assert changes(desk.run(p)) == {"moved": 8, "deleted": 4, "unchanged": 8}
    for key in list(shelf)[:8]:
        shelf.move(key, f"again/{key}")
    take(shelf, 4)
    with pytest.raises(GuardError, match="lost 4 of its 16 documents"):
        desk.run(p)


def test_the_share_is_that_of_ragflow_toml(desk: Desk):
    shelf = shelf_of(20)
    p = embedding(shelf)
    desk.run(p)
    take(shelf, 10)
    guarded(desk, deletions="50%")
    assert changes(desk.run(p)) == {"deleted": 10, "unchanged": 10}
    take(shelf, 9)
    guarded(desk, deletions="100%")
    assert changes(desk.run(p)) == {"deleted": 9, "unchanged": 1}


def test_a_run_that_leaves_documents_out_loses_none(desk: Desk):
    shelf = shelf_of(10)
    p = embedding(shelf)
    desk.run(p)
    take(shelf, 5)
    assert changes(desk.run(p, how={"only": ("k09",)})) == {}
    assert len(desk.values()) == 10


def test_with_another_model_the_old_rows_are_guarded_too(desk: Desk):
    shelf = shelf_of(10)
    p = embedding(shelf)
    desk.run(p)
    take(shelf, 5)
    with pytest.raises(GuardError, match="lost 5 of its 10"):
        desk.run(p, model="large", accept=True)
    assert len(desk.values()) == 10


class Torn(Shelf):
    """A shelf whose listing ends with an error after so many documents."""

    after: int | None = None
    error: Exception = PermissionError(13, "Permission denied", "docs/private")

    def list(self) -> Iterator[Sequence[Listed]]:
        for number, page in enumerate(super().list()):
            if number == self.after:
                raise self.error
            yield page


@pytest.mark.parametrize("after", [0, 1, 5])
@pytest.mark.parametrize(
    "error",
    [
        PermissionError(13, "Permission denied", "docs/private"),
        OSError(5, "Input/output error", "docs"),
        SourceError("the share is not mounted"),
    ],
)
def test_a_listing_that_breaks_off_deletes_nothing_whatever_is_allowed(
    desk: Desk, after: int, error: Exception
):
    shelf: Any = Torn(**{f"k{each}": f"text {each}" for each in range(8)})
    p = embedding(shelf)
    desk.run(p)
    before = desk.rows()
    shelf.after, shelf.error = after, error
    with pytest.raises(SourceError):
        desk.run(p, allow_deletions=True)
    with pytest.raises(SourceError):
        desk.plan(p)
    assert desk.rows() == before
    shelf.after = None
    assert changes(desk.run(p)) == {"unchanged": 8}
