"""Why an owner is to be worked on, told from what the ledger knows; what differs in recipes."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from ragflow.core.reasons import Cause
from ragflow.core.recipes import Recipe, TaskRecipe
from ragflow.core.records import EndNow, EndStanding, OwnerChange
from ragflow.core.states import Change, OwnerState
from ragflow.incremental.why import Situation, differences, reason_of

NOW = datetime(2026, 1, 1, tzinfo=UTC)
END = EndNow("t:a", 1, b"new")


def standing(state=OwnerState.SUCCEEDED, **words):
    facts = {
        "served_input": b"input",
        "served_definition": b"new",
        "tried_input": b"input",
        "tried_definition": b"new",
        **words,
    }
    return EndStanding(state=state, **facts)


def change(*, ends=None, content=b"content", token=b"2", seen=b"1", kind=Change.MODIFIED):
    return OwnerChange(
        key="a",
        change=kind,
        token=token,
        listed={},
        size=None,
        skip=None,
        owner=1,
        token_seen=seen,
        content=content,
        metadata={"m": 1},
        ends={1: standing()} if ends is None else ends,
    )


def situation(found=None, **words):
    facts = {
        "change": found or change(),
        "became": Change.STALE,
        "content": b"content",
        "metadata": {"m": 1},
        "input": b"input",
        "ends": [END],
        "now": NOW,
        **words,
    }
    return Situation(**facts)


def at_end(state=OwnerState.SUCCEEDED, **words):
    """Return a situation in which nothing but how it stands at its end says why."""
    return situation(change(ends={1: standing(state, **words)}, token=b"1", kind=Change.STALE))


FAILED = OwnerState.FAILED
CASES = {
    Cause.ADDED: situation(change(ends={}, content=None, seen=None, kind=Change.ADDED)),
    Cause.MODIFIED: situation(content=b"other"),
    Cause.METADATA: situation(metadata={"m": 2}),
    Cause.TOUCHED: situation(ends=[]),
    Cause.MOVED: situation(became=Change.MOVED, came_from="b"),
    Cause.STALE: at_end(served_definition=b"old", tried_definition=b"old"),
    Cause.NEW_END: situation(change(ends={}, token=b"1")),
    Cause.REBUILT: situation(change(ends={}, token=b"1"), is_rebuilding=True),
    Cause.RELEASED: at_end(OwnerState.SKIPPED, requirement="program:x"),
    Cause.REPLAYED: at_end(FAILED),
    Cause.RETRIED: at_end(FAILED, not_before=NOW),
    Cause.RECOVERED: at_end(FAILED, reason="interrupted", tried_definition=None),
    Cause.FORCED: situation(change(token=b"1"), is_again=True),
    Cause.UNCHANGED: situation(change(token=b"1")),
}


@pytest.mark.parametrize("cause", CASES)
def test_each_cause_is_told(cause):
    assert reason_of(CASES[cause]).cause is cause


def test_every_cause_of_work_has_a_case():
    assert set(Cause) - set(CASES) == {Cause.DELETED, Cause.SOURCE_GONE}


def test_a_changed_definition_is_told_beside_another_cause():
    found = reason_of(
        situation(change(ends={1: standing(tried_definition=b"old")}), content=b"other")
    )
    assert found.cause is Cause.MODIFIED
    assert found.because.definitions == [(b"old", b"new")]


def test_the_requirement_is_told_only_where_it_was_what_was_waited_for():
    stands = {1: standing(OwnerState.SKIPPED, requirement="program:x")}
    assert reason_of(situation(change(ends=stands, token=b"1"))).because.requirement == "program:x"
    assert reason_of(situation(change(ends=stands), content=b"o")).because.requirement is None


def test_no_requirement_is_said_to_be_met_that_need_not_be():
    needy = standing(OwnerState.SKIPPED, requirement="program:x")
    touched = situation(change(ends={1: needy}))
    assert reason_of(touched).cause is Cause.TOUCHED
    forced = situation(change(ends={1: needy}, token=b"1"), is_again=True)
    assert reason_of(forced).cause is Cause.FORCED
    stands = {1: needy, 2: standing(FAILED, not_before=NOW)}
    ends = [END, EndNow("t:b", 2, b"new")]
    assert reason_of(situation(change(ends=stands, token=b"1"), ends=ends)).cause is Cause.RETRIED


def test_what_waits_for_its_time_is_worked_on_because_it_changed():
    stands = {1: standing(FAILED, not_before=NOW + timedelta(hours=1), tried_input=None)}
    unread = situation(change(ends=stands, content=None, seen=None), content=None, input=b"i")
    assert reason_of(unread).cause is Cause.MODIFIED


# --- Differences ------------------------------------------------------------------------------


def task(name="chunk", **words):
    return TaskRecipe(**{"name": name, "shape": "item", "fingerprint": name.encode(), **words})


def recipe(*tasks, definition=b"d"):
    return Recipe(end="t:a", definition=definition, tasks=tasks)


def told(before, after):
    found = differences(recipe(*before), recipe(*after, definition=b"e"))
    return [(one.task, one.what, one.name, one.before, one.after) for one in found]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ({"code": b"1"}, {"code": b"2"}, ("code", "", None, None)),
        ({"version": "1"}, {"version": "2"}, ("version", "", "1", "2")),
        ({"code": b"1"}, {"version": "2"}, ("version", "", None, "2")),
        ({"parameters": {"s": 0}}, {"parameters": {"s": 200}}, ("parameter", "s", 0, 200)),
        ({}, {"parameters": {"s": None}}, ("parameter", "s", None, None)),
        (
            {"resources": {"m": {"name": "x", "revision": "a"}}},
            {"resources": {"m": {"name": "x", "revision": "b"}}},
            ("resource", "m.revision", "a", "b"),
        ),
        ({"resources": {"m": "a"}}, {"resources": {"m": [1]}}, ("resource", "m", "a", [1])),
        ({"returns": "str"}, {"returns": "int"}, ("returns", "", "str", "int")),
        ({"data": ["a"]}, {"data": ["b"]}, ("inputs", "", ["a"], ["b"])),
        ({}, {"rule": "all_done"}, ("rule", "", None, "all_done")),
        ({}, {"waits_for": ["b"]}, ("rule", "", None, None)),
    ],
)
def test_what_is_different_in_a_task(before, after, expected):
    assert told([task(**before)], [task(**after)]) == [("chunk", *expected)]


def test_tasks_that_come_and_go_are_told_and_renamed_ones_are_not():
    before = [task("read"), task("old", fingerprint=b"x"), task("gone"), task("end", data=["old"])]
    after = [task("read"), task("new", fingerprint=b"x"), task("more"), task("end", data=["new"])]
    assert [each[:2] for each in told(before, after)] == [
        ("more", "task_added"),
        ("gone", "task_removed"),
    ]


def test_of_a_step_only_its_result_counts():
    step = task("step", shape="run", fingerprint=b"1")
    again = msgspec.structs.replace(step, fingerprint=b"2")
    assert told([step], [again]) == [("step", "result", "", None, None)]


def test_definitions_that_differ_are_never_told_to_be_equal():
    assert [each[1] for each in told([task()], [task()])] == ["other"]
    assert differences(recipe(task()), recipe(task())) == []
