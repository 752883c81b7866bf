"""What went wrong with the database, in words of ours."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.exc import DBAPIError

from ragflow.errors import BusyError, HomeError, RagflowError

_BUSY = {"SQLITE_BUSY", "SQLITE_LOCKED"}
_FULL = {"SQLITE_FULL"}
_DAMAGED = {"SQLITE_CORRUPT", "SQLITE_NOTADB"}
_CLOSED = {"SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM", "SQLITE_AUTH"}


def home_error(error: BaseException, database: Path) -> HomeError | None:
    """Return what this error says of the home, or None when it says nothing of it."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    if not isinstance(cause, sqlite3.Error):
        return None
    name = getattr(cause, "sqlite_errorname", "")
    kind = "_".join(name.split("_")[:2])
    if kind in _BUSY:
        return BusyError(
            f"database {str(database)!r} is kept locked by another process",
            hint="wait for the other process to end, or stop it, and try again",
        )
    if kind in _FULL:
        return HomeError(
            f"database {str(database)!r} cannot grow: the disk is full",
            hint="make room and run again; nothing that was committed is lost",
        )
    if kind in _DAMAGED:
        return HomeError(
            f"{str(database)!r} is damaged or is no database: {cause}",
            hint="restore it from a copy, or move the home away and run again to build a new one",
        )
    if kind in _CLOSED:
        return HomeError(
            f"database {str(database)!r} cannot be opened for writing: {cause}",
            hint="check the permissions of the home, or choose another home",
        )
    if kind == "SQLITE_IOERR":
        return HomeError(
            f"database {str(database)!r} cannot be read or written: {cause}",
            hint="check the disk the home lies on, and whether it is full",
        )
    return None


@contextmanager
def in_words_of_ours(database: Path) -> Iterator[None]:
    """Raise what goes wrong with the database inside as `HomeError` or `BusyError`."""
    try:
        yield
    except RagflowError:
        raise
    except (DBAPIError, sqlite3.Error) as error:
        known = home_error(error, database)
        if known is None:
            raise
        raise known from error
