"""What cannot be done is refused in one or two lines that say what to do; nothing is lost."""

import os
import sqlite3
import subprocess
from contextlib import closing, contextmanager

import pytest

from ragflow.clock import SystemClock
from ragflow.stores.metadata.sqlite import open_store
from tests.acceptance.shell import make_project, make_strict

RUN = ("run", "quickstart", "-p", "model=hashing")


@pytest.fixture(scope="module")
def indexed(tmp_path_factory):
    shell = make_project(tmp_path_factory.mktemp("indexed") / "project")
    assert shell.index()["state"] == "succeeded"
    shell.held = shell.rows()
    return shell


@pytest.fixture
def project(indexed):
    """A project with an index, which must be whole after the test."""
    with indexed.restored() as shell:
        yield shell
        assert shell.rows() == indexed.held


def refused(done, code, error, hint):
    """Assert that a command was refused with this code and these words."""
    assert (done.returncode, done.stdout) == (code, ""), done.stderr
    lines = done.stderr.splitlines()
    assert 1 <= len(lines) <= 2, done.stderr
    assert lines[0].startswith("error: ")
    assert error in lines[0]
    assert lines[-1].startswith("hint: ")
    assert hint in lines[-1]


def database(project):
    return sqlite3.connect(project.folder / ".ragflow" / "ragflow.db", isolation_level=None)


def test_an_unknown_pipeline(project):
    done = project.type("run", "quikstart")
    refused(done, 2, "there is no pipeline 'quikstart'", "did you mean 'quickstart'?")


def test_a_pipeline_file_that_raises(project):
    file = project.folder / "pipelines" / "broken.py"
    file.write_text("from ragflow import pipeline\n\npipeline.gone()\n")
    done = project.type(*RUN)
    refused(done, 1, "pipelines/broken.py:3: AttributeError", "correct that line")


def test_an_unknown_parameter(project):
    done = project.type("run", "quickstart", "-p", "fodler=docs")
    refused(done, 2, "has no parameter 'fodler'", "did you mean 'folder'?")


def test_a_wrong_type_of_parameter(project):
    make_strict(project)
    done = project.type("run", "strict", "-p", "seconds=soon")
    assert done.stderr.splitlines()[0] == "a pipeline file may print"
    done.stderr = done.stderr.partition("\n")[2]
    refused(done, 2, "'soon' is no float for the parameter 'seconds'", "float")


def test_an_unknown_model(project):
    done = project.type("run", "quickstart", "-p", "model=hashin")
    refused(done, 2, "model 'hashin' is not known", "did you mean 'hashing'?")


def test_a_missing_folder(project):
    (project.folder / "docs").rename(project.folder / "elsewhere")
    refused(project.type(*RUN), 1, "is not there", "correct the path")


def test_a_folder_that_became_empty(project):
    for file in (project.folder / "docs").rglob("*.*"):
        file.unlink()
    refused(project.type(*RUN), 1, "lists no document", "--allow-deletions")


def test_another_folder(project):
    (project.folder / "other").mkdir()
    (project.folder / "other" / "a.txt").write_text("Another text.")
    done = project.type(*RUN, "-p", "folder=other")
    refused(done, 1, "folder 'other' instead of folder 'docs'", "--allow-deletions")


def test_a_changed_model(project):
    done = project.type("run", "quickstart")
    refused(done, 1, "'hashing' (cosine), this run would use model 'all-minilm-l6-v2'", "--accept")


def test_a_home_that_cannot_be_made(project):
    (project.folder / "file").write_text("in the way")
    home = project.folder / "file" / "home"
    done = project.type(*RUN, RAGFLOW_HOME=str(home))
    refused(done, 1, "cannot be made", "choose another home")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_home_that_cannot_be_written(project):
    home = project.folder / "home"
    home.mkdir(mode=0o500)
    done = project.type(*RUN, RAGFLOW_HOME=str(home))
    refused(done, 1, "home", "permissions")


def test_a_home_made_by_a_newer_version(project):
    with closing(database(project)) as connection:
        [(made,)] = connection.execute("SELECT version_num FROM alembic_version")
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        done = project.type(*RUN)
        connection.execute("UPDATE alembic_version SET version_num = ?", (made,))
    refused(done, 1, "made by a newer version", "upgrade ragflow")


def test_a_home_that_is_damaged(project):
    (project.folder / "home").mkdir()
    (project.folder / "home" / "ragflow.db").write_bytes(b"no database" * 999)
    done = project.type(*RUN, RAGFLOW_HOME=str(project.folder / "home"))
    refused(done, 1, "damaged", "restore it")


@pytest.mark.slow
def test_a_busy_home_is_given_up_after_ten_seconds(project):
    with closing(database(project)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        began = SystemClock().elapsed()
        done = project.type(*RUN, "--json")
        took = SystemClock().elapsed() - began
        connection.execute("ROLLBACK")
    refused(done, 1, "kept locked by another process", "wait for the other process")
    assert 9 < took < 60


@contextmanager
def held(project):
    """Hold the instance as a run does."""
    store = open_store(project.folder / ".ragflow")
    try:
        (instance,) = [each for each in store.instances() if each.name == "quickstart"]
        with store.hold(instance, owner="run 7 of quickstart", wait=False):
            yield
    finally:
        store.close()


def test_a_held_instance(project):
    with held(project):
        done = project.type(*RUN, "--json")
    refused(done, 1, f"held by run 7 of quickstart (process {os.getpid()}) since 20", "wait")


def test_a_held_instance_can_be_waited_for(project):
    with held(project):
        process = subprocess.Popen(
            project.command(*RUN, "--json", "--wait"),
            cwd=project.folder,
            env=project.environment(),
            stdout=subprocess.PIPE,
            text=True,
        )
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(3)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert '"unchanged": 2' in out


def test_a_project_file_that_is_wrong(project):
    file = project.folder / "ragflow.toml"
    text = file.read_text()
    file.write_text("pipelins = 'x'\n")
    try:
        refused(project.type(*RUN), 2, "ragflow.toml: ", "README")
    finally:
        file.write_text(text)


@pytest.mark.parametrize(
    ("arguments", "error", "hint"),
    [
        (("-p", "folder"), "-p 'folder' gives no parameter a value", "-p name=value"),
        (("-p", "folder=a", "-p", "folder=b"), "'folder' is given twice", "one value"),
    ],
)
def test_a_setting_that_says_nothing(project, arguments, error, hint):
    refused(project.type("run", "quickstart", *arguments), 2, error, hint)


@pytest.mark.parametrize(
    ("arguments", "error", "hint"),
    [
        (("query", "quickstar", "x"), "no collection 'quickstar'", "did you mean 'quickstart'?"),
        (("query", "quickstart", " "), "the query is empty", "ask for something"),
        (("query", "quickstart", "x", "-k", "0"), "k is 0", "at least one"),
        (("query", "quickstart", "x", "--where", "{"), "is no JSON", "write it as"),
        (("query", "quickstart", "x", "--where", "[]"), "is no object", "write it as"),
        (("documents", "a", "b"), "was given 2 words", "documents COLLECTION"),
        (("documents", "show", "gone.md"), "there is no document 'gone.md'", "lists them"),
        (("show", "99"), "there is no run 99", "the newest is 1"),
        (("show", f"{2**63}"), "invalid value for", "show --help"),
        (("dead-letters", "discard", "5"), "there is no dead letter 5", "list` names all"),
        (("collections", "show", "x"), "there is no collection 'x'", "collections: quickstart"),
        (("export", "x"), "there is no collection 'x'", "collections: quickstart"),
        (("graph", "quickstart", "-o", "no/such/folder.svg"), "cannot be written", "that is there"),
    ],
)
def test_a_question_that_has_no_answer(indexed, arguments, error, hint):
    refused(indexed.type(*arguments), 2, error, hint)


def typed_in_a_shell(project, end, *arguments):
    return subprocess.run(
        ["bash", "-c", f'"$@" {end}', "-", *project.command(*arguments)],
        cwd=project.folder,
        env=project.environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_closed_stdin_is_nobody_to_ask(project):
    (project.folder / "docs" / "bad.txt").write_text("bad")
    make_strict(project)
    assert project.type("run", "strict", "-p", "forbidden=bad").returncode == 3
    done = typed_in_a_shell(project, "<&-", "dead-letters", "discard", "1")
    refused(done, 2, "nobody is there to ask", "--yes")


@pytest.mark.parametrize(
    ("end", "code"),
    [(">&-", 0), ("2>&-", 0), (">&- 2>&- <&-", 0), ("| true; exit ${PIPESTATUS[0]}", 1)],
)
@pytest.mark.parametrize("arguments", [("runs",), ("audit", "--json"), ("runs", "--help")])
def test_a_closed_stream_is_no_error_worth_a_word(indexed, arguments, end, code):
    done = typed_in_a_shell(indexed, end, *arguments)
    assert (done.returncode, done.stderr) == (code, "")
