"""A project over a folder of archives and mails."""

import time
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ragflow.api.pipeline import Pipeline
from ragflow.api.project import find_pipeline
from ragflow.api.results import Run
from ragflow.config import find_project
from ragflow.runtime.home import open_home
from tests.acceptance.projects import Rows, forget_imports, new_project, rows_of
from tests.unit.parsing.containers.made import mailed, tarred, zipped

GRAIN = 0.06
PIPELINE = """from ragflow import pipeline
from ragflow.tasks import chunk, embed, extract, files, read, upsert


@pipeline
def shelf(folder: str = "docs", unpack: bool = True, size: int = 64) -> None:
    content = extract.options(executor="EXECUTOR")(read(files(folder), unpack=unpack))
    chunks = chunk(content, model="hashing", size=size)
    upsert(chunks, embed(chunks, model="hashing"), collection="shelf")
"""
KEYS = b"# Keys\n\nTo reset a key, press the red button for ten seconds.\n"
LOSS = b"A lost key is reported to the desk, and the desk writes it down.\n"
HOURS = b"The desk is open from nine to five.\n"
OTHER = b"Elephants are welcome on the second floor.\n"


class Shelf:
    """A project over a folder of documents."""

    def __init__(self, root: Path, docs: Path | None = None, executor: str = "threads") -> None:
        self.root, self.docs = new_project(root), docs or root / "docs"
        (root / "pipelines").mkdir()
        self.docs.mkdir(exist_ok=True)
        code = PIPELINE.replace("EXECUTOR", executor)
        (root / "pipelines" / "shelf.py").write_text(code, "utf-8")

    def put(self, **files: bytes) -> None:
        """Write files of the folder, dots in their names written as two lines."""
        for name, data in files.items():
            (self.docs / name.replace("__", ".")).write_bytes(data)

    def pipeline(self) -> Pipeline:
        forget_imports(self.root)
        return find_pipeline(find_project(self.root), "shelf")

    def run(self, **given: Any) -> Run:
        time.sleep(GRAIN)
        wanted = {"accept": True, "allow_deletions": True, **given}
        return self.pipeline().run(project=self.root, folder=str(self.docs), **wanted)

    def plan(self, **given: Any) -> Mapping[str, Any]:
        time.sleep(GRAIN)
        return self.pipeline().plan(project=self.root, folder=str(self.docs), **given).summary

    def rows(self) -> Rows:
        return rows_of(self.root, "shelf")

    def served(self) -> dict[str, int]:
        """Return how many rows each document has that has some."""
        keys = [payload["key"] for _, _, payload, _ in self.rows()]
        return {key: keys.count(key) for key in keys}

    def standing(self) -> dict[str, tuple[str, str | None]]:
        """Return the state of each document and why it is in it."""
        with open_home(self.root) as home:
            store = home.metadata
            numbers = [place.id for place in store.generations.places("collection")]
            return {
                view.key: (view.state.value, view.reason)
                for number in numbers
                for view in store.ledger.owners(number)
            }

    def clean(self) -> Rows:
        """Return the rows of a clean build of the same folder."""
        with TemporaryDirectory(dir=self.root.parent) as folder:
            other = Shelf(Path(folder) / "clean", self.docs)
            other.run()
            rows = other.rows()
            forget_imports(other.root)
            return rows


def first_shelf(root: Path) -> Shelf:
    """Return an archive with one in it, and a mail with an attachment."""
    made = Shelf(root)
    inner = tarred({"y.txt": HOURS})
    made.put(
        bundle__zip=zipped({"notes/x.md": KEYS, "inner.tar.gz": inner}),
        mail__eml=mailed("See below.", {"a.txt": LOSS}),
    )
    return made


def changes(run: Run) -> dict[str, int]:
    """Return how many documents a run counted as what."""
    return {name: count for name, count in run.documents.items() if count}
