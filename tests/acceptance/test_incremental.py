"""A small tree of real files, edited in every way; each refresh equals a clean build."""

import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ragflow.api.pipeline import Pipeline
from ragflow.api.project import find_pipeline
from ragflow.api.results import Run
from ragflow.config import find_project
from tests.acceptance.editor import NAMES, Editor
from tests.acceptance.projects import (
    Rows,
    embedding_noted,
    forget_imports,
    imports_undone,
    rows_in_memory,
    rows_of,
)

GRAIN = 0.06
LISTED = ("added", "modified", "stale", "moved", "unchanged", "failed", "skipped", "held_back")
PARAGRAPHS = [
    "# Keys\n\nTo reset a key, press the red button for ten seconds.\n",
    "## Loss\n\nA lost key is reported to the desk, and the desk writes it down.\n",
    "The desk is open from nine to five.\n",
    "".join(f"Sentence number {number} says little. " for number in range(60)) + "\n",
    "\x00\x01\x02 no text at all \xff",
    "",
]
#: By dimension, which tells in `embedding_noted` what embedded.
MODELS = {"hashing": 256, "small": 64}
SMALL = """name = "small"
kind = "hashing"
revision = "1"
dimension = 64
metric = "cosine"
pooling = "sum"
limit = 128
licence = "Apache-2.0"
"""
#: The task says what its helper says, and of most chunks that is nothing new.
PIPELINE = '''from ragflow import Chunk, pipeline, task
from ragflow.tasks import chunk, embed, extract, files, read, upsert


def spoken(text: str) -> str:
    return text.replace("key", "WORD")


@task
def situate(chunk: Chunk) -> Chunk:
    """Say it in other words to the model, and to nobody else."""
    return Chunk(chunk.text, embed=spoken(chunk.embedded))


@pipeline
def handbook(
    folder: str = "docs",
    collection: str = "handbook",
    size: int = 64,
    model: str = "hashing",
    times: bool = False,
) -> None:
    """Keep the handbook searchable."""
    content = extract(read(files(folder, times=times)))
    chunks = chunk(content, model=model, size=size)
    upsert(chunks, embed(situate(chunks), model=model), collection=collection)
'''
WORDS = ["key", "token", "password"]
#: The dimension of a model, and a text that it embedded.
Embedded = tuple[int, str]


@pytest.fixture(autouse=True)
def _imports() -> Iterator[None]:
    with imports_undone():
        yield


@pytest.fixture
def in_memory() -> Iterator[None]:
    """Let every home keep its rows in memory."""
    with rows_in_memory():
        yield


@pytest.fixture
def embedded() -> Iterator[list[Embedded]]:
    """Return the list of what is embedded from now on."""
    with embedding_noted() as noted:
        yield noted


class Project:
    """A project with a folder of documents and code of its own."""

    def __init__(self, root: Path, docs: Path | None = None, *, word: str = "key") -> None:
        self.root, self.docs = root, docs or root / "docs"
        self.parameters: dict[str, Any] = {}
        for folder in (self.root / "pipelines", self.root / "models", self.docs):
            folder.mkdir(parents=True, exist_ok=True)
        (root / "ragflow.toml").touch()
        (root / "models" / "small.toml").write_text(SMALL, encoding="utf-8")
        self.say(word)

    def say(self, word: str) -> None:
        """Write the pipeline's code."""
        self.word = word
        code = self.root / "pipelines" / "handbook.py"
        code.write_text(PIPELINE.replace("WORD", word), encoding="utf-8")

    def pipeline(self) -> Pipeline:
        """Return the pipeline as a new process would import it."""
        forget_imports(self.root)
        return find_pipeline(find_project(self.root), "handbook")

    def run(self, **given: Any) -> Run:
        # What was changed within the grain of the clock is read again by the next run.
        time.sleep(GRAIN)
        wanted = {"accept": True, **self.parameters, **given}
        return self.pipeline().run(project=self.root, folder=str(self.docs), **wanted)

    def plan(self) -> Mapping[str, Any]:
        time.sleep(GRAIN)
        wanted = {"project": self.root, "folder": str(self.docs), **self.parameters}
        return self.pipeline().plan(**wanted).summary

    def rows(self) -> Rows:
        """Return ids, texts, payloads and vectors as the store holds them."""
        return rows_of(self.root, "handbook")

    def clean(self) -> Rows:
        """Return the rows of a clean build of the same documents with the same code."""
        with TemporaryDirectory(dir=self.root.parent) as folder:
            other = Project(Path(folder) / "clean", self.docs, word=self.word)
            other.parameters = self.parameters
            other.run()
            rows = other.rows()
            forget_imports(other.root)
            return rows


names = st.sampled_from(NAMES)
bodies = st.lists(st.sampled_from(PARAGRAPHS), min_size=1, max_size=4).map("\n".join)
#: What brings no text that was not there; the first name says of which kind.
quiet = st.one_of(
    st.tuples(st.just("rename"), names, names),
    st.tuples(st.just("copy"), names, names),
    st.tuples(st.just("swap"), names, names),
    st.tuples(st.just("touch"), names, st.integers(0, 3)),
)
edits = st.one_of(
    quiet,
    st.tuples(st.just("write"), names, bodies),
    st.tuples(st.just("write in place"), names, bodies),
    st.tuples(st.just("delete"), names),
    st.tuples(st.just("revert"), names),
    st.tuples(st.just("size"), st.sampled_from([32, 64])),
    st.tuples(st.just("model"), st.sampled_from(sorted(MODELS))),
    st.tuples(st.just("code"), st.sampled_from(WORDS)),
)
steps = st.lists(
    st.lists(edits, min_size=1, max_size=5) | st.lists(quiet, min_size=1, max_size=3),
    min_size=1,
    max_size=6,
)


def check_refresh(project: Project, noted: list[Embedded]) -> set[Embedded]:
    """Refresh, and check what was said, what is there, and that nothing is left to do.

    Returns what was embedded.
    """
    listed = sum(1 for place in project.docs.rglob("*") if place.is_file())
    noted.clear()
    plan = project.plan()
    assert noted == []
    run = project.run(allow_deletions=True)
    embedded = noted.copy()
    assert len(set(embedded)) == len(embedded)
    assert plan["documents"] == run.documents
    assert (plan["exact"], plan["chunks_to_embed"]) == (True, len(embedded))
    assert run.chunks["embedded"] == len(embedded)
    assert sum(run.documents[name] for name in LISTED) == listed
    rows = project.rows()
    assert rows == project.clean()
    assert run.chunks["total"] == len(rows)
    noted.clear()
    again = project.run()
    assert again.documents["unchanged"] + again.documents["skipped"] == listed
    assert all(total["ran"] == 0 for total in again.tasks.values())
    assert again.chunks["upserted"] == again.chunks["deleted"] == 0
    assert noted == []
    return set(embedded)


def check_history(steps: list[list[tuple[Any, ...]]], times: bool) -> None:
    """Check every refresh of a history of edits, and that none embeds what another did."""
    with TemporaryDirectory() as folder, embedding_noted() as noted:
        project = Project(Path(folder).resolve() / "kept")
        project.parameters = {"times": times}
        editor = Editor(project)
        for name, text in zip(NAMES[:3], PARAGRAPHS, strict=False):
            editor.perform(("write", name, text))
        project.run()
        known = set(noted)
        for step in steps:
            brings_new = [editor.perform(edit) for edit in step]
            embedded = check_refresh(project, noted)
            assert known.isdisjoint(embedded)
            assert any(brings_new) or not embedded
            known |= embedded
        forget_imports(project.root)


IMPATIENT = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture]


@settings(max_examples=15, suppress_health_check=IMPATIENT)
@given(steps=steps, times=st.booleans())
def test_every_refresh_equals_a_clean_build(in_memory, steps, times):
    check_history(steps, times)


@pytest.mark.slow
@settings(max_examples=150, suppress_health_check=IMPATIENT)
@given(steps=steps, times=st.booleans())
def test_every_refresh_of_many_histories_equals_a_clean_build(in_memory, steps, times):
    check_history(steps, times)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Return a project of three documents, not indexed yet."""
    made = Project(tmp_path.resolve() / "project")
    for name, text in zip(NAMES[:3], PARAGRAPHS, strict=False):
        Editor(made).perform(("write", name, text))
    return made


def changes(run: Run) -> dict[str, int]:
    return {name: count for name, count in run.documents.items() if count}


@pytest.mark.parametrize(
    ("edit", "change"),
    [
        (("touch", "a.md", 1), {"unchanged": 3}),
        (("rename", "a.md", "notes/deep/d.md"), {"moved": 1, "unchanged": 2}),
        (("copy", "a.md", "notes/deep/d.md"), {"added": 1, "unchanged": 3}),
        (("swap", "a.md", "notes/c.md"), {"modified": 2, "unchanged": 1}),
        (("delete", "a.md"), {"deleted": 1, "unchanged": 2}),
    ],
)
def test_what_brings_no_new_text_embeds_nothing(in_memory, embedded, project, edit, change):
    project.run()
    assert embedded
    Editor(project).perform(edit)
    embedded.clear()
    assert changes(project.run()) == change
    assert embedded == []
    assert project.rows() == project.clean()


def test_changed_metadata_update_payloads_and_embed_nothing(in_memory, embedded, project):
    project.parameters = {"times": True}
    project.run()
    before = project.rows()
    Editor(project).perform(("touch", "a.md", 1))
    embedded.clear()
    run = project.run()
    assert changes(run) == {"modified": 1, "unchanged": 2}
    assert run.tasks["extract"]["ran"] == 0
    assert embedded == []
    after = project.rows()
    assert [row[:2] + row[3:] for row in after] == [row[:2] + row[3:] for row in before]
    changed = [row[2] for row, old in zip(after, before, strict=True) if row != old]
    assert {(payload["key"], payload["modified"]) for payload in changed} == {
        ("a.md", "1970-01-02T00:00:00Z")
    }
    assert after == project.clean()


def test_a_change_and_its_revert_embed_the_change_alone(in_memory, embedded, project):
    project.run()
    editor = Editor(project)
    editor.perform(("write", "a.md", PARAGRAPHS[0] + "\nOne more sentence.\n"))
    embedded.clear()
    project.run()
    assert 1 <= len(embedded) <= 2
    editor.perform(("revert", "a.md"))
    embedded.clear()
    assert changes(project.run()) == {"modified": 1, "unchanged": 2}
    assert embedded == []
    assert project.rows() == project.clean()


def test_changed_code_embeds_what_it_changes_and_its_revert_nothing(in_memory, embedded, project):
    project.run()
    project.say("token")
    embedded.clear()
    run = project.run()
    assert changes(run) == {"stale": 3}
    assert run.tasks["read"]["ran"] == run.tasks["extract"]["ran"] == run.tasks["chunk"]["ran"] == 0
    assert run.tasks["situate"]["ran"] == 3
    # Of the three documents two speak of keys; what is shown of them is what it was.
    assert [("token" in text, "key" in text) for _, text in embedded] == [(True, False)] * 2
    assert not any("token" in text for _, text, _, _ in project.rows())
    assert project.rows() == project.clean()
    project.say("key")
    embedded.clear()
    back = project.run()
    assert changes(back) == {"stale": 3}
    assert back.tasks["situate"]["ran"] == 0
    assert embedded == []


def test_another_model_embeds_all_and_the_model_before_nothing(in_memory, embedded, project):
    project.run()
    before = project.rows()
    texts = {text for _, text in embedded}
    project.parameters = {"model": "small"}
    embedded.clear()
    project.run()
    assert set(embedded) == {(MODELS["small"], text) for text in texts}
    assert project.rows() == project.clean()
    project.parameters = {}
    embedded.clear()
    project.run()
    assert embedded == []
    assert project.rows() == before


def test_a_smaller_chunk_size_opens_no_file(in_memory, embedded, project):
    Editor(project).perform(("write", "a.md", PARAGRAPHS[3]))
    project.run()
    run = project.run(size=32)
    assert run.documents["stale"] == 3
    assert run.tasks["read"]["ran"] == run.tasks["extract"]["ran"] == 0
    embedded.clear()
    back = project.run()
    assert back.documents["stale"] == 3
    assert embedded == []
    assert all(total["ran"] == 0 for name, total in back.tasks.items() if name != "upsert")


def test_a_refresh_in_chroma_equals_a_clean_build(project, embedded):
    project.run()
    editor = Editor(project)
    for edit in (
        ("write", "a.md", PARAGRAPHS[3] + PARAGRAPHS[1]),
        ("rename", "b.txt", "e.html"),
        ("copy", "notes/c.md", "notes/deep/d.md"),
        ("delete", "notes/c.md"),
        ("code", "token"),
    ):
        editor.perform(edit)
    check_refresh(project, embedded)
    editor.perform(("model", "small"))
    check_refresh(project, embedded)
