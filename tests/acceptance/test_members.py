"""Attachments and what archives hold are documents: committed, failing and going by themselves."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ragflow import Index, why
from ragflow.parsing.containers import limits
from ragflow.runtime.forgetting import forget
from ragflow.runtime.home import open_home
from ragflow.sources.files import reading
from tests.acceptance.projects import embedding_noted, imports_undone, rows_in_memory
from tests.acceptance.shelves import HOURS, KEYS, LOSS, OTHER, Shelf, changes, first_shelf
from tests.unit.parsing.containers.made import encrypted, injured, mailed, stored, tarred, zipped


@pytest.fixture(autouse=True)
def _here() -> Iterator[None]:
    with imports_undone(), rows_in_memory():
        yield


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return first_shelf(tmp_path.resolve() / "project")


@pytest.fixture
def embedded() -> Iterator[list[tuple[int, str]]]:
    with embedding_noted() as noted:
        yield noted


ALL = {
    "bundle.zip!/inner.tar.gz!/y.txt": 1,
    "bundle.zip!/notes/x.md": 1,
    "mail.eml": 1,
    "mail.eml!/a.txt": 1,
}


def test_what_is_held_is_indexed_and_cited_as_any_document(shelf):
    plan = shelf.plan()
    run = shelf.run()
    assert changes(run) == {"added": 6}
    assert plan["documents"] == run.documents
    assert shelf.served() == ALL
    assert {state for state, _ in shelf.standing().values()} == {"succeeded"}
    payloads = {payload["key"]: payload for _, _, payload, _ in shelf.rows()}
    assert payloads["mail.eml!/a.txt"]["parent"] == "mail.eml"
    inner = payloads["bundle.zip!/inner.tar.gz!/y.txt"]
    assert (inner["parent"], inner["media_type"]) == ("bundle.zip!/inner.tar.gz", "text/plain")
    assert shelf.rows() == shelf.clean()


def test_a_refresh_with_nothing_to_do_opens_no_file(shelf, monkeypatch):
    shelf.run()
    opened: list[bytes] = []
    opening = reading._open

    def noting(root: bytes, path: bytes, symlinks: Any) -> int:
        opened.append(path)
        return opening(root, path, symlinks)

    monkeypatch.setattr(reading, "_open", noting)
    assert changes(shelf.run()) == {"unchanged": 6}
    assert shelf.plan()["documents"]["unchanged"] == 6
    assert opened == []
    shelf.put(mail__eml=mailed("Another.", {"a.txt": LOSS}))
    assert changes(shelf.run()) == {"modified": 1, "unchanged": 5}
    assert set(opened) == {b"mail.eml"}


def test_what_is_added_edited_and_taken_out_is_done_alone(shelf, embedded):
    shelf.run()
    embedded.clear()
    inner = tarred({"y.txt": HOURS, "z.txt": OTHER})
    shelf.put(bundle__zip=zipped({"notes/x.md": LOSS + KEYS, "inner.tar.gz": inner}))
    assert changes(shelf.run()) == {"added": 1, "modified": 3, "unchanged": 3}
    # The other two texts were known from elsewhere.
    assert [text for _, text in embedded] == [OTHER.decode().strip()]
    assert shelf.rows() == shelf.clean()
    shelf.put(bundle__zip=zipped({"inner.tar.gz": inner}))
    embedded.clear()
    assert changes(shelf.run()) == {"modified": 1, "deleted": 1, "unchanged": 5}
    assert embedded == []
    assert shelf.rows() == shelf.clean()


def test_a_renamed_archive_and_what_goes_into_one_embed_nothing(shelf, embedded):
    shelf.put(plain__md=OTHER)
    shelf.run()
    embedded.clear()
    (shelf.docs / "bundle.zip").rename(shelf.docs / "renamed.doc")
    plan, run = shelf.plan(), shelf.run()
    assert changes(run) == {"moved": 4, "unchanged": 3}
    assert plan["documents"] == run.documents
    assert run.tasks["extract"]["ran"] == 0
    (shelf.docs / "plain.md").unlink()
    shelf.put(more__zip=zipped({"plain.md": OTHER}))
    assert changes(shelf.run()) == {"added": 1, "moved": 1, "unchanged": 6}
    assert embedded == []
    assert shelf.rows() == shelf.clean()


@pytest.mark.parametrize("damage", ["cut", "nothing", "noise", "gone in between"])
def test_what_cannot_be_read_once_keeps_all_it_held(shelf, monkeypatch, damage):
    shelf.run()
    before = shelf.rows()
    place = shelf.docs / "bundle.zip"
    whole = place.read_bytes()
    if damage == "gone in between":
        opening = reading._open

        def refusing(root: bytes, path: bytes, symlinks: Any) -> int:
            if path == b"bundle.zip":
                raise PermissionError(13, "Permission denied")
            return opening(root, path, symlinks)

        place.write_bytes(zipped({"other.md": OTHER}))
        with monkeypatch.context() as patch:
            patch.setattr(reading, "_open", refusing)
            plan, run, again = shelf.plan(), shelf.run(), shelf.run()
    else:
        place.write_bytes({"cut": whole[:-30], "nothing": b"", "noise": b"\0\1\2" * 99}[damage])
        plan, run, again = shelf.plan(), shelf.run(), shelf.run()
    assert plan["documents"] == run.documents
    bad = "failed" if damage in ("cut", "gone in between") else "skipped"
    assert changes(run) == {bad: 1, "unchanged": 5}
    assert shelf.rows() == before
    standing = {key: state for key, (state, _) in shelf.standing().items() if "!/" in key}
    assert set(standing.values()) == {"succeeded"}
    assert len(standing) == 4
    assert again.documents["deleted"] == again.documents["modified"] == 0
    # What was meant comes when it is readable again.
    place.write_bytes(zipped({"notes/x.md": KEYS, "other.md": OTHER}))
    shelf.run()
    assert set(shelf.served()) == {"bundle.zip!/notes/x.md", "bundle.zip!/other.md", "mail.eml"} | {
        "mail.eml!/a.txt"
    }
    assert shelf.rows() == shelf.clean()


@pytest.mark.parametrize("share", [0.02, 0.45, 0.9])
def test_a_mail_that_is_cut_off_keeps_what_it_held(shelf, share):
    many = mailed("Text.", {f"{n}.txt": HOURS + bytes([65 + n]) for n in range(4)})
    shelf.put(many__eml=many)
    shelf.run()
    before = [row for row in shelf.rows() if row[2]["key"].startswith("many.eml!/")]
    assert {row[2]["key"] for row in before} == {f"many.eml!/{n}.txt" for n in range(4)}
    shelf.put(many__eml=many[: int(len(many) * share)])
    assert shelf.run().documents["deleted"] == 0
    after = [row for row in shelf.rows() if row[2]["key"].startswith("many.eml!/")]
    assert after == before
    shelf.put(many__eml=many)
    assert shelf.run().documents["deleted"] == 0
    assert shelf.rows() == shelf.clean()


def test_an_archive_in_an_archive_that_is_damaged_keeps_what_it_held(shelf):
    shelf.run()
    broken = tarred({"y.txt": HOURS})[:-12]
    shelf.put(bundle__zip=zipped({"notes/x.md": OTHER, "inner.tar.gz": broken}))
    assert changes(shelf.run()) == {"failed": 1, "modified": 2, "unchanged": 3}
    assert shelf.served() == ALL
    assert shelf.standing()["bundle.zip!/inner.tar.gz"] == ("held_back", "damaged")
    assert changes(shelf.run()) == {"held_back": 1, "unchanged": 5}


def test_what_holds_it_goes_with_all_it_held(shelf):
    shelf.run()
    (shelf.docs / "bundle.zip").unlink()
    assert changes(shelf.run()) == {"deleted": 4, "unchanged": 2}
    assert set(shelf.served()) == {"mail.eml", "mail.eml!/a.txt"}
    shelf.put(mail__eml=b"no mail any more, but a text")
    assert changes(shelf.run()) == {"modified": 1, "deleted": 1}
    assert shelf.rows() == shelf.clean()


def test_unpacking_is_turned_off_and_on(shelf):
    assert changes(shelf.run(unpack=False)) == {"added": 2}
    assert set(shelf.served()) == {"mail.eml"}
    # As in a home of before there was such a thing: nobody knows what an archive is.
    assert changes(shelf.run()) == {"added": 4, "unchanged": 2}
    assert shelf.served() == ALL
    assert changes(shelf.run(unpack=False)) == {"deleted": 4, "unchanged": 2}
    assert changes(shelf.run(unpack=False)) == {"unchanged": 2}
    assert set(shelf.served()) == {"mail.eml"}


def test_what_cannot_be_read_inside_fails_or_is_left_out_alone(shelf):
    shelf.put(
        locked__zip=encrypted(zipped({"a.txt": b"secret", "b.md": OTHER})),
        hurt__zip=injured(stored({"a.txt": b"words that are hurt", "b.md": OTHER}), b"are hurt"),
    )
    shelf.run()
    standing = shelf.standing()
    assert standing["locked.zip!/a.txt"] == ("skipped", "encrypted")
    assert standing["hurt.zip!/a.txt"] == ("held_back", "damaged")
    assert [standing[key] for key in ("locked.zip!/b.md", "hurt.zip!/b.md", "hurt.zip")] == [
        ("succeeded", None)
    ] * 3
    assert changes(shelf.run()) == {"held_back": 1, "skipped": 1, "unchanged": 10}
    shelf.put(hurt__zip=stored({"a.txt": b"words that are whole", "b.md": OTHER}))
    shelf.run()
    assert shelf.standing()["hurt.zip!/a.txt"] == ("succeeded", None)


def test_what_is_beyond_a_limit_is_said_and_the_rest_is_there(shelf, monkeypatch):
    monkeypatch.setattr(limits, "MOST_MEMBERS", 3)
    shelf.put(many__zip=zipped({f"{n}.txt": b"Number %d says little." % n for n in range(5)}))
    shelf.run()
    assert shelf.standing()["many.zip"] == ("skipped", "too_many")
    assert {key for key in shelf.served() if key.startswith("many")} == {
        "many.zip!/0.txt",
        "many.zip!/1.txt",
        "many.zip!/2.txt",
    }
    assert changes(shelf.run()) == {"skipped": 1, "unchanged": 9}


def test_names_that_a_folder_would_not_list_are_not_listed(shelf):
    junk = {"__MACOSX/x": KEYS, ".git/config": KEYS, "a/.DS_Store": b"", "a/b.md": OTHER}
    shelf.put(mac__zip=zipped(junk))
    shelf.run()
    assert [key for key in shelf.standing() if key.startswith("mac.zip!/")] == ["mac.zip!/a/b.md"]


def test_attachments_are_listed_whatever_they_are_called(shelf):
    inner = zipped({"x.md": OTHER})
    sent = {
        "../../up.zip": inner,
        "/etc/a.txt": HOURS,
        ".b.txt": KEYS,
        "./.c.zip": inner,
        "..": b"",
    }
    shelf.put(sent__eml=mailed("Text.", sent))
    shelf.run()
    assert [key[10:] for key in shelf.standing() if key.startswith("sent.eml!/")] == [
        "b.txt",
        "c.zip",
        "c.zip!/x.md",
        "etc_a.txt",
        "unnamed",
        "up.zip",
        "up.zip!/x.md",
    ]


def test_a_fast_plan_opens_no_archive_and_counts_what_it_holds_as_it_stands(shelf, monkeypatch):
    shelf.run()
    shelf.put(bundle__zip=zipped({"other.md": OTHER}))
    monkeypatch.setattr(reading, "_open", lambda *_: pytest.fail("it was opened"))
    documents = shelf.plan(fast=True)["documents"]
    assert {name: n for name, n in documents.items() if n} == {"modified": 1, "unchanged": 5}


def test_why_says_what_is_and_what_comes(shelf):
    shelf.run()
    (known,) = why("bundle.zip!/inner.tar.gz!/y.txt", project=shelf.root)
    assert known.next.sentence == "nothing to do"
    shelf.put(bundle__zip=zipped({"notes/x.md": OTHER}))
    (known,) = why("bundle.zip!/inner.tar.gz!/y.txt", project=shelf.root)
    assert not known.next.is_listed
    (known,) = why("bundle.zip!/notes/x.md", project=shelf.root)
    assert known.next.cause == "modified"


def test_what_is_forgotten_with_its_archive_comes_back_with_it(shelf):
    shelf.run()
    with open_home(shelf.root) as home:
        forget(home, "bundle.zip!/notes/x.md", actor="test")
    assert "bundle.zip!/notes/x.md" not in shelf.served()
    assert changes(shelf.run()) == {"added": 1, "unchanged": 5}
    assert shelf.served() == ALL


def test_who_forgets_an_archive_forgets_what_it_holds(shelf):
    shelf.run()
    with open_home(shelf.root) as home:
        done = forget(home, "bundle.zip", actor="test")
        assert (done.owners, done.rows) == (4, 2)
        assert home.metadata.forgetting.inside("bundle.zip") == []
    assert set(shelf.served()) == {"mail.eml", "mail.eml!/a.txt"}
    assert not any(b"notes/x.md" in each.read_bytes() for each in shelf.root.rglob("ragflow.db*"))
    assert changes(shelf.run()) == {"added": 4, "unchanged": 2}
    assert shelf.served() == ALL


def test_workers_in_other_processes_open_archives_themselves(tmp_path):
    shelf = Shelf(tmp_path.resolve() / "project", executor="processes")
    shelf.put(bundle__zip=zipped({"x.md": KEYS, "in.zip": zipped({"y.txt": HOURS})}))
    assert changes(shelf.run()) == {"added": 4}
    assert set(shelf.served()) == {"bundle.zip!/x.md", "bundle.zip!/in.zip!/y.txt"}


def test_a_search_cites_the_document_in_its_archive(shelf):
    shelf.run()
    with Index.open("shelf", project=shelf.root) as index:
        assert index.search("lost key desk writes", k=1)[0].key == "mail.eml!/a.txt"
