"""A recorded history of a folder, played state by state."""

import hashlib
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

    def contents(self) -> int:
        """Return how many distinct contents the history has."""
        return len(self._blobs)

    def play(self, folder: Path) -> Iterator[dict[str, Any]]:
        """Bring the folder through its states, yielding the step after each."""
        folder.mkdir(parents=True, exist_ok=True)
        there: dict[str, str] = {}
        for step in self.steps:
            for change in step["ops"]:
                place = folder / change["path"]
                if change["op"] == "D":
                    place.unlink()
                    del there[change["path"]]
                    continue
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(self._blobs[change["blob"]])
                there[change["path"]] = change["blob"]
            lines = "".join(f"{path}\0{blob}\n" for path, blob in sorted(there.items()))
            assert hashlib.sha256(lines.encode()).hexdigest() == step["tree_sha256"]
            yield step
