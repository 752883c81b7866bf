"""What is begun anew, or given up, leaves nothing behind that trips over it."""

import time
from typing import Any

import pytest

from ragflow import Item, Members, pipeline, task
from ragflow.core.items import Row
from ragflow.core.run_records import OpenAssignment
from ragflow.errors import ParseError, RunError
from ragflow.incremental.fingerprint import fingerprint_plain
from ragflow.tasks import group, read, split
from tests.unit.scheduling.desk import Desk, Shelf, changes, did, save

#: What slows tasks down, so that owners cross each other.
SLOW: list[bool] = []


@pytest.fixture(autouse=True)
def _quick():
    SLOW.clear()


@task(version="1")
def one(text: str) -> str:
    if SLOW and text in ("t2", "k"):
        time.sleep(0.05)
    return text


@task(version="1")
def two(text: str) -> str:
    if SLOW and text == "t1":
        time.sleep(0.05)
    return text


@task(version="1", per="group")
def tell(members: Members[str]) -> str:
    return " ".join(members)


def test_a_run_that_gives_up_while_owners_wait_says_why(tmp_path):
    def by(item: Item[str]) -> str:
        if item.key == "k1":
            raise ValueError("boom")
        time.sleep(0.1)
        return "g"

    by.__version__ = "1"  # type: ignore[attr-defined]
    SLOW.append(True)
    shelf = Shelf(k0="t0", k1="t1", k2="t2")

    @pipeline
    def p():
        save(tell(group(two(one(read(shelf))), by=by)))

    with pytest.raises(RunError, match="boom"):
        Desk(tmp_path, workers=4).run(p)


def made(version: str) -> Any:
    @task(version=version)
    def again(text: str) -> str:
        if SLOW and text.startswith("k"):
            time.sleep(0.04)
        return f"{text}{version}"

    return again


@task(version="1")
def end(left: str, right: str) -> str:
    return left + right


@task(per="target", version="1", target="table", place="table")
def save_slowly(value: str, *, table: str = "t") -> Row:
    del table
    if SLOW and value.startswith("z"):
        time.sleep(0.3)
    return Row(value=value)


class Late(Shelf):
    """Loads one key late."""

    def load(self, key: str, token: bytes) -> Any:
        if SLOW and key == "k":
            time.sleep(0.15)
        return super().load(key, token)


def test_an_owner_may_begin_anew_while_the_loop_is_behind(tmp_path):
    shelf = Late(z="z", k="k")
    desk = Desk(tmp_path, workers=4)

    def run(left: str, right: str) -> Any:
        first, second = made(left), made(right)

        @pipeline
        def p():
            documents = read(shelf)
            beside = second(documents)
            save_slowly(end(first(two(documents)), beside))

        return desk.run(p)

    run("1", "1")
    shelf.put("k", "K", silently=True)
    shelf.put("z", "z2")
    SLOW.append(True)
    run("2", "2")
    assert desk.values() == {"k": ["K2K2"], "z": ["z22z22"]}


def is_long(text: str) -> bool:
    return len(text) > 3


def test_a_split_over_a_document_that_is_another_by_now_begins_anew(desk: Desk):
    shelf = Shelf(a="ab", b="abcdef")

    def run(version: str) -> dict[str, Any]:
        again = made(version)

        @pipeline
        def p():
            long, short = split(read(shelf), by=is_long)
            save(again(long))
            save(again.options(name="short")(short), table="other")

        return desk.run(p)

    run("1")
    shelf.put("b", "x", silently=True)
    summary = run("2")
    assert changes(summary)["modified"] == 1
    assert did(summary, "again")[2] == 0
    assert desk.values() == {}
    assert desk.values("other") == {"a": ["ab2"], "b": ["x2"]}


def test_a_portion_that_is_written_again_leaves_nothing_to_distrust(desk: Desk):
    shelf = Shelf(a="a", b="b")
    failed: list[bool] = []

    @pipeline
    def p():
        save(one(read(shelf)))

    def after() -> None:
        if not failed:
            failed.append(True)
            raise ConnectionError("down for a moment")

    desk.tables.after = after
    assert changes(desk.run(p)) == {"added": 2}
    assert changes(desk.run(p)) == {"unchanged": 2}
    assert [written for written, _ in desk.tables.applied] == [2, 2]


def test_what_could_not_be_read_is_held_back_for_its_groups_too(desk: Desk):
    shelf = Shelf(a="a", b="b")
    shelf.errors["b"] = ParseError("no")

    def first_letter(item: Item[str]) -> str:
        return item.key[:1]

    first_letter.__version__ = "1"  # type: ignore[attr-defined]

    @pipeline
    def p():
        texts = one(read(shelf))
        save(texts)
        save(tell(group(texts, by=first_letter)), table="groups")

    assert changes(desk.run(p)) == {"added": 1, "failed": 1}
    assert changes(desk.run(p)) == {"unchanged": 1, "held_back": 1}


def test_a_load_that_killed_three_schedulers_is_tried_again_with_other_content(desk: Desk):
    shelf = Shelf(a="a", b="huge")

    @pipeline
    def p():
        save(one(read(shelf)))

    (listed,) = [each for page in shelf.list() for each in page if each.key == "b"]
    name = fingerprint_plain(["read", "b", listed.token.hex()])
    with desk.home() as home:
        store = home.metadata
        request = p.request({}, project=desk.project)
        instance = store.instance(request.instance, request.pipeline, request.scope)
        for _ in range(3):
            run = store.runs.begin(instance, {}, trigger="api")
            row = OpenAssignment(number=1, task="read", calls=[("b", name)], alone=True)
            store.assignments.open(run, [row]).result()
            store.assignments.take_up(instance)
    summary = desk.run(p)
    assert changes(summary) == {"added": 1, "failed": 1}
    assert shelf.loads == ["a"]
    assert changes(desk.run(p)) == {"unchanged": 1, "held_back": 1}
    shelf.put("b", "small")
    assert changes(desk.run(p)) == {"unchanged": 1, "added": 1}
    assert desk.values() == {"a": ["a"], "b": ["small"]}
