"""What an error says is kept whatever it is made of, and without secrets."""

import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from ragflow import Secret, pipeline, resource, task
from ragflow.api.pipeline import Pipeline
from ragflow.errors import DocumentError, RunError
from ragflow.scheduling.owners import sentence_of, traceback_of
from ragflow.tasks import read
from tests.unit.scheduling.desk import Desk, Shelf, changes, save

SECRET = "sesame-" + "0123456789"
VARIABLE = "RAGFLOW_TEST_SESAME"


class MuteError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no")


# --- Texts --------------------------------------------------------------------------------------


def test_a_sentence_can_be_written_and_is_no_longer_than_anybody_reads() -> None:
    assert sentence_of(ValueError("a \ud800")) == "ValueError: a \\ud800"
    assert sentence_of(FileNotFoundError(2, "not there", b"\xff.txt")).endswith(": \\udcff.txt")
    long = sentence_of(DocumentError("x" * 10_000))
    assert (len(long), long[-2:]) == (2000, "x…")
    assert sentence_of(MuteError()) == "MuteError: (it cannot be shown)"


def test_a_traceback_can_be_written() -> None:
    told = traceback_of(ValueError("\ud800"))
    assert told is not None
    assert told.encode()


@task(version="1")
def odd(text: str) -> str:
    if text == "bad":
        print("\ud800")  # noqa: T201 - what it prints is as odd
        raise ValueError("it has \ud800 in it")
    return text


def test_a_document_whose_error_cannot_be_written_as_it_is_fails_alone(desk: Desk) -> None:
    @pipeline
    def reading() -> None:
        save(odd(read(Shelf(a="good", b="bad"))))

    summary = desk.run(reading)
    assert changes(summary) == {"added": 1, "failed": 1}
    [failed] = desk.failures(1)
    assert failed.message == "ValueError: it has \\ud800 in it"


# --- Secrets ------------------------------------------------------------------------------------


class Service:
    """Something that is given a secret."""

    def __init__(self, token: str) -> None:
        self.token = token


@resource
def service(token: str) -> Service:
    return Service(token)


@resource
def closed_service(token: str) -> Service:
    raise ValueError(f"nobody knows {token}")


@task(version="1")
def ask(text: str, *, llm: Any = service) -> str:
    raise ValueError("x" * 1985 + f" {llm.token}", [llm.token], text)


@task(version="1")
def ask_closed(text: str, *, llm: Any = closed_service) -> str:
    return f"{text}{llm}"


@task(per="run", version="1")
def ask_first(*, llm: Any = service) -> str:
    raise ValueError(f"{llm.token} is refused")


def asking(asked: Any, given: Any) -> Pipeline:
    @pipeline
    def asking() -> None:
        save(asked(read(Shelf(a="1")), llm=given(token=Secret(f"env:{VARIABLE}"))))

    return asking


def all_that_is_kept(desk: Desk) -> bytes:
    return b"".join(
        file.read_bytes() for file in desk.project.home.rglob("ragflow.db*") if file.is_file()
    )


@pytest.fixture(autouse=True)
def _told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, SECRET)


@pytest.mark.parametrize("executor", ["inline", "threads", "processes"])
def test_a_secret_that_an_error_says_is_kept_nowhere(desk: Desk, executor: str) -> None:
    summary = desk.run(asking(ask.options(executor=executor), service))
    assert changes(summary) == {"failed": 1}
    kept = all_that_is_kept(desk)
    assert b"ValueError" in kept
    assert SECRET[:7].encode() not in kept


@pytest.mark.parametrize("executor", ["threads", "processes"])
def test_a_secret_that_ends_a_run_is_kept_nowhere(desk: Desk, executor: str) -> None:
    with pytest.raises(RunError, match=r"nobody knows \*\*\*"):
        desk.run(asking(ask_closed.options(executor=executor), closed_service))
    assert "nobody knows ***" in desk.last_run().error
    assert SECRET[:7].encode() not in all_that_is_kept(desk)


# --- What was said before the end ---------------------------------------------------------------


@task(version="1", executor="processes")
def say_and_die(text: str) -> str:
    sys.stdout.write(f"{text} is the last word\n")
    os.kill(os.getpid(), signal.SIGKILL)
    return text


def test_what_a_task_said_before_its_worker_died_is_kept(desk: Desk) -> None:
    @pipeline
    def dying() -> None:
        save(say_and_die.options(retries=0)(read(Shelf(a="this"))))

    desk.run(dying)
    with desk.home() as home:
        lines = home.metadata.logs.read(1, task="say_and_die")
    assert "this is the last word" in {line.text for line in lines if line.key == "a"}


def test_a_worker_that_cannot_start_ends_the_run_and_no_document_is_to_blame(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    tmp_path.joinpath("python").write_text("#!/bin/sh\nkill -9 $$\n", encoding="utf-8")
    tmp_path.joinpath("python").chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))

    @pipeline
    def starting() -> None:
        save(odd.options(executor="processes")(read(Shelf(a="1"))))

    with pytest.raises(RunError, match="no worker can be started, tried 3 times"):
        desk.run(starting)
    with desk.home() as home:
        assert home.metadata.dead_letters.list() == []
