"""Where do workers put what they write for a moment? Below the home, and nowhere else."""

import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

from ragflow.config import write_below


def clean_scratch(home: Path, instance: int | None) -> Path:
    """Return the folder for what workers of an instance's run write, or of a plan's, empty.

    It is made by the first who needs it. Only who holds the instance may ask for its.
    """
    folder = home / "scratch" / (f"plan-{os.getpid()}" if instance is None else str(instance))
    remove(folder)  # the run before may have been killed
    return folder


def remove(folder: Path) -> None:
    """Remove a folder of a run that is over, with all that workers which were killed left."""
    shutil.rmtree(folder, ignore_errors=True)
    with suppress(OSError):  # another run has its own there, or there is none
        folder.parent.rmdir()


class Scratch:
    """A worker's own folder in that of its run; gone with the worker or else with the run."""

    def __init__(self) -> None:
        self._within: str | None = None
        self._folder: Path | None = None

    def use(self, within: str) -> None:
        """Let all temporary files of this process go to a folder of its own within this one."""
        if within == self._within:
            return
        self.close()
        Path(within).mkdir(parents=True, exist_ok=True)
        self._folder = Path(tempfile.mkdtemp(dir=within))
        self._within = within
        write_below(self._folder)

    def close(self) -> None:
        """Remove it; may be called twice."""
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = self._within = None
