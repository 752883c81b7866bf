"""A pipeline without documents, typed as a user types it."""

import tarfile
from pathlib import Path

import pytest

from tests.acceptance.shell import Shell


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    """A folder of its own, with something worth keeping."""
    typed = Shell(tmp_path)
    (tmp_path / "ragflow.toml").touch()
    assert "made pipelines/backup.py" in typed.type("init", "backup").stdout
    (tmp_path / "docs").mkdir()
    for number in range(5):
        (tmp_path / "docs" / f"{number}.txt").write_text(f"page {number}\n" * 50, encoding="utf-8")
    return typed


def test_every_run_makes_a_verified_copy_and_only_the_newest_stay(shell: Shell) -> None:
    assert shell.type("run", "backup").returncode == 0
    (archive,) = shell.folder.glob("backups/*.tar.gz")
    with tarfile.open(archive) as kept:
        assert len([member for member in kept if member.isfile()]) == 5
    for day in range(3):
        (shell.folder / "backups" / f"backup-2001010{day}T000000.tar.gz").touch()
    (shell.folder / "backups" / "another.tar.gz").touch()
    assert shell.type("run", "backup", "-p", "keep=1").returncode == 0
    left = sorted(path.name for path in shell.folder.glob("backups/*"))
    assert len(left) == 2
    assert left[0] == "another.tar.gz"
    assert shell.type("run", "backup", "-p", "keep=-1").returncode == 1
    assert "another.tar.gz" in {path.name for path in shell.folder.glob("backups/*")}
    assert len(list(shell.folder.glob("backups/*"))) == 3
    done = shell.type("logs", "2")
    assert "bytes" in done.stdout


def test_what_a_failure_left_is_cleaned_up_and_the_run_failed(shell: Shell) -> None:
    (shell.folder / "backups").mkdir()
    (shell.folder / "backups" / "backup-half.tar.gz.part").touch()
    done = shell.type("run", "backup", "-p", "folder=nowhere")
    assert done.returncode == 1
    assert "there is no folder 'nowhere'" in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(shell.folder.glob("backups/*"))
