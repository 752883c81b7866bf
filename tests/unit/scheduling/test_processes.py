"""A task with ``executor="processes"`` runs in another process, and what it costs to get there."""

import asyncio
import os
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ragflow import Item, Secret, pipeline, resource, task
from ragflow.documents import Document
from ragflow.errors import RunError
from ragflow.scheduling.carrying import Carried
from ragflow.tasks import group, read
from ragflow.tasks.files import files
from tests.unit.scheduling.desk import Desk, Shelf, changes, did, over, save


class Big(msgspec.Struct, frozen=True):
    """What tasks hand on: five megabytes, and who made them."""

    text: bytes
    made_in: tuple[int, ...]


@task(version="1", executor="processes", memo=False)
def a(document: Document) -> Big:
    return Big(document.read(), (os.getpid(),))


@task(version="1", executor="processes", memo=False)
def b(big: Big) -> Big:
    return Big(big.text[::-1], (*big.made_in, os.getpid()))


@task(version="1", executor="processes")
def c(big: Big) -> str:
    assert type(big) is Big
    return f"{len(big.text)} {len({*big.made_in, os.getpid()})} {os.getpid()}"


@task(version="1", executor="processes")
def remembered(document: Document) -> Big:
    return Big(document.read(), ())


@task(version="1", executor="processes")
def reversed_(big: Big) -> Big:
    return Big(big.text[::-1], ())


@task(version="1", executor="processes")
def length(big: Big) -> str:
    return str(len(big.text))


#: The process that runs the tests; a worker has another one.
PARENT_VARIABLE = "RAGFLOW_TEST_PARENT"
PARENT = int(os.environ.setdefault(PARENT_VARIABLE, str(os.getpid())))


@task(version="1", executor="processes")
def same(text: str) -> str:
    return text


# --- What travels -------------------------------------------------------------------------------


@pytest.fixture
def traffic(monkeypatch) -> dict[str, dict[str, int]]:
    """Count the bytes that assignments and answers are, by task."""
    sent: dict[str, int] = {}
    back: dict[str, int] = {}
    encode, decode = Carried.encode, Carried.decode

    def encoding(self: Carried) -> bytes:
        data = encode(self)
        sent[self.node.name] = sent.get(self.node.name, 0) + len(data)
        return data

    def decoding(self: Carried, data: bytes) -> Any:
        back[self.node.name] = back.get(self.node.name, 0) + len(data)
        return decode(self, data)

    monkeypatch.setattr(Carried, "encode", encoding)
    monkeypatch.setattr(Carried, "decode", decoding)
    return {"sent": sent, "back": back}


@pytest.fixture
def folder(desk: Desk) -> Path:
    found = desk.project.root / "docs"
    found.mkdir(parents=True)
    return found


MEGABYTES = 5 << 20


def test_the_bytes_of_a_document_do_not_travel_where_neighbours_do_the_work(desk, folder, traffic):
    (folder / "big.txt").write_bytes(b"x" * MEGABYTES)
    summary = desk.run(over(files("docs"), a, b, c))
    assert changes(summary) == {"added": 1}
    assert desk.values()["big.txt"][0].startswith(f"{MEGABYTES} 1 ")
    assert sum(traffic["sent"].values()) < 100_000
    assert sum(traffic["back"].values()) < 100_000


def test_what_is_remembered_travels_back_and_not_forth(desk, folder, traffic):
    (folder / "big.txt").write_bytes(b"x" * MEGABYTES)
    summary = desk.run(over(files("docs"), remembered, reversed_, length))
    assert desk.values() == {"big.txt": [str(MEGABYTES)]}
    assert sum(traffic["sent"].values()) < 100_000
    assert traffic["back"]["remembered"] < MEGABYTES * 1.01
    assert traffic["back"]["reversed_"] < MEGABYTES * 1.01
    assert traffic["back"]["length"] < 100_000
    assert did(summary, "reversed_") == (1, 0, 0)


@task(version="1", executor="processes", memo=False)
def last(document: Document, *, log: str) -> Big:
    """Return the same from a worker that dies after its first call, with what it holds."""
    if not Path(log).exists():
        threading.Timer(0.1, os._exit, (0,)).start()
    with Path(log).open("a") as file:
        file.write("called\n")
    return Big(document.read(), ())


@pytest.mark.parametrize("memo", [False, True])
def test_a_value_that_is_gone_with_its_worker_is_made_again_or_sent(
    desk, folder, tmp_path, monkeypatch, memo
):
    (folder / "a.txt").write_bytes(b"x" * 100_000)
    log = tmp_path / "log"
    encode = Carried.encode
    sent: list[int] = []

    def encoding(self: Carried) -> bytes:
        if self.node.name == "length" and len(sent) == 1:
            time.sleep(1.0)  # until the worker is gone
        sent.append(-1)
        data = encode(self)
        sent[-1] = len(data)
        return data

    monkeypatch.setattr(Carried, "encode", encoding)
    dying = last.options(memo=memo)
    desk.run(over(files("docs"), lambda items: length(dying(items, log=str(log)))))
    assert desk.values() == {"a.txt": ["100000"]}
    calls = log.read_text().count("called")
    if memo:
        assert calls == 1
        assert [each > 100_000 for each in sent] == [False, False, True]
    else:
        assert calls == 2
        assert sent.count(-1) == 1


def test_a_document_that_changed_behind_its_token_is_loaded_again(desk, folder, monkeypatch):
    file = folder / "a.txt"
    file.write_bytes(b"one")
    encode = Carried.encode

    def encoding(self: Carried) -> bytes:
        if file.read_bytes() == b"one":
            file.write_bytes(b"another")
        return encode(self)

    monkeypatch.setattr(Carried, "encode", encoding)
    desk.run(over(files("docs"), a, c))
    assert desk.values()["a.txt"][0].startswith("7 ")


class Doc(msgspec.Struct, frozen=True):
    """A value of a type of its own."""

    text: str


class DocShelf(Shelf):
    """A shelf of documents that only this process can load."""

    def load(self, key, token):
        loaded = super().load(key, token)
        return msgspec.structs.replace(loaded, value=Doc(loaded.value))


@task(executor="processes", version="1")  # pytest rewrites code that asserts
def cut(doc: Item[Doc], *, times: int = 1, where: Path = Path("a")) -> Iterator[str]:
    assert isinstance(where, Path)
    for number in range(times):
        yield f"{doc.key} {doc.value.text} {number} {where}"


def test_values_of_every_source_parameters_and_keys_arrive_as_they_were(desk):
    @pipeline
    def cutting():
        save(cut(read(DocShelf(k="v")), times=2, where=Path("b/c")))

    desk.run(cutting)
    assert desk.values() == {"k": ["k v 0 b/c", "k v 1 b/c"]}


@task(per="group", executor="processes", version="1")
def joined(members: Any, *, by: str = "-") -> str:
    return f"{members.key}: {by.join(members)} {os.getpid() != PARENT}"


def test_a_group_travels_with_its_members(desk):
    @pipeline
    def grouping():
        texts = same(read(Shelf(a="1", b="2", c="3")))
        save(joined(group(texts, by=lambda item: "g" if item.key < "c" else "h")))

    desk.run(grouping)
    assert desk.values() == {"g": ["g: 1-2 True"], "h": ["h: 3 True"]}


@task(per="batch", executor="processes", version="1", batch=2)
def sized(texts: list[str]) -> list[str]:
    if "bad" in texts and len(texts) > 1:
        raise ValueError("one of them is bad")
    return [f"{text} {len(texts)} {os.getpid() != PARENT}" for text in texts]


def test_a_batch_is_called_in_another_process_and_halved_when_it_fails(desk):
    desk.run(over(Shelf(a="1", b="2", c="3"), sized))
    served = [value for values in desk.values().values() for value in values]
    assert sorted(served) == ["1 2 True", "2 2 True", "3 1 True"]


@task(executor="processes", version="1")
async def slowly(text: str) -> str:
    await asyncio.sleep(0)
    return f"{text} {os.getpid() != PARENT}"


@task(per="batch", executor="processes", version="1")
async def slowly_together(texts: list[str]) -> list[str]:
    await asyncio.sleep(0)
    return [f"{text}!" for text in texts]


def test_tasks_that_await_do_so_in_another_process(desk):
    desk.run(over(Shelf(a="1", b="2"), slowly, slowly_together))
    assert desk.values() == {"a": ["1 True!"], "b": ["2 True!"]}


class Service:
    """Something that is opened once a worker."""

    def __init__(self, token: str, url: str) -> None:
        self.token, self.url = token, url
        with Path(url).open("a") as log:
            log.write(f"open {os.getpid()}\n")

    def close(self) -> None:
        with Path(self.url).open("a") as log:
            log.write(f"close {os.getpid()}\n")


@resource
def service(url: str, token: str) -> Service:
    return Service(token, url)


@task(executor="processes", version="1")
def ask(text: str, *, llm: Service = service) -> str:
    sys.stdout.write(f"the token is {llm.token}\n")
    return f"{text} {len(llm.token)}"


def test_a_resource_is_opened_once_a_worker_and_closed_with_it(
    desk, tmp_path, monkeypatch, traffic
):
    monkeypatch.setenv("RAGFLOW_TEST_TOKEN", "a-secret-word")
    log = tmp_path / "log"

    @pipeline
    def asking():
        bound = service(url=str(log), token=Secret("env:RAGFLOW_TEST_TOKEN"))
        save(ask(read(Shelf(a="1", b="2", c="3", d="4")), llm=bound))

    one = Desk(tmp_path / "one", workers=1)
    encode = Carried.encode
    sent: list[bytes] = []
    monkeypatch.setattr(Carried, "encode", lambda self: sent.append(encode(self)) or sent[-1])
    one.run(asking)
    assert one.values() == {"a": ["1 13"], "b": ["2 13"], "c": ["3 13"], "d": ["4 13"]}
    said = [line.split()[0] for line in log.read_text().splitlines()]
    assert said == ["open", "close"]
    assert all(b"a-secret-word" not in each for each in sent)
    with one.home() as home:
        lines = home.metadata.logs.read(1, task="ask")
    assert [line.text for line in lines] == ["the token is ***"] * 4
    assert sorted(line.key or "" for line in lines) == ["a", "b", "c", "d"]


@task(per="run", executor="processes", version="1")
def elsewhere() -> list[str]:
    return ["x", str(os.getpid() != PARENT)]


@task(executor="processes", version="1")
def beside(text: str, words: list[str]) -> str:
    return f"{text} {words}"


def test_a_step_travels_and_what_it_returned_is_given_to_items_elsewhere(desk):
    @pipeline
    def stepping():
        save(beside(read(Shelf(a="1")), elsewhere()))

    desk.run(stepping)
    assert desk.values() == {"a": ["1 ['x', 'True']"]}


# --- Code --------------------------------------------------------------------------------------


GLOBAL = "one"


@task(executor="processes")
def reading(text: str) -> str:
    return f"{text} {GLOBAL}"


def test_code_that_is_another_in_the_worker_ends_the_run(desk, monkeypatch):
    monkeypatch.setattr(sys.modules[__name__], "GLOBAL", "two")
    with pytest.raises(RunError, match="the code of the task 'reading' is not what it was"):
        desk.run(over(Shelf(a="1", b="2"), reading))
    with desk.home() as home:
        assert home.metadata.dead_letters.list() == []


def test_the_pipelines_of_a_project_are_imported_by_workers_from_their_files(desk):
    from ragflow.api.project import find_pipeline

    root = desk.project.root
    (root / "pipelines").mkdir(parents=True)
    (root / "pipelines" / "own.py").write_text(
        "import os\n"
        "from ragflow import pipeline, task\n"
        "from ragflow.tasks import read\n"
        "from ragflow.tasks.files import files\n"
        "from tests.unit.scheduling.desk import save\n"
        "@task(executor='processes')\n"
        "def whose(document) -> str:\n"
        "    return f'{document.read().decode()} {os.getpid()}'\n"
        "@pipeline\n"
        "def own():\n"
        "    save(whose(read(files('docs'))))\n"
    )
    (root / "docs").mkdir()
    (root / "docs" / "a.txt").write_text("text")
    desk.run(find_pipeline(desk.project, "own"))
    text, number = desk.values()["a.txt"][0].split()
    assert (text, int(number) != os.getpid()) == ("text", True)
