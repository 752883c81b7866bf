"""What is known of an owner while it is worked on, and why it is?"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

import msgspec

from ragflow.core.items import Fingerprint
from ragflow.core.records import EndNow, Loaded, OwnerChange
from ragflow.core.states import Change
from ragflow.incremental.why import Situation, reason_of
from ragflow.scheduling.calls import Stop
from ragflow.scheduling.commits import Served
from ragflow.scheduling.owners import Owner
from ragflow.scheduling.walk import Walk


class OnWay:
    """One owner on its way."""

    __slots__ = (
        "calls",
        "change",
        "done",
        "failure",
        "has_failed",
        "loaded",
        "members",
        "memoized",
        "owner",
        "ran",
        "walk",
    )

    def __init__(self, change: OwnerChange) -> None:
        self.change = change
        self.loaded: Loaded | None = None
        #: Why it could not be loaded.
        self.failure: Stop | None = None
        self.owner: Owner | None = None
        self.walk: Walk | None = None
        #: What it came to.
        self.done: Served | None = None
        self.has_failed = False
        #: Of a group: who is in it; see `OwnerCommit.members`.
        self.members: Sequence[tuple[str, str, Fingerprint]] | None = None
        #: What it is made of at each generation; see `OwnerCommit.calls`.
        self.calls: Mapping[int, Sequence[Fingerprint]] | None = None
        #: Calls that were made for it, and those that memos, or others' calls, answered.
        self.ran = self.memoized = 0


class Asked(msgspec.Struct, frozen=True):
    """What somebody asked of a run that makes it work on owners with nothing to do."""

    #: Whether what is unchanged is done again.
    is_again: bool = False
    #: Keys that were named.
    only: frozenset[str] = frozenset()


def explained(
    on_way: OnWay,
    became: Change,
    came_from: str | None,
    ends: Iterable[EndNow],
    *,
    is_rebuilding: bool,
    asked: Asked,
    now: datetime,
) -> Served:
    """Return what an owner came to, with why a run worked on it and how many calls that took.

    `ends` are all below its origin; those count that it came to something at.
    """
    done = on_way.done
    assert done is not None
    commit = done.commit
    tried = {end.commit.generation for end in done.ends}
    reason = reason_of(
        Situation(
            change=on_way.change,
            became=became,
            content=commit.content,
            metadata=commit.metadata,
            input=commit.input,
            ends=[end for end in ends if end.generation in tried],
            is_rebuilding=is_rebuilding,
            is_again=asked.is_again,
            is_asked=on_way.change.key in asked.only,
            came_from=came_from,
            now=now,
        )
    )
    reason = msgspec.structs.replace(reason, ran=on_way.ran, memoized=on_way.memoized)
    commit = msgspec.structs.replace(
        commit, reason=reason, members=on_way.members, calls=on_way.calls
    )
    return msgspec.structs.replace(done, commit=commit)
