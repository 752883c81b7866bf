"""May a command do what cannot be undone?"""

import sys

import typer

from ragflow.errors import UsageError


def is_confirmed(question: str) -> bool:
    """Ask the person at the terminal; raises `UsageError` where nobody is there."""
    if not sys.stdin.isatty():
        raise UsageError("nobody is there to ask", hint="say --yes")
    return typer.confirm(question, err=True)
