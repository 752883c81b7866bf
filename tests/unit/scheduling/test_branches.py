"""Pages are read, rescued, parted and united, each for itself; documents are served whole."""

from typing import Any

import pytest

from ragflow import Item, Part, Row, SkipDocument, pipeline, task
from ragflow.tasks import read, split
from tests.unit.scheduling.desk import Desk, Shelf, changes, did, save

CALLS: list[Any] = []
ERRORS: dict[str, BaseException] = {}


@pytest.fixture(autouse=True)
def _no_calls():
    CALLS.clear()
    ERRORS.clear()


def called(name: str, value: str | None) -> None:
    CALLS.append(f"{name} {value}")
    if value is not None and (error := ERRORS.get(f"{name} {value}")) is not None:
        raise error


@task(version="1")
def pages(text: str) -> list[Part[str]]:
    called("pages", text)
    return [Part(page, {"page": number}) for number, page in enumerate(text.split())]


@task(version="1")
def words(page: str) -> list[str]:
    return page.split("-")


@task(version="1")
def ocr(page: str) -> str | None:
    called("ocr", page)
    return None if page == "blank" else page.upper()


@task(version="1")
def rescue(page: str) -> str:
    called("rescue", page)
    return f"{page}?"


@task(version="1")
def below(text: str) -> str:
    called("below", text)
    return f"<{text}>"


@task(version="1")
def both(page: str, text: str | None) -> str:
    called("both", page)
    return f"{page}={text}"


@task(version="1", per="batch")
def in_batches(ones: list[str], others: list[str | None]) -> list[str]:
    return [f"{one}={other}" for one, other in zip(ones, others, strict=True)]


@task(per="target", version="1", target="table", place="table")
def save_both(page: str, text: str | None, *, table: str = "t") -> Row:
    del table
    return Row(value=f"{page}={text}")


def rescuing(shelf: Shelf) -> Any:
    @pipeline
    def p():
        every = pages(read(shelf))
        seen = ocr(every)
        rescued = rescue.options(when="any_failed", after=seen)(every)
        save(below(seen | rescued))

    return p


def test_every_page_is_read_or_rescued_and_the_document_served_whole(desk: Desk):
    shelf = Shelf(a="one bad three", b="four")
    ERRORS["ocr bad"] = ValueError("smudged")
    p = rescuing(shelf)
    summary = desk.run(p)
    assert changes(summary) == {"added": 2}
    assert desk.values() == {"a": ["<ONE>", "<THREE>", "<bad?>"], "b": ["<FOUR>"]}
    assert sorted(call for call in CALLS if call.startswith("rescue")) == ["rescue bad"]
    assert did(summary, "ocr") == (3, 0, 1)
    assert did(summary, "rescue") == (1, 0, 0)
    (attempt,) = desk.failures(summary["run"])
    assert (attempt.key, attempt.task, attempt.part) == ("a", "ocr", "1")
    CALLS.clear()
    assert changes(desk.run(p)) == {"unchanged": 2}
    assert CALLS == []


def test_parts_keep_their_order_and_their_envelopes_when_united(desk: Desk):
    shelf = Shelf(a="one bad three")
    ERRORS["ocr bad"] = ValueError("smudged")
    desk.run(rescuing(shelf))
    assert {value: payload["page"] for value, payload in desk.payloads().items()} == {
        "<ONE>": 0,
        "<bad?>": 1,
        "<THREE>": 2,
    }


def test_a_page_that_fails_in_both_ways_fails_its_document_and_no_other_page(desk: Desk):
    shelf = Shelf(a="one bad three", b="four")
    p = rescuing(shelf)
    desk.run(p)
    ERRORS["ocr worse"], ERRORS["rescue worse"] = ValueError("smudged"), ValueError("torn")
    shelf.put("a", "one worse five")
    CALLS.clear()
    summary = desk.run(p)
    assert changes(summary) == {"failed": 1, "unchanged": 1}
    assert [each.task for each in desk.failures(summary["run"])] == ["ocr", "rescue"]
    assert "below FIVE" in CALLS
    assert desk.values()["a"] == ["<BAD>", "<ONE>", "<THREE>"]
    ERRORS.clear()
    shelf.touch("a")
    shelf.put("a", "one better five")
    CALLS.clear()
    desk.run(p)
    assert desk.values()["a"] == ["<BETTER>", "<FIVE>", "<ONE>"]
    assert "below FIVE" not in CALLS


@pytest.mark.parametrize(
    ("when", "values", "state"),
    [
        ("all_succeeded", None, "failed"),
        ("none_failed", None, "failed"),
        ("any_succeeded", None, "failed"),
        ("any_failed", ["bad=None"], "added"),
        ("all_done", ["bad=None", "blank=None", "good=GOOD"], "added"),
    ],
)
def test_a_rule_looks_at_what_is_joined_to_each_page(desk: Desk, when, values, state):
    shelf = Shelf(a="good blank bad")
    ERRORS["ocr bad"] = ValueError("smudged")

    @pipeline
    def p():
        every = pages(read(shelf))
        save(both.options(when=when)(every, ocr(every)))

    summary = desk.run(p)
    assert changes(summary) == {state: 1}
    assert desk.values().get("a") == values
    wanted = {
        "all_succeeded": ["both good"],
        "none_failed": ["both blank", "both good"],
        "any_succeeded": ["both good"],
        "any_failed": ["both bad"],
        "all_done": ["both bad", "both blank", "both good"],
    }[when]
    assert sorted(call for call in CALLS if call.startswith("both")) == wanted


def test_batches_and_targets_go_by_rules_too(desk: Desk):
    shelf = Shelf(a="good blank bad")
    ERRORS["ocr bad"] = ValueError("smudged")

    @pipeline
    def p():
        every = pages(read(shelf))
        seen = ocr(every)
        save(in_batches.options(when="all_done")(every, seen), table="batches")
        save_both.options(when="all_done")(every, seen, table="all")
        save_both.options(when="any_failed")(every, seen, table="lost")

    assert changes(desk.run(p)) == {"added": 1}
    assert desk.values("batches") == {"a": ["bad=None", "blank=None", "good=GOOD"]}
    assert desk.values("all") == desk.values("batches")
    assert desk.values("lost") == {"a": ["bad=None"]}


def test_a_rule_that_does_not_ask_for_a_document_leaves_it_without_rows_and_settled(desk: Desk):
    shelf = Shelf(a="good", b="bad")
    ERRORS["ocr bad"] = ValueError("smudged")

    @pipeline
    def p():
        documents = read(shelf)
        save(rescue.options(when="any_failed", after=ocr(documents))(documents))

    assert changes(desk.run(p)) == {"added": 2}
    assert desk.values() == {"b": ["bad?"]}
    CALLS.clear()
    assert changes(desk.run(p)) == {"unchanged": 2}
    assert CALLS == []


def test_a_cleanup_waits_for_everything_cut_from_its_document(desk: Desk):
    shelf = Shelf(a="one two", b="one bad", c="")

    @pipeline
    def p():
        documents = read(shelf)
        seen = ocr(pages(documents))
        save(rescue.options(when="any_failed", after=seen)(documents))
        save(rescue.options(name="usual", after=seen)(documents), table="usual")

    ERRORS["ocr bad"] = ValueError("smudged")
    summary = desk.run(p)
    assert changes(summary) == {"added": 2, "failed": 1}
    assert desk.values() == {"b": ["one bad?"]}
    assert desk.values("usual") == {"a": ["one two?"], "c": ["?"]}


def test_a_rule_counts_when_it_changes(desk: Desk):
    shelf = Shelf(a="good blank")

    def run(when: str) -> Any:
        @pipeline(name="p")
        def p():
            every = pages(read(shelf))
            save(both.options(when=when)(every, ocr(every)))

        return changes(desk.run(p, accept=True))

    run("all_succeeded")
    assert desk.values() == {"a": ["good=GOOD"]}
    assert run("none_failed") == {"stale": 1}
    assert desk.values() == {"a": ["blank=None", "good=GOOD"]}
    assert run("none_failed") == {"unchanged": 1}


def is_short(page: str) -> bool:
    if page in ERRORS:
        raise ERRORS[page]
    CALLS.append(f"asked {page}")
    return len(page) < 4


is_short.__version__ = "1"  # type: ignore[attr-defined]


def is_first(page: Item[str]) -> bool:
    return page.envelope["page"] == 0 and page.key == "a"


def splitting(shelf: Shelf, by: Any = is_short) -> Any:
    @pipeline(name="p")
    def p():
        good, poor = split(pages(read(shelf)), by=by)
        save(ocr(good) | rescue(poor))
        save(good, table="good")

    return p


def test_a_split_parts_pages_and_asks_once(desk: Desk):
    shelf = Shelf(a="one two three", b="four")
    summary = desk.run(splitting(shelf))
    assert changes(summary) == {"added": 2}
    assert desk.values() == {"a": ["ONE", "TWO", "three?"], "b": ["four?"]}
    assert desk.values("good") == {"a": ["one", "two"]}
    asked = [call for call in CALLS if call.startswith("asked")]
    assert sorted(asked) == ["asked four", "asked one", "asked three", "asked two"]


def test_a_split_may_ask_about_the_item(desk: Desk):
    shelf = Shelf(a="one two", b="three")
    desk.run(splitting(shelf, is_first))
    assert desk.values("good") == {"a": ["one"]}


def test_what_a_split_raises_fails_the_document_and_not_the_run(desk: Desk):
    shelf = Shelf(a="one two", b="three")
    ERRORS["two"] = KeyError("two")
    summary = desk.run(splitting(shelf))
    assert changes(summary) == {"added": 1, "failed": 1}
    assert desk.values() == {"b": ["three?"]}
    ERRORS.clear()

    def no_answer(page: str) -> bool:
        return len(page)  # type: ignore[return-value]

    assert changes(desk.run(splitting(shelf, no_answer), accept=True)) == {"failed": 2}


def test_the_function_of_a_split_counts(desk: Desk):
    shelf = Shelf(a="one three")

    def longer_than(number: int) -> Any:
        def by(page: str) -> bool:
            return len(page) > number

        return by

    desk.run(splitting(shelf, longer_than(1)))
    assert desk.values("good") == {"a": ["one", "three"]}
    assert changes(desk.run(splitting(shelf, longer_than(1)))) == {"unchanged": 1}
    CALLS.clear()
    desk.run(splitting(shelf, longer_than(3)), accept=True)
    assert desk.values("good") == {"a": ["three"]}
    assert CALLS == ["rescue one"]


def test_a_document_with_a_value_on_both_sides_fails(desk: Desk):
    shelf = Shelf(a="blank", b="good")

    @pipeline
    def p():
        documents = read(shelf)
        save(ocr(documents) | rescue(documents))

    assert changes(desk.run(p)) == {"added": 1, "failed": 1}
    assert desk.values() == {"a": ["blank?"]}


def test_what_was_cut_apart_is_united_by_what_it_was_cut_from(desk: Desk):
    shelf = Shelf(a="x-y one-two-three z")

    @pipeline
    def p():
        good, poor = split(pages(read(shelf)), by=is_short)
        united = words(good) | words.options(name="others")(poor)
        save(below(united))

    desk.run(p)
    assert desk.values() == {"a": ["<one>", "<three>", "<two>", "<x>", "<y>", "<z>"]}


def test_a_part_below_two_cuts_fails_alone_and_is_rescued_alone(desk: Desk):
    shelf = Shelf(a="x-bad bad-y")
    ERRORS["ocr bad"] = ValueError("smudged")

    @pipeline
    def p():
        every = pages(read(shelf))
        pieces = words(every)
        seen = ocr(pieces)
        save(seen | rescue.options(when="any_failed", after=seen)(pieces))
        save(rescue.options(name="by_page", when="any_failed", after=seen)(every), table="pages")

    assert changes(desk.run(p)) == {"added": 1}
    assert desk.values() == {"a": ["X", "Y", "bad?", "bad?"]}
    assert desk.values("pages") == {"a": ["bad-y?", "x-bad?"]}


def test_a_page_that_is_skipped_is_not_there_and_a_document_is_when_nothing_else_is(desk: Desk):
    shelf = Shelf(a="one empty", b="empty", c="one sheet")
    ERRORS["ocr empty"] = SkipDocument("nothing on it")
    ERRORS["ocr sheet"] = SkipDocument("no office", requirement="program:office")

    @pipeline
    def p():
        save(ocr(pages(read(shelf))))

    assert changes(desk.run(p)) == {"added": 1, "skipped": 2}
    assert desk.values() == {"a": ["ONE"]}


def test_a_document_skipped_as_a_whole_is_skipped_below_a_rule_too(desk: Desk):
    shelf = Shelf(a="image", b="one")
    ERRORS["pages image"] = SkipDocument("nothing to read", code="no-text")

    @pipeline
    def p():
        documents = read(shelf)
        every = pages(documents)
        save(ocr(every))
        save(rescue.options(after=every)(documents), table="whole")

    assert changes(desk.run(p)) == {"added": 1, "skipped": 1}
    assert (desk.values(), desk.values("whole")) == ({"b": ["ONE"]}, {"b": ["one?"]})


def test_a_plan_begins_no_rescue_for_what_it_only_counts(desk: Desk):
    shelf = Shelf(a="one two")

    @pipeline
    def p():
        every = pages(read(shelf))
        seen = ocr.options(plan="count")(every)
        save(seen | rescue.options(when="any_failed", after=seen)(every))

    assert changes(desk.plan(p)) == {"added": 1}
    assert CALLS == ["pages one two"]
