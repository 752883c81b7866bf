"""Documents that change, vanish or become something else while a run is under way.

Whatever happens between a listing and the commit, no row is made of what was never there, and the
next run, left in peace, gives what a clean build gives.
"""

import io
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from ragflow import Content, pipeline, task
from ragflow.api.results import Run
from ragflow.core.records import Listed
from ragflow.errors import SourceError
from ragflow.sources.files import Files, reading, walking
from ragflow.tasks import chunk, embed, extract, files, read, upsert
from tests.acceptance.projects import Rows, embedding_noted, new_project, rows_in_memory, rows_of

Action = Callable[[], object]

GRAIN = 0.06
#: What `watch` does with the documents it is given, by a word in them.
MEANWHILE: dict[str, Action] = {}


@task(version="1")
def watch(content: Content) -> Content:
    """Do what a test wants done while documents are on their way."""
    for word, action in list(MEANWHILE.items()):
        if word in content.text:
            action()
    return content


@pipeline
def notes(folder: str, collection: str = "notes", ocr: bool = True) -> None:
    """Keep notes searchable."""
    content = watch(extract(read(files(folder)), ocr=ocr))
    chunks = chunk(content, model="hashing")
    upsert(chunks, embed(chunks, model="hashing"), collection=collection)


@pytest.fixture(autouse=True)
def _alone() -> Iterator[None]:
    with rows_in_memory():
        yield
    MEANWHILE.clear()


class Notes:
    """A folder of three notes and a project that indexes it."""

    def __init__(self, root: Path) -> None:
        self.project = new_project(root / "project")
        self.docs = root / "docs"
        self.docs.mkdir()
        self.builds = 0
        for name in "abc":
            self.write(name, f"the first note of {name}")

    def place(self, name: str) -> Path:
        return self.docs / f"{name}.md"

    def write(self, name: str, text: str) -> None:
        self.place(name).write_text(f"{text}\n", encoding="utf-8")

    def run(self, **given: Any) -> dict[str, int]:
        """Refresh; return how many documents changed how."""
        time.sleep(GRAIN)  # what changes within the grain of the clock is read again anyway
        return changes(notes.run(project=self.project, folder=str(self.docs), **given))

    def rows(self) -> Rows:
        return rows_of(self.project, "notes")

    def texts(self) -> dict[str, str]:
        """Return what the collection says of each document."""
        return {payload["key"][0]: text for _, text, payload, _ in self.rows()}

    def clean(self) -> Rows:
        """Return the rows of a clean build of the documents as they are."""
        self.builds += 1
        project = new_project(self.project.with_name(f"clean-{self.builds}"))
        notes.run(project=project, folder=str(self.docs))
        return rows_of(project, "notes")

    def check_healed(self, **change: int) -> None:
        """Refresh in peace; check what that changed, that all is right and nothing is left."""
        assert self.run(allow_deletions=True) == change
        assert self.rows() == self.clean()
        assert self.run().keys() <= {"unchanged", "skipped"}


def changes(run: Run) -> dict[str, int]:
    return {name: count for name, count in run.documents.items() if count}


@pytest.fixture
def desk(tmp_path: Path) -> Notes:
    return Notes(tmp_path)


def after_listing(monkeypatch: pytest.MonkeyPatch, action: Action) -> None:
    """Do something once, when the next listing is complete and nothing is read yet."""
    listing = Files.list

    def list_and_act(source: Files) -> Iterator[Sequence[Listed]]:
        yield from listing(source)
        monkeypatch.setattr(Files, "list", listing)
        action()

    monkeypatch.setattr(Files, "list", list_and_act)


def in_the_middle(monkeypatch: pytest.MonkeyPatch, action: Action, *, times: int) -> None:
    """Do something when half of a document is read, so many times."""
    left = [times]
    opening = os.fdopen

    class Interrupted(io.BufferedReader):
        def read(self, size: int | None = -1) -> bytes:
            assert size is not None
            half = super().read(size // 2)
            if left[0]:
                left[0] -= 1
                action()
            return half + super().read(size - len(half))

    def open_interrupted(descriptor: int, mode: str = "r", *rest: Any, **options: Any) -> Any:
        if mode != "rb":
            return opening(descriptor, mode, *rest, **options)
        return Interrupted(io.FileIO(descriptor, mode), buffer_size=1)

    monkeypatch.setattr(reading.os, "fdopen", open_interrupted)


def test_a_document_that_changes_while_it_is_read_is_read_whole(desk, monkeypatch):
    desk.run()
    desk.write("a", "the second note of a")
    in_the_middle(monkeypatch, lambda: desk.write("a", "the third, longer note of a"), times=1)
    assert desk.run() == {"modified": 1, "unchanged": 2}
    assert desk.texts()["a"] == "the third, longer note of a"
    assert desk.rows() == desk.clean()
    # The token kept is the one of the listing, before that: so it is looked at once more.
    with embedding_noted() as noted:
        assert desk.run() == {"unchanged": 3}
    assert noted == []
    desk.check_healed(unchanged=3)


def test_a_document_that_never_rests_fails_alone_and_keeps_its_last_good_rows(desk, monkeypatch):
    desk.run()
    desk.write("a", "the second note of a")
    desk.write("b", "the second note of b")
    numbers = iter(range(1000))

    def scribble() -> None:
        desk.write("a", f"note {next(numbers)} of a")

    with monkeypatch.context() as patch:
        in_the_middle(patch, scribble, times=1000)
        assert desk.run() == {"modified": 1, "unchanged": 1, "failed": 1}
    assert desk.texts() == {
        "a": "the first note of a",
        "b": "the second note of b",
        "c": "the first note of c",
    }
    desk.check_healed(modified=1, unchanged=2)


def test_a_document_that_changes_after_it_was_read_is_served_as_it_was_read(desk):
    desk.run()
    desk.write("a", "the second note of a")
    before = desk.clean()
    MEANWHILE["second"] = lambda: desk.write("a", "the third note of a")
    assert desk.run() == {"modified": 1, "unchanged": 2}
    assert desk.rows() == before
    MEANWHILE.clear()
    desk.check_healed(modified=1, unchanged=2)
    assert desk.texts()["a"] == "the third note of a"


def test_a_document_that_is_put_back_after_it_was_read_is_served_as_it_is(desk):
    """The content is that of the last run but one, the token is no run's."""
    desk.run()
    desk.write("a", "the second note of a")
    MEANWHILE["second"] = lambda: desk.write("a", "the first note of a")
    desk.run()
    MEANWHILE.clear()
    assert desk.texts()["a"] == "the second note of a"
    desk.check_healed(modified=1, unchanged=2)
    assert desk.texts()["a"] == "the first note of a"


def test_a_document_that_changes_between_listing_and_reading_is_read_as_it_is(desk, monkeypatch):
    desk.run()
    desk.write("a", "the second note of a")
    after_listing(monkeypatch, lambda: desk.write("a", "the third note of a"))
    assert desk.run() == {"modified": 1, "unchanged": 2}
    assert desk.rows() == desk.clean()
    desk.check_healed(unchanged=3)


def test_a_stale_document_whose_content_changed_behind_its_token_is_begun_anew(desk, monkeypatch):
    desk.run()
    after_listing(monkeypatch, lambda: desk.write("a", "the second note of a"))
    assert desk.run(ocr=False) == {"modified": 1, "stale": 2}
    assert desk.texts()["a"] == "the second note of a"
    assert desk.rows() == desk.clean()
    assert desk.run(ocr=False) == {"unchanged": 3}


def become_folder(place: Path) -> None:
    place.unlink()
    place.mkdir()
    (place / "inner.md").write_text("a note within\n", encoding="utf-8")


def become_pipe(place: Path) -> None:
    place.unlink()
    os.mkfifo(place)


def become_link(place: Path) -> None:
    place.rename(place.with_suffix(".txt"))
    place.symlink_to(place.with_suffix(".txt").name)


def become_another(place: Path) -> None:
    place.rename(place.with_name("moved.md"))


#: What may become of a file, and what the next run counts besides the two others of the folder.
FATES: dict[str, tuple[Callable[[Path], object], dict[str, int]]] = {
    "gone": (Path.unlink, {"deleted": 1}),
    "moved": (become_another, {"added": 1, "deleted": 1}),
    "a folder": (become_folder, {"added": 1, "deleted": 1}),
    "a pipe": (become_pipe, {"deleted": 1}),
    "a link": (become_link, {"added": 1, "skipped": 1}),
}


@pytest.mark.parametrize("fate", FATES)
@pytest.mark.parametrize("is_known", [True, False])
def test_a_document_that_becomes_something_else_before_it_is_read(
    desk, monkeypatch, fate, is_known
):
    becoming, change = FATES[fate]
    if not is_known:
        desk.place("a").unlink()
    desk.run()
    desk.write("a", "the second note of a")
    after_listing(monkeypatch, lambda: becoming(desk.place("a")))
    assert desk.run() == {"unchanged": 2, "failed": 1}
    # What was served of it stays until it is known that it is gone.
    assert desk.texts().get("a") == ("the first note of a" if is_known else None)
    desk.check_healed(unchanged=2, **change)


def test_a_document_that_may_not_be_read_fails_until_it_may(desk, monkeypatch):
    desk.run()
    desk.write("a", "the second note of a")
    opening = os.open

    def refusing(path: Any, *rest: Any, **options: Any) -> int:
        if path == b"a.md":  # as it would be refused to any user but root
            raise PermissionError(13, "Permission denied", path)
        return opening(path, *rest, **options)

    with monkeypatch.context() as patch:
        patch.setattr(reading.os, "open", refusing)
        for change in ("failed", "failed", "held_back"):  # tried again once, then after a pause
            assert desk.run() == {"unchanged": 2, change: 1}
            assert desk.texts()["a"] == "the first note of a"
    desk.place("a").chmod(0o600)  # whoever gives permission changes the token
    desk.check_healed(modified=1, unchanged=2)


def test_a_folder_that_vanishes_while_it_is_listed_deletes_nothing(desk, monkeypatch):
    desk.run()
    before = desk.rows()
    aside = desk.docs.with_name("aside")
    looking = os.lstat

    def look_and_lose(path: Any, **options: Any) -> os.stat_result:
        found = looking(path, **options)
        if os.fsencode(path).endswith(b"a.md"):  # the first of three
            desk.docs.rename(aside)
        return found

    with monkeypatch.context() as patch:
        patch.setattr(walking.os, "lstat", look_and_lose)
        with pytest.raises(SourceError, match="not there"):
            desk.run(allow_deletions=True)
    assert desk.rows() == before
    aside.rename(desk.docs)
    desk.check_healed(unchanged=3)


def test_a_folder_that_vanishes_after_it_was_listed_fails_what_was_to_be_read(desk, monkeypatch):
    desk.run()
    before = desk.rows()
    aside = desk.docs.with_name("aside")
    desk.write("a", "the second note of a")
    after_listing(monkeypatch, lambda: desk.docs.rename(aside))
    assert desk.run() == {"unchanged": 2, "failed": 1}
    assert desk.rows() == before
    aside.rename(desk.docs)
    desk.check_healed(modified=1, unchanged=2)


def test_beside_a_writer_every_row_is_of_a_state_that_was_and_the_last_run_is_right(desk):
    texts = {name: [f"state {number} of {name}" for number in range(40)] for name in "abc"}
    over = threading.Event()

    def write_over_and_over() -> None:
        while not over.is_set():
            for number in range(40):
                for name, states in texts.items():
                    new = desk.docs.with_name("new")
                    new.write_text(states[number] + "\n", encoding="utf-8")
                    new.replace(desk.place(name))

    writer = threading.Thread(target=write_over_and_over)
    writer.start()
    try:
        for _ in range(6):
            desk.run()
            for name, text in desk.texts().items():
                assert text in texts[name] or text == f"the first note of {name}"
    finally:
        over.set()
        writer.join()
    desk.run()
    assert desk.rows() == desk.clean()
