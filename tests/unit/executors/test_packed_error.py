"""Errors travel as plain data and become themselves again where that can be had."""

import asyncio
import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from enum import StrEnum

import msgspec
import pytest

from ragflow.errors import DocumentError, GiveUp, RetryTask, SkipDocument, TimedOutError
from ragflow.interfaces.execution import CarriedError, WorkerDiedError, over_limit
from ragflow.interfaces.packed_error import PackedError, pack, rebuild


def there_and_back(error: BaseException) -> Exception:
    data = msgspec.msgpack.encode(pack(error))
    return rebuild(msgspec.msgpack.decode(data, type=PackedError))


class Colour(StrEnum):
    RED = "red"


class TwoPartsError(Exception):
    def __init__(self, first, second):
        super().__init__(f"{first} and {second}")
        self.parts = (first, second)


class MuteError(Exception):
    def __str__(self):
        raise RuntimeError("no")


@pytest.mark.parametrize(
    "error",
    [
        ValueError(),
        ValueError("no", 3, ("a", [1, None]), {"b": b"\x00"}),
        KeyError("key"),
        OSError(28, "no space", "a.txt"),
        UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad"),
        GiveUp("enough", hint="stop"),
        RetryTask(after=timedelta(days=1, microseconds=7)),
        SkipDocument("no", code="ocr_missing", requirement="program:tesseract"),
        TimedOutError("attempt", timedelta(seconds=3)),
        WorkerDiedError.of(7, -11),
        over_limit("memory", 5),
        TwoPartsError("one", "two"),
        json.JSONDecodeError("bad", "{", 1),
        ConnectionResetError(104, "reset"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_error_comes_back_as_it_was(error):
    back = there_and_back(error)
    notes = vars(back).pop("__notes__")
    assert notes[0].startswith("in the worker:\n")
    assert type(back) is type(error)
    assert str(back) == str(error)
    assert vars(back) == vars(error)


def test_times_and_enumerations_of_an_error_come_back():
    error = DocumentError("no", code=Colour.RED)
    error.when = datetime(2026, 1, 2, tzinfo=UTC)
    back = there_and_back(error)
    assert (back.code, back.when) == ("red", error.when)


def test_what_is_not_plain_stays_behind():
    error = ValueError("no")
    error.lock, error.size = object(), 2**70
    error.huge = bytes(10**6)
    back = there_and_back(error)
    assert type(back) is ValueError
    assert set(vars(back)) == {"__notes__"}


@pytest.mark.parametrize(
    "error",
    [
        SystemExit(3),
        KeyboardInterrupt(),
        asyncio.CancelledError(),
        ExceptionGroup("some", [ValueError()]),
        MuteError(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_cannot_be_had_here_is_named(error):
    back = there_and_back(error)
    assert type(back) is CarriedError
    assert str(back).startswith(f"{type(error).__name__}: ")
    assert back.kinds[-1] == "builtins:BaseException"


def test_reading_an_error_imports_nothing_and_calls_no_other_thing():
    for name in ("wave:Error", "builtins:print", "builtins:dict", "no.such:Thing", "x", ""):
        packed = PackedError((name,), "no", b"\x90", {}, "")
        assert type(rebuild(packed)) is CarriedError
    program = (
        "import sys; from ragflow.interfaces.packed_error import *;"
        "rebuild(PackedError(('wave:Error',), 'no', b'\\x90', {}, ''));"
        "assert 'wave' not in sys.modules"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_a_packed_error_that_is_damaged_still_becomes_an_error():
    for data in (b"", b"\xc1", b"\xd4\x09\x00"):
        assert type(rebuild(PackedError(("builtins:ValueError",), "no", data, {}, ""))) is (
            CarriedError
        )
    assert str(rebuild(PackedError((), "no", b"", {}, ""))) == "an error: no"


def test_a_message_of_halves_of_characters_travels():
    assert "\\ud800" in str(there_and_back(ValueError("\ud800")))


def test_a_huge_error_is_cut():
    assert len(msgspec.msgpack.encode(pack(ValueError("x" * 10**6)))) < 10**6


# --- Errors that resist -------------------------------------------------------------------------


class ResistingError(Exception):
    def __reduce__(self):
        raise TypeError("it cannot be pickled")


class OddMapping(dict):
    def items(self):
        raise KeyError("no items")


class OddText(str):
    __slots__ = ()

    def __str__(self):
        raise LookupError("no text")


class OddNotesError(Exception):
    def add_note(self, note):
        raise RuntimeError(note)


def with_attribute(value):
    error = ValueError("real")
    error.odd = value
    return error


@pytest.mark.parametrize(
    "error",
    [
        ResistingError("real"),
        OddNotesError("real"),
        with_attribute(OddMapping(a=1)),
        with_attribute(OddText("x")),
        with_attribute([OddMapping(a=1)]),
        with_attribute("x" * 10**7),
    ],
)
def test_an_error_whose_parts_resist_travels_without_them(error):
    back = there_and_back(error)
    assert str(back) == "real"
    assert "odd" not in vars(back)


def test_an_error_whose_notes_are_no_list_comes_back_as_itself():
    error = ValueError("real")
    error.__notes__ = "no list"
    assert str(there_and_back(error)) == "real"


def test_many_large_attributes_stay_behind_so_that_the_rest_arrives():
    error = ValueError("real")
    for number in range(400):
        setattr(error, f"a{number}", "x" * 60_000)
    assert len(msgspec.msgpack.encode(pack(error))) < 2 << 20
    assert str(there_and_back(error)) == "real"


def test_an_error_travels_without_what_is_masked():
    error = ValueError("the key sesame is wrong", {"sesame": ["sesame"]}, ("sesame",))
    error.key = "sesame"
    error.add_note("sesame")
    packed = pack(error, lambda text: text.replace("sesame", "***"))
    assert b"sesame" not in msgspec.msgpack.encode(packed)
    back = rebuild(packed)
    assert type(back) is ValueError
    assert back.args[0] == "the key *** is wrong"
