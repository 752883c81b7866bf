"""What the tests of whole runs may ask for."""

from pathlib import Path

import pytest

from tests.unit.runtime.damaged import World
from tests.unit.runtime.injuries import prepare
from tests.unit.scheduling.desk import Desk


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """Return an empty home and tables."""
    return Desk(tmp_path / "project")


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """Return a collection of real documents in a real store, with rows of others in it."""
    world = World(tmp_path / "project", monkeypatch)
    prepare(world)
    return world
