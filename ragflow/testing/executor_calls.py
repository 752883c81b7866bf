"""What the suite of executors has done, here or in a worker.

`bootstrap` is given to an executor that carries work elsewhere, by its import path. Calls
speak to the test through files in a folder, since they may run in another process.
"""

import asyncio
import ctypes
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Hashable
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec

from ragflow.errors import RetryTask
from ragflow.interfaces.execution import Limits

#: Seconds after which a call that waits for another gives up; far more than any needs.
PATIENCE = 120.0


class Call:
    """A work that calls a function of this module by name."""

    def __init__(
        self,
        number: int,
        name: str,
        *arguments: Any,
        limits: Limits | None = None,
        near: Hashable | None = None,
    ) -> None:
        self.number = number
        self.limits = limits or Limits()
        self.near = near
        #: What its performer told, where it has one.
        self.heard: list[bytes] = []
        self.is_async = asyncio.iscoroutinefunction(CALLS[name])
        self._name = name
        self._arguments = arguments

    def __call__(self) -> Any:
        """Call the function here."""
        return CALLS[self._name](*self._arguments)

    def stays(self) -> bool:
        """Tell that only what is called `here` does."""
        return self._name == "here"

    def encode(self) -> bytes:
        """Return the name and the arguments as data."""
        return msgspec.msgpack.encode([self._name, *self._arguments])

    def decode(self, data: bytes) -> Any:
        """Return what the function returned elsewhere."""
        return msgspec.msgpack.decode(data)

    def hear(self, data: bytes) -> None:
        """Keep what the performer told."""
        self.heard.append(data)


class Performer:
    """Calls functions of this module; holds what `hold` was given."""

    def __init__(self) -> None:
        self.held: list[str] = []

    def perform(self, data: bytes, tell: Callable[[bytes], None]) -> bytes:
        """Call the function that the data names."""
        name, *arguments = msgspec.msgpack.decode(data)
        if name == "tell":
            return _telling(tell, *arguments)
        if name == "hold":
            self.held.append(*arguments)
            return msgspec.msgpack.encode(self.held)
        result = CALLS[name](*arguments)
        return msgspec.msgpack.encode(
            asyncio.run(result) if asyncio.iscoroutine(result) else result
        )


def _telling(tell: Callable[[bytes], None], count: int, how: str) -> bytes:
    """Tell some words from two threads and a fork, then return, die or go on."""
    if os.fork() == 0:
        tell(b"of a fork")
        os._exit(0)

    def tell_beside() -> None:
        for _ in range(count):
            tell(b"beside")

    beside = threading.Thread(target=tell_beside)
    beside.start()
    for number in range(count):
        tell(str(number).encode())
    beside.join()
    if how == "sleep":
        time.sleep(600)
    if how != "return":
        _die(how)
    threading.Timer(0.01, tell, (b"too late",)).start()
    return msgspec.msgpack.encode(count)


def bootstrap() -> Performer:
    """Return what performs the calls in a worker."""
    return Performer()


def broken_bootstrap() -> Performer:
    """Fail as a bootstrap does whose imports are missing."""
    raise ModuleNotFoundError("no module named 'missing'")


class OddError(Exception):
    """An error whose constructor takes more than its message."""

    def __init__(self, message: str, *, after: timedelta, place: tuple[int, str]) -> None:
        super().__init__(message)
        self.after = after
        self.place = place
        self.lock = threading.Lock()


class Unnamed(BaseException):
    """What no `except Exception` catches."""


# --- The calls ----------------------------------------------------------------------------------


def wait_for(path: Path, *, lines: int = 1) -> None:
    """Return once the file has that many lines."""
    for _ in range(int(PATIENCE * 100)):
        if _has_lines(path, lines):
            return
        time.sleep(0.01)
    raise TimeoutError(f"{path} never had {lines} lines")


def write(path: Path, line: object) -> None:
    """Append a line, whole even when others write too."""
    with path.open("a", encoding="utf-8") as file:
        file.write(f"{line}\n")


def _has_lines(path: Path, lines: int) -> bool:
    return path.exists() and path.read_text(encoding="utf-8").count("\n") >= lines


def _echo(value: Any) -> Any:
    return value


def _fill(size: int) -> int:
    return len(bytearray(size))


def _reply(size: int) -> bytes:
    return bytes(size)


def _meet(folder: str, count: int) -> int:
    """Return once `count` calls are here at the same time."""
    write(Path(folder, "met"), os.getpid())
    wait_for(Path(folder, "met"), lines=count)
    return os.getpid()


def _log(folder: str, name: int) -> int:
    write(Path(folder, "log"), f"+{name}")
    time.sleep(0.001)
    write(Path(folder, "log"), f"-{name}")
    return name


def _wait(folder: str, name: str = "gate") -> str:
    write(Path(folder, f"{name}-begun"), os.getpid())
    wait_for(Path(folder, name))
    return name


def _nap(folder: str, seconds: float) -> None:
    write(Path(folder, "napping"), os.getpid())
    time.sleep(seconds)


def _hog(folder: str, seconds: int) -> None:
    """Sleep in compiled code that lets no other thread of this process run."""
    write(Path(folder, "napping"), os.getpid())
    ctypes.PyDLL(None).sleep(seconds)


def _start_program(folder: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", "import time; time.sleep(600)"]  # in the group of the worker
    ) as program:
        write(Path(folder, "program"), program.pid)


def _fork_and_die(folder: str) -> None:
    """Leave a fork behind that holds all this process held, and die."""
    fork = os.fork()
    if fork == 0:
        time.sleep(600)
        os._exit(0)
    write(Path(folder, "program"), fork)
    os._exit(7)


def _fail(kind: str) -> None:
    errors: dict[str, BaseException] = {
        "value": ValueError("no", 3),
        "path": ValueError(Path("here")),
        "file": FileNotFoundError(2, "not there", "a.txt"),
        "retry": RetryTask(after=timedelta(seconds=90)),
        "odd": OddError("odd", after=timedelta(days=1), place=(1, "a")),
        "local": type("LocalError", (ConnectionError,), {})("mine"),
        "exit": SystemExit(3),
        "unnamed": Unnamed("never mind"),
        "cancelled": asyncio.CancelledError(),
    }
    raise errors[kind]


def _die(how: str) -> None:
    if how == "segfault":
        ctypes.string_at(0)
    elif how == "exit":
        os._exit(3)
    else:
        os.kill(os.getpid(), 9)


def _open_socket() -> None:
    with socket.create_connection(("127.0.0.1", 9), timeout=5):
        raise AssertionError("something answered")


def _ask_for_name() -> None:
    socket.getaddrinfo("localhost", 80)


def _speak_here() -> bytes:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.sendall(b"here")
        return theirs.recv(4)


def _print(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()
    os.write(1, text.encode())


async def _loop_of(folder: str, count: int) -> int:
    """Return which loop this is, once `count` calls are here."""
    write(Path(folder, "met"), os.getpid())
    while not _has_lines(Path(folder, "met"), count):  # noqa: ASYNC110 - others may be elsewhere
        await asyncio.sleep(0.01)
    return id(asyncio.get_running_loop())


async def _sleep(folder: str) -> None:
    write(Path(folder, "napping"), os.getpid())
    try:
        await asyncio.sleep(600)
    finally:
        write(Path(folder, "cleaned"), os.getpid())


async def _resist(folder: str) -> str:
    """Go on when asked to end."""
    write(Path(folder, "napping"), os.getpid())
    while not _has_lines(Path(folder, "gate"), 1):
        try:
            await asyncio.sleep(0.01)
        except asyncio.CancelledError:
            write(Path(folder, "asked"), os.getpid())
    return "resisted"


async def _fail_later() -> None:
    await asyncio.sleep(0)
    raise ValueError("later")


CALLS: dict[str, Callable[..., Any]] = {
    "echo": _echo,
    "fill": _fill,
    "reply": _reply,
    "pid": os.getpid,
    "here": os.getpid,
    "thread": threading.get_ident,
    "meet": _meet,
    "log": _log,
    "wait": _wait,
    "nap": _nap,
    "hog": _hog,
    "start program": _start_program,
    "fork and die": _fork_and_die,
    "fail": _fail,
    "die": _die,
    "open socket": _open_socket,
    "ask for name": _ask_for_name,
    "speak here": _speak_here,
    "print": _print,
    "hold": _echo,
    "tell": _echo,
    "loop of": _loop_of,
    "sleep": _sleep,
    "resist": _resist,
    "fail later": _fail_later,
}
