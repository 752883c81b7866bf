"""Large values as files, named by the digest of their bytes."""

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from ragflow.errors import HomeError


class FolderArtifacts:
    """Keeps bytes in files under one folder, in 256 folders by the first two hex digits.

    Written to a file beside and renamed, so a name never shows half a value. The bytes are
    forced to the disk before the name is given; the name itself is not, so a loss of power
    may take the newest artifacts and never leaves damaged ones. Safe for threads and for
    several processes at once.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, data: bytes) -> bytes:
        """Keep `data` and return its digest; equal bytes are kept once.

        Raises `HomeError` where it cannot be written.
        """
        digest = hashlib.blake2b(data, digest_size=20).digest()
        path = self._path(digest)
        try:
            if not _is_there(path, len(data)):
                _write(path, data)
        except OSError as error:
            raise HomeError(
                f"artifact {str(path)!r} cannot be written: {error.strerror}",
                hint="make room, or check the permissions of the home",
            ) from error
        return digest

    def get(self, digest: bytes) -> bytes | None:
        """Return the bytes, or None when they are gone or damaged.

        Damaged ones are removed, so that they can be put again.
        """
        path = self._path(digest)
        try:
            data = path.read_bytes()
        except OSError:
            return None
        if hashlib.blake2b(data, digest_size=20).digest() == digest:
            return data
        with suppress(OSError):
            path.unlink()
        return None

    def has(self, digest: bytes) -> bool:
        """Tell whether it is there; not whether it is whole."""
        return self._path(digest).is_file()

    def all(self) -> Iterator[tuple[bytes, int]]:
        """Yield the digest and the size of each."""
        for path in sorted(self._folder.glob("[0-9a-f][0-9a-f]/*")):
            with suppress(ValueError, OSError):  # being written, or removed meanwhile
                yield bytes.fromhex(path.parent.name + path.name), path.stat().st_size

    def remove(self, digest: bytes) -> None:
        """Remove one; nothing happens where it is not there."""
        with suppress(OSError):
            self._path(digest).unlink()

    def _path(self, digest: bytes) -> Path:
        name = digest.hex()
        return self._folder / name[:2] / name[2:]


def _is_there(path: Path, size: int) -> bool:
    try:
        return path.stat().st_size == size
    except FileNotFoundError:
        return False


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        with suppress(OSError):
            Path(name).unlink()
        raise
