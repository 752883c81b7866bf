"""What does a refresh cost that finds nothing to do, beside CocoIndex on the same folder?

Run as ``make bench-noop``, which installs the reference (CocoIndex with its SQLite target) into an
environment of its own; or ``python tests/benchmarks/noop.py [--reference PYTHON] [--files N]
[--rounds N] [--million]``. Each measured refresh is a process of its own, started as from a shell
and waited for: imports count. Rounds take turns with the reference; medians are printed, of
seconds on the clock and of seconds of processor. The folder is in the file system's memory for
both. How many documents a refresh opens is counted once more, apart, by an audit hook.

The index has a row for each file. For a million files, and to see how the cost grows, the pipeline
ends in a task without rows: what a refresh compares is the same, and a first run takes
minutes, not hours.
"""

import argparse
import compileall
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ragflow
from tests.benchmarks.listing import fill, look_at_all

CORES = 2
#: By files: the most seconds on the clock, and the most MiB at the highest.
TARGETS = {100_000: (2.0, 150), 1_000_000: (15.0, 300)}
PEER = Path(__file__).absolute().with_name("noop_peer.py")
PIPELINES = '''from ragflow import Document, pipeline, task
from ragflow.tasks import chunk, embed, extract, files, read, upsert


@task(version="1")
def measure(document: Document) -> int:
    return len(document.read())


@pipeline
def pages(collection: str = "pages", model: str = "hashing") -> None:
    """Keep a row for each page."""
    chunks = chunk(extract(read(files("docs"))), model=model)
    upsert(chunks, embed(chunks, model=model), collection=collection)


@pipeline
def lengths() -> None:
    """Know how long each page is."""
    measure(read(files("docs")))
'''
#: Carries out a command line and counts what it opened below a folder.
WATCHED = """
import os, sys
folder, opened = os.path.abspath("docs") + os.sep, []
def watch(event, arguments):
    if event == "open" and isinstance(arguments[0], (str, bytes)):
        opened.append(os.path.abspath(os.fsdecode(arguments[0])).startswith(folder))
sys.addaudithook(watch)
from ragflow.cli.main import run
try:
    run()
finally:
    print("opened", sum(opened), file=sys.stderr)
"""


@dataclass(frozen=True, slots=True)
class Cost:
    """What one process took."""

    seconds: float
    #: Seconds of processor, its own and the kernel's for it.
    processor: float
    #: MiB at the highest.
    memory: float


def main() -> None:
    asked = argparse.ArgumentParser()
    asked.add_argument("--reference", help="a Python that has cocoindex and sqlite-vec")
    asked.add_argument("--files", type=int, default=100_000)
    asked.add_argument("--rounds", type=int, default=7)
    asked.add_argument("--million", action="store_true", help="a million files, without rows")
    given = asked.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:CORES])
    # As where it is installed; in a checkout, modules may have been edited since.
    compileall.compile_dir(Path(ragflow.__file__).parent, quiet=2)
    if given.million:
        grow([1_000_000], given.rounds)
        return
    beside(given.files, given.rounds, given.reference)
    grow([1_000, 10_000, 100_000], given.rounds)


def beside(count: int, rounds: int, reference: str | None) -> None:
    """Print what a refresh of an index takes us and the reference, in turns."""
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCHMARK_FOLDER")) as name:
        project = new_project(Path(name), count)
        commands = {"ragflow": ours("pages")}
        if reference:
            shutil.copy(PEER, project)
            update = str(Path(reference).absolute().with_name("cocoindex"))
            commands["cocoindex"] = [update, "update", PEER.name]
        for each, command in commands.items():
            cost, _ = timed(command, project)
            print(f"{each}: {cost.seconds:.0f} s for the first {count:,} files", file=sys.stderr)
        found: dict[str, list[Cost]] = {each: [] for each in commands}
        for _ in range(rounds):
            for each, command in commands.items():
                cost, said = timed(command, project)
                found[each].append(cost)
                check(each, said, count)
        report(found, count)
        print(f"{opened(project):8d} documents opened")


def grow(counts: Sequence[int], rounds: int) -> None:
    """Print what a refresh of ever more files takes that end in a task without rows."""
    for count in counts:
        with tempfile.TemporaryDirectory(dir=os.environ.get("BENCHMARK_FOLDER")) as name:
            project = new_project(Path(name), count)
            first, _ = timed(ours("lengths"), project)
            print(f"{first.seconds:.0f} s for the first {count:,} files", file=sys.stderr)
            costs = []
            for _ in range(rounds):
                cost, said = timed(ours("lengths"), project)
                check("ragflow", said, count)
                costs.append(cost)
            bare = time.process_time()
            look_at_all(project / "docs")
            bare = time.process_time() - bare
            report({"ragflow, no rows": costs}, count)
            print(f"{bare:8.2f} s of processor to look at each file once, and no more")


def new_project(folder: Path, count: int) -> Path:
    """Make a project with so many documents."""
    (folder / "ragflow.toml").touch()
    (folder / "pipelines").mkdir()
    (folder / "pipelines" / "pages.py").write_text(PIPELINES)
    (folder / "docs").mkdir()
    fill(folder / "docs", count)
    time.sleep(0.1)  # past the instant in which tokens are made to differ
    look_at_all(folder / "docs")  # so that names and inodes are in memory
    return folder


def ours(pipeline: str) -> list[str]:
    return [str(Path(sys.executable).with_name("ragflow")), "run", pipeline, "--json"]


def timed(command: Sequence[str], folder: Path) -> tuple[Cost, str]:
    """Run a command as a shell does; return what it took and what it printed."""
    environment = {**os.environ, "COCOINDEX_DISABLE_USAGE_TRACKING": "1"}
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
        begun = time.perf_counter()
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=output, stderr=errors
        )
        _, status, used = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - begun
        process.returncode = os.waitstatus_to_exitcode(status)
        for file in (output, errors):
            file.seek(0)
        if process.returncode:
            sys.exit(f"{command} failed:\n{errors.read()}")
        # Kilobytes everywhere but on macOS.
        unit = 1 << 20 if sys.platform == "darwin" else 1 << 10
        cost = Cost(seconds, used.ru_utime + used.ru_stime, used.ru_maxrss / unit)
        return cost, output.read()


def check(name: str, said: str, count: int) -> None:
    """Make sure that a refresh found every document and did nothing."""
    if name == "cocoindex":
        assert f"{count} total | {count} unchanged" in said.replace(",", ""), said
        return
    summary: Mapping[str, Any] = json.loads(said)
    assert summary["documents"]["unchanged"] == count, summary
    assert all(task["ran"] == 0 for task in summary["tasks"].values()), summary


def opened(project: Path) -> int:
    """Return how many documents a refresh opens."""
    command = [sys.executable, "-c", WATCHED, "run", "pages", "--json"]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, check=True)
    line = next(line for line in done.stderr.splitlines() if line.startswith("opened "))
    return int(line.split()[1])


def report(found: Mapping[str, Sequence[Cost]], count: int) -> None:
    seconds, memory = TARGETS.get(count, (None, None))
    asked = f" (to be at most {seconds} s and {memory} MiB)" if seconds else ""
    print(f"{count:,} unchanged files{asked}")
    for name, costs in found.items():
        middle = [
            statistics.median(getattr(cost, what) for cost in costs)
            for what in ("seconds", "processor", "memory")
        ]
        print(
            f"{middle[0]:8.2f} s, {middle[1]:.2f} s of processor, {middle[2]:.0f} MiB, "
            f"{middle[0] / count * 1e6:.1f} µs a file: {name}"
        )
    if "cocoindex" in found:
        for what in ("seconds", "processor", "memory"):
            pairs = zip(found["cocoindex"], found["ragflow"], strict=True)
            ratio = statistics.median(getattr(t, what) / getattr(o, what) for t, o in pairs)
            print(f"{ratio:8.1f} times our {what} for the reference (median of pairs)")


if __name__ == "__main__":
    main()
