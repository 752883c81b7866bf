"""What an edit of a document costs, and what a hit shows after it."""

import random
import textwrap
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from ragflow import Index, pipeline, task
from ragflow.documents import Chunk
from ragflow.embedding.hashing import HashingEmbedder
from ragflow.runtime.home import open_home
from ragflow.runtime.known_collections import export_rows
from ragflow.tasks import chunk, embed, extract, files, read, upsert


@pipeline
def notes(collection: str = "notes") -> None:
    """Keep notes searchable."""
    chunks = chunk(extract(read(files("docs"))), model="hashing", size=64, minimum=8)
    upsert(chunks, embed(chunks, model="hashing"), collection=collection)


@task(version="1")
def shout(chunk: Chunk) -> Chunk:
    """Make another text of a chunk."""
    return Chunk(chunk.text.upper() + " AND MORE")


@task(version="1")
def situate(chunk: Chunk) -> Chunk:
    """Embed more than the text of a chunk."""
    return Chunk(chunk.text, embed="of notes: " + chunk.text)


@pipeline
def made_otherwise() -> None:
    """Keep chunks that a task of one's own went through."""
    chunks = chunk(extract(read(files("docs"))), model="hashing", size=64, minimum=8)
    for name, made in (("shouted", shout(chunks)), ("situated", situate(chunks))):
        upsert(made, embed(made, model="hashing"), collection=name)


class Notes:
    """A project with one document."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.embedded: list[str] = []
        (root / "ragflow.toml").touch()
        (root / "docs").mkdir()

    def write(self, text: str, name: str = "a.txt") -> Any:
        """Save the document and refresh; `embedded` tells what that cost."""
        (self.root / "docs" / name).write_text(text)
        time.sleep(0.06)  # what changed within the grain of the clock is read again by the next run
        self.embedded.clear()
        return notes.run(project=self.root)

    def rows(self, collection: str = "notes") -> dict[str, tuple[str, Mapping[str, Any], bytes]]:
        """Return text, payload and vector of each row by its id."""
        with open_home(self.root) as home:
            return {
                row.id: (row.text, row.payload, row.vectors[""].half)
                for row in export_rows(home, collection, vectors=True)
            }


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Notes]:
    made = Notes(tmp_path)
    embedding = HashingEmbedder.embed

    def counted(embedder: HashingEmbedder, texts: Any, *, kind: Any = "document") -> Any:
        made.embedded.extend(texts)
        return embedding(embedder, texts, kind=kind)

    monkeypatch.setattr(HashingEmbedder, "embed", counted)
    return made


def paragraphs(count: int) -> list[str]:
    chance = random.Random(11)
    words = [
        "the",
        "key",
        "of",
        "a",
        "desk",
        "is",
        "red",
        "when",
        "nobody",
        "looks",
        "at",
        "it",
        "and",
        "then",
        "blue",
    ]
    return [
        " ".join(f"{chance.choice(words)}{chance.randrange(90)}" for _ in range(40)) + "."
        for _ in range(count)
    ]


def shown(text: str, rows: Mapping[str, Any]) -> bool:
    """Tell whether every row's text is the slice that its payload says."""
    return all(text[row["start"] : row["end"]] == found for found, row, _ in rows.values())


def test_wrapping_a_document_anew_embeds_nothing_and_updates_text_and_span(project):
    before = "\n\n".join(textwrap.fill(each, 70) for each in paragraphs(6))
    project.write(before)
    first = project.rows()
    assert len(first) > 3
    assert shown(before, first)
    assert all("text" not in payload for _, payload, _ in first.values())

    after = "\n\n\n".join(textwrap.fill(each, 50) for each in paragraphs(6))
    summary = project.write(after)
    second = project.rows()
    assert project.embedded == []
    assert (summary.chunks["embedded"], summary.chunks["deleted"]) == (0, 0)
    assert summary.chunks["upserted"] == len(first)
    assert second.keys() == first.keys()
    assert {name: row[2] for name, row in second.items()} == {n: r[2] for n, r in first.items()}
    assert shown(after, second)
    assert all(second[name][0] != first[name][0] for name in first)


def test_a_paragraph_put_on_top_embeds_what_it_touches_and_moves_the_others(project):
    text = "\n\n".join(textwrap.fill(each, 70) for each in paragraphs(12))
    project.write(text)
    first = project.rows()
    text = "Something new is said at the very beginning.\n\n" + text
    project.write(text)
    second = project.rows()
    assert 1 <= len(project.embedded) <= 2
    assert len(second.keys() - first.keys()) == len(project.embedded)
    kept = second.keys() & first.keys()
    assert len(kept) >= len(first) - 2
    assert shown(text, second)
    assert all(second[name][1]["start"] > first[name][1]["start"] for name in kept)


def test_the_incremental_collection_equals_a_clean_build(project, tmp_path_factory):
    texts = [
        "\n\n".join(textwrap.fill(each, width) for each in paragraphs(8)) for width in (70, 40)
    ]
    for text in (*texts, texts[0] + "\n\nThe end."):
        project.write(text)
        clean = Notes(tmp_path_factory.mktemp("clean"))
        clean.write(text)
        assert clean.rows() == project.rows()


def test_code_wrapped_anew_is_another_text(project):
    project.write("def f(a, b):\n    return a\n", name="a.py")
    project.write("def f(\n    a, b):\n    return a\n", name="a.py")
    assert len(project.embedded) == 1


def test_prose_around_code_may_be_wrapped_anew(project):
    code = "```python\nif a:\n    b()\n```\n"
    project.write(f"# A\n\nOne two\nthree four.\n\n{code}", name="a.md")
    first = project.rows()
    project.write(f"# A\n\nOne\ntwo three\nfour.\n\n{code}", name="a.md")
    assert project.embedded == []
    assert project.rows().keys() == first.keys()
    project.write(f"# A\n\nOne two\nthree four.\n\n{code.replace('    b', '  b')}", name="a.md")
    assert len(project.embedded) == 1


def test_a_hit_shows_the_exact_slice_once(project):
    text = "The key  of the desk\nis red.\n"
    project.write(text)
    with Index.open("notes", project=project.root) as index:
        (hit,) = index.search("key")
    assert hit.text == text.rstrip()
    assert "text" not in hit.payload
    assert project.embedded == ["The key of the desk is red.", "key"]


def test_what_a_task_made_of_a_chunk_is_shown(project):
    (project.root / "docs" / "a.txt").write_text("One\ntwo.")
    made_otherwise.run(project=project.root)
    (shouted,) = project.rows("shouted").values()
    (situated,) = project.rows("situated").values()
    assert shouted[0] == "ONE TWO. AND MORE"
    assert situated[0] == "One\ntwo."
    assert set(project.embedded) == {"ONE TWO. AND MORE", "of notes: One two."}
