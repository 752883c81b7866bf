"""A clock that stands still, and a folder to fill."""

import os
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ragflow.core.records import Listed
from ragflow.sources.files import Files

SECOND = 1_000_000_000


class FakeClock:
    """Stands still but for `sleep`, which is noted and takes no time."""

    def __init__(self, nanoseconds: int) -> None:
        self.instant = nanoseconds
        self.slept: list[float] = []

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.instant / SECOND, UTC)

    def nanoseconds(self) -> int:
        return self.instant

    def elapsed(self) -> float:
        return self.instant / SECOND

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.instant += int(seconds * SECOND)


@pytest.fixture
def clock() -> FakeClock:
    """A clock an hour ahead of the files that a test makes, so that none of them is recent."""
    return FakeClock(time.time_ns() + 3600 * SECOND)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty folder."""
    made = tmp_path / "documents"
    made.mkdir()
    return made


@pytest.fixture
def write(folder: Path) -> Callable[..., None]:
    """Write files, named by path below the folder, each with its name as content."""

    def write_all(*paths: str | bytes) -> None:
        for path in paths:
            file = folder / os.fsdecode(path)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(os.fsencode(path))

    return write_all


@pytest.fixture
def listed(folder: Path, clock: FakeClock) -> Callable[..., dict[str, Listed]]:
    """List the folder with these options."""

    def list_all(**options) -> dict[str, Listed]:
        found = each(Files(folder, **{"clock": clock, **options}).list())
        assert len({one.key for one in found}) == len(found)
        return {one.key: one for one in found}

    return list_all


def each(pages: Iterable[Iterable[Listed]]) -> list[Listed]:
    return [one for page in pages for one in page]
