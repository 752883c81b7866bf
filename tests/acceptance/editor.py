"""Who edits a tree of files, a pipeline's code and its parameters, in every way there is."""

import os
import shutil
from pathlib import Path
from typing import Any, Protocol

NAMES = ["a.md", "b.txt", "notes/c.md", "notes/deep/d.md", "e.html", "ünï code.md"]
DAY = 86_400


class Edited(Protocol):
    """A project whose documents, code and parameters are edited."""

    root: Path
    docs: Path
    parameters: dict[str, Any]

    def say(self, word: str) -> None:
        """Change what the pipeline's own task says."""


class Editor:
    """Edits files, code and parameters, and remembers what each file was before."""

    def __init__(self, project: Edited) -> None:
        self._project = project
        self._before: dict[str, str] = {}

    def perform(self, edit: tuple[Any, ...]) -> bool:
        """Carry out an edit; return whether it can have brought what was not known before."""
        kind, *rest = edit
        places = [self._project.docs / name for name in rest if name in NAMES]
        there = [place.is_file() for place in places]
        parameters = self._project.parameters
        match kind:
            case "size" | "model":
                self._project.parameters = {**parameters, kind: rest[0]}
            case "code":
                self._project.say(rest[0])
            case "write":
                self._write(places[0], rest[1])
            case "write in place" if there[0]:
                with places[0].open("r+", encoding="utf-8") as file:
                    file.truncate()
                    file.write(rest[1])
            case "delete" if there[0]:
                places[0].unlink()
            case "revert" if rest[0] in self._before:
                self._write(places[0], self._before[rest[0]])
            case "touch" if there[0]:
                os.utime(places[0], (rest[1] * DAY, rest[1] * DAY))
            case "rename" | "copy" | "swap" if there[0] and rest[0] != rest[1]:
                self._place(kind, *places)
                # Under another suffix it may be read as another kind of document.
                return places[0].suffix != places[1].suffix
            case _:
                return False
        return kind != "touch"

    def _place(self, kind: str, one: Path, other: Path) -> None:
        other.parent.mkdir(parents=True, exist_ok=True)
        aside = self._project.root / "aside"
        if kind == "copy":
            shutil.copyfile(one, other)
        elif kind == "rename":
            one.replace(other)
        elif other.is_file():
            one.replace(aside)
            other.replace(one)
            aside.replace(other)

    def _write(self, place: Path, text: str) -> None:
        place.parent.mkdir(parents=True, exist_ok=True)
        if place.is_file():
            key = place.relative_to(self._project.docs).as_posix()
            self._before[key] = place.read_text(encoding="utf-8")
        place.write_text(text, encoding="utf-8")
