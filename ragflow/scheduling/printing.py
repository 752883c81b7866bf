"""What does a call print and log, and who hears of it?

``sys.stdout``, ``sys.stderr`` and the root logger are listened to while a run lives, and once
for all runs of a process. Which call speaks is known by a context variable, so it is right in
threads and in the loop of `async def` tasks. What is printed reaches the terminal as before.
"""

import logging
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import Any, Self

import msgspec

from ragflow.core.secret_reference import Secret
from ragflow.incremental.own_code import is_own_file
from ragflow.interfaces.packed_error import escaped

#: Hears a line: the task, the owner's key, ``out``, ``err`` or ``log``, the level, the text.
Logged = Callable[[str, str, str, str | None, str], None]

#: Letters after which what has no end of line is told all the same.
_LONGEST = 16 * 1024
#: Warnings of libraries that a call tells of: a damaged document may be worth thousands.
_MOST_WARNINGS = 10
#: Secrets shorter than this are words that a text has anyway.
_SHORTEST_SECRET = 6
_MASK = "***"
#: Stands at the end of a text that was cut there.
CUT = "…"


class Line(msgspec.Struct, frozen=True, array_like=True):
    """One line that a call printed or logged."""

    stream: str
    level: str | None
    text: str


def unheard(task: str, key: str, stream: str, level: str | None, text: str) -> None:
    """Drop a line."""


class Masks:
    """The secrets that were told in this process, and what texts are without them.

    Safe for threads.
    """

    def __init__(self) -> None:
        self._adding = threading.Lock()
        self._secrets: tuple[str, ...] = ()

    def over(self, resolve: Callable[[Secret], str]) -> Callable[[Secret], str]:
        """Return the same function; what it returns is masked from then on."""

        def resolving(secret: Secret) -> str:
            found = resolve(secret)
            self.add(found)
            return found

        return resolving

    def add(self, secret: str) -> None:
        """Mask a secret of six letters or more from now on, as it is and as Python shows it."""
        if len(secret) < _SHORTEST_SECRET:
            return
        spelled = {secret, repr(secret)[1:-1], escaped(secret)}
        with self._adding:
            # Longest first: one may be the beginning of another.
            both = spelled.union(self._secrets)
            self._secrets = tuple(sorted(both, key=lambda one: (-len(one), one)))

    def masked(self, text: str) -> str:
        """Return the text with three stars in place of each secret."""
        for secret in self._secrets:
            text = text.replace(secret, _MASK)
        return text

    def masked_cut(self, text: str) -> str:
        """Return a text that was cut, at either end perhaps within a secret, without secrets."""
        text = self.masked(text)
        body = text.removesuffix(CUT)
        mark = text[len(body) :]
        for secret in self._secrets:
            for length in range(len(secret) - 1, _SHORTEST_SECRET - 1, -1):
                if body.endswith(secret[:length]):
                    body = body[:-length] + _MASK
                if body.startswith(secret[-length:]):
                    body = _MASK + body[length:]
        return body + mark


class Speaker:
    """A call while it runs: in its context, what is printed and logged is its own.

    A call that opens threads of its own is heard in them only in a worker process. What
    cannot be told is dropped: a call never fails by what it says.
    """

    __slots__ = ("_key", "_logged", "_masks", "_rests", "_task", "_token", "_warnings")

    def __init__(self, logged: Logged, masks: Masks, task: str, key: str) -> None:
        self._logged = logged
        self._masks = masks
        self._task = task
        self._key = key
        # What was printed since the last end of line, by stream.
        self._rests: dict[str, str] | None = None
        self._warnings = 0

    def __enter__(self) -> Self:
        self._token = _speaking.set(self)
        if _ears.count and type(sys.stdout) is not _Tee:
            _ears.cover()  # a progress display came between
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        _speaking.reset(self._token)
        if self._warnings > _MOST_WARNINGS:
            more = self._warnings - _MOST_WARNINGS
            self._tell("log", "warning", f"{more} more warning{'s' if more > 1 else ''}")
        if self._rests is not None:
            for stream in list(self._rests):
                self.write(stream, "\n")

    def write(self, stream: str, text: str) -> None:
        """Hear what is printed, and tell of each line that is whole."""
        if self._rests is None:
            self._rests = {}
        text = self._masks.masked(self._rests.pop(stream, "") + text)
        *lines, rest = text.split("\n")
        if len(rest) > _LONGEST:
            lines, rest = [*lines, rest], ""
        if rest:
            self._rests[stream] = rest
        for line in lines:
            if line := _last_shown(line):
                self._tell(stream, None, line)

    def hears(self, record: logging.LogRecord) -> bool:
        """Tell whether a record is to be told and shown: of libraries' warnings the first ten."""
        if record.levelno < logging.WARNING or is_own_file(record.pathname):
            return True
        self._warnings += 1
        return self._warnings <= _MOST_WARNINGS

    def log(self, level: str, text: str) -> None:
        """Hear what is logged, and tell of each of its lines."""
        for line in self._masks.masked(text).rstrip("\n").split("\n"):
            self._tell("log", level, line)

    def _tell(self, stream: str, level: str | None, line: str) -> None:
        with suppress(Exception):
            self._logged(self._task, self._key, stream, level, escaped(line))


_speaking: ContextVar[Speaker | None] = ContextVar("ragflow_speaking", default=None)


def _last_shown(line: str) -> str:
    """Return what a terminal shows of a line that was written over."""
    return line.rstrip("\r").rpartition("\r")[2]


@contextmanager
def listening() -> Iterator[None]:
    """Hear what calls print and log while the context lives."""
    _ears.open()
    try:
        yield
    finally:
        _ears.close()


@contextmanager
def aside() -> Iterator[None]:
    """Do not stand before the streams while the context lives.

    For whoever puts a stream of its own there and later puts back what it found: a progress
    display. The next call that speaks covers what is there then.
    """
    _ears.uncover()
    try:
        yield
    finally:
        if _ears.count:
            _ears.cover()


def hear_of_all(speaker: Speaker | None) -> None:
    """Let everything that nobody's context claims be this call's, for a worker of one call."""
    _ears.otherwise = speaker


class _Ears:
    """Stands between this process and its streams; there is one, as there is one ``sys``."""

    def __init__(self) -> None:
        self.count = 0
        self.otherwise: Speaker | None = None
        self._lock = threading.Lock()
        self._handler = _Ear()
        self._level: int | None = None

    def open(self) -> None:
        with self._lock:
            self.count += 1
            if self.count > 1:
                return
            root = logging.getLogger()
            if not root.handlers and root.level == logging.WARNING:
                # Nobody said what is to be shown: the terminal gets warnings, the log more.
                self._level = root.level
                root.setLevel(logging.INFO)
            root.addHandler(self._handler)
        self.cover()

    def cover(self) -> None:
        """Stand before the streams as they are now, while anything is to be heard."""
        with self._lock:
            if not self.count:  # the last run ended since somebody asked
                return
            for name, stream in (("stdout", "out"), ("stderr", "err")):
                through = getattr(sys, name)
                if through is not None and type(through) is not _Tee:
                    setattr(sys, name, _Tee(through, stream))

    def uncover(self) -> None:
        """Give the streams back."""
        with self._lock:
            self._uncover()

    def _uncover(self) -> None:
        for name in ("stdout", "stderr"):
            while type(getattr(sys, name)) is _Tee:
                setattr(sys, name, getattr(sys, name).through)

    def close(self) -> None:
        with self._lock:
            self.count -= 1
            if self.count:
                return
            self._uncover()
            root = logging.getLogger()
            root.removeHandler(self._handler)
            if self._level is not None and root.level == logging.INFO:
                root.setLevel(self._level)
            self._level = None


class _Tee:
    """A stream that lets a call be heard, and else is the stream it stands before."""

    def __init__(self, through: Any, stream: str) -> None:
        self.through = through
        self._stream = stream

    def write(self, text: str) -> Any:
        speaker = _speaking.get() or _ears.otherwise
        if speaker is None:
            return self.through.write(text)
        # A progress display writes it again, with its own signs, to what it stands before.
        token = _speaking.set(_NOBODY)
        try:
            written = self.through.write(text)
        finally:
            _speaking.reset(token)
        if isinstance(text, str):
            speaker.write(self._stream, text)
        return written

    def writelines(self, lines: Any) -> None:
        for line in lines:
            self.write(line)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.through)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.through, name)


class _Ear(logging.Handler):
    """Hears what is logged; where nobody else would, warnings are shown as before."""

    def emit(self, record: logging.LogRecord) -> None:
        speaker = _speaking.get() or _ears.otherwise
        if speaker is not None:
            if not speaker.hears(record):
                return
            try:
                text = self.format(record)
            except Exception:  # noqa: BLE001 - as logging does it: what is wrong is told, no more
                self.handleError(record)
            else:
                speaker.log(record.levelname.lower(), text)
        last = logging.lastResort
        if last is not None and record.levelno >= last.level and self._is_alone(record):
            token = _speaking.set(_NOBODY)
            try:
                last.handle(record)
            finally:
                _speaking.reset(token)

    def _is_alone(self, record: logging.LogRecord) -> bool:
        logger: logging.Logger | None = logging.getLogger(record.name)
        while logger is not None:
            if any(handler is not self for handler in logger.handlers):
                return False
            logger = logger.parent if logger.propagate else None
        return True


class _Nobody(Speaker):
    """Hears nothing: what is written was heard already."""

    def hears(self, record: logging.LogRecord) -> bool:
        return True

    def __init__(self) -> None:
        super().__init__(unheard, Masks(), "", "")

    def write(self, stream: str, text: str) -> None:
        pass

    def log(self, level: str, text: str) -> None:
        pass


_NOBODY = _Nobody()
_ears = _Ears()
