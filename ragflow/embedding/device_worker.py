"""A process that embeds on one device: how it is started, told what to do, and heard."""

import importlib
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from typing import Any

import msgspec

from ragflow.embedding.model_spec import ModelSpec
from ragflow.interfaces.ingestion import Embedder, EmbedKind
from ragflow.interfaces.packed_error import PackedError, pack, rebuild

#: What opens the model in a worker, where nothing else is said.
OPENING = "ragflow.embedding.device_worker:open_on"
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
        """Hand over texts; raises `OSError` where the process is gone."""
        connection = self._connection
        if connection is None:
            ours, theirs = socket.socketpair()
            with theirs:
                place = [str(theirs.fileno()), *sys.path]
                self._process = subprocess.Popen(
                    [sys.executable, "-c", _PROGRAM, *place],
                    stdin=subprocess.DEVNULL,
                    pass_fds=[theirs.fileno()],
                )
            connection = self._connection = Connection(ours.detach())
            connection.send_bytes(msgspec.msgpack.encode(self._setup))
        encoded = [text.encode("utf-8", "surrogatepass") for text in texts]
        connection.send_bytes(msgspec.msgpack.encode(_Given(encoded, kind)))

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


def open_on(spec: ModelSpec, device: str) -> Embedder:
    """Open the model on one device."""
    from ragflow.embedding.opening import open_embedder

    return open_embedder(spec, device=device)


def serve() -> None:
    """Answer texts with vectors until nobody asks any more; what a worker's process runs."""
    connection = Connection(int(sys.argv[1]))
    setup = msgspec.msgpack.decode(connection.recv_bytes(), type=_Setup)
    embedder: Embedder | None = None
    while True:
        try:
            given = msgspec.msgpack.decode(connection.recv_bytes(), type=_Given)
        except EOFError:
            return
        answer: _Answered | _Failed
        try:
            if embedder is None:
                embedder = _opening(setup.opening)(setup.spec, setup.device)
            texts = [each.decode("utf-8", "surrogatepass") for each in given.texts]
            vectors = embedder.embed(texts, kind=given.kind)
            answer = _Answered([vector.half for vector in vectors])
        except Exception as error:  # noqa: BLE001 - raised where the texts came from
            answer = _Failed(pack(error))
        connection.send_bytes(msgspec.msgpack.encode(answer))


def _opening(place: str) -> Callable[[ModelSpec, str], Embedder]:
    module, _, name = place.partition(":")
    opening: Any = getattr(importlib.import_module(module), name)
    return opening  # type: ignore[no-any-return]
