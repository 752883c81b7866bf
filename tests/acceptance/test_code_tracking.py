"""Edits of code: those that matter re-run what they touch, and those that do not, nothing.

The project and its edits are data: `tracked/`. Each edit is made to the project as it was
first, in files; the project is imported afresh and run, and the calls of each task are counted.
"""

import importlib
import linecache
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from ragflow.api.project import find_pipeline
from ragflow.config import find_project

FOLDER = Path(__file__).parent / "tracked"
DOCUMENTS = 2


class Edit(NamedTuple):
    """A text in a file replaced by another, and the tasks that are to be called again."""

    name: str
    file: str
    tasks: frozenset[str]
    before: str
    after: str


def sections(file: str) -> Iterator[tuple[str, str]]:
    """Yield the headings of a file and what stands below each."""
    text = (FOLDER / file).read_text(encoding="utf-8")
    for section in text.removeprefix("==== ").split("\n==== "):
        heading, _, body = section.partition("\n")
        yield heading, f"{body.rstrip()}\n"


def edits(file: str) -> list[Edit]:
    found = []
    for heading, body in sections(file):
        name, where, *tasks = heading.split(" | ")
        before, _, after = body.partition("--\n")
        touched = frozenset(" ".join(tasks).split())
        found.append(Edit(name, where, touched, before.rstrip("\n"), after.rstrip("\n")))
    return found


SEMANTIC, COSMETIC = edits("semantic.txt"), edits("cosmetic.txt")


class Tracked:
    """The project in a folder, as often as its code is edited."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.texts = dict(sections("project.txt"))
        for file, text in self.texts.items():
            (root / file).parent.mkdir(parents=True, exist_ok=True)
            (root / file).write_text(text, encoding="utf-8")

    def make(self, edit: Edit) -> None:
        text = self.texts[edit.file]
        assert text.count(edit.before) == 1, f"{edit.name}: not in {edit.file}, or twice"
        assert edit.before != edit.after
        changed = text.replace(edit.before, edit.after)
        (self.root / edit.file).write_text(changed, encoding="utf-8")

    def undo(self, edit: Edit) -> None:
        (self.root / edit.file).write_text(self.texts[edit.file], encoding="utf-8")

    def run(self, name: str = "tracked", **parameters: Any) -> Mapping[str, Any]:
        """Import everything as it is written now, run the pipeline and return its summary."""
        self.forget()
        pipeline = find_pipeline(find_project(self.root), name)
        return pipeline.run(project=self.root, accept=True, **parameters).summary

    def forget(self) -> None:
        """Let nothing of the project be imported any more."""
        for name in [name for name, module in sys.modules.items() if self._has(module)]:
            del sys.modules[name]
        importlib.invalidate_caches()
        linecache.clearcache()

    def _has(self, module: Any) -> bool:
        places = [getattr(module, "__file__", None), *getattr(module, "__path__", ())]
        return any(place and Path(place).is_relative_to(self.root) for place in places)


@pytest.fixture(scope="module")
def tracked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tracked]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "path", list(sys.path))
        patch.setattr(sys, "dont_write_bytecode", True)
        patch.delenv("RAGFLOW_HOME", raising=False)
        project = Tracked(tmp_path_factory.mktemp("tracked").resolve())
        first = project.run()
        # No document has a page that must be recognized.
        assert called(first) == set(first["tasks"]) - {"recognize", "assemble"}
        yield project
        project.forget()


def called(summary: Mapping[str, Any]) -> set[str]:
    """Return the tasks that were called at all."""
    return {name for name, counts in summary["tasks"].items() if counts["ran"]}


def test_there_are_sixty_of_each():
    for found in (SEMANTIC, COSMETIC):
        assert len(found) >= 60
        assert len({edit.name for edit in found}) == len(found)
    assert all(edit.tasks for edit in SEMANTIC)
    assert not any(edit.tasks for edit in COSMETIC)


@pytest.mark.parametrize("edit", COSMETIC, ids=[edit.name for edit in COSMETIC])
def test_an_edit_that_computes_nothing_re_runs_nothing(tracked, edit):
    tracked.undo(edit)
    tracked.run()
    tracked.make(edit)
    summary = tracked.run()
    tracked.undo(edit)
    assert called(summary) == set()
    # Not even looked at: no definition is another.
    assert summary["documents"]["unchanged"] == DOCUMENTS


@pytest.mark.parametrize("edit", SEMANTIC, ids=[edit.name for edit in SEMANTIC])
def test_an_edit_that_matters_re_runs_what_it_touches_and_nothing_else(tracked, edit):
    tracked.make(edit)
    summary = tracked.run()
    tracked.undo(edit)
    assert called(summary) == edit.tasks
    assert summary["documents"]["stale"] == DOCUMENTS
    reverted = tracked.run()
    assert reverted["documents"]["stale"] == DOCUMENTS
    assert called(reverted) == set()


#: What happens to a pipeline whose tasks stay what they are.
MOVED = {
    "its function under another name": ("def keep(", "def keep_it("),
    "a line further down": ("from ragflow import pipeline", "\nfrom ragflow import pipeline"),
    "below the other": ("@pipeline(name", "def nothing() -> None: ...\n\n\n@pipeline(name"),
    "a decorator written otherwise": ('(name="kept")', '(name="kept", scope=["collection"])'),
    "parameters in another order": (
        'collection: str = "kept", model: str = "hashing"',
        'model: str = "hashing", collection: str = "kept"',
    ),
}


@pytest.mark.parametrize(("before", "after"), MOVED.values(), ids=MOVED)
def test_a_pipeline_that_moved_or_was_renamed_keeps_its_rows(tracked, before, after):
    first = tracked.run("kept")
    edit = Edit("", "pipelines/kept.py", frozenset(), before, after)
    tracked.make(edit)
    summary = tracked.run("kept")
    tracked.undo(edit)
    assert called(summary) == set()
    assert summary["documents"]["unchanged"] == DOCUMENTS
    assert summary["chunks"]["deleted"] == summary["documents"]["deleted"] == 0
    assert summary["chunks"]["total"] == first["chunks"]["total"] > 0


def test_a_pipeline_under_another_name_deletes_nothing_and_embeds_nothing(tracked):
    """It is another instance then, beside the one that was; memos know no names."""
    before = tracked.run("unnamed")["chunks"]["total"]
    edit = Edit("", "pipelines/kept.py", frozenset(), "def unnamed(", "def renamed(")
    tracked.make(edit)
    summary = tracked.run("renamed")
    tracked.undo(edit)
    assert called(summary) <= {"read", "upsert"}
    assert summary["chunks"]["deleted"] == summary["documents"]["deleted"] == 0
    assert tracked.run("unnamed")["chunks"]["total"] == before > 0
