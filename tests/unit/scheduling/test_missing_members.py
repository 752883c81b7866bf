"""Members that failed are missing from their groups, and a rule says whether that matters."""

from typing import Any

import pytest

from ragflow import Item, Members, pipeline, task
from ragflow.scheduling.groups import Gathering
from ragflow.scheduling.walk import MemoPart
from ragflow.tasks import by_payload, group, parent, parent_folder, read
from tests.unit.scheduling.desk import Desk, Shelf, save
from tests.unit.scheduling.grouped import CALLS, ERRORS, shelf_of, upper, words


@pytest.fixture(autouse=True)
def _no_calls():
    CALLS.clear()
    ERRORS.clear()


@task(version="1", per="group")
def with_missing(members: Members[str]) -> str:
    CALLS.append(members.key)
    return f"{list(members)} without {list(members.missing)}"


def missing(shelf: Shelf, when: str, by: Any = parent_folder) -> Any:
    @pipeline(name="p")
    def p():
        save(with_missing.options(when=when)(group(upper(read(shelf)), by=by)))

    return p


def test_a_group_with_a_missing_member_stays_as_it_was(desk: Desk):
    shelf = shelf_of(x_a="one", x_b="two", y_c="three")
    p = missing(shelf, "all_succeeded")
    desk.run(p)
    before = desk.rows()
    shelf.put("x/b", "bad")
    ERRORS["bad"] = ValueError("no")
    CALLS.clear()
    summary = desk.run(p)
    assert summary["state"] == "succeeded_with_failures"
    assert desk.rows() == before
    assert CALLS == []
    ERRORS.clear()
    shelf.put("x/b", "better")
    desk.run(p)
    assert desk.values()["x"] == ["['ONE', 'BETTER'] without []"]


@pytest.mark.parametrize(
    ("when", "values"),
    [
        ("none_failed", {"z": "['FOUR'] without []"}),
        ("any_succeeded", {"x": "['ONE'] without ['x/b']", "z": "['FOUR'] without []"}),
        ("any_failed", {"x": "['ONE'] without ['x/b']", "y": "[] without ['y/c']"}),
        (
            "all_done",
            {
                "x": "['ONE'] without ['x/b']",
                "y": "[] without ['y/c']",
                "z": "['FOUR'] without []",
            },
        ),
    ],
)
def test_a_rule_lets_a_group_do_without_its_missing_members(desk: Desk, when, values):
    shelf = shelf_of(x_a="one", x_b="bad", y_c="bad", z_d="four")
    ERRORS["bad"] = ValueError("no")
    desk.run(missing(shelf, when))
    assert desk.values() == {key: [value] for key, value in values.items()}


def test_who_is_missing_counts(desk: Desk):
    shelf = shelf_of(x_a="one", x_b="bad")
    p = missing(shelf, "any_succeeded")
    ERRORS["bad"] = ValueError("no")
    desk.run(p)
    CALLS.clear()
    desk.run(p)
    assert "x" not in CALLS
    shelf.take("x/b")
    desk.run(p)
    assert desk.values() == {"x": ["['ONE'] without []"]}
    shelf.put("x/c", "bad")
    desk.run(p)
    assert desk.values() == {"x": ["['ONE'] without ['x/c']"]}


def test_a_member_that_could_not_be_loaded_is_missing(desk: Desk):
    shelf = shelf_of(x_a="one", x_b="two")
    shelf.errors["x/b"] = OSError("gone")
    desk.run(missing(shelf, "any_succeeded"))
    assert desk.values() == {"x": ["['ONE'] without ['x/b']"]}


def test_the_group_of_a_failed_item_is_unknown_where_it_hangs_on_the_value(desk: Desk):
    shelf = shelf_of(x_a="one", x_b="oops", y_c="one")

    def first_letter(item: Item[str]) -> str:
        return item.value[0]

    p = missing(shelf, "any_succeeded", first_letter)
    ERRORS["oops"] = ValueError("no")
    assert desk.run(p)["state"] == "succeeded_with_failures"
    assert desk.values() == {"O": ["['ONE', 'ONE'] without []"]}
    shelf.put("x/a", "two")
    shelf.put("y/c", "two")
    desk.run(p)
    assert set(desk.values()) == {"O", "T"}  # x/b may be the one that is in O


def test_a_failed_part_is_missing_where_its_envelope_says(desk: Desk):
    shelf = Shelf(a="apple bear", b="ant bad")

    @pipeline
    def p():
        parts = upper(words(read(shelf)))
        found = group(parts, by=by_payload("first"))
        save(with_missing.options(when="any_succeeded")(found))

    ERRORS["bad"] = ValueError("no")
    desk.run(p)
    assert desk.values() == {
        "a": ["['APPLE', 'ANT'] without []"],
        "b": ["['BEAR'] without ['b#1']"],
    }


def test_the_parts_of_a_document_are_one_group_in_their_order(desk: Desk):
    text = " ".join(f"w{number}" for number in range(12))
    shelf = Shelf(a=text, b="one bad")
    ERRORS["bad"] = ValueError("no")

    @pipeline
    def p():
        parts = upper(words(read(shelf)))
        save(with_missing.options(when="all_done")(group(parts, by=parent)))

    desk.run(p)
    assert desk.values() == {
        "a": [f"{text.upper().split()} without []"],
        "b": ["['ONE'] without ['b#1']"],
    }


def test_values_of_members_come_from_memos_and_are_not_kept(desk: Desk, monkeypatch):
    kept: list[Any] = []
    real = Gathering.take

    def take(self: Any, *args: Any) -> None:
        real(self, *args)
        kept.append(self)

    monkeypatch.setattr(Gathering, "take", take)
    shelf = shelf_of(x_a="one", x_b="two")
    desk.run(missing(shelf, "all_succeeded"))
    assert desk.values() == {"x": ["['ONE', 'TWO'] without []"]}
    entries = [entry for entries in kept[0]._groups.values() for entry in entries]
    assert len(entries) == 2
    assert all(isinstance(each, MemoPart) for entry in entries for each in entry.fetch.args)
