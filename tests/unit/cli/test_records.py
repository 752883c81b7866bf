"""The audit and the logs, as they are typed for."""

import json
from datetime import UTC, datetime

import pytest
from jsonschema import validate

from ragflow.api.people import user_name
from ragflow.cli.options import since_when
from ragflow.errors import UsageError
from ragflow.runtime.home import open_home
from tests.unit.cli.test_schemas import SCHEMAS

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)


@pytest.fixture
def logged(project):
    """A project with a run whose tasks said something."""
    project.type("run", "chain")
    with open_home(project.folder) as home:
        add = home.metadata.logs.add
        add(1, "fetched \x1b[31m3", at=NOON, task="fetch", level="warning")
        add(1, "a line", at=NOON, task="check", key="a.txt", stream="out")
        add(1, "b line", at=NOON, task="check", key="b.txt", stream="err")
    return project


def test_what_tasks_said_is_printed_with_time_task_and_document(logged):
    lines = logged.type("logs", "1").lines
    assert lines[0].split() == ["time", "task", "document", "text"]
    assert [line.split()[2:] for line in lines[1:]] == [
        ["fetch", "warning", "fetched", "\\x1b[31m3"],
        ["check", "a.txt", "printed", "a", "line"],
        ["check", "b.txt", "stderr", "b", "line"],
    ]


def test_logs_are_chosen_by_task_and_document(logged):
    assert len(logged.type("logs", "1", "check").lines) == 3
    assert len(logged.type("logs", "1", "check", "b.txt").lines) == 2
    assert logged.type("logs", "1", "store").err == "nothing was logged of store in run 1\n"


def test_logs_are_json_a_line(logged):
    lines = [json.loads(line) for line in logged.type("logs", "1", "--json").lines]
    for line in lines:
        validate(line, SCHEMAS["logs"])
    assert [line["stream"] for line in lines] == ["log", "out", "err"]


def test_the_audit_says_who_began_a_run(project):
    project.type("run", "chain")
    project.type("run", "chain", "-p", "fail=true", code=1)
    events = project.ask("audit", "audit", "--run", "1")["events"]
    assert [(event["actor"], event["action"]) for event in events] == [
        ("run 1", "run.ended"),
        (user_name(), "run.began"),
    ]
    assert len(project.type("audit", "--limit", "2").lines) == 3
    failed = project.type("audit", "--action", "attempt.").lines
    assert failed[0].split() == ["time", "who", "did", "run", "to", "detail"]
    assert "attempt.failed" in failed[1]
    assert "message=ValueError: no room" in failed[1]
    assert project.type("audit", "--since", "2100-01-01").err == "nothing of that kind was done\n"
    assert len(project.ask("audit", "audit", "--since", "1h")["events"]) == 5
    assert project.refused("audit", "--run", "9")[0] == "error: there is no run 9"


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2h", datetime(2026, 5, 4, 10, tzinfo=UTC)),
        ("30 min", datetime(2026, 5, 4, 11, 30, tzinfo=UTC)),
        ("1d", datetime(2026, 5, 3, 12, tzinfo=UTC)),
        ("90s", datetime(2026, 5, 4, 11, 58, 30, tzinfo=UTC)),
        ("2026-05-04T10:00:00Z", datetime(2026, 5, 4, 10, tzinfo=UTC)),
        ("2026-05-04", datetime(2026, 5, 4).astimezone()),
    ],
)
def test_since_is_an_instant_or_a_time_ago(text, instant):
    assert since_when(text, NOON) == instant
    assert since_when(None, NOON) is None


@pytest.mark.parametrize("text", ["", "yesterday", "2w", "-1h", "99999999999d"])
def test_since_anything_else_is_refused(text):
    with pytest.raises(UsageError, match="is no instant"):
        since_when(text, NOON)
