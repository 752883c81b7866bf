"""A recorded history of a folder, played state by state."""

import json
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any


class Replay:
    """The states of one recorded tree; each step changes a folder to the next."""

    def __init__(self, corpus: Path) -> None:
        lines = (corpus / "steps.jsonl").read_text(encoding="utf-8").splitlines()
        self.steps: list[dict[str, Any]] = [json.loads(line) for line in lines]
        with tarfile.open(corpus / "blobs.tar.xz") as archive:
            self._blobs = {
                member.name.rpartition("/")[2]: file.read()
                for member in archive
                if member.isfile() and (file := archive.extractfile(member)) is not None
            }

    def play(self, folder: Path, states: int) -> Iterator[dict[str, Any]]:
        """Bring the folder through its first states, yielding after each."""
        folder.mkdir(parents=True, exist_ok=True)
        for step in self.steps[:states]:
            for change in step["ops"]:
                place = folder / change["path"]
                if change["op"] == "D":
                    place.unlink()
                    continue
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(self._blobs[change["blob"]])
            yield step
