"""The runs that crashes are played in, undisturbed.

Three stages of one collection: built from nothing; refreshed after an edit of every kind; built
anew for another model beside what serves.
"""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.crashes.machine import Machine, Process
from tests.crashes.meaning import leftovers, meaning
from tests.crashes.project import Project

SMALLER = ("-p", "model=small", "--accept")


@dataclass
class Stage:
    """A run of the reference: what it begins with, and how it goes undisturbed."""

    project: Project
    before: Path | None
    after: Path
    arguments: tuple[str, ...]
    run: Process
    meaning: dict[str, Any]

    def home(self, folder: Path) -> Path:
        """Return a home of its own that stands where this stage begins."""
        home = folder / "home"
        if self.before is not None:
            shutil.copytree(self.before, home)
        return home

    def check(self, home: Path) -> None:
        """Fail unless a home stands where this stage ends, with nothing left over."""
        found = meaning(home, self.project.folder)
        # One thing after the other, for the sake of who reads what differs.
        for name, what in self.meaning.items():
            assert found[name] == what, name
        assert found.keys() == self.meaning.keys()
        assert leftovers(home) == {}


class Reference:
    """The three stages, undisturbed."""

    def __init__(self, folder: Path, machine: Machine) -> None:
        self._folder = folder
        empty = Project(folder / "new", machine)
        first = self._stage(empty, "first", None)
        edited = Project(folder / "edited", machine)
        assert edited.run(folder / "built").code == 0
        edited.edit()
        refreshed = self._stage(edited, "refreshed", folder / "built")
        replaced = self._stage(edited, "replaced", refreshed.after, *SMALLER)
        self.stages = {"first": first, "refreshed": refreshed, "replaced": replaced}

    def _stage(self, project: Project, name: str, before: Path | None, *more: str) -> Stage:
        after = self._folder / name
        if before is not None:
            shutil.copytree(before, after)
        run = project.run(after, *more, traced=True)
        assert run.code == 0, run.complained
        assert leftovers(after) == {}
        return Stage(project, before, after, more, run, meaning(after, project.folder))
