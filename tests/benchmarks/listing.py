"""How long does it take to list a folder of 100,000 files?

Run as ``python tests/benchmarks/listing.py [FILES]``. The system calls alone, made by the
shortest loop that makes them, are timed beside it.
"""

import os
import resource
import stat
import sys
import tempfile
import time
from pathlib import Path

from ragflow.sources.files import Files

FILES_A_FOLDER = 200


def main(count: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        fill(folder, count)
        time.sleep(0.1)  # past the instant in which tokens are made to differ
        look_at_all(folder)  # so that names and inodes are in memory for everyone alike
        report("system calls alone", lambda: look_at_all(folder))
        report("list()", lambda: list_all(Files(folder)))
        (folder / ".ragflowignore").write_text("*.tmp\nbuild/\n!keep.tmp\n")
        chosen = Files(folder, include=["*.md", "*.txt", "!draft-*"], exclude=["/old/"])
        report("list() with patterns and .ragflowignore", lambda: list_all(chosen))
        print(f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MiB at the most")


def fill(folder: Path, count: int) -> None:
    for number in range(count):
        chapter = folder / f"part-{number // FILES_A_FOLDER // 20}" / f"{number // FILES_A_FOLDER}"
        if number % FILES_A_FOLDER == 0:
            chapter.mkdir(parents=True)
        (chapter / f"page-{number:06}.txt").write_text(f"This is page {number}.\n")


def look_at_all(folder: Path) -> int:
    found = 0
    folders = [os.fsencode(folder)]
    while folders:
        with os.scandir(folders.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.path)
                else:
                    found += stat.S_ISREG(os.lstat(entry.path).st_mode)
    return found


def list_all(source: Files) -> int:
    return sum(len(page) for page in source.list())


def report(what: str, action) -> None:
    best = min(timed(action) for _ in range(3))
    print(f"{what}: {best[2]:,} files, {best[0]:.2f} s CPU ({best[1]:.2f} s of it in the kernel)")


def timed(action) -> tuple[float, float, int]:
    before = os.times()
    found = action()
    after = os.times()
    kernel = after.system - before.system
    return after.user - before.user + kernel, kernel, found


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
