"""Large values as files."""

import hashlib
import os
import threading

import pytest

from ragflow.errors import HomeError
from ragflow.stores.artifacts.folder import FolderArtifacts


@pytest.fixture
def artifacts(tmp_path):
    return FolderArtifacts(tmp_path / "artifacts")


def files(tmp_path):
    return [path for path in (tmp_path / "artifacts").rglob("*") if path.is_file()]


@pytest.mark.parametrize("data", [b"", b"a", b"\0" * 100_000])
def test_bytes_come_back_by_their_digest(artifacts, data):
    digest = artifacts.put(data)
    assert digest == hashlib.blake2b(data, digest_size=20).digest()
    assert artifacts.get(digest) == data


def test_equal_bytes_are_kept_once(artifacts, tmp_path):
    assert artifacts.put(b"data") == artifacts.put(b"data")
    (path,) = files(tmp_path)
    digest = artifacts.put(b"data").hex()
    assert path == tmp_path / "artifacts" / digest[:2] / digest[2:]
    before = path.stat().st_mtime_ns
    artifacts.put(b"data")
    assert path.stat().st_mtime_ns == before


def test_what_was_never_put_is_gone(artifacts):
    assert artifacts.get(b"x" * 20) is None


@pytest.mark.parametrize("harm", ["cut", "changed", "emptied"])
def test_damaged_bytes_are_gone_and_can_be_put_again(artifacts, tmp_path, harm):
    digest = artifacts.put(b"data" * 100)
    (path,) = files(tmp_path)
    if harm == "changed":
        path.write_bytes(b"tada" * 100)
    else:
        os.truncate(path, 7 if harm == "cut" else 0)
    assert artifacts.get(digest) is None
    assert artifacts.put(b"data" * 100) == digest
    assert artifacts.get(digest) == b"data" * 100


def test_what_was_cut_by_a_crash_is_written_whole_by_the_next_put(artifacts, tmp_path):
    digest = artifacts.put(b"data" * 100)
    (path,) = files(tmp_path)
    os.truncate(path, 7)
    artifacts.put(b"data" * 100)
    assert artifacts.get(digest) == b"data" * 100


def test_a_folder_that_cannot_be_written_is_said_so_and_nothing_is_left(tmp_path, monkeypatch):
    (tmp_path / "artifacts").write_text("in the way")
    with pytest.raises(HomeError, match="cannot be written"):
        FolderArtifacts(tmp_path / "artifacts").put(b"data")
    artifacts = FolderArtifacts(tmp_path / "others")

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(HomeError, match="No space left on device"):
        artifacts.put(b"data")
    assert [path for path in (tmp_path / "others").rglob("*") if path.is_file()] == []


def test_many_may_put_the_same_at_once(artifacts, tmp_path):
    data = [bytes([number]) * 50_000 for number in range(10)]
    threads = [
        threading.Thread(target=lambda: [artifacts.put(one) for one in data]) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(files(tmp_path)) == 10
