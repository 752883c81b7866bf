from ragflow.core.records import OwnerRemoval
from ragflow.core.states import OwnerState
from tests.unit.stores.metadata.desk import SOURCE, listed


def test_what_was_put_is_had_back_until_it_is_removed(desk):
    manifests, place = desk.store.manifests, (desk.instance, SOURCE)
    assert manifests.stamp(*place) is None
    manifests.put(*place, [("", b"rules", b""), ("a.zip", b"t1", b"held"), ("b.zip", b"t1", b"b")])
    manifests.put(*place, [("a.zip", b"t2", b"more")])
    assert manifests.stamp(*place) == b"rules"
    assert manifests.get(*place, "a.zip") == (b"t2", b"more")
    assert manifests.get(desk.instance, "another", "a.zip") is None
    manifests.remove(*place, ["a.zip"])
    assert manifests.get(*place, "a.zip") is None
    manifests.clear(*place)
    assert manifests.stamp(*place) is manifests.get(*place, "b.zip") is None


def test_a_manifest_goes_with_its_owner(desk):
    manifests, place = desk.store.manifests, (desk.instance, SOURCE)
    desk.serve("a.zip", "b.zip")
    manifests.put(*place, [("a.zip", b"t1", b"held"), ("b.zip", b"t1", b"held")])
    desk.remove(OwnerRemoval(owner=desk.number("a.zip"), source=SOURCE, key="a.zip"))
    assert manifests.get(*place, "a.zip") is None
    assert manifests.get(*place, "b.zip") is not None


def test_what_is_inside_of_what_cannot_be_read_is_listed_as_it_stands(desk):
    desk.serve("a!/ok", "a!/in!/deep", "a", "ab!/x")
    desk.commit(
        desk.served("a!/left", text=None, state=OwnerState.SKIPPED, reason="encrypted"),
        desk.served("a!/bad", text=None, state=OwnerState.HELD_BACK, reason="damaged"),
    )
    listing = desk.ledger.listing(desk.instance, SOURCE, desk.ends())
    try:
        listing.add([listed("a", b"t2")])
        listing.keep("a")
        counts = dict(listing.counts())
        assert [change.key for change in listing.changes()] == ["a"]
        assert [removal.key for removal in listing.deleted()] == ["ab!/x"]
    finally:
        listing.close()
    assert (counts["unchanged"], counts["skipped"], counts["held_back"]) == (4, 1, 1)
