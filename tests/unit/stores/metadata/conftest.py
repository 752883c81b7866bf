"""A home that is new for each test."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ragflow.stores.artifacts.folder import FolderArtifacts
from ragflow.stores.metadata.sqlite import SqliteMetadataStore, open_store
from tests.unit.stores.metadata.desk import Desk, FakeClock


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def opened(home: Path, clock: FakeClock) -> Iterator[Callable[..., SqliteMetadataStore]]:
    """Opens the home, as often as asked; all are closed in the end."""
    stores: list[SqliteMetadataStore] = []

    def open_home(**words: Any) -> SqliteMetadataStore:
        artifacts = FolderArtifacts(home / "artifacts")
        stores.append(open_store(home, clock=clock, artifacts=artifacts, **words))
        return stores[-1]

    yield open_home
    for store in stores:
        store.close()


@pytest.fixture
def store(opened: Callable[..., SqliteMetadataStore]) -> SqliteMetadataStore:
    return opened()


@pytest.fixture
def desk(store: SqliteMetadataStore) -> Desk:
    return Desk(store)


@pytest.fixture
def two_ends(store: SqliteMetadataStore) -> Desk:
    return Desk(store, ends=2)
