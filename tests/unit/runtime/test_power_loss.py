"""Power loss between store and state, and backups of one of them: healed, or found and mended."""

from typing import Any

import pytest

from ragflow.errors import RunError
from ragflow.scheduling.shell import Shell
from ragflow.targets.collection import CollectionTarget
from tests.unit.runtime.damaged import NAME, STATE, STORE
from tests.unit.runtime.injuries import deleted_owner, found, older_version


class PowerLoss(BaseException):
    """The end of the machine, as far as a test can play it."""


@pytest.fixture
def cut_off(world, monkeypatch):
    """A run ended after its rows were written, and before the ledger knew of them."""
    whole = world.rows()
    world.write("keys.txt", "Keys are given out by nobody any more.\n")
    world.write("new.txt", "A document that was not there before.\n")
    apply = CollectionTarget.apply

    def applied(self: Any, generation: Any, upserts: Any, deletes: Any) -> None:
        apply(self, generation, upserts, deletes)
        raise PowerLoss

    with monkeypatch.context() as patch:
        patch.setattr(CollectionTarget, "apply", applied)
        patch.setattr(Shell, "_abandon", lambda self: None)
        with pytest.raises(PowerLoss):
            world.run()
    assert world.rows() != whole
    world.embedded.clear()


def test_rows_written_and_not_committed_are_found_and_healed_by_the_next_run(world, cut_off):
    report = world.verify()
    assert not report["clean"]
    assert report["unfinished"] == 1
    world.run()
    assert world.verify()["clean"]
    assert world.embedded == {}


def test_rows_written_and_not_committed_are_mended_by_a_repair_too(world, cut_off):
    written = world.rows()
    mended = world.repair()
    assert mended["clean"]
    assert world.rows() == written
    assert world.embedded == {}
    assert world.run()["documents"]["unchanged"] == len(list(world.docs.iterdir()))


def test_a_store_wiped_behind_its_back_is_found_and_mended(world):
    whole = world.rows()
    with world.raw() as raw:
        raw.delete(*[row.id for row in whole])
    assert world.run()["chunks"]["upserted"] == 0  # nothing tells a run that does not look
    assert world.verify()["damage"]["missing"] == len(whole)
    assert world.repair()["clean"]
    assert world.rows() == whole
    assert world.embedded == {}


def test_a_run_with_a_few_rows_to_write_does_not_hide_that_the_collection_is_gone(world):
    whole = world.rows()
    with world.home() as home:
        generation = home.metadata.generations.published("collection", NAME)
        home.vectors.drop(generation.physical)
    world.write("new.txt", "A document that was not there before.\n")
    with pytest.raises(RunError, match="is gone from its store") as refused:
        world.run()
    assert "ragflow repair" in refused.value.hint
    world.embedded.clear()
    assert world.repair()["clean"]
    assert world.rows() == whole
    assert world.embedded == {}
    assert world.run()["documents"]["added"] == 1


def test_a_store_that_came_back_from_an_older_backup_is_found_and_mended(world):
    kept = world.keep()
    world.write("keys.txt", "Keys are given out by nobody any more.\n")
    world.write("new.txt", "A document that the backup does not know.\n")
    (world.docs / "post.txt").unlink()
    world.run()
    whole = world.rows()
    world.embedded.clear()
    world.bring_back(kept, *STORE)
    kinds = {kind: len(ids) for kind, ids in found(world.verify()).items()}
    assert kinds == {"missing": 2, "older_version": 1, "deleted_owner": 1}
    assert world.repair()["clean"]
    assert world.rows() == whole
    assert world.embedded == {}


def test_a_state_that_came_back_from_an_older_backup_is_found_and_mended(world):
    kept = world.keep()
    world.write("keys.txt", "Keys are given out by nobody any more.\n")
    world.write("new.txt", "A document that the backup does not know.\n")
    (world.docs / "post.txt").unlink()
    world.run()
    whole = world.rows()
    world.embedded.clear()
    world.bring_back(kept, *STATE)
    kinds = {kind: len(ids) for kind, ids in found(world.verify()).items()}
    # Of keys.txt and post.txt the ledger knows rows that are gone; of new.txt nothing.
    assert kinds == {"missing": 2, "older_version": 1, "unrecorded": 1}
    world.repair()
    world.run()
    assert world.repair()["clean"]
    assert world.rows() == whole


def test_a_state_that_is_lost_is_made_again_by_a_run_and_nothing_stale_remains(world):
    whole = world.rows()
    with world.raw() as raw:
        older_version(world, raw)
        deleted_owner(world, raw)
    world.bring_back(world.folder / "nothing", *STATE)
    world.run()
    assert sorted(found(world.verify())) == ["deleted_owner", "older_version"]
    assert world.repair()["clean"]
    assert world.rows() == whole
