"""A small tree of real files, edited in every way; each refresh equals a clean build."""

import os
import shutil
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ragflow import pipeline
from ragflow.api.results import Run
from ragflow.config import find_project
from ragflow.runtime.home import Home
from ragflow.runtime.known_collections import export_rows
from ragflow.stores.vectors.memory import MemoryStore
from ragflow.tasks import chunk, embed, extract, files, read, upsert

GRAIN = 0.06
LISTED = ("added", "modified", "stale", "moved", "unchanged", "failed", "skipped", "held_back")
NAMES = ["a.md", "b.txt", "notes/c.md", "notes/deep/d.md", "e.html", "ünï code.md"]
PARAGRAPHS = [
    "# Keys\n\nTo reset a key, press the red button for ten seconds.\n",
    "## Loss\n\nA lost key is reported to the desk, and the desk writes it down.\n",
    "The desk is open from nine to five.\n",
    "".join(f"Sentence number {number} says little. " for number in range(60)) + "\n",
    "\x00\x01\x02 no text at all \xff",
    "",
]


@pipeline
def handbook(
    folder: str = "docs", collection: str = "handbook", size: int = 64, model: str = "hashing"
) -> None:
    """Keep the handbook searchable."""
    content = extract(read(files(folder)))
    chunks = chunk(content, model=model, size=size)
    upsert(chunks, embed(chunks, model=model), collection=collection)


class Kept(MemoryStore):
    """Rows that outlive the home that wrote them."""

    def close(self) -> None:
        """Keep them."""


STORES: dict[Path, Kept] = {}


@pytest.fixture
def in_memory(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let every home keep its rows in memory."""

    def vectors(home: Home) -> Kept:
        return STORES.setdefault(home.folder, Kept(clock=home.clock))

    monkeypatch.setattr(Home, "vectors", property(vectors))
    yield
    STORES.clear()


class Project:
    """A project with a folder of documents."""

    def __init__(self, root: Path, docs: Path | None = None) -> None:
        self.root, self.docs = root, docs or root / "docs"
        self.parameters: dict[str, Any] = {}
        root.mkdir(parents=True, exist_ok=True)
        self.docs.mkdir(exist_ok=True)
        (root / "ragflow.toml").touch()

    def run(self, **given: Any) -> Run:
        # What was changed within the grain of the clock is read again by the next run.
        time.sleep(GRAIN)
        return handbook.run(project=self.root, folder=str(self.docs), **given)

    def plan(self, **given: Any) -> Mapping[str, Any]:
        return handbook.plan(project=self.root, folder=str(self.docs), **given).summary

    def rows(self) -> list[tuple[str, str, Any, bytes]]:
        """Return ids, texts, payloads and vectors as the store holds them."""
        home = Home(find_project(self.root))
        try:
            return [
                (row.id, row.text, row.payload, row.vectors[""].half)
                for row in export_rows(home, "handbook", vectors=True)
            ]
        finally:
            home.close()

    def clean(self) -> list[tuple[str, str, Any, bytes]]:
        """Return the rows of a clean build of the same documents."""
        with TemporaryDirectory(dir=self.root.parent) as folder:
            other = Project(Path(folder) / "clean", self.docs)
            other.run(**self.parameters)
            return other.rows()


names = st.sampled_from(NAMES)
bodies = st.lists(st.sampled_from(PARAGRAPHS), min_size=1, max_size=4).map("\n".join)
edits = st.one_of(
    st.tuples(st.just("write"), names, bodies),
    st.tuples(st.just("write in place"), names, bodies),
    st.tuples(st.just("delete"), names),
    st.tuples(st.just("rename"), names, names),
    st.tuples(st.just("copy"), names, names),
    st.tuples(st.just("swap"), names, names),
    st.tuples(st.just("revert"), names),
    st.tuples(st.just("touch"), names),
    st.tuples(st.just("size"), st.sampled_from([32, 64])),
)


class Editor:
    """Edits files, and remembers what each was before."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._before: dict[str, str] = {}

    def perform(self, edit: tuple[Any, ...]) -> None:
        kind, *rest = edit
        if kind == "size":
            self._project.parameters = {"size": rest[0]}
            return
        places = [self._project.docs / name for name in rest if name in NAMES]
        there = [place.is_file() for place in places]
        match kind:
            case "write":
                self._write(places[0], rest[1])
            case "write in place" if there[0]:
                with places[0].open("r+", encoding="utf-8") as file:
                    file.truncate()
                    file.write(rest[1])
            case "delete" if there[0]:
                places[0].unlink()
            case "rename" if there[0]:
                places[1].parent.mkdir(parents=True, exist_ok=True)
                places[0].replace(places[1])
            case "copy" if there[0] and rest[0] != rest[1]:
                places[1].parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(places[0], places[1])
            case "swap" if all(there) and rest[0] != rest[1]:
                aside = self._project.root / "aside"
                places[0].replace(aside)
                places[1].replace(places[0])
                aside.replace(places[1])
            case "revert" if rest[0] in self._before:
                self._write(places[0], self._before[rest[0]])
            case "touch" if there[0]:
                os.utime(places[0])

    def _write(self, place: Path, text: str) -> None:
        place.parent.mkdir(parents=True, exist_ok=True)
        if place.is_file():
            key = place.relative_to(self._project.docs).as_posix()
            self._before[key] = place.read_text(encoding="utf-8")
        place.write_text(text, encoding="utf-8")


@settings(
    max_examples=12,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(steps=st.lists(st.lists(edits, min_size=1, max_size=5), min_size=1, max_size=6))
def test_every_refresh_equals_a_clean_build(in_memory, steps):
    with TemporaryDirectory() as folder:
        project = Project(Path(folder) / "kept")
        editor = Editor(project)
        for name, text in zip(NAMES[:3], PARAGRAPHS, strict=False):
            editor.perform(("write", name, text))
        project.run()
        for step in steps:
            for edit in step:
                editor.perform(edit)
            check_refresh(project)


def check_refresh(project: Project) -> None:
    """Refresh, and check what was said, what is there, and that nothing is left to do."""
    listed = sum(1 for place in project.docs.rglob("*") if place.is_file())
    plan = project.plan(**project.parameters)
    run = project.run(allow_deletions=True, **project.parameters)
    assert plan["documents"] == run.documents
    assert (plan["exact"], plan["chunks_to_embed"]) == (True, run.chunks["embedded"])
    assert sum(run.documents[name] for name in LISTED) == listed
    rows = project.rows()
    assert rows == project.clean()
    assert run.chunks["total"] == len(rows)
    again = project.run(**project.parameters)
    assert again.documents["unchanged"] + again.documents["skipped"] == listed
    assert all(total["ran"] == 0 for total in again.tasks.values())
    assert again.chunks["upserted"] == again.chunks["deleted"] == 0


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Return a project of three documents, indexed."""
    made = Project(tmp_path / "project")
    for name, text in zip(NAMES[:3], PARAGRAPHS, strict=False):
        Editor(made).perform(("write", name, text))
    return made


@pytest.mark.parametrize(
    ("edit", "change"),
    [
        (("touch", "a.md"), {"unchanged": 3}),
        (("rename", "a.md", "notes/deep/d.md"), {"moved": 1, "unchanged": 2}),
        (("copy", "a.md", "notes/deep/d.md"), {"added": 1, "unchanged": 3}),
        (("swap", "a.md", "notes/c.md"), {"modified": 2, "unchanged": 1}),
        (("delete", "a.md"), {"deleted": 1, "unchanged": 2}),
    ],
)
def test_what_brings_no_new_text_embeds_nothing(in_memory, project, edit, change):
    project.run()
    Editor(project).perform(edit)
    run = project.run()
    assert {name: count for name, count in run.documents.items() if count} == change
    assert run.chunks["embedded"] == 0
    assert project.rows() == project.clean()


def test_a_change_and_its_revert_embed_the_change_alone(in_memory, project):
    project.run()
    editor = Editor(project)
    editor.perform(("write", "a.md", PARAGRAPHS[0] + "\nOne more sentence.\n"))
    assert 1 <= project.run().chunks["embedded"] <= 2
    editor.perform(("revert", "a.md"))
    run = project.run()
    assert run.documents["modified"] == 1
    assert run.chunks["embedded"] == 0
    assert project.rows() == project.clean()


def test_a_smaller_chunk_size_opens_no_file(in_memory, project):
    Editor(project).perform(("write", "a.md", PARAGRAPHS[3]))
    project.run()
    run = project.run(size=32)
    assert run.documents["stale"] == 3
    assert run.tasks["read"]["ran"] == run.tasks["extract"]["ran"] == 0
    back = project.run()
    assert back.documents["stale"] == 3
    assert back.chunks["embedded"] == 0
    assert all(total["ran"] == 0 for name, total in back.tasks.items() if name != "upsert")


def test_a_refresh_in_chroma_equals_a_clean_build(project):
    project.run()
    editor = Editor(project)
    for edit in (
        ("write", "a.md", PARAGRAPHS[3] + PARAGRAPHS[1]),
        ("rename", "b.txt", "e.html"),
        ("copy", "notes/c.md", "notes/deep/d.md"),
        ("delete", "notes/c.md"),
    ):
        editor.perform(edit)
    check_refresh(project)
