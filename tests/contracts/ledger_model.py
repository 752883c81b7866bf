"""The contract of `Ledger` in its simplest form: no interning, no compaction, no SQL."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from ragflow.core.records import EndCommit, EndNow, HeldRow, Intent, Listed, OwnerCommit
from ragflow.core.states import Change, OwnerState

SUCCEEDED, SKIPPED = OwnerState.SUCCEEDED, OwnerState.SKIPPED
FAILED, HELD_BACK = OwnerState.FAILED, OwnerState.HELD_BACK


@dataclass
class Seen:
    """What was last seen of an owner."""

    token: bytes | None = None
    text: str | None = None
    metadata: dict[str, Any] = field(default_factory=dict)


@dataclass
class Done:
    """How an owner stands at an end; served and tried are (text, definition)."""

    state: OwnerState
    served: tuple[str | None, bytes] | None = None
    tried: tuple[str | None, bytes] | None = None
    reason: str | None = None
    requirement: str | None = None
    #: The token it was tried with, and whether the instant it waits for is to come or past.
    token: bytes | None = None
    is_to_come: bool | None = None

    def waits(self, released: set[str]) -> bool:
        """Whether nothing is to be done for what failed until something changes."""
        if self.requirement in released or self.state not in (FAILED, HELD_BACK):
            return False
        return bool(self.is_to_come) or (self.state is HELD_BACK and self.is_to_come is None)


#: Instants to wait for: always past, and always to come.
PAST = datetime(2020, 1, 1, tzinfo=UTC)
TO_COME = datetime(2120, 1, 1, tzinfo=UTC)

Owner = tuple[str, str]
End = tuple[Owner, int]


@dataclass
class Model:
    """The ledgers as plain dictionaries."""

    seen: dict[Owner, Seen] = field(default_factory=dict)
    done: dict[End, Done] = field(default_factory=dict)
    held: dict[End, dict[str, HeldRow]] = field(default_factory=dict)
    attempts: dict[End, int] = field(default_factory=dict)
    intents: dict[int, list[Intent]] = field(default_factory=dict)

    def commit(self, commit: OwnerCommit, text: str | None) -> None:
        owner = (commit.source, commit.key)
        seen = self.seen.setdefault(owner, Seen())
        skipped = bool(commit.ends) and all(end.state is SKIPPED for end in commit.ends)
        if text is not None or skipped:
            self.seen[owner] = Seen(commit.token, text, dict(commit.metadata))
        elif seen.text is None:
            self.seen[owner] = Seen(None, None, dict(commit.metadata))
        for end in commit.ends:
            self.end((owner, end.generation), end, text, commit.token)

    def end(self, place: End, end: EndCommit, text: str | None, token: bytes) -> None:
        tried = (text, end.definition)
        done = self.done.setdefault(place, Done(end.state))
        served = tried if end.state in (SUCCEEDED, SKIPPED) else done.served
        to_come = None if end.not_before is None else end.not_before == TO_COME
        facts = (end.reason, end.requirement, token, to_come)
        self.done[place] = Done(end.state, served, tried, *facts)
        if end.state in (SUCCEEDED, SKIPPED):
            self.attempts.pop(place, None)
        else:
            self.attempts[place] = self.attempts.get(place, 0) + 1
        rows = self.held.setdefault(place, {})
        for name in end.deleted:
            rows.pop(name, None)
        rows.update({row.id: row for row in end.upserted})

    def remove(self, owner: Owner) -> None:
        del self.seen[owner]
        for table in (self.done, self.held, self.attempts):
            for place in [place for place in table if place[0] == owner]:
                del table[place]

    def recover(self) -> int:
        count = 0
        for intent in [one for intents in self.intents.values() for one in intents]:
            count += len(intent.upserts) + len(intent.deletes)
            doubtful = list(zip(intent.owners, intent.upserts, strict=True))
            for (owner, generation), rows in self.held.items():
                if generation == intent.generation:
                    doubtful += [(owner, name) for name in rows if name in intent.deletes]
            for owner, name in doubtful:
                self.seen.setdefault(owner, Seen())
                place = (owner, intent.generation)
                self.held.setdefault(place, {})[name] = HeldRow(name, b"", b"")
                if place in self.done:
                    self.done[place] = Done(FAILED, reason="interrupted")
        self.intents.clear()
        return count

    def change(self, source: str, one: Listed, ends: list[EndNow], released: set[str]) -> Change:
        owner = (source, one.key)
        seen = self.seen.get(owner)
        found = [self.done.get((owner, end.generation)) for end in ends]
        known = [done for done in found if done is not None]
        if seen is None or (ends and not known):
            return Change.ADDED
        if one.skip is None and self.is_waiting(one, ends, found, released):
            return Change.UNCHANGED
        if one.token != seen.token:
            return Change.MODIFIED
        if one.skip is not None:
            same = [done.state is SKIPPED and done.reason == one.skip[0] for done in known]
            whole = len(known) == len(ends) and all(same)
            return Change.UNCHANGED if whole else Change.MODIFIED
        if seen.text is None:
            return Change.MODIFIED
        for end, done in zip(ends, found, strict=True):
            if done is None or done.requirement in released:
                return Change.STALE
            now = (seen.text, end.definition)
            if done.state in (SUCCEEDED, SKIPPED):
                if done.served != now:
                    return Change.STALE
            elif done.tried != now or not done.waits(released):
                return Change.STALE
        return Change.UNCHANGED

    def is_waiting(
        self, one: Listed, ends: list[EndNow], found: list[Done | None], released: set[str]
    ) -> bool:
        """Whether every end waits with the token that is listed, read or not."""
        return bool(ends) and all(
            done is not None
            and done.token == one.token
            and done.tried is not None
            and done.tried[1] == end.definition
            and done.waits(released)
            for end, done in zip(ends, found, strict=True)
        )


def fingerprint(kind: str, text: str | None) -> bytes | None:
    return None if text is None else f"{kind} {text}".encode().ljust(20, b".")


def intents_of(commits: list[OwnerCommit]) -> list[Intent]:
    """Return what a portion would announce before it writes: one intent a generation."""
    rows: dict[int, tuple[list[str], list[str], list[Owner]]] = {}
    for commit in commits:
        for end in commit.ends:
            upserts, deletes, owners = rows.setdefault(end.generation, ([], [], []))
            upserts += [row.id for row in end.upserted]
            owners += [(commit.source, commit.key)] * len(end.upserted)
            deletes += end.deleted
    return [
        Intent(generation=generation, upserts=upserts, deletes=deletes, owners=owners)
        for generation, (upserts, deletes, owners) in rows.items()
    ]
