"""Why did a run work on an owner, and what does the ledger know of one? For `why` and lineage."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec

from ragflow.core.items import Fingerprint
from ragflow.core.states import OwnerState


class Cause(StrEnum):
    """Why a run worked on an owner; the order is part of the schema of a home."""

    ADDED = "added"  #: never served before
    MODIFIED = "modified"  #: its content changed
    METADATA = "metadata"  #: only its metadata changed
    TOUCHED = "touched"  #: only its version token changed
    MOVED = "moved"  #: its content was known under a key that is gone
    STALE = "stale"  #: the definition of an end changed
    NEW_END = "new_end"  #: an end it was never served at
    REBUILT = "rebuilt"  #: a generation that is to replace the one that serves
    RELEASED = "released"  #: a requirement it waited for is met
    REPLAYED = "replayed"  #: somebody replayed its dead letter
    RETRIED = "retried"  #: it failed by an error that may pass, and its time had come
    RECOVERED = "recovered"  #: a run was cut off while it wrote its rows
    FORCED = "forced"  #: somebody asked for all of it to be done again
    DELETED = "deleted"  #: no longer listed
    SOURCE_GONE = "source_gone"  #: the pipeline no longer has its source
    UNCHANGED = "unchanged"  #: nothing to do


class Because(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is to be said beside a cause; few of them are shared by many owners."""

    #: The definition it was served or tried with before (None: none) and the present one, of
    #: each end where they differ.
    definitions: Sequence[tuple[Fingerprint | None, Fingerprint]] = ()
    #: The requirement that is met.
    requirement: str | None = None
    #: Whether somebody named the owner (``--only``).
    is_asked: bool = False


class Reason(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Why a run worked on an owner, and how many calls that took; kept with its commit."""

    cause: Cause
    because: Because = Because()
    #: The key its content was known under before.
    came_from: str | None = None
    #: Calls that were made for it, and calls that memos, or others' calls, answered.
    ran: int = 0
    memoized: int = 0


class KeptReason(msgspec.Struct, frozen=True, kw_only=True):
    """What one run did with an owner, and why, as the home keeps it."""

    run: int
    cause: Cause
    because: Because
    came_from: str | None
    #: The worst of the states it came to at its ends; None where it has none.
    state: OwnerState | None
    ran: int
    memoized: int
    #: Rows written and deleted, at all ends together.
    upserted: int
    deleted: int


class Departure(msgspec.Struct, frozen=True, kw_only=True):
    """An owner that is gone: by which run, and why."""

    source: str
    instance: str
    #: The number of that instance; another one may have its name.
    instance_id: int
    key: str
    run: int
    cause: Cause
    #: The key that lists its content now.
    moved_to: str | None


class KnownOwner(msgspec.Struct, frozen=True, kw_only=True):
    """An owner that the ledger has seen."""

    #: The ledger's number for it.
    owner: int
    key: str
    source: str
    instance: str
    instance_id: int
    pipeline: str
    token: bytes
    #: None where it was never read.
    content: Fingerprint | None
    metadata: Mapping[str, Any]


class KnownEnd(msgspec.Struct, frozen=True, kw_only=True):
    """How an owner stands at one generation of an end, with what it was served from."""

    generation: int
    target: str
    place: str
    #: Number and state of the generation.
    number: int
    generation_state: str
    space: Mapping[str, Any]
    physical: str
    state: OwnerState
    reason: str | None
    message: str | None
    requirement: str | None
    #: None where it is not served.
    served_definition: Fingerprint | None
    served_content: Fingerprint | None
    #: What was tried last, where that is not what is served.
    tried_definition: Fingerprint | None
    #: The run that tried it last, and when.
    run: int
    tried_at: datetime
    rows: int
    #: The number of its dead letter, with what that knows.
    dead_letter: int | None
    release: str | None
    not_before: datetime | None
    is_discarded: bool


class RowHolder(msgspec.Struct, frozen=True, kw_only=True):
    """A row that an owner holds at a generation."""

    row: str
    owner: int
    generation: int
