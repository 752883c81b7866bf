"""The plain records of what a home remembers, and of what is removed from it."""

from collections.abc import Mapping, Sequence
from datetime import date

import msgspec


class Amount(msgspec.Struct, frozen=True):
    """How many of something there are, and how many bytes they take."""

    number: int = 0
    bytes: int = 0

    def __add__(self, other: "Amount") -> "Amount":
        return Amount(self.number + other.number, self.bytes + other.bytes)


class TaskMemos(msgspec.Struct, frozen=True, kw_only=True):
    """The memos of the tasks of one name."""

    task: str
    all: Amount
    #: Those that no owner needs any more, or never did.
    unreached: Amount
    #: When the first of these has been kept long enough; None without any.
    expires: date | None


class Remembered(msgspec.Struct, frozen=True, kw_only=True):
    """The memos of a home."""

    tasks: Sequence[TaskMemos]
    #: Large values beside the database; those of the tasks are among their bytes.
    artifacts: Amount
    #: Owners of which nobody knows what they need: an older version served them.
    unknown: int


class Pruned(msgspec.Struct, frozen=True, kw_only=True):
    """What was removed, or would be."""

    memos: Mapping[str, Amount]
    artifacts: Amount = Amount()
    #: By how much the database became smaller; None where nothing was done.
    shrunk: int | None = None
    #: Lines of logs, failed attempts and reasons of old runs.
    logs: int = 0
    attempts: int = 0
    reasons: int = 0
    #: Owners of which nobody knows what they need; while there are any, every memo is kept.
    unknown: int = 0


class OldPlace(msgspec.Struct, frozen=True, kw_only=True):
    """A source that knows a key, or knew it."""

    number: int
    source: str
    #: The number of the instance.
    instance: int


class Belongings(msgspec.Struct, frozen=True, kw_only=True):
    """The calls a document is made of, each by the first bytes of its key."""

    #: Those that no other needs.
    alone: Sequence[bytes]
    shared: Sequence[bytes]


class Forgotten(msgspec.Struct, frozen=True, kw_only=True):
    """What was removed of one document, and of those that it holds."""

    owners: int = 0
    rows: int = 0
    #: Groups it belongs to: the next run makes them anew without it.
    groups: Sequence[str] = ()
    #: Places of whose files nobody could make sure that nothing is left in them.
    unscrubbed: Sequence[str] = ()
    memos: Amount = Amount()
    #: Memos that stay because another document needs them, too.
    shared: int = 0
    artifacts: Amount = Amount()
    logs: int = 0
    attempts: int = 0
    dead_letters: int = 0
    reasons: int = 0

    def __add__(self, other: "Forgotten") -> "Forgotten":
        return Forgotten(
            owners=self.owners + other.owners,
            rows=self.rows + other.rows,
            groups=sorted({*self.groups, *other.groups}),
            unscrubbed=sorted({*self.unscrubbed, *other.unscrubbed}),
            memos=self.memos + other.memos,
            shared=self.shared + other.shared,
            artifacts=self.artifacts + other.artifacts,
            logs=self.logs + other.logs,
            attempts=self.attempts + other.attempts,
            dead_letters=self.dead_letters + other.dead_letters,
            reasons=self.reasons + other.reasons,
        )
