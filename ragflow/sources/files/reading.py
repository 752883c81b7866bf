"""How are a file's bytes had as they were at one instant, and nothing else in its place?"""

import errno
import os
import stat

from ragflow.clock import Clock
from ragflow.errors import DocumentError, SkipDocument
from ragflow.sources.files.keys import spell
from ragflow.sources.files.selection import Symlinks
from ragflow.sources.files.tokens import stamp

#: How often a file that changed while it was read is read once more.
RETRIES = 3
#: Before the first of them; before the second twice as long, and so on.
PAUSE_SECONDS = 0.05

ENTER = os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECTORY
#: Without waiting: a named pipe put in a file's place must not hold up a worker.
READ = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY


def read_steady(
    root: bytes, path: bytes, *, symlinks: Symlinks, max_bytes: int, clock: Clock
) -> bytes:
    """Return the bytes of a regular file that did not change while they were read.

    Below `root`, links are followed as `symlinks` says and no further, whatever was put in
    place of a folder since the listing. Raises `OSError` naming the key where the file cannot
    be had or is something else, `SkipDocument` where it is too large, and `DocumentError`
    where it changes each time.
    """
    key = spell(path)
    for attempt in range(1 + RETRIES):
        if attempt:
            clock.sleep(PAUSE_SECONDS * attempt)
        try:
            data = _read_once(root, path, symlinks, max_bytes)
        except OSError as error:
            raise OSError(error.errno, error.strerror, key) from error
        if data is not None:
            return data
    raise DocumentError(
        f"{key!r} changed each of the {1 + RETRIES} times it was read",
        code="changing",
        hint="it is read again by the next run",
    )


def read_head(root: bytes, path: bytes, size: int, *, symlinks: Symlinks) -> bytes:
    """Return so many of the first bytes of a regular file, or all there are.

    Raises `OSError` naming the key where they cannot be had.
    """
    try:
        with os.fdopen(_open(root, path, symlinks), "rb") as file:
            return file.read(size)
    except OSError as error:
        raise OSError(error.errno, error.strerror, spell(path)) from error


def too_large(size: int, max_bytes: int) -> str:
    """Return the sentence that says why a file is left out."""
    return f"has {size:,} bytes, more than max_bytes = {max_bytes:,}"


def _read_once(root: bytes, path: bytes, symlinks: Symlinks, max_bytes: int) -> bytes | None:
    """Return the bytes, or None when the file changed meanwhile."""
    with os.fdopen(_open(root, path, symlinks), "rb") as file:
        before = os.fstat(file.fileno())
        if before.st_size > max_bytes:
            sentence = too_large(before.st_size, max_bytes)
            raise SkipDocument(f"{spell(path)!r} {sentence}", code="too_large")
        # One byte more than there should be, so that growth shows and is not followed.
        data = file.read(before.st_size + 1)
        after = os.fstat(file.fileno())
    if len(data) != before.st_size or stamp(before) != stamp(after):
        return None
    return data


def _open(root: bytes, path: bytes, symlinks: Symlinks) -> int:
    if symlinks == "follow":
        return _open_regular(root + b"/" + path, None, follow=True)
    *folders, name = path.split(b"/")
    folder = os.open(root, ENTER)
    try:
        for inner in folders:
            outer = folder
            folder = os.open(inner, ENTER | os.O_NOFOLLOW, dir_fd=outer)
            os.close(outer)
        return _open_regular(name, folder, follow=symlinks == "files")
    finally:
        os.close(folder)


def _open_regular(path: bytes, folder: int | None, *, follow: bool) -> int:
    # Looked at before it is opened, for opening a device may set it to work; and after, for
    # it may have been replaced between the two.
    _require_regular(os.stat(path, dir_fd=folder, follow_symlinks=follow))
    opened = os.open(path, READ if follow else READ | os.O_NOFOLLOW, dir_fd=folder)
    try:
        _require_regular(os.fstat(opened))
    except OSError:
        os.close(opened)
        raise
    return opened


def _require_regular(found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise OSError(errno.EINVAL, "Not a regular file")
