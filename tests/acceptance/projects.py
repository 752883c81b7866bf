"""Projects in folders, whose rows may be kept in memory so that many of them cost little."""

import importlib
import linecache
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from ragflow.config import find_project
from ragflow.embedding.hashing import HashingEmbedder
from ragflow.parsing.tesseract import Tesseract
from ragflow.runtime.home import Home
from ragflow.runtime.known_collections import export_rows
from ragflow.stores.vectors.memory import MemoryStore

#: Ids, texts, payloads and vectors, by id.
Rows = list[tuple[str, str, Any, bytes]]


class Kept(MemoryStore):
    """Rows that outlive the home that wrote them."""

    def close(self) -> None:
        """Keep them."""


@contextmanager
def rows_in_memory() -> Iterator[None]:
    """Let every home keep its rows in memory while the context lives."""
    stores: dict[Path, Kept] = {}

    def vectors(home: Home) -> Kept:
        return stores.setdefault(home.folder, Kept(clock=home.clock))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Home, "vectors", property(vectors))
        yield


@contextmanager
def images_recognized_once() -> Iterator[None]:
    """Let Tesseract look at no image a second time while the context lives.

    That it says the same again is not what clean builds are made for, and takes most of their
    time.
    """
    recognize, said = Tesseract.table, dict[Any, str]()

    def table(self: Tesseract, image: Any, *, resolution: int) -> str:
        key = (*vars(self).items(), image.mode, image.size, image.tobytes(), resolution)
        if key not in said:
            said[key] = recognize(self, image, resolution=resolution)
        return said[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Tesseract, "table", table)
        yield


def new_project(folder: Path) -> Path:
    """Make an empty project."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "ragflow.toml").touch()
    return folder


def rows_of(project: Path, collection: str) -> Rows:
    """Return what a collection holds, as its store holds it."""
    home = Home(find_project(project))
    try:
        return [
            (row.id, row.text, row.payload, row.vectors[""].half)
            for row in export_rows(home, collection, vectors=True)
        ]
    finally:
        home.close()


@contextmanager
def imports_undone() -> Iterator[None]:
    """Take back what projects put on the path of imports."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "path", list(sys.path))
        patch.setattr(sys, "dont_write_bytecode", True)
        yield


def forget_imports(project: Path) -> None:
    """Let nothing of a project be imported any more, as in a new process."""
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if file and Path(file).is_relative_to(project):
            del sys.modules[name]
    importlib.invalidate_caches()
    linecache.clearcache()


@contextmanager
def embedding_noted() -> Iterator[list[tuple[int, str]]]:
    """Give a list of what this process embeds from now on: each a dimension and a text."""
    noted: list[tuple[int, str]] = []
    embedding = HashingEmbedder.embed

    def noting(embedder: HashingEmbedder, texts: Sequence[str], *, kind: Any = "document") -> Any:
        noted.extend((embedder.dimension, text) for text in texts)
        return embedding(embedder, texts, kind=kind)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(HashingEmbedder, "embed", noting)
        yield noted
