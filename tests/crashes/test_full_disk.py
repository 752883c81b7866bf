"""A disk without room ends a run with a sentence; with room, the next one ends right."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.crashes.machine import Process
from tests.crashes.reference import Reference, Stage

#: Bytes that a home may still grow by, so that each part of a run fails in turn: the tables, the
#: start, the store, assignments, portions, the end.
ROOM = {
    "first": [0, 40_000, 800_000, 1_060_000, 1_400_000, 1_720_000, 2_450_000],
    "refreshed": [0, 50_000, 160_000, 330_000, 410_000, 490_000, 820_000],
    "replaced": [820_000, 1_230_000],
}


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small disk, mounted while the test runs."""
    mount, unmount = shutil.which("mount"), shutil.which("umount")
    if mount is None or unmount is None:
        pytest.skip("no mount on this machine: no disk of a test's own size")
    folder = tmp_path / "disk"
    folder.mkdir()
    command = [mount, "-t", "tmpfs", "-o", "size=48m", "tmpfs", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"this user may mount nothing: {done.stderr.strip()}")
    yield folder
    subprocess.run([unmount, str(folder)], check=True)


def fill(disk: Path, *, but: int) -> Path:
    """Take all room of the disk but so many bytes; return the file that has it."""
    ballast = disk / "ballast"
    with ballast.open("wb") as file:
        file.write(bytes(1) * (shutil.disk_usage(disk).free - but))
    return ballast


def assert_told(failed: Process) -> None:
    """Fail unless the command ended by saying in a line what it could not do."""
    assert failed.code == 1
    assert "Traceback" not in failed.complained
    assert "should not happen" not in failed.complained
    errors = [line for line in failed.complained.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1
    assert "full" in failed.complained or "make room" in failed.complained


@pytest.mark.parametrize(
    ("name", "room"), [(name, room) for name, rooms in ROOM.items() for room in rooms]
)
def test_a_run_without_room_says_so_and_the_next_ends_right(
    reference: Reference, disk: Path, name: str, room: int
):
    stage: Stage = reference.stages[name]
    home = stage.home(disk)
    ballast = fill(disk, but=room)
    failed = stage.project.run(home, *stage.arguments)
    if failed.code or room < 100_000:
        assert_told(failed)
    ballast.unlink()
    again = stage.project.run(home, *stage.arguments)
    assert again.code == 0, again.complained
    stage.check(home)


@pytest.mark.parametrize("size", [16_384, 200_000, 300_000, 500_000])
def test_a_file_that_may_not_grow_is_told_as_a_full_disk_is(
    reference: Reference, tmp_path: Path, size: int
):
    stage = reference.stages["first"]
    home = stage.home(tmp_path)
    failed = stage.project.run(home, largest_file=size)
    if failed.code:
        assert failed.code == 1
        assert "Traceback" not in failed.complained
        assert "should not happen" not in failed.complained
    again = stage.project.run(home)
    assert again.code == 0, again.complained
    stage.check(home)
