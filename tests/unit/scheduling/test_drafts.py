"""What a task drafts is made whole part by part: each remembered, failing and tried alone."""

from typing import Any

import pytest

from ragflow import Draft, Item, Part, SkipDocument, pipeline, task
from ragflow.core.states import RunState
from ragflow.errors import PipelineError
from ragflow.tasks import group, parent_folder, read
from tests.unit.scheduling.desk import Desk, Shelf, changes, did, save

#: What `look` raises, by word; and the words it was given, with where each stood.
ERRORS: dict[str, Exception] = {}
CALLS: list[tuple[str, int]] = []


@pytest.fixture(autouse=True)
def _no_errors():
    ERRORS.clear()
    CALLS.clear()


@task(version="1", retries=0)
def look(word: Item[str], text: str, *, loud: bool = False) -> str:
    assert word.value in text
    CALLS.append((word.value, word.envelope["at"]))
    if word.value in ERRORS:
        raise ERRORS[word.value]
    return word.value.upper() if loud else word.value.strip("?")


@task(version="1")
def put_in(text: str, seen: list[Part[str | None]]) -> str:
    words = text.split()
    for part in seen:
        words[part.envelope["at"]] = part.value or f"({part.envelope.get('skipped', 'missing')})"
    if not any(each.value for each in seen) and all("?" in word for word in text.split()):
        raise SkipDocument("nothing there")
    return " ".join(words)


@task(version="1")
def anything(word, text: str) -> str:
    return f"{word}{text}"


@task(version="1", parts=look, whole=put_in)
def draft(text: str, *, loud: bool = False) -> str | Draft[str, str]:
    """Read a text; words with a question mark must be looked at."""
    del loud
    marked = [(at, word) for at, word in enumerate(text.split()) if "?" in word]
    return Draft(text, [Part(word, {"at": at}) for at, word in marked]) if marked else text


def reading(shelf: Shelf, task: Any = draft) -> Any:
    @pipeline
    def p(loud: bool = False):
        save(task(read(shelf), loud=loud))

    return p


def test_outside_of_a_pipeline_it_is_the_plain_function():
    assert draft("all clear") == "all clear"
    assert draft("now ?or ?never", loud=True) == "now ?OR ?NEVER"
    ERRORS["?or"] = ValueError("a bug")
    with pytest.raises(ValueError, match="a bug"):
        draft("now ?or ?never")
    ERRORS["?or"] = OSError("away")
    assert draft("now ?or ?never") == "now (missing) never"
    with pytest.raises(OSError, match="away"):
        draft("?or")
    ERRORS["?or"] = SkipDocument("no eyes")
    assert draft("now ?or ?never") == "now (no eyes) never"
    with pytest.raises(SkipDocument, match="no eyes"):
        draft("?or")


def test_a_draft_without_parts_costs_no_call(desk: Desk):
    summary = desk.run(reading(Shelf(a="all clear", b="now ?or never")))
    assert desk.values() == {"a": ["all clear"], "b": ["now or never"]}
    assert did(summary, "draft") == (2, 0, 0)
    assert did(summary, "look") == did(summary, "put_in") == (1, 0, 0)


def test_a_part_that_only_moved_is_not_looked_at_again(desk: Desk):
    shelf = Shelf(a="now ?or ?never")
    p = reading(shelf)
    desk.run(p)
    assert CALLS == [("?or", 1), ("?never", 2)]
    CALLS.clear()
    shelf.put("a", "well now ?or ?never ?again")
    summary = desk.run(p)
    assert CALLS == [("?again", 4)]
    assert did(summary, "look") == (1, 2, 0)
    assert desk.values() == {"a": ["well now or never again"]}
    # Nor is a document opened whose parts are all known.
    shelf.loads.clear()
    assert changes(desk.run(p, loud=True)) == {"stale": 1}
    assert shelf.loads == ["a"]
    assert changes(desk.run(p)) == {"stale": 1}
    assert shelf.loads == ["a"]


def test_equal_parts_are_looked_at_once(desk: Desk):
    desk.run(reading(Shelf(a="?twice and ?twice", b="?twice")))
    assert len(CALLS) == 1
    assert desk.values() == {"a": ["twice and twice"], "b": ["twice"]}


def test_a_part_that_fails_costs_the_rest_of_its_document_nothing(desk: Desk):
    shelf = Shelf(a="now ?or ?never", b="fine")
    p = reading(shelf)
    ERRORS["?or"] = ValueError("no")
    summary = desk.run(p)
    assert summary["state"] == RunState.SUCCEEDED_WITH_FAILURES
    assert changes(summary) == {"added": 1, "failed": 1}
    assert desk.values() == {"a": ["now (missing) never"], "b": ["fine"]}
    (letter,) = letters(desk)
    assert (letter.key, letter.task, letter.part, letter.message) == (
        *("a", "look", "0"),
        "ValueError: no",
    )
    CALLS.clear()
    assert changes(desk.run(p)) == {"held_back": 1, "unchanged": 1}
    assert CALLS == []
    del ERRORS["?or"]
    assert changes(desk.run(p, loud=True)) == {"stale": 1, "added": 1}
    assert desk.values()["a"] == ["now ?OR ?NEVER"]
    assert letters(desk) == []


def test_a_part_that_may_pass_is_tried_by_the_next_run_alone(desk: Desk):
    shelf = Shelf(a="now ?or ?never")
    p = reading(shelf)
    ERRORS["?or"] = TimeoutError("slow")
    assert changes(desk.run(p)) == {"failed": 1}
    assert desk.values() == {"a": ["now (missing) never"]}
    ERRORS.clear()
    CALLS.clear()
    assert changes(desk.run(p)) == {"added": 1}
    assert CALLS == [("?or", 1)]
    assert desk.values() == {"a": ["now or never"]}


def test_what_was_whole_is_not_replaced_by_less_while_that_may_pass(desk: Desk):
    shelf = Shelf(a="now ?or ?never")
    p = reading(shelf)
    desk.run(p)
    ERRORS["?ever"] = TimeoutError("slow")
    shelf.put("a", "now ?or ?ever")
    assert changes(desk.run(p)) == {"failed": 1}
    assert desk.values() == {"a": ["now or never"]}
    ERRORS["?ever"] = ValueError("no")
    shelf.put("a", "now and ?ever")
    assert changes(desk.run(p)) == {"failed": 1}
    assert desk.values() == {"a": ["now and (missing)"]}


def test_a_document_that_goes_back_to_what_it_was_is_served_that_again(desk: Desk):
    shelf = Shelf(a="now ?or ?never")
    p = reading(shelf)
    desk.run(p)
    ERRORS["?ever"] = ValueError("no")
    shelf.put("a", "now and ?ever")
    desk.run(p)
    shelf.put("a", "now ?or ?never")
    CALLS.clear()
    assert changes(desk.run(p)) == {"added": 1}
    assert desk.values() == {"a": ["now or never"]}
    assert CALLS == []


def test_what_a_part_lacks_lets_it_be_tried_when_it_is_there(desk: Desk, monkeypatch):
    met: set[str] = set()
    monkeypatch.setattr("ragflow.parsing.requirements.satisfied", met.__contains__)
    p = reading(Shelf(a="now ?or ?never", b="?all"))
    for word in ("?or", "?never", "?all"):
        ERRORS[word] = SkipDocument("no eyes", requirement="program:eyes")
    assert changes(desk.run(p)) == {"added": 1, "skipped": 1}
    assert desk.values() == {"a": ["now (no eyes) (no eyes)"]}
    CALLS.clear()
    assert changes(desk.run(p)) == {"unchanged": 1, "skipped": 1}
    assert CALLS == []
    met.add("program:eyes")
    ERRORS.clear()
    assert changes(desk.run(p)) == {"stale": 2}
    assert desk.values() == {"a": ["now or never"], "b": ["all"]}
    assert changes(desk.run(p)) == {"unchanged": 2}


def test_without_a_part_there_may_be_nothing(desk: Desk):
    ERRORS["?or"] = ValueError("no")
    summary = desk.run(reading(Shelf(a="?or", b="? ?")))
    assert changes(summary) == {"failed": 1, "skipped": 1}
    (letter,) = letters(desk)
    assert (letter.key, letter.task, letter.message) == ("a", "look", "ValueError: no")


def test_groups_have_documents_that_lack_a_part_in_every_run(desk: Desk):
    @task(version="1", per="group")
    def together(texts: Any) -> str:
        return " | ".join(texts)

    shelf = Shelf(**{"x/a": "now ?or ?never", "x/b": "fine"})

    @pipeline
    def p():
        texts = draft(read(shelf))
        save(texts)
        save(together(group(texts, by=parent_folder)), table="g")

    ERRORS["?or"] = ValueError("no")
    desk.run(p)
    wanted = {"x": ["now (missing) never | fine"]}
    assert desk.values("g") == wanted
    summary = desk.run(p)
    assert changes(summary) == {"held_back": 1, "unchanged": 1}
    assert desk.values("g") == wanted
    assert did(summary, "together") == (0, 0, 0)


def test_options_of_the_task_hold_for_its_parts(desk: Desk):
    ERRORS["?or"] = ConnectionError("down")
    p = reading(Shelf(a="now ?or"), draft.options(name="skim", retries=1))
    summary = desk.run(p)
    assert CALLS == [("?or", 1)] * 2
    assert did(summary, "skim") == (1, 0, 0)


def test_a_draft_that_is_not_remembered_is_whole_all_the_same(desk: Desk):
    shelf = Shelf(a="now ?or ?never")
    p = reading(shelf, draft.options(memo=False))
    desk.run(p)
    assert desk.values() == {"a": ["now or never"]}
    desk.run(p, loud=True)
    assert desk.values() == {"a": ["now ?OR ?NEVER"]}


def test_a_plan_says_what_the_run_does(desk: Desk):
    shelf = Shelf(a="now ?or ?never", b="fine")
    p = reading(shelf)
    desk.run(p)
    shelf.put("a", "well now ?or ?never ?again")
    planned = desk.plan(p)["chunks"]
    assert (planned["add"], planned["update"], planned["delete"]) == (1, 0, 1)
    assert CALLS == [("?or", 1), ("?never", 2), ("?again", 4)]
    assert did(desk.run(p), "look") == (0, 3, 0)


@pytest.mark.parametrize(
    ("declared", "said"),
    [
        ({"parts": look}, "declared together"),
        ({"parts": look, "whole": len}, "whole=<built-in function len>"),
        ({"parts": look, "whole": draft}, "takes 1 data"),
        ({"parts": anything, "whole": put_in}, "does not say what the parts"),
        ({"parts": look, "whole": put_in, "per": "batch"}, "cannot draft"),
    ],
)
def test_what_could_make_nothing_whole_is_refused(declared, said):
    with pytest.raises(PipelineError, match=said):

        @task(version="1", **declared)
        def broken(texts: list[str]) -> list[str]:
            return texts


def letters(desk: Desk) -> list[Any]:
    with desk.home() as home:
        return list(home.metadata.dead_letters.list())
