"""A project whose processes, all of them, are watched: what they write, and whom they speak to."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]

#: Every interpreter that starts runs it first. What it sees is a line of `seen`: a word that
#: names it and where. Compiled code is out of its reach; snapshots show what that writes.
WATCH = """
import os, sys

_SEEN = os.environ["WATCH_SEEN"]
_HOMES = tuple(os.environ["WATCH_HOMES"].split(os.pathsep))
_SPEAKS = {"socket.connect", "socket.bind", "socket.sendto", "socket.getaddrinfo",
           "socket.gethostbyname"}


def _watch(event, arguments):
    if event in _SPEAKS:
        if getattr(arguments[0], "family", None) != 1:
            _tell("network", repr(arguments))
    elif event == "open":
        path, mode, flags = arguments
        if isinstance(path, (str, bytes)) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            where = os.path.abspath(os.fsdecode(path))
            if not where.startswith((*_HOMES, _SEEN, "/dev/", "/proc/")):
                _tell("write", where)


def _tell(word, what):
    descriptor = os.open(_SEEN, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(descriptor, f"{word} {what}\\n".encode())
    os.close(descriptor)


sys.addaudithook(_watch)
exec(os.environ.get("WATCH_ALSO", ""))
"""

PIPELINE = """
from ragflow import minutes, pipeline, seconds
from ragflow.tasks import chunk, embed, extract, files, read, upsert


@pipeline
def reading(folder: str = "docs", collection: str = "reading"):
    content = extract{options}(read(files(folder, max_bytes=1 << 30)){parameters})
    chunks = chunk(content, model="hashing")
    upsert(chunks, embed(chunks, model="hashing"), collection=collection)
"""


class Watched:
    """A project with a pipeline ``reading``, and commands typed into it from elsewhere."""

    def __init__(self, folder: Path, *, options: str = "", parameters: str = "") -> None:
        self.folder = folder
        self.project = folder / "project"
        self.elsewhere = folder / "elsewhere"
        self.seen = folder / "seen"
        self.home = self.project / ".ragflow"
        (self.project / "pipelines").mkdir(parents=True)
        (self.project / "ragflow.toml").touch()
        text = PIPELINE.format(options=options, parameters=parameters)
        (self.project / "pipelines" / "reading.py").write_text(text, encoding="utf-8")
        for name in ("home", "tmp"):
            (self.elsewhere / name).mkdir(parents=True)
        (folder / "watch").mkdir()
        (folder / "watch" / "sitecustomize.py").write_text(WATCH, encoding="utf-8")

    def type(self, *words: str, also: str = "", **environment: str) -> subprocess.CompletedProcess:
        """Run a command of ragflow; `also` is run by each interpreter as it starts."""
        return self.start([sys.executable, "-m", "ragflow", *words], also=also, **environment)

    def start(self, command: list[str], **environment: str) -> subprocess.CompletedProcess:
        """Run a command, watched."""
        also = environment.pop("also", "")
        return subprocess.run(
            command,
            cwd=self.project,
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=False,
            env={
                **os.environ,
                "HOME": str(self.elsewhere / "home"),
                "TMPDIR": str(self.elsewhere / "tmp"),
                "XDG_CACHE_HOME": str(self.elsewhere / "home" / "cache"),
                "PYTHONPATH": os.pathsep.join(map(str, (self.folder / "watch", ROOT))),
                "PYTHONDONTWRITEBYTECODE": "1",
                "PYTHONUTF8": "1",
                "WATCH_SEEN": str(self.seen),
                "WATCH_HOMES": str(self.home),
                "WATCH_ALSO": also,
                **environment,
            },
        )

    def run(self, folder: Path, **more: str) -> dict[str, Any]:
        """Carry out a run over a folder and return its summary."""
        done = self.type("run", "reading", "-p", f"folder={folder}", "--json", **more)
        assert done.returncode in (0, 3), done.stderr
        self.said = done.stderr
        summary: dict[str, Any] = json.loads(done.stdout)
        return summary

    def documents(self) -> dict[str, dict[str, Any]]:
        """Return how each document stands, by its key."""
        done = self.type("documents", "reading", "--json")
        assert done.returncode == 0, done.stderr
        return {each["key"]: each for each in json.loads(done.stdout)["documents"]}

    def saw(self) -> list[str]:
        """Return what was seen so far."""
        return self.seen.read_text(encoding="utf-8").splitlines() if self.seen.exists() else []


def snapshot(*folders: Path, leave_out: Path | None = None) -> dict[str, tuple[int, int]]:
    """Return all files below folders, with their sizes and when they were written.

    Of folders only that they are there: SQLite makes temporary files and removes them.
    """
    return {
        str(path): (0, 0) if path.is_dir() else (path.lstat().st_size, path.lstat().st_mtime_ns)
        for folder in folders
        for path in sorted(folder.rglob("*"))
        if leave_out is None or not path.is_relative_to(leave_out)
    }
