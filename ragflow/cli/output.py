"""Where does what a command was asked for go? To stdout, and nothing else goes there."""

import contextlib
import json
import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, BinaryIO

from ragflow.views.rendering import Table, printable, render


class ReaderGoneError(Exception):
    """Whoever read stdout has closed it; there is nobody left to tell."""


class Results:
    """The stdout a command writes its results to."""

    def __init__(self, stream: BinaryIO, *, encoding: str, is_terminal: bool) -> None:
        self._stream = stream
        self._encoding = encoding
        self.is_terminal = is_terminal

    @property
    def width(self) -> int | None:
        """Columns of the terminal; None where lines may be of any length."""
        return shutil.get_terminal_size().columns if self.is_terminal else None

    def line(self, text: str = "") -> None:
        """Write a line; what the terminal cannot show is spelled out."""
        self._write(f"{text}\n".encode(self._encoding, "backslashreplace"))

    def table(self, table: Table) -> None:
        """Write a table, fitted to the terminal if it is one."""
        self.line(render(table, width=self.width))

    def json(self, value: Any, *, indent: int | None = 2) -> None:
        """Write one JSON value in UTF-8; without indent it is one line."""
        # A lone surrogate is no UTF-8; replaced so, it is the escape that JSON has for it.
        text = json.dumps(value, ensure_ascii=False, indent=indent, allow_nan=False)
        self._write(f"{text}\n".encode("utf-8", "backslashreplace"))

    def flush(self) -> None:
        """Hand on everything written; raises `ReaderGoneError` when nobody takes it."""
        try:
            self._stream.flush()
        except BrokenPipeError as error:
            raise ReaderGoneError from error

    def _write(self, data: bytes) -> None:
        try:
            self._stream.write(data)
        except BrokenPipeError as error:
            raise ReaderGoneError from error


@contextmanager
def results() -> Iterator[Results]:
    """Keep stdout for results while the context lives.

    What anything else prints, a pipeline's own code or a program it calls, goes to stderr.
    """
    sys.stdout.flush()
    number = sys.stdout.fileno()
    encoding, is_terminal = sys.stdout.encoding, sys.stdout.isatty()
    kept = os.dup(number)
    os.dup2(sys.stderr.fileno(), number)
    stream = os.fdopen(kept, "wb")
    try:
        with contextlib.redirect_stdout(sys.stderr):
            out = Results(stream, encoding=encoding, is_terminal=is_terminal)
            yield out
            out.flush()
    finally:
        os.dup2(kept, number)
        # What could not be written was told by flush, or gives way to the error under way.
        with contextlib.suppress(BrokenPipeError):
            stream.close()


def say(text: str) -> None:
    """Write a line to stderr: what a person should read beside the results."""
    sys.stderr.write(f"{printable(text)}\n")
    sys.stderr.flush()


def plain(value: Any) -> Any:
    """Return the value as JSON can hold it; instants as text, enums by their values."""
    import msgspec

    return msgspec.to_builtins(value, str_keys=True, enc_hook=str)


def enveloped(**entries: Any) -> Mapping[str, Any]:
    """Return the object that ``--json`` prints, with the number of its schema."""
    return {"schema": 1, **entries}
