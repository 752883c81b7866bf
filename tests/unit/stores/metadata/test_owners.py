"""How owners are shown to people."""

from datetime import timedelta

from ragflow.core.records import OwnerView
from ragflow.core.states import OwnerState
from ragflow.stores.metadata import owners as owners_module
from tests.unit.stores.metadata.desk import Desk, fp, row


def test_a_served_owner_says_what_it_is_served_from(desk, clock):
    desk.serve("a", metadata={"path": "x"}, upserted=[row("one"), row("two")])
    assert list(desk.ledger.owners(desk.generation)) == [
        OwnerView(
            key="a",
            source="files",
            instance="handbook",
            state=OwnerState.SUCCEEDED,
            reason=None,
            message=None,
            version=fp("content", "text").hex(),
            chunks=2,
            metadata={"path": "x"},
            tried_at=clock.now().replace(microsecond=0),
        )
    ]


def test_a_failed_owner_says_what_went_wrong_and_what_is_still_served(desk, clock):
    desk.serve("a", upserted=[row("one")])
    clock.sleep(60)
    desk.run += 1
    desk.serve(
        "a",
        text="new",
        state=OwnerState.HELD_BACK,
        reason="broken",
        message="not a PDF",
        task="extract",
        part="page 3",
        traceback="Traceback …",
        requirement="program:x",
    )
    (view,) = desk.ledger.owners(desk.generation)
    assert view.version == fp("content", "text").hex()
    assert (view.state, view.chunks) == (OwnerState.HELD_BACK, 1)
    assert (view.reason, view.message) == ("broken", "not a PDF")
    assert (view.task, view.part, view.traceback) == ("extract", "page 3", "Traceback …")
    assert (view.requirement, view.failed_run) == ("program:x", desk.run)
    assert view.tried_at == clock.now().replace(microsecond=0)


def test_an_owner_never_served_has_no_version(desk):
    desk.serve("a", state=OwnerState.FAILED)
    (view,) = desk.ledger.owners(desk.generation)
    assert (view.version, view.chunks) == (None, 0)


def test_owners_are_chosen_by_state_and_key(desk):
    desk.serve("a", "b", "c")
    desk.serve("b", state=OwnerState.FAILED)
    ledger, generation = desk.ledger, desk.generation
    failed = ledger.owners(generation, state=OwnerState.FAILED)
    assert [view.key for view in failed] == ["b"]
    served = ledger.owners(generation, state=OwnerState.SUCCEEDED)
    assert [view.key for view in served] == ["a", "c"]
    assert [view.key for view in ledger.owners(generation, key="c")] == ["c"]
    assert list(ledger.owners(generation, state=OwnerState.FAILED, key="a")) == []
    assert list(ledger.owners(generation + 1)) == []


def test_owners_of_every_source_and_instance_come_by_key_in_pages(store, desk, monkeypatch):
    monkeypatch.setattr(owners_module, "PAGE", 2)
    other = Desk(store, name="other")
    other.generations = desk.generations
    for source in ("files", "mail"):
        desk.serve("", "a", "b", "c", source=source)
        other.serve("a", "b", source=source)
    found = [(view.key, view.instance, view.source) for view in desk.ledger.owners(desk.generation)]
    assert [key for key, _, _ in found] == sorted(["", "a", "b", "c"] * 2 + ["a", "b"] * 2)
    assert len(set(found)) == 12


def test_the_state_may_be_changed_while_owners_are_gone_through(desk, monkeypatch):
    monkeypatch.setattr(owners_module, "PAGE", 1)
    desk.serve("a", "b", "c", state=OwnerState.FAILED)
    keys = []
    for view in desk.ledger.owners(desk.generation, state=OwnerState.FAILED):
        keys.append(view.key)
        desk.serve(view.key)
    assert keys == ["a", "b", "c"]


def test_when_it_was_tried_is_kept_to_the_second(desk, clock):
    desk.serve("a")
    clock.sleep(0.5)
    desk.serve("b")
    first, second = desk.ledger.owners(desk.generation)
    assert first.tried_at is not None
    assert second.tried_at is not None
    assert second.tried_at - first.tried_at in (timedelta(0), timedelta(seconds=1))
