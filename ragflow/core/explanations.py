"""What `why`, `why-not` and lineage answer, as plain records."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec

from ragflow.core.reasons import Cause
from ragflow.core.states import OwnerState


class Changed(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is different in a definition, with the sentence that says it."""

    task: str
    #: ``code``, ``version``, ``parameter``, ``resource``, ``returns``, ``inputs``, ``rule``,
    #: ``result``, ``task_added``, ``task_removed`` or ``other``.
    what: str
    name: str
    before: Any
    after: Any
    sentence: str


class Worked(msgspec.Struct, frozen=True, kw_only=True):
    """What one run did with an owner, and why."""

    run: int
    #: None where the run is not remembered any more.
    started_at: datetime | None
    cause: Cause
    sentence: str
    #: What is different in the definitions it was made again by.
    changed: Sequence[Changed]
    #: The key its content was known under before, or is listed under now.
    came_from: str | None = None
    moved_to: str | None = None
    requirement: str | None = None
    is_asked: bool = False
    #: What it came to; None where it is gone, or has no ends.
    state: OwnerState | None = None
    ran: int = 0
    memoized: int = 0
    upserted: int = 0
    deleted: int = 0


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """How an owner stands at one end now."""

    #: ``target:place``.
    end: str
    #: Number and state of the generation.
    generation: int
    generation_state: str
    state: OwnerState
    reason: str | None
    message: str | None
    requirement: str | None
    rows: int
    #: The run that tried it last, and when.
    run: int
    tried_at: datetime
    dead_letter: int | None
    #: What lets what failed be tried again, in words.
    released: str | None
    is_discarded: bool
    #: Hex of the definition that it is served by; None where it is not served.
    definition: str | None


class Next(msgspec.Struct, frozen=True, kw_only=True):
    """What the next run would do with an owner."""

    #: None where that is not known; ``unchanged`` where there is nothing to do.
    cause: Cause | None
    sentence: str
    changed: Sequence[Changed] = ()
    #: Whether its source lists it; None where nobody looked.
    is_listed: bool | None = None


class RowFound(msgspec.Struct, frozen=True, kw_only=True):
    """One row of an owner at an end."""

    id: str
    end: str
    generation: int
    #: Where the target knows: page, span and headings of its text.
    page: int | None = None
    start: int | None = None
    stop: int | None = None
    headings: Sequence[str] = ()
    #: None where the target cannot be asked, or was not.
    text: str | None = None


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """Why an owner is as it is: what the last run did, how it stands, what the next would do."""

    key: str
    source: str
    instance: str
    pipeline: str
    #: Hex of the fingerprint of the content last read.
    version: str | None
    #: The last run of the instance.
    last_run: int | None
    #: What stopped that run before its end; None where nothing did.
    stopped_by: str | None = None
    #: What the last run that worked on it, or the one asked for, did; None where none did, or
    #: nobody wrote it down.
    last: Worked | None
    #: Runs that worked on it before, newest first.
    earlier: Sequence[Worked]
    ends: Sequence[Standing]
    next: Next
    #: The row that was asked about, at each end and generation that has it.
    rows: Sequence[RowFound] = ()


class Verdict(StrEnum):
    """Why a document is not in the index, or not found there."""

    NOT_LISTED = "not_listed"  #: its source does not list it
    DELETED = "deleted"  #: it was listed once, and its rows are gone
    MOVED = "moved"  #: its content is listed under another key
    NOT_RUN = "not_run"  #: listed, and new or changed since the last run
    SKIPPED = "skipped"  #: nothing to serve, for a reason
    FAILED = "failed"  #: tried in vain, and not served
    DISCARDED = "discarded"  #: somebody gave it up
    NO_ROWS = "no_rows"  #: served, and nothing was made of it
    NOT_PUBLISHED = "not_published"  #: served in a generation that readers do not see yet
    OUTDATED = "outdated"  #: served, but not from what its source lists now
    IN_INDEX = "in_index"  #: it is there


class WhyNot(msgspec.Struct, frozen=True, kw_only=True):
    """Why a document is not in the index of one instance."""

    key: str
    source: str
    instance: str
    pipeline: str
    verdict: Verdict
    sentence: str
    #: What would change that.
    hint: str | None
    ends: Sequence[Standing]


class TaskUsed(msgspec.Struct, frozen=True, kw_only=True):
    """One task that rows were made by."""

    name: str
    shape: str
    #: Hex of the fingerprint of its code, or the version it declares.
    code: str | None
    version: str | None
    parameters: Mapping[str, Any]
    #: A model's name, revision and digest, for one.
    resources: Mapping[str, Any]
    data: Sequence[str]


class Made(msgspec.Struct, frozen=True, kw_only=True):
    """The rows of an owner at one end, and what made them."""

    standing: Standing
    #: Hex of the content that they are made of.
    version: str | None
    #: Empty where an older version of ragflow made them.
    tasks: Sequence[TaskUsed]
    rows: Sequence[RowFound]


class Related(msgspec.Struct, frozen=True, kw_only=True):
    """A group that an owner belongs to, or a member of one."""

    key: str
    source: str
    #: Of a group: its rows at each end.
    ends: Sequence[Made] = ()


class Lineage(msgspec.Struct, frozen=True, kw_only=True):
    """From a document to every row made of it, or from a row back to its document."""

    key: str
    source: str
    instance: str
    pipeline: str
    #: Hex of the fingerprint of the content and of the version token last seen.
    version: str | None
    token: str
    metadata: Mapping[str, Any]
    ends: Sequence[Made]
    #: What the run that made it last did.
    made_by: Worked | None
    #: The groups it belongs to, each with its rows; of a group its members.
    groups: Sequence[Related] = ()
    members: Sequence[Related] = ()
