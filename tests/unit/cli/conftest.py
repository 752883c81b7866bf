"""What the tests of commands may ask for: a project in a folder, and what is typed into it."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import validate

from ragflow.cli.main import run
from ragflow.cli.schema import FOLDER

#: Seconds that another process may take for anything, on a machine that is busy.
PATIENCE = 60.0

#: Seconds after which a file can no more change unseen within the grain of its times. Until
#: then its token equals no other, and only reading it tells that it is the same.
GRAIN = 0.06

#: Steps, and a pipeline over files some of which cannot be served.
PIPELINES = '''
import time
from pathlib import Path

from ragflow import Content, Retry, RetryTask, pipeline, task
from ragflow.tasks import chunk, embed, extract, files, read, upsert


@task(per="run")
def fetch() -> int:
    return 3


@task(per="run")
def wait(number: int, *, gate: str) -> int:
    if gate:
        Path(f"{gate}.reached").touch()
        while not Path(gate).exists():
            time.sleep(0.02)
    return number


@task(per="run")
def store(number: int, *, gate: str, fail: bool) -> None:
    if fail:
        raise ValueError("no room")
    Path(f"{gate or 'no'}.stored").touch()


@pipeline
def chain(gate: str = "", fail: bool = False) -> None:
    """Do one thing after the other."""
    store(wait(fetch(), gate=gate), gate=gate, fail=fail)


@task(retries=Retry(attempts=1))
def check(content: Content, *, forbidden: str, later: str) -> Content:
    if forbidden and forbidden in content.text:
        raise ValueError(f"{forbidden} is not allowed")
    if later and later in content.text:
        raise RetryTask("the desk is closed")
    return content


@pipeline
def strict(forbidden: str = "", later: str = "", collection: str = "strict") -> None:
    """Index what is allowed."""
    content = check(extract(read(files("docs"))), forbidden=forbidden, later=later)
    chunks = chunk(content, model="hashing")
    upsert(chunks, embed(chunks, model="hashing"), collection=collection)
'''


class Done:
    """What a command said and how it ended."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code = code
        self.out = out
        self.err = err

    @property
    def lines(self) -> list[str]:
        """What it printed, line by line."""
        return self.out.splitlines()


class Project:
    """A project in the working directory, and commands typed into it."""

    def __init__(self, folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self._capfd = capfd
        self.processes: list[subprocess.Popen[str]] = []

    def type(self, *arguments: str, code: int = 0) -> Done:
        """Run a command here, which is to end with this code."""
        self._capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            run(arguments)
        captured = self._capfd.readouterr()
        assert ended.value.code == code, captured.err
        return Done(code, captured.out, captured.err)

    def ask(self, schema: str, *arguments: str, code: int = 0) -> Any:
        """Run a command with ``--json`` and return its object, which fits its schema."""
        value = json.loads(self.type(*arguments, "--json", code=code).out)
        validate(value, json.loads((FOLDER / f"{schema}.json").read_text("utf-8")))
        return value

    def refused(self, *arguments: str, code: int = 2) -> list[str]:
        """Run a command that is to be refused; return the error and the hint."""
        done = self.type(*arguments, code=code)
        assert done.out == ""
        return [line for line in done.err.splitlines() if line.startswith(("error: ", "hint: "))]

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Begin a command in a process of its own."""
        process = subprocess.Popen(
            [sys.executable, "-m", "ragflow", *arguments],
            cwd=self.folder,
            env={k: v for k, v in os.environ.items() if k != "RAGFLOW_HOME"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.processes.append(process)
        return process

    def start_waiting(self) -> subprocess.Popen[str]:
        """Begin a run in a process of its own; return once it waits for the file ``gate``."""
        process = self.start("run", "chain", "-p", "gate=gate")
        self.until((self.folder / "gate.reached").exists, process)
        return process

    def open_gate(self) -> None:
        """Let the run that waits go on."""
        (self.folder / "gate").touch()

    @property
    def has_stored(self) -> bool:
        """Whether the step behind the gate was called."""
        return (self.folder / "gate.stored").exists()

    def until(self, happened: Callable[[], bool], process: subprocess.Popen[str]) -> None:
        """Wait until something happened that a process is to do."""
        deadline = time.monotonic() + PATIENCE
        while not happened():
            assert process.poll() is None, process.communicate()[1]
            assert time.monotonic() < deadline, "nothing happened"
            time.sleep(0.05)

    def write(self, **texts: str) -> None:
        """Write documents."""
        (self.folder / "docs").mkdir(exist_ok=True)
        for name, text in texts.items():
            (self.folder / "docs" / f"{name}.txt").write_text(f"{text}\n", encoding="utf-8")
        time.sleep(GRAIN)


@pytest.fixture
def project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Iterator[Project]:
    """Return a project with the pipelines above; whatever it started is over afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("RAGFLOW_HOME", raising=False)
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)
    # One document after the other, so that dead letters come in order.
    (tmp_path / "ragflow.toml").write_text("[run]\nworkers = 1\n", encoding="utf-8")
    (tmp_path / "pipelines").mkdir()
    (tmp_path / "pipelines" / "all.py").write_text(PIPELINES, encoding="utf-8")
    opened = Project(tmp_path, capfd)
    yield opened
    for process in opened.processes:
        process.kill()
        process.communicate()
    for name in set(sys.modules) - before:
        if name.partition(".")[0] == "pipelines":
            del sys.modules[name]
