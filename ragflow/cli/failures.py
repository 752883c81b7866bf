"""What does a person read when a command failed, and with which code does it end?

0 succeeded · 1 failed · 2 wrong usage, or a name that is not known · 3 this run failed a
document · 4 a collection is damaged · 130 interrupted or cancelled.
"""

import sys
from enum import IntEnum

from ragflow.errors import RagflowError, RunCancelled, UsageError
from ragflow.views.rendering import printable


class ExitCode(IntEnum):
    """How a command ended, for scripts."""

    SUCCEEDED = 0
    FAILED = 1
    USAGE = 2
    FAILED_DOCUMENTS = 3
    DAMAGED = 4
    INTERRUPTED = 130


def exit_code(error: BaseException) -> ExitCode:
    """Return the code a command ends with after this error."""
    if isinstance(error, KeyboardInterrupt | RunCancelled):
        return ExitCode.INTERRUPTED
    if isinstance(error, UsageError) or is_syntax(error):
        return ExitCode.USAGE
    return ExitCode.FAILED


def is_syntax(error: BaseException) -> bool:
    """Tell whether the command line itself was not understood."""
    # Typer raises exceptions of Click, which it carries under another name since 0.26.
    return hasattr(error, "format_message")


def tell(error: BaseException) -> None:
    """Print the error and what to do next, a line each, to stderr."""
    message, hint = _describe(error)
    lines = [f"error: {_line(message)}", *([f"hint: {_line(hint)}"] if hint else [])]
    sys.stderr.write("".join(f"{line}\n" for line in lines))


def _describe(error: BaseException) -> tuple[str, str | None]:
    if isinstance(error, RagflowError):
        return str(error), error.hint
    if isinstance(error, KeyboardInterrupt):
        return "interrupted", None
    if is_syntax(error):
        return _describe_syntax(error)
    said = str(error)
    what = f"{type(error).__name__}: {said}" if said else type(error).__name__
    return what, "this should not happen; the same command with --debug shows where it did"


def _describe_syntax(error: BaseException) -> tuple[str, str]:
    message: str = error.format_message()  # type: ignore[attr-defined]
    sentence, _, meant = message.partition("Did you mean")
    sentence = sentence.strip().rstrip(".")
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "ragflow"
    asked = f"did you mean{meant.partition('?')[0]}? " if meant else ""
    return sentence[:1].lower() + sentence[1:], f"{asked}see {command} --help"


def _line(text: str) -> str:
    return printable(" ".join(text.split()))
