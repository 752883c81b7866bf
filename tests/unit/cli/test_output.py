import contextlib
import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from enum import Enum

import pytest

from ragflow.cli.output import ReaderGoneError, enveloped, plain, results, say


def test_only_results_reach_stdout(capfd):
    with results() as out:
        print("from a pipeline's own code")  # noqa: T201 - that is the case
        os.write(sys.stdout.fileno(), b"from a library\n")
        out.line("a result")
    captured = capfd.readouterr()
    assert captured.out == "a result\n"
    assert set(captured.err.splitlines()) == {"from a pipeline's own code", "from a library"}


def test_a_program_that_is_called_prints_elsewhere():
    code = (
        "import os\nfrom ragflow.cli.output import results\n"
        "with results() as out:\n    os.system('echo loud')\n    out.json({'a': 1})\n"
        "print('after')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == '{\n  "a": 1\n}\nafter\n'
    assert done.stderr == "loud\n"


def test_stdout_is_itself_again_after_an_error(capfd):
    with contextlib.suppress(KeyError), results() as out:
        out.line("so far")
        raise KeyError
    print("later")  # noqa: T201 - that is the case
    assert capfd.readouterr().out == "so far\nlater\n"


def test_json_is_utf_8_and_valid_whatever_the_text(capfdbinary):
    value = {"text": "grün 😀 \udcff \x1b \\udcff", "n": 0.1}
    with results() as out:
        out.json(value)
    written = capfdbinary.readouterr().out
    assert json.loads(written.decode("utf-8")) == value
    assert "grün".encode() in written


def test_json_lines_are_one_line_each(capfd):
    with results() as out:
        out.json({"a": "x\ny"}, indent=None)
        out.json({"a": 2}, indent=None)
    assert [json.loads(line) for line in capfd.readouterr().out.splitlines()] == [
        {"a": "x\ny"},
        {"a": 2},
    ]


def test_a_number_that_json_lacks_is_refused(capfd):
    with pytest.raises(ValueError, match="JSON"), results() as out:
        out.json(float("nan"))
    assert capfd.readouterr().out == ""


def test_a_reader_that_is_gone_is_told_apart_from_other_pipes():
    read, write = os.pipe()
    os.close(read)
    code = (
        "from ragflow.cli.output import results, ReaderGoneError\n"
        "try:\n"
        "    with results() as out:\n"
        "        for _ in range(10_000): out.line('x' * 100)\n"
        "except ReaderGoneError: raise SystemExit(7)\n"
    )
    with os.fdopen(write, "w") as pipe:
        done = subprocess.run(
            [sys.executable, "-c", code],
            stdout=pipe,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert (done.returncode, done.stderr) == (7, "")
    assert not issubclass(ReaderGoneError, OSError)


def test_what_is_said_goes_to_stderr(capsys):
    say("no runs\nyet")
    assert capsys.readouterr() == ("", "no runs\\nyet\n")


def test_records_become_json():
    class Colour(Enum):
        RED = "red"

    assert plain({"at": datetime(2026, 5, 4, tzinfo=UTC), "c": Colour.RED, 1: (2,)}) == {
        "at": "2026-05-04T00:00:00Z",
        "c": "red",
        "1": (2,),
    }
    assert enveloped(hits=[]) == {"schema": 1, "hits": []}
