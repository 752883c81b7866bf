"""What a user types, and what comes back."""

import json
import os
import signal
import subprocess
import time
import xml.etree.ElementTree as ET

import pytest

from tests.acceptance.shell import HOURS, Shell, make_project, make_strict

NOTHING = {
    "added": 0,
    "modified": 0,
    "stale": 0,
    "moved": 0,
    "unchanged": 0,
    "failed": 0,
    "skipped": 0,
    "held_back": 0,
    "deleted": 0,
}


@pytest.fixture(scope="module")
def indexed(tmp_path_factory):
    """A project with an index; tests only read it."""
    shell = make_project(tmp_path_factory.mktemp("indexed") / "project")
    make_strict(shell)
    shell.first = shell.index()
    return shell


@pytest.fixture
def project(indexed):
    """The same project, to be changed."""
    with indexed.restored() as shell:
        yield shell


# --- Runs -----------------------------------------------------------------------------------------


def test_the_first_run_adds_every_document_and_says_so(indexed):
    first = indexed.first
    assert first["state"] == "succeeded"
    assert first["documents"] == {**NOTHING, "added": 2, "skipped": 1}
    assert first["chunks"]["embedded"] == first["chunks"]["total"] == first["chunks"]["upserted"]
    assert first["tasks"]["embed"]["ran"] == first["chunks"]["embedded"]
    assert first["dead_letters"] == 0


def test_a_second_run_finds_nothing_to_do(project):
    second = project.index()
    assert second["documents"] == {**NOTHING, "unchanged": 2, "skipped": 1}
    assert second["chunks"]["embedded"] == second["chunks"]["upserted"] == 0


def test_a_change_is_planned_and_then_run_as_planned(project):
    (project.folder / "docs" / "hours.txt").write_text("The desk is closed.\n")
    (project.folder / "docs" / "new.txt").write_text("A new text.\n")
    (project.folder / "docs" / "guide" / "keys.md").unlink()
    changes = {**NOTHING, "added": 1, "modified": 1, "skipped": 1, "deleted": 1}
    before = project.rows()
    planned = project.ask("plan", "plan", "quickstart", "-p", "model=hashing")
    assert planned["documents"] == changes
    assert planned["exact"] is True
    assert project.rows() == before
    done = project.index()
    assert done["documents"] == changes
    assert done["chunks"]["embedded"] == planned["chunks_to_embed"] == 2
    assert {row["text"].strip() for row in project.rows()} == {"The desk is closed.", "A new text."}


def test_without_json_a_table_goes_to_stdout_and_progress_to_stderr(project):
    done = project.type("run", "strict", "-p", "collection=other")
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert lines[0].startswith("run 2 of strict: succeeded in ")
    assert "documents  2 added, 1 skipped" in lines
    assert ["task", "ran", "memoized", "failed", "time"] in [line.split() for line in lines]
    assert "3 listed: 3 added" in done.stderr.splitlines()


def test_what_user_code_prints_does_not_reach_stdout(project):
    done = project.type("run", "strict", "--json")
    json.loads(done.stdout)
    assert "a pipeline file may print" in done.stderr
    assert "a task may print" in done.stderr


def test_a_run_that_failed_a_document_ends_with_3_and_says_where_to_look(project):
    done = project.type("run", "strict", "-p", "forbidden=desk")
    assert done.returncode == 3
    assert "hint: `ragflow show 2` lists what failed and why" in done.stderr.splitlines()
    shown = project.type("show", "2").stdout
    assert "run 2 of strict: succeeded with failures" in shown
    assert "ValueError: desk is not allowed" in shown
    failed = project.ask("documents", "documents", "strict", "--state", "failed")["documents"]
    assert [document["key"] for document in failed] == ["guide/keys.md", "hours.txt"]
    assert {document["task"] for document in failed} == {"check"}
    assert project.ask("run", "show", "2")["documents"]["failed"] == 2


def test_every_command_works_from_a_subfolder(indexed):
    for arguments in (
        ("pipelines",),
        ("runs",),
        ("documents", "quickstart"),
        ("graph", "quickstart"),
        ("query", "quickstart", "keys"),
        ("plan", "quickstart", "-p", "model=hashing"),
    ):
        done = indexed.type(*arguments, below="docs/guide")
        assert done.returncode == 0, (arguments, done.stderr)
        assert done.stdout


def start_slow_run(project):
    """Start a run that takes its time, and return its process once it has begun to work."""
    for number in range(60):
        (project.folder / "docs" / f"{number}.txt").write_text(f"This is text number {number}.\n")
    process = subprocess.Popen(
        project.command("run", "strict", "-p", "seconds=0.1"),
        cwd=project.folder,
        env=project.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stderr is not None
    for line in process.stderr:
        if "a task may print" in line:
            return process
    raise AssertionError(process.wait())


def test_an_interrupted_run_leaves_nothing_behind_and_the_next_goes_on(project):
    process = start_slow_run(project)
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert out == ""
    assert err.splitlines()[-1] == (
        "interrupted; what was done is kept, and the next run goes on from there"
    )
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)
    assert project.ask("runs", "runs")["runs"][0]["state"] == "cancelled"
    rest = project.ask("run", "run", "strict", "-p", "seconds=0.1")
    assert rest["state"] == "succeeded"
    assert 0 < rest["tasks"]["check"]["ran"] < 62


def test_a_killed_run_is_shown_as_cut_off(project):
    process = start_slow_run(project)
    assert project.ask("runs", "runs")["runs"][0]["state"] == "running"
    process.kill()
    process.communicate()
    cut_off = project.ask("runs", "runs")["runs"][0]
    assert cut_off["state"] == "failed"
    assert cut_off["error"].startswith("cut off")
    assert "cut off" in project.type("runs").stdout.splitlines()[1]


# --- Asking ---------------------------------------------------------------------------------------


def test_pipelines_are_listed_with_schedule_and_parameters(indexed):
    found = indexed.ask("pipelines", "pipelines")["pipelines"]
    assert [(one["name"], one["schedule"]) for one in found] == [
        ("quickstart", None),
        ("strict", "0 * * * *"),
    ]
    assert found[0]["parameters"]["properties"]["folder"]["default"] == "docs"
    assert "folder=docs, collection=strict" in indexed.type("pipelines").stdout


def test_a_query_cites_its_source(indexed):
    hits = indexed.ask("query", "query", "quickstart", "reset a key", "-k", "2")["hits"]
    assert [hit["key"] for hit in hits] == ["guide/keys.md"] * 2
    assert "red button" in hits[0]["text"]
    assert hits[0]["score"] >= hits[1]["score"]
    said = indexed.type("query", "quickstart", "reset a key", "-k", "1").stdout
    span = f"characters {hits[0]['start']}-{hits[0]['end']}"
    assert said.startswith(f"1. {hits[0]['score']:.3f}  guide/keys.md, {span}\n")
    cited = indexed.ask("cite", "cite", hits[0]["id"])
    assert (cited["key"], cited["text"]) == ("guide/keys.md", hits[0]["text"])
    assert (cited["pages"], cited["is_current"]) == ([], True)


def test_a_query_filters_by_payload_and_score(indexed):
    where = '{"key": "hours.txt"}'
    found = indexed.ask("query", "query", "quickstart", "reset a key", "--where", where)
    assert {hit["key"] for hit in found["hits"]} == {"hours.txt"}
    nothing = indexed.ask("query", "query", "quickstart", "reset a key", "--min-score", "0.99")
    assert nothing["hits"] == []


def test_the_history_gives_the_object_a_run_printed(indexed):
    assert indexed.ask("runs", "runs")["runs"] == [indexed.first]
    assert indexed.ask("run", "show", "1") == indexed.first
    assert indexed.type("runs", "-n", "1").stdout.splitlines()[1].split()[:3] == [
        "1",
        "quickstart",
        "succeeded",
    ]


def test_documents_say_how_they_stand_and_why(indexed):
    found = {
        document["key"]: document
        for document in indexed.ask("documents", "documents", "quickstart")["documents"]
    }
    assert {key: document["state"] for key, document in found.items()} == {
        "blob.bin": "skipped",
        "guide/keys.md": "succeeded",
        "hours.txt": "succeeded",
    }
    assert found["blob.bin"]["reason"] == "unsupported_type"
    assert found["hours.txt"]["chunks"] == 1
    assert "unsupported_type" in indexed.type("documents", "quickstart").stdout


def test_one_document_is_shown(indexed):
    [shown] = indexed.ask("documents", "documents", "show", "hours.txt")["documents"]
    assert (shown["collection"], shown["state"]) == ("quickstart", "succeeded")
    assert "collection  quickstart" in indexed.type("documents", "show", "hours.txt").stdout
    missing = indexed.type("documents", "show", "keys.md")
    assert missing.returncode == 2
    assert missing.stderr.splitlines()[1] == "hint: did you mean 'guide/keys.md'?"


def test_collections_are_listed_shown_and_dropped(project):
    [listed] = project.ask("collections", "collections", "list")["collections"]
    assert listed["name"] == "quickstart"
    assert listed["space"]["name"] == "hashing"
    assert listed["documents"] == {"skipped": 1, "succeeded": 2}
    assert project.ask("collections", "collections", "show", "quickstart")["collections"] == [
        listed
    ]
    unasked = project.type("collections", "drop", "quickstart")
    assert (unasked.returncode, unasked.stderr.splitlines()[1]) == (2, "hint: say --yes")
    assert project.type("collections", "drop", "quickstart", "--yes").returncode == 0
    assert project.ask("collections", "collections", "list")["collections"] == []
    assert project.index()["chunks"]["embedded"] == 0


def test_an_export_is_lines_sorted_by_id(indexed):
    rows = indexed.rows()
    assert [list(row) for row in rows] == [["id", "key", "text", "payload"]] * len(rows)
    assert [row["id"] for row in rows] == sorted(row["id"] for row in rows)
    assert HOURS.strip() in {row["text"].strip() for row in rows}
    lines = indexed.type("export", "quickstart", "--vectors").stdout.splitlines()
    vectors = [json.loads(line)["vectors"][""] for line in lines]
    assert all(abs(sum(x * x for x in vector) - 1) < 0.01 for vector in vectors)


def test_a_reader_may_stop_early(indexed):
    done = subprocess.run(
        ["bash", "-c", '"$@" | head -n 1', "-", *indexed.command("export", "quickstart")],
        cwd=indexed.folder,
        env=indexed.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert len(done.stdout.splitlines()) == 1
    assert done.stderr == ""


def test_a_graph_is_drawn(indexed, tmp_path):
    assert indexed.type("graph", "quickstart").stdout.startswith("flowchart LR\n")
    file = tmp_path / "graph.svg"
    assert indexed.type("graph", "quickstart", "-o", str(file)).returncode == 0
    assert ET.parse(file).getroot().tag.endswith("svg")
    named = indexed.type("graph", "quickstart", "--format", "svg").stdout
    assert named == file.read_text()


def test_an_empty_project_says_what_to_do_first(tmp_path):
    shell = Shell(tmp_path)
    shell.type("init")
    for arguments in (("runs",), ("collections", "list")):
        done = shell.type(*arguments)
        assert (done.returncode, done.stdout) == (0, "")
        assert "`ragflow run NAME` makes one" in done.stderr
