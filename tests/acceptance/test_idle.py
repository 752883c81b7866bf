"""A refresh with nothing to do costs next to nothing, and no command calls the network."""

import json
import subprocess
import sys

import pytest

from tests.acceptance.shell import make_project

#: Carries out a command line and reports which files it opened and what it imported.
WATCHED = """
import json, os, sys
opened = []
def watch(event, arguments):
    if event == "open" and isinstance(arguments[0], (str, bytes)):
        opened.append(os.fsdecode(arguments[0]))
sys.addaudithook(watch)
report = sys.argv.pop(1)
from ragflow.cli.main import run
try:
    run()
finally:
    found = {"opened": list(opened), "imported": sorted(sys.modules)}
    with open(report, "w") as file:
        json.dump(found, file)
"""

#: Carries out a command line where every socket but unix ones is refused, and reports attempts.
CUT_OFF = """
import json, socket, sys
attempts = []
def refuse(event, arguments):
    if event in ("socket.getaddrinfo", "socket.gethostbyname"):
        attempts.append(str(arguments[0]))
    elif event in ("socket.connect", "socket.sendto", "socket.bind"):
        if arguments[0].family == socket.AF_UNIX:
            return
        attempts.append(str(arguments[1]))
    else:
        return
    raise PermissionError("this test has no network")
sys.addaudithook(refuse)
report = sys.argv.pop(1)
from ragflow.cli.main import run
try:
    run()
finally:
    with open(report, "w") as file:
        json.dump(attempts, file)
"""

HEAVY = {"chromadb", "chromadb_rust_bindings", "sentence_transformers", "torch", "transformers"}
PARSERS = {
    "PIL",
    "bs4",
    "charset_normalizer",
    "lxml",
    "markdown_it",
    "pypdf",
    "pypdfium2",
    "pytesseract",
}


def carry_out(program, shell, *arguments, below="."):
    """Run a command line inside a program; return (stdout, what the program reported)."""
    report = shell.folder.parent / "report.json"
    done = subprocess.run(
        [sys.executable, "-c", program, str(report), *arguments],
        cwd=shell.folder / below,
        env=shell.environment(),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout, json.loads(report.read_text())


def test_a_second_run_opens_no_document_and_loads_nothing_heavy(tmp_path):
    shell = make_project(tmp_path / "project")
    for number in range(50):
        (shell.folder / "docs" / f"note-{number}.txt").write_text(f"This is note {number}.\n")
    assert shell.index()["documents"]["added"] == 52
    out, report = carry_out(WATCHED, shell, "run", "quickstart", "-p", "model=hashing", "--json")
    second = json.loads(out)
    assert second["documents"]["unchanged"] == 52
    assert {task["ran"] for task in second["tasks"].values()} == {0}
    names = {path.name for path in (shell.folder / "docs").rglob("*") if path.is_file()}
    assert [path for path in report["opened"] if path.rpartition("/")[2] in names] == []
    imported = {name.partition(".")[0] for name in report["imported"]}
    assert imported & HEAVY == set()
    assert imported & PARSERS == set()


def test_the_watch_sees_what_a_first_run_opens_and_imports(tmp_path):
    shell = make_project(tmp_path / "project")
    _, report = carry_out(WATCHED, shell, "run", "quickstart", "-p", "model=hashing", "--json")
    assert any(path.endswith("keys.md") for path in report["opened"])
    assert {"chromadb_rust_bindings", "markdown_it"} <= set(report["imported"])


@pytest.mark.parametrize("model", ["hashing", "all-minilm-l6-v2"])
def test_no_command_calls_the_network(tmp_path, model):
    shell = make_project(tmp_path / "project")
    (shell.folder / "ragflow.toml").unlink()
    (shell.folder / "pipelines" / "quickstart.py").unlink()
    choice = ("-p", f"model={model}")
    for arguments in (
        ("init",),
        ("plan", "quickstart", *choice, "--json"),
        ("run", "quickstart", *choice, "--json"),
        ("plan", "quickstart", *choice, "--json"),
        ("query", "quickstart", "how do I reset a key?", "--json"),
    ):
        out, attempts = carry_out(CUT_OFF, shell, *arguments)
        assert attempts == [], arguments
    assert json.loads(out)["hits"][0]["key"] == "guide/keys.md"


def test_an_attempt_to_call_the_network_is_seen(tmp_path):
    shell = make_project(tmp_path / "project")
    (shell.folder / "pipelines" / "calls.py").write_text(
        "import contextlib, urllib.request\n"
        "with contextlib.suppress(OSError):\n"
        "    urllib.request.urlopen('http://localhost:9', timeout=1)\n"
    )
    _, attempts = carry_out(CUT_OFF, shell, "pipelines")
    assert attempts == ["localhost"]
