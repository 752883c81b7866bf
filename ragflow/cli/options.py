"""The options that several commands take."""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from ragflow.errors import ParameterError, UsageError

if TYPE_CHECKING:
    from ragflow.interfaces.ingestion import Passwords

#: The largest integer that a store can look for.
LARGEST = 2**63 - 1

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]
Wait = Annotated[bool, typer.Option("--wait", help="Wait for what another process holds.")]
Collection = Annotated[str, typer.Argument(metavar="COLLECTION", help="Name of a collection.")]
PipelineName = Annotated[str, typer.Argument(metavar="NAME", help="Name of a pipeline.")]
RunNumber = Annotated[
    int, typer.Argument(metavar="RUN", min=1, max=LARGEST, help="Number of a run.")
]
Instance = Annotated[
    str | None,
    typer.Option(
        "--instance",
        metavar="NAME",
        help="Keep a state of its own under this name; the pipeline's name unless given.",
    ),
]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "-p", "--parameter", metavar="NAME=VALUE", help="Give a parameter a value; repeatable."
    ),
]
PasswordsIn = Annotated[
    str,
    typer.Option(
        "--passwords",
        metavar="env:NAME|file:PATH",
        help="Where passwords for encrypted files are kept, one a line.",
    ),
]
Accept = Annotated[
    bool,
    typer.Option(
        "--accept", help="Make again what code, a version or the model made stale; pass --max-cost."
    ),
]
Deletions = Annotated[
    bool,
    typer.Option(
        "--allow-deletions",
        help="Delete rows although many documents are gone, or another folder is read.",
    ),
]
MaxFailed = Annotated[
    str | None,
    typer.Option(
        "--max-failed",
        metavar="N|P%",
        help="Documents that may fail before the run does: a number, or a share at its end.",
    ),
]
MaxCost = Annotated[
    int | None,
    typer.Option(
        "--max-cost",
        metavar="N",
        min=0,
        max=LARGEST,
        help="Refuse to embed more tokens than that; other tasks count what they cost.",
    ),
]
Until = Annotated[
    str | None,
    typer.Option("--until", metavar="TASK", help="The last task to be called."),
]
Only = Annotated[
    list[str] | None,
    typer.Option("--only", metavar="KEY", help="Look at this document alone; repeatable."),
]
From = Annotated[
    str | None,
    typer.Option("--from", metavar="TASK", help="From this task on, use nothing remembered."),
]
Force = Annotated[bool, typer.Option("--force", help="Use nothing remembered at all.")]
Tracebacks = Annotated[
    bool, typer.Option("--traceback", help="Print where in the code errors came from.")
]

_AGO = re.compile(r"(\d+)\s*(s|min|h|d)")
_UNITS = {"s": "seconds", "min": "minutes", "h": "hours", "d": "days"}


def parameters_of(settings: Sequence[str] | None) -> dict[str, str]:
    """Return what ``-p name=value`` says, by name.

    Raises `ParameterError` for one without a value and for one given twice.
    """
    values: dict[str, str] = {}
    for setting in settings or ():
        name, equals, value = setting.partition("=")
        if not equals or not name:
            raise ParameterError(
                f"-p {setting!r} gives no parameter a value", hint="write -p name=value"
            )
        if name in values:
            raise ParameterError(f"the parameter {name!r} is given twice", hint="give it one value")
        values[name] = value
    return values


def most_failed(text: str | None) -> int | str | None:
    """Return what ``--max-failed`` says: a number, or a percentage as it stands.

    Raises `UsageError` for anything else.
    """
    if text is None:
        return None
    # Nobody has more documents than that, and Python reads no number of any length.
    if text.isascii() and text.isdecimal() and len(text) <= len(str(LARGEST)):
        return int(text)
    from ragflow.runtime.request import percentage

    try:
        percentage(text)
    except UsageError as error:
        raise UsageError(
            f"--max-failed {text!r} is neither a number nor a percentage",
            hint="write 10, or 2% of all documents",
        ) from error
    return text


def since_when(text: str | None, now: datetime) -> datetime | None:
    """Return the instant that ``--since`` names: a date, an instant, or a time ago as ``2h``.

    What names no time zone is meant in that of the machine. Raises `UsageError` for anything
    else.
    """
    if text is None:
        return None
    ago = _AGO.fullmatch(text.strip())
    try:
        if ago:
            return now - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
        return datetime.fromisoformat(text.strip()).astimezone()
    except (ValueError, OverflowError, OSError) as error:
        raise UsageError(
            f"--since {text!r} is no instant",
            hint="write 2026-05-04, 2026-05-04T12:30, or 30min, 2h, 7d for so long ago",
        ) from error


def passwords_in(reference: str) -> "Passwords":
    """Return the passwords that ``env:NAME`` or ``file:PATH`` tells, none without either.

    Raises `UsageError` where they cannot be had.
    """
    from ragflow.core.secret_reference import Secret
    from ragflow.interfaces.ingestion import Passwords
    from ragflow.secrets import resolve

    return Passwords.of(resolve(Secret(reference))) if reference else Passwords()
