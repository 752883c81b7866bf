from datetime import UTC, datetime, timedelta

import pytest

from ragflow.core.records import FailedAttempt, OwnerView, RunRecord
from ragflow.core.run_records import LeftAssignment
from ragflow.core.states import OwnerState, RunState
from ragflow.views.listings import (
    collection_text,
    collections_table,
    failures_table,
    hit_text,
    owners_table,
    pipelines_table,
    run_text,
    runs_table,
    tracebacks_text,
    work_table,
)
from ragflow.views.rendering import render
from tests.unit.views.drawn import summary

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)


def run(**changes):
    facts = {
        "id": 3,
        "instance": "handbook",
        "instance_id": 1,
        "pipeline": "handbook",
        "state": RunState.SUCCEEDED,
        "parameters": {"folder": "docs"},
        "started_at": NOON,
        "ended_at": NOON + timedelta(seconds=9),
        "summary": summary(),
    }
    return RunRecord(**{**facts, **changes})


def owner(**changes):
    facts = {
        "key": "guide/keys.md",
        "source": "",
        "instance": "handbook",
        "state": OwnerState.SUCCEEDED,
        "reason": None,
        "message": None,
        "version": "ab" * 20,
        "chunks": 1200,
        "metadata": {"media_type": "text/markdown"},
    }
    return OwnerView(**{**facts, **changes})


COLLECTION = {
    "name": "handbook",
    "generation": 2,
    "space": {"name": "hashing", "dimension": 256, "metric": "cosine"},
    "chunks": 1200,
    "documents": {"skipped": 1, "succeeded": 3},
    "created_at": NOON.isoformat(),
    "published_at": NOON.isoformat(),
}


def test_the_history_says_what_each_run_came_to():
    rows = runs_table(
        [
            run(),
            run(id=2, state=RunState.FAILED, summary=None, error="folder 'x' is not there"),
            run(id=1, state=RunState.RUNNING, summary=None, ended_at=None),
            run(id=0, state=RunState.PAUSED, summary=None, ended_at=None),
        ],
        cut_off={1},
        at_work={0: 61.0},
    ).rows
    assert [(row[2], *row[4:]) for row in rows] == [
        ("succeeded", "2.3 s", "2 added, 1,200 unchanged, 1 deleted"),
        ("failed", "9.0 s", "folder 'x' is not there"),
        ("cut off", "", ""),
        ("paused", "1 min 01 s", ""),
    ]


def test_one_run_says_with_what_it_was_started():
    lines = run_text(run(trigger="api"), summary()).splitlines()
    assert lines[0] == "run 3 of handbook: succeeded in 2.3 s"
    assert "parameters  folder=docs" in lines
    assert lines[-1].endswith(", by api")


def attempt(**changes):
    facts = {
        "run": 3,
        "task": "check",
        "key": "a.md",
        "part": None,
        "reason": "error",
        "message": "ValueError: no",
        "traceback": None,
        "at": NOON,
    }
    return FailedAttempt(**{**facts, **changes})


def test_failed_attempts_name_document_part_task_and_reason():
    failed = attempt(part="0.4", message="ValueError: no\nhours")
    assert [line.split() for line in render(failures_table([failed])).splitlines()] == [
        ["failed", "task", "attempt", "outcome", "time", "reason"],
        [
            "a.md",
            "(part",
            "0.4)",
            "check",
            "1",
            "raised",
            "an",
            "error",
            "ValueError:",
            "no\\nhours",
        ],
    ]


def test_failed_attempts_of_steps_belong_to_no_document():
    table = failures_table([attempt(key="", task="store", number=2, seconds=1.5)])
    assert table.headings == ("task", "attempt", "outcome", "time", "reason")
    assert table.rows == [("store", "2", "raised an error", "1.5 s", "ValueError: no")]


@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        ("error", "raised an error"),
        ("timeout", "took too long"),
        ("died", "its worker died"),
        ("limit", "went beyond a limit"),
        ("cancelled", "was cancelled"),
        ("melted", "melted"),
    ],
)
def test_what_became_of_an_attempt_is_said_in_words(outcome, words):
    [row] = failures_table([attempt(outcome=outcome)]).rows
    assert row[3] == words


def test_tracebacks_are_told_below_what_they_are_of_and_drive_no_terminal():
    failed = attempt(key="a.md", task="check", traceback="Traceback:\n\tx \x1b[0m\nValueError")
    assert tracebacks_text([failed, attempt(key="", task="store")]).splitlines() == [
        "a.md, check, attempt 1:",
        "Traceback:",
        "        x \\x1b[0m",
        "ValueError",
        "",
        "store, attempt 1:",
        "ValueError: no",
    ]


def test_what_workers_hold_is_told_by_task_and_document():
    def left(*keys):
        calls = [(key, b"") for key in keys]
        return LeftAssignment(
            run=1, number=1, task="embed", calls=calls, alone=False, opened_at=NOON
        )

    rows = work_table([left(""), left("a"), left("a", "a", "b", "c")]).rows
    assert [row[2] for row in rows] == ["", "a", "a and 2 more"]


def test_documents_are_listed_with_state_chunks_version_and_reason():
    skipped = owner(
        state=OwnerState.HELD_BACK, version=None, reason="damaged", message="it is no PDF"
    )
    assert owners_table([owner(), skipped]).rows == [
        ("guide/keys.md", "succeeded", "1,200", "abababababab", ""),
        ("guide/keys.md", "held back", "1,200", "", "damaged: it is no PDF"),
    ]


def test_collections_say_what_they_hold_and_what_made_it():
    assert collections_table([COLLECTION]).rows == [("handbook", "1,200", "4", "hashing", "2")]
    lines = collection_text(COLLECTION).splitlines()
    assert "documents   1 skipped, 3 succeeded" in lines
    assert "metric      cosine" in lines


def test_pipelines_show_defaults_and_what_is_required():
    schema = {
        "properties": {"folder": {"type": "string", "default": "docs"}, "n": {"type": "integer"}}
    }
    described = {"name": "a", "schedule": None, "description": "Does it.", "parameters": schema}
    assert pipelines_table([described]).rows == [
        ("a", "", "folder=docs, n (integer, required)", "Does it.")
    ]


def test_a_hit_cites_its_source_and_is_cut_to_an_excerpt():
    hit = {
        "score": 0.81234,
        "key": "a.pdf",
        "id": "ab" * 16,
        "page": 3,
        "start": 120,
        "end": 480,
        "headings": ["Keys", "Loss"],
        "text": "one\ntwo  three " * 10,
    }
    lines = hit_text(1, hit, excerpt=16, width=40).splitlines()
    assert lines == [
        "1. 0.812  a.pdf, page 3, characters 120-480",
        f"   chunk {'ab' * 16}",
        "   Keys > Loss",
        "   one two three on …",
    ]
    bare = {**hit, "page": None, "start": None, "headings": []}
    assert hit_text(2, bare, excerpt=3).splitlines() == [
        "2. 0.812  a.pdf",
        f"   chunk {'ab' * 16}",
        "   one …",
    ]
