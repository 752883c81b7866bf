"""What `plan` says, and what a run is refused for: told, accepted or asked about."""

import os
import pty
import re
import select
import subprocess
import sys
import time

from tests.unit.cli.conftest import PATIENCE

TWELVE = {f"k{number:02}": f"text number {number}" for number in range(12)}


def change_the_code(project) -> None:
    """Let the task that checks documents do otherwise."""
    file = project.folder / "pipelines" / "all.py"
    text = file.read_text("utf-8")
    file.write_text(text.replace('"the desk is closed"', '"closed"'), encoding="utf-8")


def test_a_plan_says_what_there_is_to_do_and_what_it_costs(project):
    project.write(a="one two three", b="four")
    lines = project.type("plan", "strict").lines
    assert lines == [
        "plan for strict",
        "",
        "documents  2 added; 2 to extract",
        "chunks     2 to embed (4 tokens); 2 to add",
        "time       unknown: nothing alike ran here yet",
    ]
    plan = project.ask("plan", "plan", "strict")
    # It was read for the first plan, and is remembered.
    assert (plan["documents_to_extract"], plan["tokens_to_embed"]) == (0, 4)
    project.type("run", "strict")
    project.write(a="one two", c="five")
    lines = project.type("plan", "strict").lines
    assert lines[2:4] == [
        "documents  1 added, 1 modified, 1 unchanged; 2 to extract",
        "chunks     2 to embed (3 tokens); 2 to add, 1 to delete",
    ]
    assert re.fullmatch(r"time +about .*s", lines[4])


def test_a_fast_plan_reads_nothing_and_says_how_far_to_trust_it(project):
    project.write(a="one", b="two")
    project.type("run", "strict")
    (project.folder / "docs" / "a.txt").rename(project.folder / "docs" / "c.txt")
    lines = project.type("plan", "strict", "--fast").lines
    assert lines[:4] == [
        "plan for strict",
        "",
        "documents  1 added, 1 unchanged, 1 deleted",
        "compared   by version tokens: modified may prove equal, deleted moved",
    ]
    plan = project.ask("plan", "plan", "strict", "--fast")
    assert (plan["fast"], plan["chunks_to_embed"]) == (True, None)
    assert project.ask("plan", "plan", "strict")["documents"]["moved"] == 1


def test_a_plan_names_what_a_run_would_be_refused_for(project):
    project.write(a="one two three", b="four")
    lines = project.type("plan", "strict", "--max-cost", "3").lines
    assert lines[-1] == (
        "refused    it would cost 4 tokens, more than max_cost=3; "
        "run it with --accept, or with a higher --max-cost"
    )
    assert project.refused("run", "strict", "--max-cost", "3", code=1) == [
        "error: it would cost 4 tokens, more than max_cost=3",
        "hint: run it with --accept, or with a higher --max-cost",
    ]
    assert project.type("run", "strict", "--max-cost", "4").code == 0


def test_changed_code_is_refused_where_nobody_is_there_to_ask(project):
    project.write(**TWELVE)
    project.type("run", "strict")
    change_the_code(project)
    process = project.start("run", "strict")
    out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out) == (1, "")
    assert "12 of 12 unchanged documents would be made again" in err
    assert "code of check changed" in err
    assert "hint: run it with --accept" in err
    last = project.ask("runs", "runs")["runs"][0]
    assert last["state"] == "failed"
    assert "would be made again" in last["error"]
    accepted = project.start("run", "strict", "--accept")
    assert accepted.wait(PATIENCE) == 0


def test_a_person_at_a_terminal_is_asked(project):
    project.write(**TWELVE)
    project.type("run", "strict")
    change_the_code(project)
    assert typed(project, "n") == 1
    assert len(project.ask("runs", "runs")["runs"]) == 2
    assert typed(project, "y") == 0
    last, refused, _, _ = project.ask("runs", "runs")["runs"]
    assert (last["state"], last["documents"]["stale"]) == ("succeeded", 12)
    assert refused["state"] == "failed"


def typed(project, answer: str) -> int:
    """Run at a terminal of its own, answer what is asked, and return the exit code."""
    master, terminal = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "ragflow", "run", "strict"],
        cwd=project.folder,
        env={k: v for k, v in os.environ.items() if k != "RAGFLOW_HOME"},
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
    )
    os.close(terminal)
    project.processes.append(process)
    said, deadline = "", time.monotonic() + PATIENCE
    try:
        while process.poll() is None:
            assert time.monotonic() < deadline, said
            if select.select([master], [], [], 0.05)[0]:
                try:
                    said += os.read(master, 65536).decode("utf-8", "replace")
                except OSError:  # the other end is closed
                    break
            if answer and "Do it?" in said:
                os.write(master, f"{answer}\n".encode())
                answer = ""
        assert not answer, said
        return process.wait(PATIENCE)
    finally:
        os.close(master)
