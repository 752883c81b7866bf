"""The plain records that scheduler, ledgers and stores hand each other."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from ragflow.core.items import Fingerprint
from ragflow.core.reasons import Cause, Reason
from ragflow.core.states import Change, GenerationState, OwnerState, RunState


class Listed(msgspec.Struct, frozen=True, gc=False):
    """One owner as a source lists it, before anything was opened."""

    key: str
    #: Changes whenever content or metadata may have changed: equal tokens mean both are equal.
    token: bytes
    #: What the source knows of it beside its content; reaches the payload.
    metadata: Mapping[str, Any] = {}
    #: Bytes, where known.
    size: int | None = None
    #: Set when the source itself leaves it out: (reason code, sentence).
    skip: tuple[str, str] | None = None


class Loaded(msgspec.Struct, frozen=True, gc=False):
    """One owner's value, fetched."""

    value: Any
    #: Names the value; see `ragflow.incremental.fingerprint.fingerprint_value`.
    content: Fingerprint
    #: Metadata found by loading (the media type); joined to that of the listing.
    metadata: Mapping[str, Any] = {}
    #: What the value weighs in memory, for back-pressure.
    size: int = 0


class Instance(msgspec.Struct, frozen=True, kw_only=True):
    """A pipeline with the values of its scope: what owns rows, ledger and dead letters."""

    id: int
    name: str
    pipeline: str
    scope: Mapping[str, Any]
    #: The same in every home: made of name and scope. Row ids are made of it.
    identity: Fingerprint


class Generation(msgspec.Struct, frozen=True, kw_only=True):
    """One physical build of a place that a target writes to."""

    id: int
    #: Name of the target plugin.
    target: str
    #: What the user calls it: the collection's name.
    place: str
    number: int
    #: What its rows have in common: model, dimension, metric; empty for targets without.
    space: Mapping[str, Any]
    #: What the store calls it.
    physical: str
    state: GenerationState
    created_at: datetime
    published_at: datetime | None = None


class EndNow(msgspec.Struct, frozen=True):
    """An end as this run sees it: where it writes and by which definition."""

    #: ``target:place``, the same in every run.
    name: str
    generation: int
    definition: Fingerprint


class OwnerChange(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One listed owner that is not unchanged, with what the ledger knows of it."""

    key: str
    change: Change
    token: bytes
    listed: Mapping[str, Any]
    size: int | None
    skip: tuple[str, str] | None
    #: The ledger's number for the owner; None for one never seen.
    owner: int | None
    #: What was last seen of it; None for one never read.
    token_seen: bytes | None
    content: Fingerprint | None
    metadata: Mapping[str, Any]
    #: By generation: how the owner stands there. Ends it was never tried at are absent.
    ends: Mapping[int, "EndStanding"]


class EndStanding(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """How an owner stands at one end."""

    state: OwnerState
    served_input: Fingerprint | None
    served_definition: Fingerprint | None
    tried_input: Fingerprint | None
    tried_definition: Fingerprint | None
    #: Runs that failed, one after the other, by an error that may pass.
    tries: int = 0
    #: It is not tried before this instant.
    not_before: datetime | None = None
    #: Somebody gave it up: it is not tried until its content changes.
    is_discarded: bool = False
    #: Why it was skipped or failed, and what would make it servable.
    reason: str | None = None
    requirement: str | None = None


class HeldRow(msgspec.Struct, frozen=True, gc=False):
    """A row an owner holds: its id and the fingerprints of value and payload.

    An unknown value (a crash came between store and ledger) has empty fingerprints, which
    equal nothing.
    """

    id: str
    value: Fingerprint
    payload: Fingerprint


class EndCommit(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What one end of an owner came to."""

    generation: int
    definition: Fingerprint
    state: OwnerState
    upserted: Sequence[HeldRow] = ()
    deleted: Sequence[str] = ()
    #: Reason code and sentence where it was skipped or failed.
    reason: str | None = None
    message: str | None = None
    #: What would make a skipped owner servable (``program:tesseract``).
    requirement: str | None = None
    #: The task and part that failed.
    task: str | None = None
    part: str | None = None
    #: For people who look deeper; never shown by default.
    traceback: str | None = None
    #: Where it failed by an error that may pass: how many runs did, this one included.
    tries: int = 0
    #: What failed is not tried before this instant.
    not_before: datetime | None = None
    #: What lets it be tried again: ``content``, ``code``, ``requirement:NAME`` or ``time``. None
    #: leaves it to the store: the requirement, else time for what failed, else content.
    release: str | None = None
    #: The call that killed its workers.
    call: Fingerprint | None = None
    #: Whether it failed by a part and its rows are all that there is without it; the rows that
    #: it was served before are not its last good ones any more.
    in_part: bool = False


class OwnerCommit(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Everything one owner's work came to; written in one transaction."""

    source: str
    key: str
    token: bytes
    #: None when it could not be read: then content and metadata seen before are kept.
    content: Fingerprint | None
    metadata: Mapping[str, Any]
    #: Fingerprint of content and metadata together.
    input: Fingerprint | None
    ends: Sequence[EndCommit] = ()
    #: Of a group: source and key of the owners whose items it is made of, with the fingerprint
    #: of those items; None leaves what is known of its members as it is.
    members: Sequence[tuple[str, str, Fingerprint]] | None = None
    #: Why the run worked on it; None writes nothing of that down.
    reason: Reason | None = None
    #: The calls that lead to what it has, by generation, 0 for groups; None where none was asked
    #: for: then it reaches what it reached, and nothing where it is skipped.
    calls: Mapping[int, Sequence[Fingerprint]] | None = None


class OwnerRemoval(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One owner that is gone."""

    owner: int
    source: str
    key: str
    #: Why, and the key that lists its content now.
    cause: Cause = Cause.DELETED
    moved_to: str | None = None


class Intent(msgspec.Struct, frozen=True, kw_only=True):
    """The rows a portion is about to write and delete at one generation."""

    generation: int
    upserts: Sequence[str]
    deletes: Sequence[str]
    #: (source, key) of the owners the rows belong to, one a row of `upserts`.
    owners: Sequence[tuple[str, str]]


class OwnerView(msgspec.Struct, frozen=True, kw_only=True):
    """One owner at one end, for people."""

    key: str
    source: str
    instance: str
    state: OwnerState
    reason: str | None
    message: str | None
    #: Hex of the fingerprint of the content it is served from.
    version: str | None
    chunks: int
    metadata: Mapping[str, Any]
    requirement: str | None = None
    task: str | None = None
    part: str | None = None
    traceback: str | None = None
    failed_run: int | None = None
    tried_at: datetime | None = None
    #: The number of its dead letter, with what that knows.
    dead_letter: int | None = None
    release: str | None = None
    tries: int = 0
    not_before: datetime | None = None


class TaskTotal(msgspec.Struct, kw_only=True):
    """What one task did in one run."""

    ran: int = 0
    memoized: int = 0
    failed: int = 0
    #: Seconds inside the task, summed over workers.
    seconds: float = 0.0


#: The error of a run whose process ended before it did.
CUT_OFF = "cut off: its process ended before it did"


class RunRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One run, as history keeps it."""

    id: int
    instance: str
    #: The number of that instance; another one may have its name.
    instance_id: int
    pipeline: str
    state: RunState
    parameters: Mapping[str, Any]
    started_at: datetime
    ended_at: datetime | None
    #: The object `--json` printed; None while it runs or when it was cut off.
    summary: Mapping[str, Any] | None
    error: str | None = None
    trigger: str = "command"


class FailedAttempt(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt that failed, or whose worker died."""

    run: int
    task: str
    key: str
    part: str | None
    reason: str
    message: str
    traceback: str | None
    at: datetime
    #: Counted from one, for each call.
    number: int = 1
    #: ``error``, ``timeout``, ``died``, ``limit``, ``cancelled``.
    outcome: str = "error"
    #: How long it took, where that is known.
    seconds: float | None = None
