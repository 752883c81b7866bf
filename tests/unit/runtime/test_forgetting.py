"""What is forgotten is gone, wherever it was, and nothing else is."""

import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from ragflow import Content, pipeline, task
from ragflow.api.pipeline import Pipeline
from ragflow.config import Project, ProjectConfig, RunConfig
from ragflow.errors import BusyError, NotFoundError
from ragflow.runtime.forgetting import forget
from ragflow.runtime.home import Home
from ragflow.runtime.run import run
from ragflow.stores.metadata.forgetting import SqliteForgetting
from ragflow.stores.metadata.ledger import SqliteLedger
from ragflow.tasks import chunk, embed, extract, files, read, upsert
from tests.unit.parsing.containers.made import zipped

SECRET = "Zyxomma petiolatum"
OTHER = "The desk is open from nine to five."
CALLS: list[str] = []


@task(version="1")
def look(content: Content) -> Content:
    CALLS.append(content.text)
    if "broken" in content.text:
        raise ValueError(f"cannot bear {content.text}")
    return content


@task(version="1")
def tell(content: Content) -> Content:
    import sys

    sys.stdout.write(f"{content.text}\n")
    return content


@pipeline
def handbook(collection: str = "handbook", size: int = 64):
    chunks = chunk(tell(look(extract(read(files("docs"))))), model="hashing", size=size)
    upsert(chunks, embed(chunks, model="hashing"), collection=collection)


@pipeline
def library():
    chunks = chunk(extract(read(files("docs"))), model="hashing", size=64)
    upsert(chunks, embed(chunks, model="hashing"), collection="library")


class World:
    """A folder of documents, and a home in a real store."""

    def __init__(self, folder: Path) -> None:
        self.project = Project(folder, folder / ".ragflow", ProjectConfig(run=RunConfig(workers=1)))
        self.docs = folder / "docs"
        self.docs.mkdir()

    def write(self, **texts: str) -> None:
        for name, text in texts.items():
            (self.docs / f"{name}.txt").write_text(text, "utf-8")

    def refresh(self, collection: str = "handbook", *, of: Pipeline = handbook) -> dict[str, Any]:
        home = Home(self.project)
        try:
            values = {"collection": collection} if of is handbook else {}
            request = of.request(values, project=self.project, allow_deletions=True)
            return run(home, request)
        finally:
            home.close()

    def forget(self, key: str, **words: Any) -> Any:
        home = Home(self.project)
        try:
            return forget(home, key, actor="me", **words)
        finally:
            home.close()

    def trimmed(self) -> bool:
        """Prune; tell whether something is not said to have been somebody's any more."""
        before = self.ask("SELECT source, key, calls FROM former")
        home = Home(self.project)
        try:
            home.metadata.retention.prune(timedelta(days=30))
        finally:
            home.close()
        return before != self.ask("SELECT source, key, calls FROM former")

    def rows(self, collection: str = "handbook") -> dict[str, str]:
        home = Home(self.project)
        try:
            generation = home.metadata.generations.published("collection", collection)
            assert generation is not None
            return {row.id: row.text for row in home.vectors.rows(generation.physical)}
        finally:
            home.close()

    def ask(self, question: str, *values: Any) -> list[Any]:
        with closing(sqlite3.connect(self.project.home / "ragflow.db")) as database:
            return database.execute(question, values).fetchall()

    def values(self) -> list[bytes]:
        """Return what memos are kept as, large values too."""
        kept = [value for (value,) in self.ask("SELECT value FROM memo_value")]
        return kept + [path.read_bytes() for path in self.files() if "artifacts" in path.parts]

    def files(self) -> Iterator[Path]:
        return (path for path in self.project.home.rglob("*") if path.is_file())

    def holding(self, *needles: bytes) -> set[str]:
        """Return the files that have one of these in them."""
        return {
            str(path.relative_to(self.project.home))
            for path in self.files()
            for data in [path.read_bytes()]
            if any(needle in data for needle in needles)
        }


@pytest.fixture
def world(tmp_path: Path) -> World:
    CALLS.clear()
    return World(tmp_path)


def secret(number: int = 0) -> str:
    return f"{SECRET} is what nobody may know, and the {number}th word of it. " * 6


def test_no_byte_of_a_document_is_left(world: World):
    world.write(other=OTHER)
    world.refresh()
    plain = world.values()
    world.write(secret=secret())
    world.refresh()
    world.write(secret=secret(1) + "\n\n" + "More. " * 300)
    world.refresh()
    large = f"{SECRET} {random.Random(1).randbytes(80_000).hex()}"
    world.write(secret=large)
    world.refresh()
    world.write(secret=f"{secret(2)} broken")
    assert world.refresh()["documents"]["failed"] == 1
    kept = [value for value in world.values() if value not in plain]
    # What is kept packed is looked for as it was.
    needles = [SECRET.encode(), *(value[-24:] for value in kept if len(value) >= 24)]
    before = world.holding(*needles)
    assert "ragflow.db" in before
    assert "chroma/chroma.sqlite3" in before
    done = world.forget("secret.txt")
    assert (done.owners, done.dead_letters, done.unscrubbed) == (1, 1, [])
    assert min(done.rows, done.memos.number, done.logs, done.attempts, done.reasons) > 0
    assert done.artifacts.number > 0
    assert world.holding(*needles) == set()
    # Chroma may write what its memory held before to the end of an index file that it opens.
    assert world.holding(b"secret.txt") == set()
    assert list(world.rows().values()) == [OTHER]
    # The audit still has what was done, and to one and the same thing.
    told = world.ask("SELECT action, object FROM event WHERE length(object) = 40")
    assert len({name for _, name in told}) == 1
    assert [action for action, _ in told] == [
        "attempt.failed",
        "dead_letter.created",
        "document.forgotten",
    ]
    with pytest.raises(sqlite3.IntegrityError, match="never changed"):
        world.ask("UPDATE event SET object = 'x'")
    with pytest.raises(sqlite3.IntegrityError, match="never changed"):
        world.ask("DELETE FROM event")


def test_what_was_deleted_before_is_forgotten_too(world: World):
    world.write(other=OTHER, secret=secret())
    world.refresh()
    (world.docs / "secret.txt").unlink()
    world.refresh()
    count = len(world.values())
    done = world.forget("secret.txt")
    assert (done.owners, done.rows) == (0, 0)
    assert done.memos.number == count - len(world.values()) > 0
    assert world.holding(SECRET.encode(), b"secret.txt") == set()
    with pytest.raises(NotFoundError, match=r"there is no document 'secret.txt'"):
        world.forget("secret.txt")


def test_what_another_document_needs_stays_and_can_be_read(world: World):
    text = secret() + "\n\n" + OTHER * 20
    world.write(one=text, two=text)
    world.refresh()
    before = world.rows()
    done = world.forget("one.txt")
    assert (done.memos.number, done.rows) == (0, len(before) // 2)
    assert done.shared > 3
    CALLS.clear()
    world.refresh("another")
    assert len(CALLS) == 0  # of the one that its source still lists
    assert sorted(world.rows("another").values()) == sorted(before.values())


def test_a_memo_that_stays_needs_none_that_goes(world: World):
    # Of the same text, though the bytes differ: what is cut of it is remembered beside the first.
    text = OTHER * 40
    world.write(one=text)
    world.refresh()
    world.write(
        two=f"{text}\r\n".replace("five.", "five.\r\n"),
        three=f"{text}\n".replace("five.", "five.\n"),
    )
    world.refresh()
    (deltas,) = world.ask("SELECT count(*) FROM memo WHERE encoding = 4")[0]
    assert deltas
    before = world.rows()
    for key in ("one.txt", "two.txt"):
        world.forget(key)
    (world.docs / "one.txt").unlink()
    (world.docs / "two.txt").unlink()
    CALLS.clear()
    summary = world.refresh("another")
    assert CALLS == []
    ran = {name: total["ran"] for name, total in summary["tasks"].items()}
    assert [ran[name] for name in ("extract", "look", "tell", "chunk", "embed")] == [0] * 5
    assert set(world.rows("another").values()) <= set(before.values())


def test_a_memo_that_was_its_own_once_and_is_another_s_now_can_be_read(world: World):
    text = f"{OTHER} " * 40
    world.write(one=text.replace("five.", "five.\r\n"))
    world.refresh()
    world.write(one="Something else.", two=text.replace("five.", "five.\n"))
    world.refresh()
    # Nobody knows any more that the first document had what is the second's now.
    assert world.trimmed()
    world.forget("one.txt")
    CALLS.clear()
    (world.docs / "one.txt").unlink()
    summary = world.refresh("another")
    assert CALLS == []
    ran = {name: total["ran"] for name, total in summary["tasks"].items()}
    assert [ran[name] for name in ("extract", "look", "tell", "chunk", "embed")] == [0] * 5


def test_while_its_source_lists_it_the_next_run_adds_it_again(world: World):
    world.write(secret=secret())
    world.refresh()
    before = world.rows()
    world.forget("secret.txt")
    assert world.rows() == {}
    CALLS.clear()
    assert world.refresh()["documents"]["added"] == 1
    assert len(CALLS) == 1
    assert world.rows() == before


def test_only_the_instance_that_is_named_forgets(world: World):
    world.write(secret=secret())
    world.refresh()
    world.refresh("another")
    with pytest.raises(NotFoundError, match="there is no instance 'handbok'"):
        world.forget("secret.txt", instance="handbok")
    done = world.forget("secret.txt")
    assert done.owners == 2
    # Looked at first: an index that is opened is saved with what lies in memory behind it.
    assert world.holding(SECRET.encode()) == set()
    assert (world.rows(), world.rows("another")) == ({}, {})


def test_what_only_another_instance_knows_is_none_of_it(world: World):
    world.write(old=OTHER)
    (world.docs / "a.zip").write_bytes(zipped({"x.txt": secret().encode()}))
    world.refresh()
    world.refresh(of=library)
    (world.docs / "old.txt").rename(world.docs / "new.txt")
    (world.docs / "a.zip").write_bytes(
        zipped({"x.txt": secret().encode(), "y.txt": secret(1).encode()})
    )
    world.refresh(of=library)
    assert world.forget("a.zip", instance="handbook").owners == 2
    told = world.ask("SELECT object FROM event WHERE action = 'document.forgotten'")
    assert len(told) == 2
    # Nor what it says of a document that moved.
    moved = "SELECT count(*) FROM reason WHERE came_from = 'old.txt'"
    assert world.ask(moved) == [(1,)]
    world.forget("old.txt", instance="handbook")
    assert world.ask(moved) == [(1,)]
    world.forget("old.txt")
    assert world.ask(moved) == [(0,)]


def test_while_a_run_goes_on_nothing_is_forgotten(world: World):
    world.write(secret=secret())
    world.refresh()
    home = Home(world.project)
    (instance,) = home.metadata.instances()
    with home.metadata.hold(instance, owner="a run", wait=False), pytest.raises(BusyError):
        world.forget("secret.txt")
    home.close()
    assert len(world.rows()) == 2


@pytest.mark.parametrize(
    ("owner", "name"),
    [
        (SqliteForgetting, "forget_memos"),
        (SqliteForgetting, "forget_history"),
        (SqliteLedger, "intend"),
        (SqliteLedger, "commit"),
        (SqliteForgetting, "forget_key"),
        (SqliteForgetting, "scrub"),
    ],
)
@pytest.mark.parametrize("when", ["before", "after"])
def test_cut_off_anywhere_the_same_command_finishes_it(
    world: World, monkeypatch, owner, name, when
):
    world.write(other=OTHER, secret=secret())
    world.refresh()
    world.write(secret=secret(1))
    world.refresh()
    real = getattr(owner, name)

    def cut_off(*arguments: Any, **words: Any) -> Any:
        if when == "after":
            real(*arguments, **words)
        raise RuntimeError("cut off")

    with monkeypatch.context() as patch:
        patch.setattr(owner, name, cut_off)
        with pytest.raises(RuntimeError, match="cut off"):
            world.forget("secret.txt")
    try:
        world.forget("secret.txt")
    except NotFoundError:
        assert (name, when) in (("forget_key", "after"), ("scrub", "before"), ("scrub", "after"))
    assert list(world.rows().values()) == [OTHER]
    assert world.ask("SELECT count(*) FROM seen") == [(1,)]
    assert len(world.ask("SELECT 1 FROM memo")) == 5
    (world.docs / "secret.txt").unlink()
    assert world.refresh()["documents"]["unchanged"] == 1
