"""What calls print and log is kept with their names, and reaches the terminal as before."""
# ruff: noqa: T201 - printing is what this is about

import asyncio
import contextlib
import io
import logging
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from typing import Any

import pytest

from ragflow import pipeline, task
from ragflow.core.secret_reference import Secret
from ragflow.scheduling.printing import Masks, Speaker, hear_of_all, listening, unheard
from ragflow.tasks import read
from tests.unit.scheduling.desk import Desk, Shelf, save

LOG = logging.getLogger(__name__)


class Heard:
    """Remembers what speakers said."""

    def __init__(self) -> None:
        self.masks = Masks()
        self.lines: list[tuple[str, str, str, str | None, str]] = []

    def __call__(self, *line: Any) -> None:
        self.lines.append(line)

    def speaker(self, key: str = "k") -> Speaker:
        return Speaker(self, self.masks, "t", key)

    @property
    def texts(self) -> list[str]:
        return [line[-1] for line in self.lines]


@pytest.fixture
def heard() -> Heard:
    return Heard()


@contextlib.contextmanager
def at_terminal() -> Iterator[io.StringIO]:
    """Stand in for the terminal, and for pytest, which listens to what is logged."""
    root = logging.getLogger()
    handlers, level, last = root.handlers[:], root.level, logging.lastResort
    root.handlers[:] = []
    root.setLevel(logging.WARNING)
    logging.lastResort = logging._StderrHandler(logging.WARNING)
    stream = io.StringIO()
    try:
        with contextlib.redirect_stdout(stream), contextlib.redirect_stderr(stream):
            yield stream
            assert sys.stdout is stream
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
        logging.lastResort = last


# --- Printing -----------------------------------------------------------------------------------


def test_what_a_call_prints_is_its_own_and_reaches_the_terminal(heard):
    with at_terminal() as terminal, listening():
        print("before")
        with heard.speaker("a"):
            print("one\ntwo")
            print("three", file=sys.stderr)
        print("after")
    assert heard.lines == [
        ("t", "a", "out", None, "one"),
        ("t", "a", "out", None, "two"),
        ("t", "a", "err", None, "three"),
    ]
    assert terminal.getvalue() == "before\none\ntwo\nthree\nafter\n"


def test_a_line_is_told_when_it_is_whole_or_the_call_is_over(heard):
    with at_terminal(), listening(), heard.speaker():
        print("half", end="")
        assert heard.texts == []
        print(" and half")
        assert heard.texts == ["half and half"]
        print("10 %\r20 %\r", end="")
        print("no end", end="")
    assert heard.texts == ["half and half", "no end"]


def test_threads_and_tasks_of_one_loop_are_told_apart(heard):
    def call(key: str) -> None:
        with heard.speaker(key):
            for _ in range(50):
                print(key)

    async def call_async(key: str) -> None:
        with heard.speaker(key):
            for _ in range(5):
                print(key)
                await asyncio.sleep(0)

    async def both() -> None:
        await asyncio.gather(call_async("c"), call_async("d"))

    with at_terminal(), listening():
        threads = [threading.Thread(target=call, args=(key,)) for key in "ab"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        asyncio.run(both())
    assert len(heard.lines) == 110
    assert all(key == text for _, key, _, _, text in heard.lines)


def test_in_a_worker_what_threads_of_a_task_print_is_the_calls(heard):
    with at_terminal(), listening():
        speaker = heard.speaker()
        with speaker:
            hear_of_all(speaker)
            thread = threading.Thread(target=print, args=("from a thread",))
            thread.start()
            thread.join()
            hear_of_all(None)
    assert heard.texts == ["from a thread"]


def test_streams_are_as_they_were_when_the_last_run_is_over():
    with at_terminal() as terminal:
        with listening():
            with listening():
                assert sys.stdout is not terminal
            assert sys.stdout is not terminal
            assert sys.stdout.getvalue() == ""
        assert sys.stdout is terminal
        assert sys.stderr is terminal


class Proxy:
    """What a progress display puts in place of a stream: it writes its own signs, too."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        return self._stream.write(f"\x1b[2K{text}")

    def flush(self) -> None:
        self._stream.flush()


def _drawn_over() -> contextlib.redirect_stdout[Any]:
    """Begin a progress display."""
    return contextlib.redirect_stdout(Proxy(sys.stderr))


def test_a_progress_display_that_begins_later_puts_nothing_into_what_is_heard(heard):
    with at_terminal() as terminal, listening(), _drawn_over(), heard.speaker():
        sys.stdout.write("said\n")
    assert heard.texts == ["said"]
    assert terminal.getvalue() == "\x1b[2Ksaid\n"


def test_what_is_told_elsewhere_goes_elsewhere(heard):
    errors = io.StringIO()
    with at_terminal() as results, contextlib.redirect_stdout(errors):  # as the command line does
        with listening(), heard.speaker():
            print("noise")
        results.write("{}")
    assert results.getvalue() == "{}"
    assert errors.getvalue() == "noise\n"
    assert heard.texts == ["noise"]


def test_a_call_that_prints_nothing_costs_next_to_nothing():
    masks, count = Masks(), 20_000
    fastest = 1.0
    with at_terminal(), listening():
        for _ in range(5):
            begun = time.perf_counter()
            for _ in range(count):
                with Speaker(unheard, masks, "t", "k"):
                    pass
            fastest = min(fastest, (time.perf_counter() - begun) / count)
    assert fastest < 2e-6


# --- Logging ------------------------------------------------------------------------------------


def test_what_a_call_logs_is_heard_with_its_level(heard):
    root = logging.getLogger()
    with at_terminal():
        with listening():
            LOG.warning("from nobody")
            with heard.speaker():
                LOG.info("that %s", "much")
                LOG.debug("too much")
                try:
                    raise ValueError("no good")
                except ValueError:
                    LOG.exception("it failed")
        assert (root.handlers, root.level) == ([], logging.WARNING)
    assert heard.lines[0] == ("t", "k", "log", "info", "that much")
    assert heard.texts[1:3] == ["it failed", "Traceback (most recent call last):"]
    assert heard.texts[-1] == "ValueError: no good"
    assert {line[3] for line in heard.lines[1:]} == {"error"}


def test_warnings_are_shown_as_before_and_heard_once(heard):
    with at_terminal() as terminal, listening(), heard.speaker():
        LOG.warning("look out")
        LOG.info("by the way")
    assert terminal.getvalue() == "look out\n"
    assert heard.texts == ["look out", "by the way"]


def test_what_somebody_configured_is_left_as_it_is(heard):
    shown = io.StringIO()
    with at_terminal() as terminal:
        logging.getLogger().addHandler(logging.StreamHandler(shown))
        with listening(), heard.speaker():
            LOG.warning("look out")
            LOG.info("by the way")
    assert shown.getvalue() == "look out\n"
    assert terminal.getvalue() == ""
    assert heard.texts == ["look out"]


# --- What cannot be told ------------------------------------------------------------------------


def test_halves_of_characters_are_written_out(heard):
    with at_terminal(), listening(), heard.speaker():
        print("a \ud800 b")
        LOG.warning("c %s", "\udcff")
    assert heard.texts == ["a \\ud800 b", "c \\udcff"]


def test_a_call_goes_on_when_what_it_says_cannot_be_kept():
    def refuse(*_line: Any) -> None:
        raise OSError("the store is gone")

    with at_terminal() as terminal, listening(), Speaker(refuse, Masks(), "t", "k"):
        print("said")
        LOG.info("logged")
    assert terminal.getvalue() == "said\n"


# --- Secrets ------------------------------------------------------------------------------------


def test_secrets_that_were_told_are_masked(heard):
    told = {"env:A": "sesame-open", "env:B": "sesame", "env:C": "abc"}
    resolve = heard.masks.over(lambda secret: told[secret.reference])
    for reference in told:
        resolve(Secret(reference))
    with at_terminal() as terminal, listening(), heard.speaker():
        print("sesame-open abc")
        print("ses", end="")
        print("ame!")
    assert heard.texts == ["*** abc", "***!"]
    assert terminal.getvalue() == "sesame-open abc\nsesame!\n"


def test_secrets_are_masked_as_python_shows_them_and_where_a_text_was_cut():
    masks = Masks()
    secret = "open\nsesame"
    masks.add(secret)
    assert masks.masked(str((secret,))) == "('***',)"
    masks.add("abcdefghij")
    assert masks.masked_cut("cdefghij and abcdefghij or abcdefg") == "*** and *** or ***"
    assert masks.masked_cut("it is abcdefg…") == "it is ***…"
    assert masks.masked_cut("abcde is short") == "abcde is short"


# --- In runs ------------------------------------------------------------------------------------


@task(version="1")
def talk(text: str) -> str:
    print(f"reads {text}")
    LOG.warning("finds %s", text)
    if text == "bad":
        raise ValueError(text)
    return text


@task(version="1", executor="processes")
def talk_elsewhere(text: str) -> str:
    warnings.warn("beware", stacklevel=1)
    return talk.function(text)


@task(version="1")
async def talk_awaiting(text: str) -> str:
    return talk.function(text)


@task(per="batch", version="1")
def talk_together(texts: list[str]) -> list[str]:
    print(f"reads {len(texts)}")
    return texts


def said(desk: Desk, name: str) -> list[tuple[str | None, str, str | None, str]]:
    with desk.home() as home:
        lines = home.metadata.logs.read(1, task=name)
    found = [(line.key, line.stream, line.level, line.text) for line in lines]
    return sorted(found, key=lambda line: line[0] or "")


@pytest.mark.parametrize("spoken", [talk, talk_awaiting, talk_elsewhere])
def test_a_run_keeps_what_its_tasks_print_and_log_also_when_they_fail(desk, spoken):
    def talking():
        save(spoken(read(Shelf(a="good", b="bad"))))

    desk.run(pipeline(talking))
    assert desk.values() == {"a": ["good"]}
    lines = said(desk, spoken.name)
    kept = [line for line in lines if "beware" not in line[-1] and "stacklevel" not in line[-1]]
    assert kept == [
        ("a", "out", None, "reads good"),
        ("a", "log", "warning", "finds good"),
        ("b", "out", None, "reads bad"),
        ("b", "log", "warning", "finds bad"),
    ]
    if spoken is talk_elsewhere:
        assert any("beware" in line[-1] for line in lines)


def test_what_a_batch_prints_has_the_key_of_its_owner_where_there_is_one(desk):
    def talking():
        save(talk_together(read(Shelf(a="1", b="2"))))

    desk.run(pipeline(talking))
    assert said(desk, "talk_together") == [(None, "out", None, "reads 2")]


def test_a_plan_keeps_nothing_and_touches_no_stream(desk):
    def talking():
        save(talk(read(Shelf(a="good"))))

    with at_terminal() as terminal:
        desk.plan(pipeline(talking))
        assert type(sys.stdout) is type(terminal)
    assert said(desk, "talk") == []
