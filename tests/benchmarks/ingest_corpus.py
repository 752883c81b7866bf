"""Which documents are read? Sources of Python's own documentation, as Debian packages them.

The package `python3.11-doc` keeps the text each page is made from: reStructuredText in plain UTF-8
files, named ``….rst.txt``. Everybody reads those with the plainest reader there is, so nobody's
HTML or PDF library is compared.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

PACKAGE = "python3.11-doc"
_SOURCES = "usr/share/doc/python3.11/html/_sources"


def sources(folder: Path) -> Path:
    """Return the folder below `folder` that has the texts, fetched once from Debian's archive."""
    found = folder / _SOURCES
    if found.is_dir():
        return found
    folder.mkdir(parents=True, exist_ok=True)
    print(f"fetching {PACKAGE} into {folder}", file=sys.stderr, flush=True)
    with tempfile.TemporaryDirectory() as name:
        try:
            subprocess.run(
                ["apt-get", "download", PACKAGE],
                cwd=name,
                check=True,
                capture_output=True,
                text=True,
            )
            archive = next(Path(name).glob("*.deb"))
            subprocess.run(["dpkg", "-x", str(archive), str(folder)], check=True)
        except (OSError, StopIteration, subprocess.CalledProcessError) as error:
            said = getattr(error, "stderr", "") or error
            sys.exit(
                f"{PACKAGE} could not be had from Debian's archive: {said}\n"
                "unpack it elsewhere (dpkg -x) and name the folder: --documents FOLDER"
            )
    return found


def choose(folder: Path, count: int) -> list[Path]:
    """Return so many texts below `folder`: every n-th by name, whatever its size."""
    every = sorted(path for path in folder.rglob("*.txt") if path.stat().st_size)
    if not every:
        sys.exit(f"there are no texts (*.txt) in {folder}")
    count = min(count, len(every))
    return [every[number * len(every) // count] for number in range(count)]


def copy(chosen: list[Path], of: Path, to: Path) -> int:
    """Copy texts with their folders; return their bytes."""
    size = 0
    for path in chosen:
        other = to / path.relative_to(of)
        other.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, other)
        size += other.stat().st_size
    return size
