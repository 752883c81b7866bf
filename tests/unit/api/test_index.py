"""An index shows what is published, and nothing that is gone."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ragflow import Index, pipeline
from ragflow.errors import NotFoundError, ParameterError
from ragflow.runtime.home import Home, open_home
from ragflow.runtime.known_collections import drop_collection, export_rows, list_collections
from ragflow.stores.vectors.memory import MemoryStore
from ragflow.tasks import chunk, embed, extract, files, read, upsert

TEXTS = {
    "keys.md": "# Keys\n\nTo reset a key, press the red button for ten seconds.\n",
    "desk.md": "# Desk\n\nThe desk is open from nine to five.\n",
    "loss.md": "# Loss\n\nA lost key is reported to the desk.\n",
}


@pipeline
def handbook(
    folder: str = "docs", collection: str = "handbook", size: int = 0, model: str = "hashing"
) -> None:
    """Keep the handbook searchable."""
    chunks = chunk(extract(read(files(folder))), model=model, size=size)
    upsert(chunks, embed(chunks, model=model), collection=collection)


class Kept(MemoryStore):
    """Rows that outlive the home that wrote them."""

    def close(self) -> None:
        """Keep them."""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a project whose handbook is indexed."""
    store = Kept()
    monkeypatch.setattr(Home, "vectors", property(lambda home: store))
    (tmp_path / "ragflow.toml").touch()
    (tmp_path / "docs").mkdir()
    for name, text in TEXTS.items():
        (tmp_path / "docs" / name).write_text(text)
    time.sleep(0.06)  # what changed within the grain of the clock is read again by the next run
    handbook.run(project=tmp_path)
    return tmp_path


@pytest.fixture
def index(project: Path) -> Iterator[Index]:
    """Return the open index of the handbook."""
    with Index.open("handbook", project=project) as opened:
        yield opened


def test_the_best_hit_comes_first_with_its_source(index: Index):
    hits = index.search("how do I reset a key?", k=2)
    assert hits[0].key == "keys.md"
    assert len(hits) == 2
    assert hits[0].score >= hits[1].score
    (first, _) = hits
    assert TEXTS["keys.md"][first.start : first.end] == first.text
    assert first.headings == ["Keys"]
    assert first.page is None
    assert first.payload["media_type"] == "text/markdown"
    assert len(first.id) == 32
    assert len(index) == 3
    assert repr(index) == "<index of collection 'handbook'>"


def test_hits_may_be_chosen_by_payload_and_by_score(index: Index):
    assert [h.key for h in index.search("key", where={"key": "desk.md"})] == ["desk.md"]
    scores = [hit.score for hit in index.search("reset a key", k=3)]
    assert len(index.search("reset a key", k=3, min_score=scores[1])) == 2
    assert index.search("reset a key", min_score=1.1) == []


@pytest.mark.parametrize(("query", "k"), [("", 5), (" \n", 5), ("key", 0), ("key", -1)])
def test_a_search_for_nothing_is_refused(index: Index, query: str, k: int):
    with pytest.raises(ParameterError):
        index.search(query, k=k)


def test_an_unknown_collection_comes_with_the_nearest_or_how_to_make_one(project: Path, tmp_path):
    with pytest.raises(NotFoundError, match="no collection 'handbok'") as raised:
        Index.open("handbok", project=project)
    assert raised.value.hint == "did you mean 'handbook'?"
    with pytest.raises(NotFoundError) as raised:
        Index.open("xyzzy", project=project)
    assert raised.value.hint == "collections: handbook"
    other = tmp_path / "other"
    other.mkdir()
    (other / "ragflow.toml").touch()
    with pytest.raises(NotFoundError) as raised:
        Index.open("handbook", project=other)
    assert "ragflow run" in raised.value.hint


def test_an_open_index_sees_a_refresh_and_never_what_is_gone(index: Index, project: Path):
    (project / "docs" / "keys.md").unlink()
    (project / "docs" / "new.md").write_text("The new door has a code.\n")
    handbook.run(project=project)
    keys = {hit.key for hit in index.search("reset a key door code", k=9)}
    assert keys == {"desk.md", "loss.md", "new.md"}


def test_two_instances_may_be_searched_in_one_collection(index: Index, project: Path):
    handbook.run(project=project, instance="second")
    assert len(index) == 6
    handbook.run(project=project, instance="second", folder="docs")
    assert len(index) == 6


def test_a_dropped_collection_is_gone_and_built_again_from_memos(project: Path):
    with open_home(project) as home:
        assert [each.place for each in list_collections(home)] == ["handbook"]
        before = [row.id for row in export_rows(home, "handbook")]
        assert drop_collection(home, "handbook") == 3
        assert list_collections(home) == []
        with pytest.raises(NotFoundError):
            drop_collection(home, "handbook")
    summary = handbook.run(project=project)
    assert summary.chunks["embedded"] == 0
    with open_home(project) as home:
        assert [row.id for row in export_rows(home, "handbook")] == before


class Told:
    """An observer that remembers what it was told."""

    def __init__(self) -> None:
        self.events: list[Any] = []

    def started(self, tasks: Any) -> None:
        self.events.append(("started", tuple(tasks)))

    def listed(self, counts: Any) -> None:
        self.events.append(("listed", counts["listed"], counts["added"]))

    def progressed(self, totals: Any, waiting: Any) -> None:
        self.events.append("progressed")

    def noted(self, sentence: str) -> None:
        self.events.append(("noted", sentence))

    def ended(self, summary: Any) -> None:
        self.events.append(("ended", summary["documents"]["added"]))


def test_an_observer_is_told_what_happens_in_order(project: Path):
    told = Told()
    handbook.run(project=project, collection="other", observer=told)
    events = [event for event in told.events if event != "progressed"]
    assert events == [
        ("started", ("read", "extract", "recognize", "assemble", "chunk", "embed", "upsert")),
        ("listed", 3, 3),
        ("ended", 3),
    ]


def test_a_home_may_be_closed_twice_and_closes_what_it_opened(tmp_path: Path):
    (tmp_path / "ragflow.toml").touch()
    with open_home(tmp_path) as home:
        home.metadata.instances()
        home.close()
        home.close()
    assert (tmp_path / ".ragflow").is_dir()


def test_no_store_is_opened_for_a_run_with_nothing_to_do(project: Path, monkeypatch):
    def refuse(home: Home) -> Any:
        raise AssertionError("the vector store was opened")

    monkeypatch.setattr(Home, "vectors", property(refuse))
    assert handbook.run(project=project).documents["unchanged"] == 3
