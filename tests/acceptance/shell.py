"""A project in a folder, and the command line typed into it."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from ragflow.cli.schema import FOLDER

KEYS = """# Keys

To reset a key, press the red button for ten seconds.

## Loss

A lost key is reported to the desk.
"""
HOURS = "The desk is open from nine to five.\n"

#: A pipeline whose tasks can be made to fail, to be slow and to be loud.
STRICT = '''
import time

from ragflow import Content, pipeline, task
from ragflow.tasks import chunk, embed, extract, files, read, upsert

print("a pipeline file may print")


@task
def check(content: Content, *, forbidden: str, seconds: float) -> Content:
    print("a task may print")
    time.sleep(seconds)
    if forbidden and forbidden in content.text:
        raise ValueError(f"{forbidden} is not allowed")
    return content


@pipeline(schedule="0 * * * *")
def strict(
    folder: str = "docs", collection: str = "strict", forbidden: str = "", seconds: float = 0.0
) -> None:
    """Index what is allowed."""
    content = check(extract(read(files(folder))), forbidden=forbidden, seconds=seconds)
    chunks = chunk(content, model="hashing")
    upsert(chunks, embed(chunks, model="hashing"), collection=collection)
'''

Done = subprocess.CompletedProcess[str]


class Shell:
    """Types commands into a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def command(self, *arguments: str) -> list[str]:
        """Return the command line as a process is started with."""
        return [sys.executable, "-m", "ragflow", *arguments]

    def environment(self, **variables: str) -> dict[str, str]:
        """Return what a command finds around it."""
        kept = {name: value for name, value in os.environ.items() if name != "RAGFLOW_HOME"}
        return {**kept, **variables}

    def type(self, *arguments: str, below: str = ".", **variables: str) -> Done:
        """Run a command, in a subfolder if one is named, and return what it said."""
        return subprocess.run(
            self.command(*arguments),
            cwd=self.folder / below,
            env=self.environment(**variables),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    def ask(self, schema: str, *arguments: str, **options: Any) -> Any:
        """Run a command with ``--json`` and return its one object, which fits its schema."""
        done = self.type(*arguments, "--json", **options)
        assert "Traceback" not in done.stderr, done.stderr
        assert done.stdout, done.stderr
        value = json.loads(done.stdout)
        rules = json.loads((FOLDER / f"{schema}.json").read_text("utf-8"))
        Draft202012Validator(rules).validate(value)
        return value

    def index(self, *arguments: str) -> Any:
        """Run the quickstart over `docs` with the model that needs none."""
        return self.ask("run", "run", "quickstart", "-p", "model=hashing", *arguments)

    def rows(self, collection: str = "quickstart") -> list[dict[str, Any]]:
        """Return what a collection holds."""
        done = self.type("export", collection)
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    @contextmanager
    def restored(self) -> Iterator["Shell"]:
        """Let the project be changed while the context lives; then it is as it was before."""
        saved = self.folder.with_name("saved")
        shutil.copytree(self.folder, saved)
        try:
            yield self
        finally:
            shutil.rmtree(self.folder)
            saved.rename(self.folder)


def make_project(folder: Path) -> Shell:
    """Return a project with three documents, one of them nothing to read, not indexed yet."""
    folder.mkdir(parents=True, exist_ok=True)
    shell = Shell(folder)
    begun = shell.type("init")
    assert begun.returncode == 0, begun.stderr
    (folder / "docs" / "guide").mkdir(parents=True)
    (folder / "docs" / "guide" / "keys.md").write_text(KEYS, encoding="utf-8")
    (folder / "docs" / "hours.txt").write_text(HOURS, encoding="utf-8")
    (folder / "docs" / "blob.bin").write_bytes(b"\x00\x01\xff\xfe\x00" * 9)
    return shell


def make_strict(shell: Shell) -> None:
    """Add the pipeline whose tasks can be made to fail."""
    (shell.folder / "pipelines" / "strict.py").write_text(STRICT, encoding="utf-8")
