"""After any sequence of edits a refresh leaves what a clean build gives, and does no more."""

from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ragflow import Members, Part, Retry, SkipDocument, pipeline, task
from ragflow.core.resource_use import resource
from ragflow.runtime.summary import DOCUMENTS
from ragflow.tasks import group, read
from tests.unit.scheduling.desk import Desk, Shelf, changes, save

KEYS = ["a", "b", "c", "x/d", "x/e"]
WORDS = ["one", "two", "three", "same same"]
#: Texts that cannot be marked, and whether they may be another time.
FAILS: set[str] = set()
MARKED: list[str] = []


@resource(identity=lambda: {"name": "fixed"})
def marker() -> str:
    return "!"


@task(version="1")
def words(text: str, *, least: int = 1) -> list[Part[str]]:
    if text == "image":
        raise SkipDocument("nothing to read")
    parts = text.split()
    return [Part(w, {"place": n}) for n, w in enumerate(parts) if len(w) >= least]


#: What is down is asked again at once: nobody waits here.
AT_ONCE = Retry(attempts=1, initial=timedelta(0))


@task(version="1", per="batch", batch=3, space="marker", plan="count", retries=AT_ONCE)
def mark(parts: list[str], *, marker: Any = marker) -> list[str]:
    MARKED.extend(parts)
    for part in parts:
        if part in FAILS:
            raise ConnectionError("down")
    return [f"{part}{marker}" for part in parts]


@task(version="1", per="group")
def count(members: Members[str]) -> str:
    return f"{len(members)} {' '.join(members)}"


def folder_of(item: Any) -> str:
    return item.key.rpartition("/")[0] or "."


def reading(shelf: Shelf) -> Any:
    @pipeline
    def p(least: int = 1):
        parts = words(read(shelf), least=least)
        save(mark(parts), table="t")
        save(count(group(parts, by=folder_of)), table="groups")

    return p


keys = st.sampled_from(KEYS)
texts = st.lists(st.sampled_from(WORDS), min_size=0, max_size=3).map(" ".join) | st.just("image")
edits = st.one_of(
    st.tuples(st.just("put"), keys, texts),
    st.tuples(st.just("take"), keys),
    st.tuples(st.just("touch"), keys),
    st.tuples(st.just("move"), keys, keys),
    st.tuples(st.just("copy"), keys, keys),
    st.tuples(st.just("swap"), keys, keys),
    st.tuples(st.just("metadata"), keys, st.integers(0, 1)),
    st.tuples(st.just("fail"), st.sampled_from(["one", "same"])),
    st.tuples(st.just("mend")),
    st.tuples(st.just("least"), st.integers(1, 4)),
    st.tuples(st.just("skip"), keys),
)


def perform(edit: tuple[Any, ...], shelf: Shelf, parameters: dict[str, Any]) -> None:
    there = set(shelf)
    match edit:
        case ("put", key, text):
            shelf.put(key, text)
        case ("take", key) if key in there:
            shelf.take(key)
        case ("touch", key) if key in there:
            shelf.touch(key)
        case ("move", old, new) if old in there and new not in there:
            shelf.move(old, new)
        case ("copy", old, new) if old in there:
            shelf.put(new, shelf._documents[old])
        case ("swap", one, other) if {one, other} <= there:
            first, second = shelf._documents[one], shelf._documents[other]
            shelf.put(one, second)
            shelf.put(other, first)
        case ("metadata", key, number) if key in there:
            shelf.metadata[key] = {"number": number}
            shelf.touch(key)
        case ("fail", word):
            FAILS.add(word)
        case ("mend",):
            FAILS.clear()
        case ("least", number):
            parameters["least"] = number
        case ("skip", key):
            shelf.skips = {} if shelf.skips else {key: ("left-out", "left out")}


@settings(
    max_examples=8,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(st.lists(st.lists(edits, min_size=1, max_size=5), min_size=2, max_size=7))
def test_every_refresh_gives_what_a_clean_build_gives(steps):
    FAILS.clear()
    shelf, parameters = Shelf(a="one two", **{"x/d": "three"}), {"least": 1}
    p = reading(shelf)
    with TemporaryDirectory() as folder:
        desk = Desk(Path(folder) / "kept")
        desk.run(p)
        for number, step in enumerate(steps):
            for edit in step:
                perform(edit, shelf, parameters)
            before, listed = desk.rows(), len(list(shelf))
            plan = desk.plan(p, **parameters)
            summary = desk.run(p, allow_deletions=True, **parameters)
            documents = summary["documents"]
            assert sum(documents[name] for name in DOCUMENTS) == listed
            assert all(count >= 0 for count in documents.values())
            clean = Desk(Path(folder) / f"clean{number}")
            rebuilt = clean.run(p, **parameters)
            failed = {key for key in shelf if FAILS & set(shelf._documents[key].split())}
            assert_like(desk, clean, before, failed)
            if not FAILS:
                assert plan["documents"] == documents
                assert rebuilt["documents"]["failed"] == documents["failed"] == 0
                MARKED.clear()
                again = desk.run(p, **parameters)
                assert_idle(again, documents)
                assert MARKED == []
                assert desk.rows("groups") == clean.rows("groups")
        FAILS.clear()


def assert_like(desk: Desk, clean: Desk, before: dict[str, Any], failed: set[str]) -> None:
    """Check that rows are those of a clean build, of what failed those it had before."""

    def of(rows: dict[str, Any], keep: bool) -> dict[str, Any]:
        return {name: row for name, row in rows.items() if (row[1]["key"] in failed) is keep}

    now = desk.rows()
    assert of(now, keep=False) == of(clean.rows(), keep=False)
    for name, row in of(now, keep=True).items():
        # Served from what it was, or served now because what fails now was remembered.
        assert before.get(name) == row or row[0].endswith("!")


def assert_idle(summary: dict[str, Any], before: dict[str, int]) -> None:
    """Check that a second run did nothing at all."""
    documents = summary["documents"]
    stood = {"unchanged", "skipped", "held_back"}
    assert {name for name, count in changes(summary).items() if count} <= stood
    assert sum(documents.values()) == sum(before.values()) - before["deleted"]
    assert all(total["ran"] == 0 for total in summary["tasks"].values())
    assert summary["chunks"]["upserted"] == summary["chunks"]["deleted"] == 0
    assert summary["chunks"]["embedded"] == 0


def runs(tmp_path: Path, shelf: Shelf) -> Any:
    desk, p = Desk(tmp_path / "kept"), reading(shelf)
    desk.run(p)
    MARKED.clear()
    FAILS.clear()
    return desk, p


def test_touch_rename_copy_swap_and_revert_mark_nothing(tmp_path: Path):
    shelf = Shelf(a="one two", b="three", c="same same")
    desk, p = runs(tmp_path, shelf)
    shelf.touch("a")
    assert changes(desk.run(p)) == {"unchanged": 3}
    shelf.move("a", "d")
    assert changes(desk.run(p)) == {"moved": 1, "unchanged": 2}
    shelf.put("e", "three")
    assert changes(desk.run(p)) == {"added": 1, "unchanged": 3}
    shelf.put("b", "same same")
    shelf.put("c", "three")
    assert changes(desk.run(p)) == {"modified": 2, "unchanged": 2}
    assert MARKED == []
    shelf.put("b", "four")
    desk.run(p)
    shelf.put("b", "same same")
    assert changes(desk.run(p)) == {"modified": 1, "unchanged": 3}
    assert MARKED == ["four"]


def test_a_document_that_moves_and_changes_is_added_and_another_deleted(tmp_path: Path):
    shelf = Shelf(a="one two", b="three")
    desk, p = runs(tmp_path, shelf)
    shelf.put("c", "other words")
    shelf.take("a")
    assert changes(desk.run(p)) == {"added": 1, "unchanged": 1, "deleted": 1}


def test_changed_metadata_change_the_payload_and_nothing_else(tmp_path: Path):
    shelf = Shelf(a="one two", b="three")
    desk, p = runs(tmp_path, shelf)
    shelf.metadata["a"] = {"year": 2024}
    shelf.touch("a")
    summary = desk.run(p)
    assert changes(summary) == {"modified": 1, "unchanged": 1}
    assert MARKED == []
    assert summary["chunks"]["upserted"] == 2
    assert desk.payloads()["one!"] == {"year": 2024, "place": 0, "key": "a"}
    shelf.metadata["a"] = {}
    shelf.touch("a")
    desk.run(p)
    assert desk.payloads()["one!"] == {"place": 0, "key": "a"}


def test_a_failed_document_takes_no_move_from_another(tmp_path: Path):
    shelf = Shelf(a="one", b="two")
    desk, p = runs(tmp_path, shelf)
    shelf.move("a", "c")
    FAILS.add("one")
    assert changes(desk.run(p, least=2)) == {"moved": 1, "stale": 1}
    shelf.put("d", "one new")
    shelf.take("b")
    FAILS.add("new")
    assert changes(desk.run(p, least=2)) == {"failed": 1, "unchanged": 1, "deleted": 1}
    FAILS.clear()


def test_the_numbers_of_chunks_add_up(tmp_path: Path):
    shelf = Shelf(a="one two", b="one three")
    FAILS.clear()
    desk, p = Desk(tmp_path), reading(shelf)

    def chunks(summary: dict[str, Any]) -> dict[str, int]:
        return summary["chunks"]

    # Two groups make rows of their own.
    first = chunks(desk.run(p))
    assert (first["embedded"], first["upserted"], first["total"]) == (3, 5, 5)
    shelf.put("b", "one four")
    second = chunks(desk.run(p))
    assert (second["embedded"], second["upserted"], second["deleted"]) == (1, 2, 2)
    assert second["total"] == 5
    shelf.take("a")
    third = chunks(desk.run(p))
    assert (third["embedded"], third["upserted"], third["deleted"]) == (0, 1, 3)
