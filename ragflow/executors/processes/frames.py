"""What parent and worker say to each other, and how it goes over the socket."""

import socket
import struct
from typing import Any, TypeVar

import msgspec

from ragflow.interfaces.packed_error import PackedError

#: With this exit code a worker says that it had no memory left to say anything else.
OUT_OF_MEMORY = 103

#: Lengths of header and body.
_LENGTHS = struct.Struct(">IQ")
_LONGEST_HEADER = 1 << 24
_LONGEST_TOLD = 1 << 24
_AT_ONCE = 1 << 20


class Setup(msgspec.Struct, frozen=True):
    """The first thing a worker hears; it answers with `Ended` once it is ready."""

    #: What makes the object that performs, as ``module:callable``.
    bootstrap: str
    memory: int | None
    network: bool


class Begin(msgspec.Struct, frozen=True):
    """One work; its body is what the work encoded."""

    output: int | None


class Told(msgspec.Struct, frozen=True, tag=True):
    """Word of a work that goes on; its body is what the performer told."""


class Ended(msgspec.Struct, frozen=True, tag=True):
    """The answer; its body is the result, unless there is an error."""

    error: PackedError | None = None
    #: Whether the worker ends now, because it is no longer sound.
    leaves: bool = False


Header = TypeVar("Header", Setup, Begin, Told, Ended)


class Channel:
    """One end of the socket pair; its methods raise `EOFError` when the other end is gone."""

    def __init__(self, end: socket.socket) -> None:
        self._end = end

    def send(self, header: Setup | Begin | Told | Ended, body: bytes = b"") -> None:
        """Send a header and what belongs to it."""
        head = msgspec.msgpack.encode(header)
        self._send(_LENGTHS.pack(len(head), len(body)) + head)
        self._send(body)

    def receive(self, kind: type[Header]) -> tuple[Header, bytes]:
        """Return the next header and its body.

        Raises `ValueError` when the other end says what is none of its words; then nothing
        more can be read.
        """
        header, body_length = self._receive_header(kind)
        return header, self._receive(body_length)

    def receive_answer(self, *, at_most: int | None = None) -> tuple[Told | Ended, bytes]:
        """Return the next word of a work: what it tells, or its end.

        Raises `OverflowError` when what it ends with has more than `at_most` bytes, and
        `ValueError` as `receive` does.
        """
        header, body_length = self._receive_header(Told | Ended)
        if isinstance(header, Told):
            at_most = _LONGEST_TOLD
        if at_most is not None and body_length > at_most:
            raise OverflowError(body_length)
        return header, self._receive(body_length)

    def _receive_header(self, kind: Any) -> tuple[Any, int]:
        header_length, body_length = _LENGTHS.unpack(self._receive(_LENGTHS.size))
        if header_length > _LONGEST_HEADER:
            raise ValueError("the header is too long")
        try:
            header = msgspec.msgpack.decode(self._receive(header_length), type=kind)
        except msgspec.DecodeError as error:
            raise ValueError(str(error)) from error
        return header, body_length

    def patience(self) -> float | None:
        """Return how long to wait before `grow_impatient`; None is for ever."""
        return None

    def grow_impatient(self) -> None:
        """Raise something to end the wait; called each time the patience is over."""

    def _send(self, data: bytes) -> None:
        left = memoryview(data)
        while left:
            self._end.settimeout(self.patience())
            try:
                left = left[self._end.send(left[:_AT_ONCE]) :]
            except TimeoutError:
                self.grow_impatient()
            except OSError as error:
                raise EOFError from error

    def _receive(self, length: int) -> bytes:
        # Only what came takes memory: a worker gone astray may announce any length.
        parts: list[bytes] = []
        while length:
            self._end.settimeout(self.patience())
            try:
                part = self._end.recv(min(length, _AT_ONCE))
            except TimeoutError:
                self.grow_impatient()
                continue
            except OSError as error:
                raise EOFError from error
            if not part:
                raise EOFError
            parts.append(part)
            length -= len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)
