"""What travels through a pipeline: a key, a value and an envelope."""

from collections.abc import Mapping, Sequence
from typing import Any, Generic, TypeVar

import msgspec

T_co = TypeVar("T_co", covariant=True)
P_co = TypeVar("P_co", covariant=True)

#: Names what a value computed with; 20 bytes of BLAKE2b.
Fingerprint = bytes
Envelope = Mapping[str, Any]


class Part(msgspec.Struct, Generic[T_co], frozen=True):
    """A value that a task cut out of another, and the envelope it sets beside it.

    A task returns ``list[Part[T]]`` to say where each part stands. The envelope reaches the
    target as payload; no task below computes with it, so what only moved is not done again.
    """

    value: T_co
    envelope: Envelope = {}


class Draft(msgspec.Struct, Generic[T_co, P_co], frozen=True):
    """A value that is whole once something was made of each of its parts.

    What a task returns that names them in ``@task(parts=..., whole=...)``: the task `parts` is
    called for each, by itself, and remembered by the part's value alone; `whole` is given the
    value and what became of the parts. Without parts the value is whole as it is.
    """

    value: T_co
    #: Each with the envelope that says where it stands; equal values are made into the same.
    parts: Sequence[Part[P_co]] = ()


class Item(msgspec.Struct, Generic[T_co], frozen=True):
    """A value together with its key and envelope, for a task that asks for ``Item[T]``.

    Asking for it makes the key and the envelope part of what the call is remembered by.
    """

    key: str
    value: T_co
    envelope: Envelope = {}


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """What a target task makes of one part: the value to store and more payload.

    The row's id is made by the scheduler of instance, source, owner key, content and
    occurrence; its payload is the owner's envelope, then the part's, then `payload`.
    """

    value: Any
    payload: Mapping[str, Any] = {}
    #: Names in the envelope of what `value` holds already; the payload leaves them out.
    taken: tuple[str, ...] = ()
