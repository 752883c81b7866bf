"""Processes of ragflow that begin at once, and can be killed or stopped at a point of a run."""

import itertools
import json
import os
import signal
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
#: One thread each: the processes are forked, and two cores are shared.
ALONE = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}


@dataclass
class Process:
    """A command that was typed."""

    machine: "Machine"
    pid: int
    files: dict[str, Path]
    #: How it ended: its exit code, or minus the signal; None while it is stopped or runs.
    code: int | None = field(default=None)

    def wait(self) -> "Process":
        """Wait until it ended or stopped itself."""
        self.code = self.machine.ask(do="wait", pid=self.pid).get("code")
        return self

    def go_on(self) -> "Process":
        """Continue it, and wait until it ended."""
        os.kill(self.pid, signal.SIGCONT)
        return self.wait()

    def kill(self) -> "Process":
        os.kill(self.pid, signal.SIGKILL)
        return self.wait()

    @property
    def said(self) -> str:
        return self.files["out"].read_text("utf-8")

    @property
    def complained(self) -> str:
        return self.files["err"].read_text("utf-8")

    @property
    def summary(self) -> Any:
        return json.loads(self.said)

    @property
    def told(self) -> list[str]:
        """What it told while it ran: points, texts it embedded, transactions."""
        return [line.partition(" ")[2] for line in self._told()]

    @property
    def told_by_thread(self) -> list[list[str]]:
        """What each of its threads told."""
        threads: dict[str, list[str]] = {}
        for line in self._told():
            thread, _, what = line.partition(" ")
            threads.setdefault(thread, []).append(what)
        return list(threads.values())

    def _told(self) -> list[str]:
        found = self.files["told"]
        return found.read_text("utf-8").splitlines() if found.exists() else []

    @property
    def points(self) -> Counter[str]:
        """How often it reached each point."""
        return Counter(
            line.removeprefix("point ") for line in self.told if line.startswith("point ")
        )

    @property
    def embedded(self) -> int:
        """How many texts it gave to the model."""
        return sum(int(line.split()[1]) for line in self.told if line.startswith("embedded "))


class Machine:
    """Starts processes; all of them end with it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._numbers = itertools.count()
        self._forking = subprocess.Popen(
            [sys.executable, "-m", "tests.crashes.forking_process"],
            cwd=ROOT,
            env={**os.environ, **ALONE},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._hear() == {"ready": True}

    def ask(self, **order: Any) -> Any:
        """Give an order and return the answer."""
        assert self._forking.stdin is not None
        self._forking.stdin.write(json.dumps(order) + "\n")
        self._forking.stdin.flush()
        return self._hear()

    def _hear(self) -> Any:
        assert self._forking.stdout is not None
        return json.loads(self._forking.stdout.readline())

    def begin(self, folder: Path, *arguments: str, home: Path, **order: Any) -> Process:
        """Type a command into a folder; `at`, `nth` and `signal` say where it is to end."""
        number = next(self._numbers)
        files = {name: self._folder / f"{number}.{name}" for name in ("out", "err", "told")}
        answer = self.ask(
            do="begin",
            folder=str(folder),
            arguments=arguments,
            environment={"RAGFLOW_HOME": str(home)},
            **{name: str(path) for name, path in files.items()},
            **order,
        )
        return Process(self, answer["pid"], files)

    def type(self, folder: Path, *arguments: str, home: Path, **order: Any) -> Process:
        """Type a command and wait until it ended, or stopped itself."""
        return self.begin(folder, *arguments, home=home, **order).wait()

    def close(self) -> None:
        assert self._forking.stdin is not None
        assert self._forking.stdout is not None
        self._forking.stdin.close()
        self._forking.wait()
        self._forking.stdout.close()
