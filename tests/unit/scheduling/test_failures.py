"""What fails, fails alone, keeps its last good rows, and is tried again when that may help."""

import asyncio
import sys
import threading
import time
from typing import Any

import pytest

from ragflow import RagflowError, Row, SkipDocument, pipeline, resource, task
from ragflow.core.states import RunState
from ragflow.errors import ParseError, RunError
from ragflow.tasks import read
from tests.unit.scheduling.desk import Desk, Shelf, changes, did, save

#: What `check` raises, by text; and the texts it was given.
ERRORS: dict[str, BaseException] = {}
CALLS: list[str] = []


@pytest.fixture(autouse=True)
def _no_errors():
    ERRORS.clear()
    CALLS.clear()


@task(version="1")
def check(text: str, *, size: int = 0) -> str:
    CALLS.append(text)
    if text in ERRORS:
        raise ERRORS[text]
    return text


@task(version="1")
def words(text: str) -> list[str]:
    return text.split()


def checking(shelf: Shelf) -> Any:
    @pipeline
    def p(size: int = 0):
        save(check(read(shelf), size=size))

    return p


def test_one_bad_document_does_not_stop_the_run(desk: Desk):
    shelf = Shelf(a="good", b="bad", c="fine")
    ERRORS["bad"] = ValueError("no")
    summary = desk.run(checking(shelf))
    assert changes(summary) == {"added": 2, "failed": 1}
    assert summary["state"] == RunState.SUCCEEDED_WITH_FAILURES
    assert summary["dead_letters"] == 1
    assert desk.values() == {"a": ["good"], "c": ["fine"]}
    (attempt,) = desk.failures(summary["run"])
    assert (attempt.key, attempt.task, attempt.message) == ("b", "check", "ValueError: no")
    assert "ValueError" in attempt.traceback


def test_what_failed_for_good_is_held_back_until_content_or_definition_change(desk: Desk):
    shelf = Shelf(a="good", b="bad")
    p = checking(shelf)
    ERRORS["bad"] = ValueError("no")
    desk.run(p)
    CALLS.clear()
    for _ in range(2):
        summary = desk.run(p)
        assert changes(summary) == {"unchanged": 1, "held_back": 1}
        assert summary["state"] == RunState.SUCCEEDED
        assert summary["dead_letters"] == 1
    shelf.touch("b")
    assert changes(desk.run(p)) == {"unchanged": 1, "held_back": 1}
    assert CALLS == []
    assert changes(desk.run(p, size=1)) == {"stale": 1, "failed": 1}
    assert CALLS.count("bad") == 1
    del ERRORS["bad"]
    assert changes(desk.run(p, size=1)) == {"unchanged": 1, "held_back": 1}
    shelf.put("b", "better")
    assert changes(desk.run(p, size=1)) == {"added": 1, "unchanged": 1}
    assert desk.values() == {"a": ["good"], "b": ["better"]}


def test_a_failed_document_keeps_its_last_good_rows(desk: Desk):
    shelf = Shelf(a="good old", b="other")

    @pipeline
    def p():
        save(check(words(read(shelf))))

    desk.run(p)
    ERRORS["new"] = ValueError("no")
    shelf.put("a", "good new")
    assert changes(desk.run(p)) == {"failed": 1, "unchanged": 1}
    assert desk.values() == {"a": ["good", "old"], "b": ["other"]}
    assert changes(desk.run(p)) == {"held_back": 1, "unchanged": 1}
    shelf.put("a", "good old")
    assert changes(desk.run(p))["unchanged"] == 1
    assert desk.values() == {"a": ["good", "old"], "b": ["other"]}
    shelf.take("a")
    assert changes(desk.run(p)) == {"unchanged": 1, "deleted": 1}
    assert desk.values() == {"b": ["other"]}


def test_what_may_pass_by_itself_is_tried_by_the_next_run(desk: Desk):
    shelf = Shelf(a="good", b="far")
    p = checking(shelf)
    for error in (ConnectionError("down"), TimeoutError("slow"), OSError(5, "Input/output error")):
        ERRORS["far"] = error
        shelf.touch("b")  # else the third run would not try it yet
        assert changes(desk.run(p))["failed"] == 1
    del ERRORS["far"]
    assert changes(desk.run(p)) == {"held_back": 1, "unchanged": 1}
    shelf.touch("b")
    assert changes(desk.run(p)) == {"added": 1, "unchanged": 1}
    assert desk.values() == {"a": ["good"], "b": ["far"]}


def test_a_document_that_cannot_be_loaded_is_tried_by_the_next_run(desk: Desk):
    shelf = Shelf(a="good", b="far")
    p = checking(shelf)
    shelf.errors["b"] = PermissionError(13, "Permission denied", b"/docs/b")
    summary = desk.run(p)
    assert changes(summary) == {"added": 1, "failed": 1}
    assert did(summary, "read") == (1, 0, 1)
    (attempt,) = desk.failures(summary["run"])
    assert (attempt.reason, attempt.message) == ("unavailable", "permission denied: /docs/b")
    del shelf.errors["b"]
    assert changes(desk.run(p)) == {"unchanged": 1, "added": 1}
    shelf.put("b", "changed")
    shelf.errors["b"] = OSError("gone for now")
    assert changes(desk.run(p)) == {"unchanged": 1, "failed": 1}
    assert desk.values() == {"a": ["good"], "b": ["far"]}
    del shelf.errors["b"]
    assert changes(desk.run(p)) == {"unchanged": 1, "modified": 1}
    assert desk.values() == {"a": ["good"], "b": ["changed"]}


def test_a_changed_document_that_cannot_be_loaded_is_tried_ever_more_rarely(desk: Desk):
    shelf = Shelf(a="good")
    p = checking(shelf)
    desk.run(p)
    shelf.put("a", "better")
    shelf.errors["a"] = OSError("not now")
    assert [changes(desk.run(p)) for _ in range(3)] == [
        {"failed": 1},
        {"failed": 1},
        {"held_back": 1},
    ]
    shelf.touch("a")
    assert [changes(desk.run(p)) for _ in range(3)] == [
        {"failed": 1},
        {"failed": 1},
        {"held_back": 1},
    ]
    del shelf.errors["a"]
    shelf.touch("a")
    assert changes(desk.run(p)) == {"modified": 1}
    assert desk.values() == {"a": ["better"]}


def test_a_document_that_can_never_be_loaded_is_held_back_until_it_changes(desk: Desk):
    shelf = Shelf(a="good")
    shelf.errors["a"] = ParseError("it kept changing", code="unsteady")
    p = checking(shelf)
    summary = desk.run(p)
    assert changes(summary) == {"failed": 1}
    assert desk.failures(summary["run"])[0].reason == "unsteady"
    del shelf.errors["a"]
    assert changes(desk.run(p)) == {"held_back": 1}
    shelf.touch("a")
    assert changes(desk.run(p)) == {"added": 1}


def test_a_skipped_document_has_no_rows_and_is_no_failure(desk: Desk):
    shelf = Shelf(a="good", b="image")
    p = checking(shelf)
    desk.run(p)
    assert desk.values() == {"a": ["good"], "b": ["image"]}
    ERRORS["image"] = SkipDocument("nothing to read", code="no-text")
    summary = desk.run(p, size=1)
    assert changes(summary) == {"stale": 1, "skipped": 1}
    assert summary["state"] == RunState.SUCCEEDED
    assert summary["dead_letters"] == 0
    assert did(summary, "check") == (2, 0, 0)
    assert desk.failures(summary["run"]) == []
    assert desk.values() == {"a": ["good"]}
    CALLS.clear()
    assert changes(desk.run(p, size=1)) == {"unchanged": 1, "skipped": 1}
    assert CALLS == []
    shelf.touch("b")
    assert changes(desk.run(p, size=1)) == {"unchanged": 1, "skipped": 1}
    assert CALLS == []


def test_a_requirement_that_is_met_later_releases_what_was_skipped_for_it(desk: Desk, monkeypatch):
    met: set[str] = set()
    monkeypatch.setattr("ragflow.parsing.requirements.satisfied", met.__contains__)
    shelf = Shelf(a="good", b="image", c="sheet")
    p = checking(shelf)
    ERRORS["image"] = SkipDocument("no tesseract", requirement="program:tesseract")
    ERRORS["sheet"] = SkipDocument("no office", requirement="program:office")
    assert changes(desk.run(p)) == {"added": 1, "skipped": 2}
    CALLS.clear()
    assert changes(desk.run(p)) == {"unchanged": 1, "skipped": 2}
    assert CALLS == []
    met.add("program:tesseract")
    ERRORS.clear()
    assert changes(desk.run(p)) == {"unchanged": 1, "stale": 1, "skipped": 1}
    assert CALLS == ["image"]
    assert desk.values() == {"a": ["good"], "b": ["image"]}


def test_a_touched_document_is_released_all_the_same(desk: Desk, monkeypatch):
    met: set[str] = set()
    monkeypatch.setattr("ragflow.parsing.requirements.satisfied", met.__contains__)
    shelf = Shelf(b="image")
    p = checking(shelf)
    ERRORS["image"] = SkipDocument("no tesseract", requirement="program:tesseract")
    desk.run(p)
    met.add("program:tesseract")
    ERRORS.clear()
    shelf.touch("b")
    assert changes(desk.run(p)) == {"stale": 1}
    assert desk.values() == {"b": ["image"]}


def test_what_a_source_leaves_out_is_skipped_and_read_once_it_does_not(desk: Desk):
    shelf = Shelf(a="good", b="huge")
    p = checking(shelf)
    shelf.skips["b"] = ("too-large", "it is larger than allowed")
    assert changes(desk.run(p)) == {"added": 1, "skipped": 1}
    assert changes(desk.run(p)) == {"unchanged": 1, "skipped": 1}
    assert shelf.loads == ["a"]
    del shelf.skips["b"]
    assert changes(desk.run(p)) == {"unchanged": 1, "added": 1}
    assert desk.values() == {"a": ["good"], "b": ["huge"]}
    shelf.skips["b"] = ("too-large", "it is larger than allowed")
    assert changes(desk.run(p)) == {"unchanged": 1, "skipped": 1}
    assert desk.values() == {"a": ["good"]}
    del shelf.skips["b"]
    desk.run(p)
    assert desk.values() == {"a": ["good"], "b": ["huge"]}


@pytest.mark.parametrize("error", [SystemExit(1), asyncio.CancelledError(), GeneratorExit()])
def test_a_library_that_would_end_the_process_fails_its_document(desk: Desk, error):
    shelf = Shelf(a="good", b="bad")
    ERRORS["bad"] = error
    summary = desk.run(checking(shelf))
    assert changes(summary) == {"added": 1, "failed": 1}
    assert "it tried to end the process" in desk.failures(summary["run"])[0].message


def test_a_failure_of_one_document_fails_its_equals_too(desk: Desk):
    shelf = Shelf(a="bad", b="bad", c="good")
    ERRORS["bad"] = ValueError("no")
    summary = desk.run(checking(shelf))
    assert changes(summary) == {"failed": 2, "added": 1}
    # Once where both are under way together; an error is never remembered.
    attempts = desk.failures(summary["run"])
    assert CALLS.count("bad") == len(attempts) <= 2
    assert {attempt.key for attempt in attempts} <= {"a", "b"}


def test_a_failure_at_one_end_leaves_the_other_served(desk: Desk):
    shelf = Shelf(a="one", b="two")

    @pipeline
    def p():
        documents = read(shelf)
        save(documents, table="plain")
        save(check(documents), table="checked")

    ERRORS["two"] = ValueError("no")
    assert changes(desk.run(p)) == {"added": 1, "failed": 1}
    assert set(desk.values("plain")) == {"a", "b"}
    assert set(desk.values("checked")) == {"a"}
    assert changes(desk.run(p)) == {"unchanged": 1, "held_back": 1}


def test_what_a_target_cannot_make_a_row_of_fails_its_document(desk: Desk):
    shelf = Shelf(a="one", b="two")

    @task(per="target", version="1", target="table", place="table")
    def store(text: str, *, table: str = "t") -> Row | None:
        if text == "two":
            return text  # type: ignore[return-value]
        return Row(value=text)

    @pipeline
    def p():
        store(read(shelf))

    summary = desk.run(p)
    assert changes(summary) == {"added": 1, "failed": 1}
    assert desk.failures(summary["run"])[0].message == "the target 'store' returned a str"


def test_a_resource_that_cannot_be_opened_fails_the_run_and_no_document(desk: Desk):
    shelf = Shelf(a="one", b="two")
    opens = [ConnectionError("down"), None]

    @resource
    def client() -> Any:
        error = opens.pop(0)
        if error is not None:
            raise error
        return object()

    @task(version="1", per="batch")
    def ask(texts: list[str], *, client: Any = client) -> list[str]:
        return texts

    @pipeline
    def p():
        save(ask(read(shelf)))

    with pytest.raises(RunError, match="the resource 'client' cannot be opened: ConnectionError"):
        desk.run(p)
    assert desk.last_run().state is RunState.FAILED
    assert "cannot be opened" in desk.last_run().error
    assert changes(desk.run(p)) == {"added": 2}


def test_a_call_that_ends_the_run_leaves_others_the_time_to_be_remembered(desk: Desk):
    shelf = Shelf(a="over", b="fine")
    is_beside = threading.Event()

    @task(version="1", limit=2)  # what has a limit is not carried in one bundle
    def end(text: str) -> str:
        if text in ERRORS:
            is_beside.wait(20)
            raise ERRORS[text]
        is_beside.set()
        time.sleep(0.3)
        return text

    @pipeline
    def p():
        save(end(read(shelf)))

    ERRORS["over"] = RunError("enough")
    with pytest.raises(RunError, match="enough"):
        desk.run(p)
    assert desk.last_run().state is RunState.FAILED
    ERRORS.clear()
    assert did(desk.run(p), "end") == (1, 1, 0)


def test_a_source_that_cannot_be_listed_deletes_nothing(desk: Desk):
    shelf = Shelf(a="one", b="two")
    p = checking(shelf)
    desk.run(p)
    listing = shelf.list

    def broken():
        yield from list(listing())[:1]
        raise OSError(5, "Input/output error", "/docs")

    shelf.list = broken  # type: ignore[method-assign]
    with pytest.raises(RunError, match="the source cannot be listed"):
        desk.run(p)
    assert desk.values() == {"a": ["one"], "b": ["two"]}
    shelf.list = listing  # type: ignore[method-assign]
    assert changes(desk.run(p)) == {"unchanged": 2}


def test_a_store_that_fails_ends_the_run_and_the_next_one_goes_on(desk: Desk):
    shelf = Shelf(**{f"k{number}": str(number) for number in range(5)})
    p = checking(shelf)
    desk.tables.before = lambda: sys.exit("disk full")
    with pytest.raises(SystemExit):
        desk.run(p)
    desk.tables.before = None
    CALLS.clear()
    assert changes(desk.run(p)) == {"added": 5}
    assert CALLS == []
    assert len(desk.values()) == 5


def test_errors_of_ours_need_no_class_name(desk: Desk):
    shelf = Shelf(a="bad")
    ERRORS["bad"] = ParseError("the third page is torn")
    summary = desk.run(checking(shelf))
    (attempt,) = desk.failures(summary["run"])
    assert attempt.message == "the third page is torn"
    assert attempt.reason == "unreadable"
    assert attempt.traceback is None
    assert issubclass(ParseError, RagflowError)
