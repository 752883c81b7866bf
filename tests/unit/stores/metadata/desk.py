"""A home to try the ledgers on: short words for listing, committing and looking."""

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from ragflow.core.records import (
    EndCommit,
    EndNow,
    EndStanding,
    Generation,
    HeldRow,
    Instance,
    Intent,
    Listed,
    OwnerChange,
    OwnerCommit,
    OwnerRemoval,
)
from ragflow.core.states import Change, OwnerState
from ragflow.interfaces.orchestration import MetadataStore

SOURCE = "files"


class FakeClock:
    """Stands still but for `sleep` and `go_on`."""

    def __init__(self) -> None:
        self.instant = datetime(2026, 3, 1, 12, 30, 15, 123456, tzinfo=UTC)

    def now(self) -> datetime:
        return self.instant

    def nanoseconds(self) -> int:
        return int(self.instant.timestamp()) * 10**9

    def elapsed(self) -> float:
        return self.instant.timestamp()

    def sleep(self, seconds: float) -> None:
        self.instant += timedelta(seconds=seconds)


class Compared(NamedTuple):
    """What a listing came to."""

    counts: dict[str, int]
    changes: dict[str, OwnerChange]
    unchanged: dict[str, OwnerChange]
    deleted: dict[str, OwnerRemoval]

    def kinds(self) -> dict[str, Change]:
        return {key: change.change for key, change in self.changes.items()}


class Desk:
    """One instance with one source, and the ends it is given."""

    def __init__(self, store: MetadataStore, *, name: str = "handbook", ends: int = 1) -> None:
        self.store = store
        self.ledger = store.ledger
        self.instance: Instance = store.instance(name, name, {"collection": name})
        self.run = store.runs.begin(self.instance, {}, trigger="command")
        self.generations: list[Generation] = [
            store.generations.build("chroma", f"{name}-{number}", {}, publish=True)
            for number in range(ends)
        ]
        self.generation = self.generations[0].id if ends else 0

    def ends(self, definition: str = "code") -> list[EndNow]:
        return [EndNow(f"chroma:{one.place}", one.id, fp(definition)) for one in self.generations]

    def compare(
        self,
        *listed: Listed,
        definition: str = "code",
        ends: Sequence[EndNow] | None = None,
        released: Sequence[str] = (),
        source: str = SOURCE,
    ) -> Compared:
        ends = self.ends(definition) if ends is None else ends
        listing = self.ledger.listing(self.instance, source, ends, released)
        try:
            listing.add(listed)
            return Compared(
                dict(listing.counts()),
                {change.key: change for change in listing.changes()},
                {change.key: change for change in listing.unchanged()},
                {removal.key: removal for removal in listing.deleted()},
            )
        finally:
            listing.close()

    def commit(self, *owners: OwnerCommit, intent: int | None = None) -> None:
        self.ledger.commit(self.instance, self.run, owners, [], intent)

    def serve(self, *keys: str, **words: Any) -> None:
        self.commit(*(self.served(key, **words) for key in keys))

    def served(
        self,
        key: str,
        *,
        token: bytes = b"t1",
        text: str | None = "text",
        state: OwnerState = OwnerState.SUCCEEDED,
        definition: str = "code",
        generations: Sequence[int] | None = None,
        source: str = SOURCE,
        metadata: dict[str, Any] | None = None,
        **end: Any,
    ) -> OwnerCommit:
        """Return the outcome of one owner, the same at each end."""
        if generations is None:
            generations = [one.id for one in self.generations]
        outcomes = [
            EndCommit(generation=one, definition=fp(definition), state=state, **end)
            for one in generations
        ]
        return OwnerCommit(
            source=source,
            key=key,
            token=token,
            content=None if text is None else fp("content", text),
            metadata=metadata or {},
            input=None if text is None else fp("input", text),
            ends=outcomes,
        )

    def remove(self, *removals: OwnerRemoval) -> None:
        self.ledger.commit(self.instance, self.run, [], removals, None)

    def intend(self, upserts: dict[str, str], deletes: Sequence[str] = ()) -> int:
        """Announce rows to upsert, each with its owner, and rows to delete."""
        intent = Intent(
            generation=self.generation,
            upserts=list(upserts),
            deletes=deletes,
            owners=[(SOURCE, key) for key in upserts.values()],
        )
        return self.ledger.intend([intent], self.instance)

    def number(self, key: str, source: str = SOURCE) -> int:
        """Return an owner's number in the ledger."""
        owner = self.compare(source=source).deleted[key].owner
        assert isinstance(owner, int)
        return owner

    def held(self, key: str, generation: int | None = None) -> dict[str, HeldRow]:
        number = self.number(key)
        return self.ledger.held(generation or self.generation, [number])[number]


def fp(*words: str) -> bytes:
    return hashlib.blake2b("\0".join(words).encode(), digest_size=20).digest()


def row(name: str, value: str = "value", payload: str = "payload") -> HeldRow:
    return HeldRow(row_id(name), fp(value), fp(payload))


def row_id(name: str) -> str:
    return fp("row", name)[:16].hex()


def listed(key: str, token: bytes = b"t1", **words: Any) -> Listed:
    return Listed(key, token, **words)


def standing(
    state: OwnerState,
    *,
    served: tuple[str, str] | None,
    tried: tuple[str, str] | None,
    reason: str | None = None,
) -> EndStanding:
    """Return how an owner stands; served and tried are (text, definition)."""
    return EndStanding(
        state=state,
        served_input=fp("input", served[0]) if served else None,
        served_definition=fp(served[1]) if served else None,
        tried_input=fp("input", tried[0]) if tried else None,
        tried_definition=fp(tried[1]) if tried else None,
        reason=reason,
    )
