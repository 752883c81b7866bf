import pytest

from ragflow import errors
from ragflow.cli.failures import ExitCode, exit_code, tell


def told(capsys, error):
    tell(error)
    captured = capsys.readouterr()
    assert captured.out == ""
    return captured.err.splitlines()


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.UsageError("x"), ExitCode.USAGE),
        (errors.ParameterError("x"), ExitCode.USAGE),
        (errors.NotFoundError("x"), ExitCode.USAGE),
        (errors.GuardError("x"), ExitCode.FAILED),
        (errors.BusyError("x"), ExitCode.FAILED),
        (errors.PipelineError("x"), ExitCode.FAILED),
        (ZeroDivisionError(), ExitCode.FAILED),
        (KeyboardInterrupt(), ExitCode.INTERRUPTED),
        (errors.RunCancelled("x"), ExitCode.INTERRUPTED),
    ],
)
def test_each_family_of_errors_has_its_code(error, code):
    assert exit_code(error) is code


def test_an_error_is_a_line_and_its_hint_another(capsys):
    error = errors.BusyError("instance 'a' is held", hint="wait\nfor it")
    assert told(capsys, error) == ["error: instance 'a' is held", "hint: wait for it"]
    assert told(capsys, errors.RunError("gone")) == ["error: gone"]


def test_an_error_nobody_expected_is_named_in_one_line(capsys):
    assert told(capsys, ValueError("one\ntwo\x1b[0m")) == [
        "error: ValueError: one two\\x1b[0m",
        "hint: this should not happen; the same command with --debug shows where it did",
    ]
    assert told(capsys, MemoryError())[0] == "error: MemoryError"


def test_an_interruption_is_no_failure_to_explain(capsys):
    assert told(capsys, KeyboardInterrupt()) == ["error: interrupted"]
