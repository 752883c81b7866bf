"""``ragflow why --code`` says what of a task counts, and what could not be followed."""

import json

import pytest
from jsonschema import validate

from ragflow.cli.schema import FOLDER
from ragflow.cli.why_code import show_code
from ragflow.errors import FingerprintError, NotFoundError, UsageError

TASKS = """
import json
from ragflow import Content, pipeline, task
from ragflow.tasks import chunk, embed, extract, files, read, split, upsert

LIMIT = 3
CLIENT = object()

def clean(text):
    return text.strip()[:LIMIT]

@task
def shorten(content: Content, *, mark: str = "!") -> Content:
    json.dumps(1)
    return Content(clean(content.text) + mark)

@task
def ask(content: Content) -> Content:
    return CLIENT.ask(content)

@task(version="3")
def asked(content: Content) -> Content:
    return CLIENT.ask(content)

def is_long(content: Content) -> bool:
    return len(content.text) > LIMIT

@pipeline
def one(mark: str = "?", model: str = "hashing", collection: str = "one") -> None:
    content = shorten(extract(read(files("docs"))), mark=mark)
    long, _ = split(asked(content), by=is_long)
    chunks = chunk(long, model=model)
    upsert(chunks, embed(chunks, model=model), collection=collection)

@pipeline
def other(number: int = 1, collection: str = "other") -> None:
    content = shorten(extract(read(files("docs"))), mark="." * number)
    ask(content)
"""


@pytest.fixture
def described(project, capfd):
    """Return a function that asks for a task as JSON and checks it against its schema."""
    (project.folder / "pipelines" / "tasks.py").write_text(TASKS, encoding="utf-8")

    def described(name, *parameters, pipeline=None):
        capfd.readouterr()
        show_code(name, pipeline=pipeline, parameters=parameters, as_json=True)
        value = json.loads(capfd.readouterr().out)
        validate(value, json.loads((FOLDER / "code.json").read_text("utf-8")))
        return value

    return described


def test_what_counts_is_listed_with_file_and_line(described):
    found = described("shorten", pipeline="one")
    lines = {each["path"]: each for each in found["counts"]}
    clean = lines["shorten -> clean"]
    assert (clean["kind"], clean["file"]) == ("function", "pipelines/tasks.py")
    assert TASKS.splitlines()[clean["line"] - 1] == "def clean(text):"
    assert lines["shorten -> clean -> LIMIT"]["value"] == "3"
    assert {"name": "json.dumps", "reason": "installed", "path": "shorten -> json"} in found[
        "not_followed"
    ]
    assert found["parameters"] == {"mark": "?"}
    assert len(found["fingerprint"]) == 40


def test_parameters_of_the_pipeline_are_those_given(described):
    assert described("shorten", "mark=+", pipeline="one")["parameters"] == {"mark": "+"}
    assert described("shorten", "number=3", pipeline="other")["parameters"] == {"mark": "..."}


def test_a_task_that_is_alike_in_all_its_pipelines_needs_no_pipeline(described):
    assert described("extract")["pipelines"] == ["one", "other", "strict"]
    with pytest.raises(UsageError, match="one, other have tasks called 'shorten'"):
        described("shorten")
    assert described("shorten", "mark=+")["pipelines"] == ["one"]


def test_what_a_resource_is_known_by_is_told(described):
    found = described("embed", pipeline="one")
    assert found["resources"]["embedder"]["name"] == "hashing"
    assert [each["kind"] for each in found["counts"]] == ["version"]


def test_a_version_stands_for_all(described):
    assert [each["kind"] for each in described("asked")["counts"]] == ["version"]


def test_the_function_of_a_split_is_told(described):
    assert described("split")["counts"][0]["path"] == "is_long"


def test_a_source_has_no_code_that_counts(described):
    assert described("read")["fingerprint"] == ""


def test_what_cannot_be_followed_is_refused_by_its_chain(described):
    with pytest.raises(FingerprintError, match=r"^ask -> CLIENT is an object"):
        described("ask")


@pytest.mark.parametrize("pipeline", [None, "one"])
def test_an_unknown_task_is_refused_with_the_known_ones(described, pipeline):
    with pytest.raises(NotFoundError, match="no task 'nobody'") as raised:
        described("nobody", pipeline=pipeline)
    assert "shorten" in raised.value.hint


def test_people_are_told_in_lines(described, capfd):
    capfd.readouterr()
    show_code("shorten", pipeline="one", parameters=(), as_json=False)
    lines = [" ".join(line.split()) for line in capfd.readouterr().out.splitlines()]
    assert lines[0].startswith("shorten of one: ")
    start = TASKS.splitlines().index("def clean(text):") + 1
    assert f"function shorten -> clean pipelines/tasks.py:{start}" in lines
    assert "value shorten -> clean -> LIMIT 3" in lines
    assert "parameter mark ?" in lines
    below = lines[lines.index("what could not be followed") :]
    assert "installed json.dumps in shorten -> json" in below


def test_the_command_says_the_same(project, described):
    found = described("shorten", "mark=+", pipeline="one")
    typed = ("why", "--code", "shorten", "--pipeline", "one", "-p", "mark=+")
    assert project.ask("code", *typed) == found
    assert project.type(*typed).lines[0] == f"shorten of one: {found['fingerprint'][:12]}"
    error, hint = project.refused("why", "--code", "ask", code=1)
    assert error.startswith("error: ask -> CLIENT is an object")
    assert "version=" in hint
