"""The plain records of what a run must not lose: leases, assignments, dead letters, audit."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec

from ragflow.core.items import Fingerprint


class Lease(msgspec.Struct, frozen=True, kw_only=True):
    """The right of one scheduler to write for an instance, until another takes it over."""

    instance: int
    #: Grows with every taking; of two leases of an instance only the newer one counts.
    epoch: int
    #: New with every start of a process; says nothing to people.
    holder: str
    #: Who holds it, for people, with its process and machine.
    owner: str
    pid: int
    host: str
    since: datetime
    #: Whoever comes later than this may take it over, unless it is renewed.
    until: datetime
    #: Whether its holder also holds the file lock, whose freedom then proves that it died.
    is_locked: bool


class OpenAssignment(msgspec.Struct, frozen=True, kw_only=True):
    """What a worker is about to be given: one hop of one owner, or one batch of parts."""

    #: Unique within the run.
    number: int
    task: str
    #: Each call with the key of the owner it is for.
    calls: Sequence[tuple[str, Fingerprint]]
    #: Whether nothing else is open while it is, so that a death is its own doing.
    alone: bool = False


class LeftAssignment(msgspec.Struct, frozen=True, kw_only=True):
    """An assignment that is open, or was when its scheduler died."""

    run: int
    number: int
    task: str
    calls: Sequence[tuple[str, Fingerprint]]
    alone: bool
    opened_at: datetime


class Deaths(msgspec.Struct, frozen=True, kw_only=True):
    """How often a worker or a scheduler died while it held a call."""

    #: Held nothing else: the call's own doing.
    alone: int = 0
    #: Held others too: it may have been any of them.
    company: int = 0


class Suspect(msgspec.Struct, frozen=True, kw_only=True):
    """A call that was open when something died, and has not succeeded since."""

    call: Fingerprint
    #: The key of the owner it was for.
    owner: str
    task: str
    deaths: Deaths
    at: datetime


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True):
    """An owner that could not be served at an end, with why and what would release it."""

    #: Never given again.
    id: int
    instance: str
    source: str
    key: str
    target: str
    place: str
    generation: int
    #: The run that failed last.
    run: int
    task: str | None
    part: str | None
    reason: str | None
    message: str | None
    traceback: str | None
    #: ``content``, ``code``, ``requirement:NAME`` or ``time``.
    release: str
    #: Runs that tried it since it was last served.
    attempts: int
    #: Those of them that failed by an error that may pass.
    tries: int
    #: It is not tried before this instant.
    not_before: datetime | None
    #: The call that killed its workers.
    call: Fingerprint | None
    created_at: datetime
    failed_at: datetime
    #: Somebody gave it up: it is not tried, and not listed, until its content changes.
    discarded_at: datetime | None = None


class Request(StrEnum):
    """What another process may ask of a run."""

    CANCEL = "cancel"  #: finish what is open, begin nothing, end
    PAUSE = "pause"  #: finish what is open, begin nothing
    RESUME = "resume"  #: go on


class AuditEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was done in the home: when, by whom, to what and why."""

    id: int
    at: datetime
    #: A person, a schedule or ``run N``.
    actor: str
    #: What kind of thing and what was done, as ``run.began``.
    action: str
    #: The name, key or number of what it was done to.
    object: str | None
    detail: Mapping[str, Any]
    run: int | None


class LogLine(msgspec.Struct, frozen=True, kw_only=True):
    """One thing a task logged or printed."""

    run: int
    task: str | None
    key: str | None
    at: datetime
    #: ``log``, ``out`` or ``err``.
    stream: str
    #: Of a logged line: ``info``, ``warning`` and so on.
    level: str | None
    text: str
