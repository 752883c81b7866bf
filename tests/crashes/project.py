"""A project of real documents and an archive, in two states, and a home for each trial."""

import os
import shutil
import time
import zipfile
from pathlib import Path

from tests.crashes.machine import Machine, Process

SAMPLES = Path(__file__).parents[1] / "samples"
#: Texts that the model is given at a time.
BATCH = 4
PIPELINE = f'''
from ragflow import pipeline
from ragflow.tasks import chunk, embed, extract, files, read, upsert


@pipeline
def handbook(
    folder: str = "docs", collection: str = "handbook", model: str = "hashing", size: int = 32
) -> None:
    """Keep the handbook searchable."""
    chunks = chunk(extract(read(files(folder))), model=model, size=size)
    vectors = embed.options(batch={BATCH})(chunks, model=model)
    upsert(chunks, vectors, collection=collection)
'''
SMALL = """
name = "small"
kind = "hashing"
revision = "1"
dimension = 64
metric = "cosine"
pooling = "sum"
limit = 256
licence = "Apache-2.0"
source = "ragflow/embedding/hashing.py"
"""
GUIDE = [
    "# Guide\n\nWho is new reads this first. It says where things are and whom to ask.\n",
    "## Doors\n\nThe front door opens at seven. The door to the yard stays closed in winter.\n",
    "## Heating\n\nTurn the valve to three. Above four the boiler works for nothing.\n",
    "## Post\n\nParcels wait at the desk for a week, and are then sent back.\n",
]
HOURS = "The desk is open from nine to five, and on Saturdays until noon.\n"
LOSS = "# Loss\n\nA lost key is reported to the desk, which writes it down and has it replaced.\n"

STAIRS = "The stairs are swept on Mondays.\n"

RUN = ("run", "handbook", "--allow-deletions", "--json")


class Project:
    """A folder with documents; its home is another for every trial.

    The documents stay where they are, since a copy would be another version of them.
    """

    def __init__(self, folder: Path, machine: Machine) -> None:
        self.folder, self.machine = folder, machine
        self.docs = folder / "docs"
        (folder / "pipelines").mkdir(parents=True)
        (folder / "models").mkdir()
        (folder / "ragflow.toml").write_text("[run]\nworkers = 2\n", "utf-8")
        (folder / "pipelines" / "handbook.py").write_text(PIPELINE, "utf-8")
        (folder / "models" / "small.toml").write_text(SMALL, "utf-8")
        self.docs.mkdir()
        for name in ("keys.md", "billing.md", "manual.pdf"):
            shutil.copy(SAMPLES / name, self.docs / name)
        self.write("guide.md", "\n".join(GUIDE))
        self.write("hours.txt", HOURS)
        self.pack(stairs=STAIRS, lift="The lift is out of order.\n", roof="Nobody may go there.\n")
        shutil.copy(SAMPLES / "network.txt", self.docs / "network.txt")
        self.settle()

    def edit(self) -> None:
        """Add one document, change one, delete one, move one; three stay as they are.

        The same in an archive, but for the move.
        """
        self.pack(stairs=STAIRS, lift="The lift works again.\n", yard="Bicycles stay outside.\n")
        self.write("loss.md", LOSS)
        self.write("guide.md", "\n".join([*GUIDE[:2], GUIDE[2].replace("three", "two"), GUIDE[3]]))
        (self.docs / "hours.txt").unlink()
        (self.docs / "accounts").mkdir()
        (self.docs / "billing.md").rename(self.docs / "accounts" / "billing.md")
        self.settle()

    def revert(self) -> None:
        """Take back what was added and changed; what was deleted and moved stays so."""
        (self.docs / "loss.md").unlink()
        self.write("guide.md", "\n".join(GUIDE))
        self.settle()

    def write(self, name: str, text: str) -> None:
        (self.docs / name).write_text(text, "utf-8")

    def pack(self, **texts: str) -> None:
        """Write an archive of texts."""
        with zipfile.ZipFile(self.docs / "house.zip", "w") as archive:
            for name, text in texts.items():
                archive.writestr(zipfile.ZipInfo(f"{name}.txt"), text)

    def settle(self) -> None:
        """Let every document look old: one changed just now is never taken for unchanged."""
        for number, path in enumerate(sorted(self.docs.rglob("*.*"))):
            os.utime(path, (1_700_000_000 + number,) * 2)
        time.sleep(0.2)  # longer than the grain in which a change would go unseen

    def run(self, home: Path, *more: str, **order: object) -> Process:
        return self.type(home, *RUN, *more, **order)

    def type(self, home: Path, *command: str, **order: object) -> Process:
        return self.machine.type(self.folder, *command, home=home, portion=2, **order)
