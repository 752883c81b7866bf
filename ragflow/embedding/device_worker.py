"""A process that embeds on one device: how it is started, told what to do, and heard."""

import importlib
import queue
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any

import msgspec

from ragflow.embedding.model_spec import ModelSpec
from ragflow.interfaces.ingestion import Embedder, EmbedKind
from ragflow.interfaces.packed_error import PackedError, pack, rebuild

#: What opens the model in a worker, where nothing else is said.
OPENING = "ragflow.embedding.opening:open_on"
#: What the interpreter of a worker runs, with the parent's path.
_PROGRAM = (
    "import sys; sys.path[:] = sys.argv[2:]; "
    "from ragflow.embedding.device_worker import serve; serve()"
)


class _Setup(msgspec.Struct, frozen=True):
    spec: ModelSpec
    device: str
    opening: str


class _Given(msgspec.Struct, frozen=True, tag=True):
    #: In UTF-8, halves of surrogate pairs too: how they are read is the model's affair.
    texts: list[bytes]
    kind: EmbedKind


class _Answered(msgspec.Struct, frozen=True, tag=True):
    #: Half precision, one after the other.
    vectors: list[bytes]


class _Failed(msgspec.Struct, frozen=True, tag=True):
    error: PackedError


class DeviceWorker:
    """The process of one device, started with the first texts and anew after it died."""

    def __init__(self, spec: ModelSpec, device: str, opening: str = OPENING) -> None:
        self._setup = _Setup(spec, device, opening)
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: Connection | None = None

    def send(self, texts: Sequence[str], kind: EmbedKind) -> None:
        """Hand over texts; raises `OSError` where the process is gone or cannot be started."""
        connection = self._connection
        if connection is None:
            connection = self._connection = self._start()
            connection.send_bytes(msgspec.msgpack.encode(self._setup))
        encoded = [text.encode("utf-8", "surrogatepass") for text in texts]
        connection.send_bytes(msgspec.msgpack.encode(_Given(encoded, kind)))

    def _start(self) -> Connection:
        ours, theirs = socket.socketpair()
        with ours, theirs:
            place = [str(theirs.fileno()), *sys.path]
            self._process = subprocess.Popen(
                [sys.executable, "-c", _PROGRAM, *place],
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
            )
            return Connection(ours.detach())

    def receive(self) -> list[bytes] | Exception:
        """Return the next answer: a vector a text, or what was raised.

        Raises `OSError` or `EOFError` where the process is gone.
        """
        if self._connection is None:
            raise EOFError
        data = self._connection.recv_bytes()
        answer: _Answered | _Failed = msgspec.msgpack.decode(data, type=_Answered | _Failed)
        return rebuild(answer.error) if isinstance(answer, _Failed) else answer.vectors

    def kill(self) -> None:
        """End the process, whatever it does; for any thread."""
        process = self._process
        if process is not None:
            process.kill()

    def stop(self) -> None:
        """End the process; the next texts start another."""
        connection, process = self._connection, self._process
        self._connection = self._process = None
        if connection is not None:
            connection.close()
        if process is not None:
            process.kill()
            process.wait()


def serve() -> None:
    """Answer texts with vectors until nobody asks any more; what a worker's process runs."""
    connection = Connection(int(sys.argv[1]))
    setup = msgspec.msgpack.decode(connection.recv_bytes(), type=_Setup)
    embedder: Embedder | None = None
    waiting: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
    # What comes is read whatever goes: who hands the next texts over hears no answer meanwhile,
    # and neither text nor answer need fit into what the system holds for them.
    threading.Thread(target=_read, args=(connection, waiting), daemon=True).start()
    while (data := waiting.get()) is not None:
        answer: _Answered | _Failed
        try:
            given = msgspec.msgpack.decode(data, type=_Given)
            if embedder is None:
                embedder = _opening(setup.opening)(setup.spec, setup.device)
            texts = [each.decode("utf-8", "surrogatepass") for each in given.texts]
            vectors = embedder.embed(texts, kind=given.kind)
            answer = _Answered([vector.half for vector in vectors])
        except Exception as error:  # noqa: BLE001 - raised where the texts came from
            answer = _Failed(pack(error))
        connection.send_bytes(msgspec.msgpack.encode(answer))


def _read(connection: Connection, waiting: "queue.SimpleQueue[bytes | None]") -> None:
    """Take in what is handed over; at the end, None."""
    try:
        with suppress(EOFError, OSError):
            while True:
                waiting.put(connection.recv_bytes())
    finally:
        waiting.put(None)


def _opening(place: str) -> Callable[[ModelSpec, str], Embedder]:
    module, _, name = place.partition(":")
    opening: Any = getattr(importlib.import_module(module), name)
    return opening  # type: ignore[no-any-return]
