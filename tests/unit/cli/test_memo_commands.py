"""What `ragflow memos` and `ragflow forget` say."""

import json
import sqlite3

import pytest

PROSE = "The heating is turned on in October, whatever the weather is like. " * 12


@pytest.fixture
def served(project):
    project.write(one=f"{PROSE}one", two=f"{PROSE}two")
    project.type("run", "strict")
    return project


def test_nothing_is_remembered_before_the_first_run(project):
    assert project.type("memos", "stats").lines == ["nothing is remembered yet"]
    assert project.ask("memos", "memos", "stats")["tasks"] == []


def test_stats_count_memos_by_task_and_what_they_spared(served):
    lines = served.type("memos", "stats").lines
    assert lines[0].split() == [
        "TASK",
        "MEMOS",
        "SIZE",
        "SHARE",
        "UNNEEDED",
        "MAY",
        "BE",
        "REMOVED",
    ]
    assert {line.split()[0] for line in lines[1:5]} == {"extract", "check", "chunk", "embed"}
    assert lines[-1].startswith("run 1 of strict: 0 hits, ")
    served.type("run", "strict", "-p", "collection=other")
    found = served.ask("memos", "memos", "stats")
    assert [task["unneeded"] for task in found["tasks"]] == [0] * 4
    latest = found["runs"][0]
    assert latest["run"] == 2
    assert all(latest["tasks"][name]["misses"] == 0 for name in ("extract", "chunk", "embed"))
    assert all(latest["tasks"][name]["hits"] for name in ("extract", "chunk", "embed"))


def test_prune_says_what_it_removes_and_dry_run_removes_nothing(served):
    (served.folder / "ragflow.toml").write_text("[memos]\nkeep_days = 0\n", "utf-8")
    assert served.type("memos", "prune").lines[-2].startswith("removed: 0 memos, 0 large values")
    dry = served.ask("memos-prune", "memos", "prune", "--dry-run")
    assert (dry["dry_run"], dry["tasks"], dry["freed"]) == (True, [], None)
    assert served.ask("audit", "audit")["events"][0]["action"] == "memos.pruned"


def test_explain_tells_hits_and_why_there_are_none(served):
    found = served.ask("memos-explain", "memos", "explain", "one.txt")
    (document,) = found["documents"]
    assert (document["key"], document["problem"], document["changed"]) == ("one.txt", None, {})
    assert all(call["hit"] for call in document["calls"])
    assert {call["task"] for call in document["calls"]} == {"extract", "check", "chunk", "embed"}
    served.type("run", "strict", "-p", "forbidden=xylophone")
    pipelines = served.folder / "pipelines" / "all.py"
    text = pipelines.read_text("utf-8")
    pipelines.write_text(
        text.replace("if forbidden and", "if later != 'x' and forbidden and"), "utf-8"
    )
    done = served.start("memos", "explain", "one.txt", "--json")
    out, err = done.communicate()
    assert done.returncode == 0, err
    (document,) = json.loads(out)["documents"]
    by_task = {call["task"]: call for call in document["calls"]}
    assert by_task["extract"]["hit"]
    assert (by_task["check"]["hit"], by_task["check"]["why"]) == (False, "definition")
    assert document["changed"]["check"] == ["code of check changed"]
    assert "chunk" not in by_task
    assert document["problem"] == "what lies below calls of check is known once they are made"


def test_explain_takes_a_row_and_a_task(served):
    with sqlite3.connect(served.folder / ".ragflow" / "ragflow.db") as database:
        (row,) = database.execute(
            "SELECT lower(hex(row)) FROM held ORDER BY owner LIMIT 1"
        ).fetchone()
    found = served.ask("memos-explain", "memos", "explain", row, "--task", "embed")
    assert {call["task"] for call in found["documents"][0]["calls"]} == {"embed"}
    assert served.refused("memos", "explain", "one.text") == [
        "error: there is no document or row 'one.text'",
        "hint: did you mean 'one.txt'?",
    ]
    assert served.refused("memos", "explain", "one.txt", "--task", "embd") == [
        "error: no call of a task 'embd' is made for 'one.txt'",
        "hint: leave --task out to see which are",
    ]


def test_a_memo_that_is_gone_is_told_from_one_that_never_was(served):
    with sqlite3.connect(served.folder / ".ragflow" / "ragflow.db") as database:
        database.execute(
            "DELETE FROM memo WHERE task IN (SELECT id FROM definition WHERE content = 'embed' "
            "OR content = CAST('embed' AS BLOB))"
        )
    (document,) = served.ask("memos-explain", "memos", "explain", "one.txt")["documents"]
    missed = [call for call in document["calls"] if not call["hit"]]
    assert missed
    assert {(call["task"], call["why"]) for call in missed} == {("embed", "removed")}
    lines = served.type("memos", "explain", "one.txt").lines
    assert any("it was remembered, and is gone or damaged" in line for line in lines)


def test_forget_asks_and_says_what_went_and_what_did_not(served):
    assert served.refused("forget", "one.txt") == [
        "error: nobody is there to ask",
        "hint: say --yes",
    ]
    lines = served.type("forget", "one.txt", "--yes").lines
    assert lines[0].startswith("forgot one.txt: ")
    assert lines[-1] == "while its source lists it, the next run adds it again"
    documents = served.ask("documents", "documents", "strict")["documents"]
    assert [document["key"] for document in documents] == ["two.txt"]
    assert served.refused("forget", "one.txt", "--yes") == [
        "error: there is no document 'one.txt'",
        "hint: did you mean 'two.txt'?",
    ]
    found = served.ask("forget", "forget", "two.txt", "--yes")
    assert (found["documents"], found["unscrubbed"]) == (1, [])
