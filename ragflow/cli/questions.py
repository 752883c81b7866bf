"""May a command do what cannot be undone?"""

import sys

import typer

from ragflow.errors import UsageError


def is_somebody_there() -> bool:
    """Tell whether a person sees what is asked and can answer."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def is_confirmed(question: str) -> bool:
    """Ask the person at the terminal; raises `UsageError` where nobody is there."""
    if not sys.stdin.isatty():
        raise UsageError("nobody is there to ask", hint="say --yes")
    return typer.confirm(question, err=True)
