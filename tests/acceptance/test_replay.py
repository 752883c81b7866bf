"""After every refresh of a real history the collection equals a clean build."""

from pathlib import Path
from typing import Any

from ragflow import pipeline
from ragflow.config import find_project
from ragflow.runtime.home import Home
from ragflow.runtime.known_collections import export_rows
from ragflow.tasks import chunk, embed, extract, files, read, upsert
from tests.acceptance.replay import Replay

STATES = 40


@pipeline(name="book")
def book(folder: str, collection: str = "book", model: str = "hashing") -> None:
    """Keep the book searchable."""
    content = extract(read(files(folder)))
    chunks = chunk(content, model=model)
    upsert(chunks, embed(chunks, model=model), collection=collection)


def rows_of(project: Path) -> list[tuple[str, str, Any, bytes]]:
    """Return ids, texts, payloads and vectors as the store holds them."""
    home = Home(find_project(project))
    try:
        return [
            (row.id, row.text, row.payload, row.vectors[""].half)
            for row in export_rows(home, "book", vectors=True)
        ]
    finally:
        home.close()


def new_project(folder: Path) -> Path:
    """Make an empty project."""
    folder.mkdir()
    (folder / "ragflow.toml").touch()
    return folder


def test_after_every_refresh_the_collection_equals_a_clean_build(
    shared: Path, tmp_path: Path
) -> None:
    replay = Replay(shared / "corpora" / "replay-rust-book-2015")
    kept = new_project(tmp_path / "kept")
    folder = tmp_path / "src"
    for number, step in enumerate(replay.play(folder, STATES)):
        summary = book.run(project=kept, folder=str(folder))
        listed = sum(v for k, v in summary.documents.items() if k != "deleted")
        assert listed == step["files"]
        clean = new_project(tmp_path / f"clean-{number}")
        book.run(project=clean, folder=str(folder))
        assert rows_of(kept) == rows_of(clean), f"state {number}: {step['subject']}"
