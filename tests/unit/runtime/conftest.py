"""What the tests of whole runs may ask for."""

from pathlib import Path

import pytest

from tests.unit.scheduling.desk import Desk


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """Return an empty home and tables."""
    return Desk(tmp_path / "project")
