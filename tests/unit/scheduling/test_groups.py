"""Items come together under a key; a group is done again when its members change, not before."""

from typing import Any

import pytest

from ragflow import Item, Members, SkipDocument, pipeline, task
from ragflow.errors import RunError
from ragflow.tasks import by_payload, group, parent_folder, read
from tests.unit.scheduling.desk import Desk, Shelf, changes, did, save
from tests.unit.scheduling.grouped import CALLS, ERRORS, shelf_of, upper, words


@pytest.fixture(autouse=True)
def _no_calls():
    CALLS.clear()
    ERRORS.clear()


@task(version="1", per="group")
def summarize(members: Members[str]) -> str:
    CALLS.append(members.key)
    if members.key in ERRORS:
        raise ERRORS[members.key]
    return " ".join(f"{key}={value}" for key, value in members.items())


@task(version="1", per="group")
def lengths(members: Members[str]) -> list[str]:
    return [f"{len(members)} {list(members)} {members.keys}"]


def summarizing(shelf: Shelf) -> Any:
    @pipeline
    def p():
        save(summarize(group(upper(read(shelf)), by=parent_folder)))

    return p


def test_members_come_in_the_order_of_their_keys(desk: Desk):
    shelf = shelf_of(x_b="two", x_a="one", y_c="three", d="four")
    desk.run(summarizing(shelf))
    assert desk.values() == {
        ".": ["d=FOUR"],
        "x": ["x/a=ONE x/b=TWO"],
        "y": ["y/c=THREE"],
    }


def test_parts_of_an_owner_are_members_by_their_number(desk: Desk):
    shelf = Shelf(a="apple bear", b="ant")

    @pipeline
    def p():
        save(summarize(group(words(read(shelf)), by=by_payload("first"))))

    desk.run(p)
    assert desk.values() == {"a": ["a#0=apple b#0=ant"], "b": ["a#1=bear"]}


def test_a_group_has_length_keys_and_values(desk: Desk):
    shelf = shelf_of(x_a="one", x_b="two")

    @pipeline
    def p():
        save(lengths(group(read(shelf), by=parent_folder)))

    desk.run(p)
    assert desk.values() == {"x": ["2 ['one', 'two'] ('x/a', 'x/b')"]}


def test_a_changed_member_does_only_its_group_again(desk: Desk):
    shelf = shelf_of(x_a="one", x_b="two", y_c="three")
    p = summarizing(shelf)
    desk.run(p)
    CALLS.clear()
    summary = desk.run(p)
    assert changes(summary) == {"unchanged": 3}
    assert CALLS == []
    assert summary["chunks"]["upserted"] == 0
    shelf.put("x/b", "changed")
    summary = desk.run(p)
    assert changes(summary) == {"modified": 1, "unchanged": 2}
    assert CALLS == ["changed", "x"]
    assert did(summary, "summarize") == (1, 0, 0)
    assert desk.values() == {"x": ["x/a=ONE x/b=CHANGED"], "y": ["y/c=THREE"]}


def test_a_member_that_comes_back_to_what_it_was_is_remembered(desk: Desk):
    shelf = shelf_of(x_a="one", x_b="two")
    p = summarizing(shelf)
    desk.run(p)
    shelf.put("x/b", "changed")
    desk.run(p)
    shelf.put("x/b", "two")
    CALLS.clear()
    desk.run(p)
    assert CALLS == []
    assert desk.values() == {"x": ["x/a=ONE x/b=TWO"]}


def test_early_cutoff_ends_at_what_the_members_are(desk: Desk):
    shelf = shelf_of(x_a="one", x_b="two")
    p = summarizing(shelf)
    desk.run(p)
    CALLS.clear()
    shelf.put("x/b", "TWO")
    desk.run(p)
    assert CALLS == ["TWO"]


def test_the_rows_of_a_group_that_is_empty_go(desk: Desk):
    shelf = shelf_of(x_a="one", y_b="two", y_c="three")
    p = summarizing(shelf)
    desk.run(p)
    shelf.take("x/a")
    shelf.move("y/c", "z/c")
    CALLS.clear()
    summary = desk.run(p)
    assert changes(summary) == {"moved": 1, "unchanged": 1, "deleted": 1}
    assert desk.values() == {"y": ["y/b=TWO"], "z": ["z/c=THREE"]}
    assert sorted(CALLS) == ["y", "z"]


def test_groups_of_groups(desk: Desk):
    shelf = shelf_of(x_a="one", x_b="two", y_c="three")

    def everything(item: Item[str]) -> str:
        return "all"

    @pipeline
    def p():
        folders = summarize(group(read(shelf), by=parent_folder))
        save(folders, table="folders")
        save(summarize(group(folders, by=everything)), table="whole")

    desk.run(p)
    assert desk.values("whole") == {"all": ["x=x/a=one x/b=two y=y/c=three"]}
    assert set(desk.values("folders")) == {"x", "y"}
    CALLS.clear()
    shelf.put("y/c", "other")
    desk.run(p)
    assert CALLS == ["y", "all"]


def test_groups_and_rows_of_documents_of_one_source(desk: Desk):
    shelf = shelf_of(x_a="one", x_b="two")

    @pipeline
    def p():
        content = upper(read(shelf))
        save(content, table="documents")
        save(summarize(group(content, by=parent_folder)), table="groups")

    desk.run(p)
    CALLS.clear()
    shelf.put("x/a", "three")
    assert changes(desk.run(p)) == {"modified": 1, "unchanged": 1}
    assert CALLS == ["three", "x"]
    assert desk.values("documents") == {"x/a": ["THREE"], "x/b": ["TWO"]}
    assert desk.values("groups") == {"x": ["x/a=THREE x/b=TWO"]}


def test_unchanged_documents_are_not_opened_to_be_grouped(desk: Desk):
    shelf = shelf_of(x_a="one", x_b="two", y_c="three")

    @pipeline
    def p():
        save(summarize(group(read(shelf), by=parent_folder)))

    desk.run(p)
    shelf.loads.clear()
    assert changes(desk.run(p)) == {"unchanged": 3}
    assert shelf.loads == []
    shelf.put("y/c", "four")
    desk.run(p)
    assert shelf.loads == ["y/c"]
    shelf.put("y/d", "five")
    shelf.loads.clear()
    desk.run(p)
    assert sorted(shelf.loads) == ["y/c", "y/d"]  # the call of its group needs the values


def test_a_failed_group_keeps_its_rows_and_is_a_failure(desk: Desk):
    shelf = shelf_of(x_a="one", y_b="two")
    p = summarizing(shelf)
    desk.run(p)
    ERRORS["x"] = ValueError("no")
    shelf.put("x/a", "changed")
    summary = desk.run(p)
    assert did(summary, "summarize") == (0, 0, 1)
    (attempt,) = desk.failures(summary["run"])
    assert (attempt.key, attempt.task) == ("x", "summarize")
    assert desk.values() == {"x": ["x/a=ONE"], "y": ["y/b=TWO"]}


def test_a_run_in_which_a_group_failed_does_not_say_it_succeeded(desk: Desk):
    shelf = shelf_of(x_a="one", y_b="two")
    p = summarizing(shelf)
    ERRORS["x"] = ValueError("no")
    assert desk.run(p)["state"] == "succeeded_with_failures"


def test_a_failed_member_is_a_failure_though_it_has_no_rows_of_its_own(desk: Desk):
    shelf = shelf_of(x_a="one", x_b="bad", y_c="three")
    p = summarizing(shelf)
    ERRORS["bad"] = ValueError("no")
    for listed in ({"added": 2, "failed": 1}, {"unchanged": 2, "failed": 1}):
        summary = desk.run(p)
        assert changes(summary) == listed
        assert summary["state"] == "succeeded_with_failures"
        assert [each.key for each in desk.failures(summary["run"])] == ["x/b"]
    assert desk.values() == {"y": ["y/c=THREE"]}
    ERRORS.clear()
    assert changes(desk.run(p)) == {"unchanged": 3}
    assert desk.values()["x"] == ["x/a=ONE x/b=BAD"]


def test_a_group_is_not_taken_for_gone_while_a_member_fails(desk: Desk):
    shelf = shelf_of(x_a="one", y_b="two")
    p = summarizing(shelf)
    desk.run(p)
    shelf.put("x/a", "bad")
    ERRORS["bad"] = ConnectionError("down")
    assert changes(desk.run(p)) == {"failed": 1, "unchanged": 1}
    assert desk.values() == {"x": ["x/a=ONE"], "y": ["y/b=TWO"]}
    shelf.errors["x/a"] = OSError("gone")
    shelf.put("x/a", "more")
    assert changes(desk.run(p)) == {"failed": 1, "unchanged": 1}
    assert desk.values() == {"x": ["x/a=ONE"], "y": ["y/b=TWO"]}


def test_a_skipped_member_is_in_no_group(desk: Desk):
    shelf = shelf_of(x_a="one", x_b="image", y_c="image")
    p = summarizing(shelf)
    ERRORS["image"] = SkipDocument("nothing to read")
    summary = desk.run(p)
    assert summary["state"] == "succeeded"
    assert changes(summary) == {"added": 1, "skipped": 2}
    assert desk.values() == {"x": ["x/a=ONE"]}


def test_what_a_source_leaves_out_is_counted_once(desk: Desk):
    shelf = shelf_of(x_a="one", x_b="huge")

    @pipeline
    def p():
        content = read(shelf)
        save(content, table="documents")
        save(summarize(group(content, by=parent_folder)), table="groups")

    shelf.skips["x/b"] = ("too-large", "it is larger than allowed")
    assert changes(desk.run(p)) == {"added": 1, "skipped": 1}
    assert changes(desk.run(p)) == {"unchanged": 1, "skipped": 1}


def test_a_function_that_names_no_group_ends_the_run(desk: Desk):
    shelf = shelf_of(x_a="one")

    def broken(item: Item[str]) -> str:
        raise KeyError(item.key)

    def number(item: Item[str]) -> str:
        return 5  # type: ignore[return-value]

    for by, said in ((broken, "no group could be found for 'x/a': KeyError"), (number, "not 5")):

        @pipeline
        def p(by: Any = by):
            save(summarize(group(read(shelf), by=by)))

        with pytest.raises(RunError, match=said):
            desk.run(p)


def test_the_function_that_names_groups_counts(desk: Desk):
    shelf = shelf_of(x_a="one", y_b="two")

    def made(length: int) -> Any:
        def by(item: Item[str]) -> str:
            return item.key[:length]

        return by

    def run(length: int) -> None:
        @pipeline
        def p():
            save(summarize(group(read(shelf), by=made(length))))

        desk.run(p)

    run(1)
    assert set(desk.values()) == {"x", "y"}
    run(3)
    assert set(desk.values()) == {"x/a", "y/b"}


def test_a_plan_counts_documents_and_no_groups(desk: Desk):
    shelf = shelf_of(x_a="one", x_b="two")
    p = summarizing(shelf)
    assert changes(desk.plan(p)) == {"added": 2}
    assert desk.values() == {}
    assert changes(desk.run(p)) == {"added": 2}
    shelf.take("x/a")
    assert changes(desk.plan(p)) == {"unchanged": 1, "deleted": 1}
