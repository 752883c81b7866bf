"""The contracts of what a home remembers so that no crash loses or doubles work."""

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future
from datetime import datetime
from typing import Protocol

from ragflow.core.items import Fingerprint
from ragflow.core.records import Instance
from ragflow.core.run_records import (
    AuditEvent,
    DeadLetter,
    Deaths,
    Lease,
    LeftAssignment,
    LogLine,
    OpenAssignment,
    Request,
    Suspect,
)


class Leases(Protocol):
    """Says which scheduler may write for an instance.

    `MetadataStore.hold` takes, renews and releases; these are its parts.
    """

    def take(self, instance: Instance, owner: str, *, is_locked: bool = False) -> Lease:
        """Take the lease; every lease of the instance before it counts no more, at once.

        It is free when nobody holds it, when it was not renewed for 30 s, and when its holder
        held the file lock, which `is_locked` says is in our hands now. Raises `BusyError`
        where it is not.
        """

    def renew(self, lease: Lease) -> Lease:
        """Keep it for 30 s from now. Raises `LeaseLostError` when it is another's by now."""

    def check(self, lease: Lease) -> None:
        """Raise `LeaseLostError` when the lease is another's by now; writes nothing."""

    def release(self, lease: Lease) -> None:
        """Let go of it; nothing happens when it is another's by now."""

    def holder(self, instance: Instance) -> Lease | None:
        """Return the lease that counts, None where nobody holds it or its holder died.

        One that was not renewed in time is returned: its holder is stopped or hangs.
        """


class Assignments(Protocol):
    """Knows what workers hold, so that what killed one is known and counted."""

    def open(self, run: int, assignments: Sequence[OpenAssignment]) -> Future[None]:
        """Record what is about to be given to workers; returns at once.

        Once the future is done, it survives the death of this process. Raises through the
        future what kept it from being written.
        """

    def close(self, run: int, numbers: Iterable[int]) -> None:
        """Forget these, whose opening is done; returns at once, written with the next commit."""

    def died(self, run: int, numbers: Iterable[int]) -> dict[Fingerprint, Deaths]:
        """Count the death of a worker for every call of these, alone or not, and close them.

        Returns the deaths of these calls by now. Those that are not open are not counted, so
        it may be told twice.
        """

    def left(self, instance: Instance) -> list[LeftAssignment]:
        """Return what is open, or was when a scheduler died, oldest first."""

    def left_of(self, run: int) -> list[LeftAssignment]:
        """Return what is open of one run, or was when its scheduler died, oldest first."""

    def take_up(self, instance: Instance) -> list[Suspect]:
        """Turn what a dead scheduler left open into suspects; return all suspects there are.

        Each is counted as a death, in one transaction with its closing: so once, however
        often it is interrupted. For whoever just took the lease, before it opens its own.
        """

    def suspects(self, instance: Instance) -> list[Suspect]:
        """Return the calls that were open when something died, oldest first."""

    def clear(self, instance: Instance, calls: Sequence[Fingerprint]) -> None:
        """Forget the deaths of calls that succeeded; returns at once."""


class DeadLetters(Protocol):
    """Keeps what could not be served. The ledger's commits write them and take them back."""

    def list(self, *, instance: str | None = None) -> Sequence[DeadLetter]:
        """Return those that nobody discarded, oldest first; of one instance by its name."""

    def get(self, id: int) -> DeadLetter | None:
        """Return one, None when it was served since."""

    def replay(
        self, ids: Sequence[int] | None = None, *, instance: str | None = None, actor: str
    ) -> Sequence[DeadLetter]:
        """Make owners due: the next run tries them, whatever would release them.

        Their tries and deaths begin again, also those of calls they share with others. Without
        `ids`, all that nobody discarded. Returns them. Raises `NotFoundError`, and changes
        nothing, when one is not there.
        """

    def discard(self, ids: Sequence[int], *, actor: str) -> Sequence[DeadLetter]:
        """Give owners up: they are neither tried nor listed until their content changes.

        Rows they were served from before stay. Returns them. Raises `NotFoundError`, and
        changes nothing, when one is not there.
        """


class Controls(Protocol):
    """Carries the requests of other processes to a run."""

    def ask(self, run: int, request: Request, *, actor: str) -> None:
        """Ask a run to cancel, pause or resume.

        Raises `NotFoundError` when there is no such run, and `UsageError` when it is over, or
        asked to do anything after it was asked to cancel.
        """

    def asked(self, run: int) -> Request | None:
        """Return what was asked of a run last; cheap enough for several times a second."""


class Wanted(Protocol):
    """Carries keys to a run that are to be served before all others."""

    def ask(self, run: int, keys: Sequence[str], *, actor: str) -> list[int]:
        """Ask a run for these; return a number for each, in their order.

        Raises `NotFoundError` when there is no such run, and `UsageError` when it is over.
        """

    def asked(self, run: int, *, after: int) -> list[tuple[int, str]]:
        """Return (number, key) of what was asked of a run after that number."""

    def answer(self, answers: Mapping[int, str]) -> None:
        """Say by number what became of keys; returns at once."""

    def answers(self, numbers: Sequence[int]) -> dict[int, str]:
        """Return what became of those of these that were answered."""


class Audit(Protocol):
    """Keeps what people, schedules and runs did. Nothing in it is ever changed or deleted."""

    def record(
        self,
        action: str,
        *,
        actor: str,
        object: str | None = None,
        detail: Mapping[str, object] | None = None,
        run: int | None = None,
    ) -> None:
        """Add what was done elsewhere. What the store itself changes is recorded with it."""

    def list(
        self,
        *,
        since: datetime | None = None,
        limit: int = 100,
        run: int | None = None,
        action: str | None = None,
    ) -> Sequence[AuditEvent]:
        """Return events, newest first; `action` may be the beginning of one (``run.``)."""


class Logs(Protocol):
    """Keeps what tasks logged and printed, up to a cap a run."""

    def add(
        self,
        run: int,
        text: str,
        *,
        at: datetime,
        stream: str = "log",
        level: str | None = None,
        task: str | None = None,
        key: str | None = None,
    ) -> None:
        """Keep one line; returns at once.

        A run keeps 20,000 lines and 8 MiB; one more line says that the rest was dropped.
        """

    def read(self, run: int, *, task: str | None = None, key: str | None = None) -> list[LogLine]:
        """Return what was kept, in order."""
