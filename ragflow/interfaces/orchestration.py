"""The contracts of orchestration: stores, sources, targets, executors, observers."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from ragflow.core.fires import Firing
from ragflow.core.items import Fingerprint
from ragflow.core.records import (
    EndNow,
    FailedAttempt,
    Generation,
    HeldRow,
    Instance,
    Intent,
    Listed,
    Loaded,
    OwnerCommit,
    OwnerRemoval,
    OwnerView,
    RunRecord,
    TaskTotal,
)
from ragflow.core.run_records import Lease
from ragflow.core.states import OwnerState, RunState
from ragflow.interfaces.comparison import LedgerOfRows
from ragflow.interfaces.durability import (
    Assignments,
    Audit,
    Controls,
    DeadLetters,
    Leases,
    Logs,
    Wanted,
)
from ragflow.interfaces.listing import Listing
from ragflow.interfaces.reasons import Reasons, Recipes
from ragflow.interfaces.retention import Forgetting, Retention
from ragflow.interfaces.schedules import Changes, Schedules
from ragflow.interfaces.unpacking import Manifests


class Source(Protocol):
    """Lists owners cheaply and loads the value of each on demand.

    A class that says ``is_local = True`` needs no network to load: then a worker that has none
    loads what it reads. Of others it is sent what was loaded for it.
    """

    def locator(self) -> Mapping[str, Any]:
        """Return plain values that say where it looks; another locator is another source."""

    def list(self) -> Iterator[Sequence[Listed]]:
        """Yield pages of owners, each key once.

        Ending without an error means the listing is complete, and only then is what was not
        listed deleted. Raises `SourceError` when it cannot say what there is.
        """

    def load(self, key: str, token: bytes) -> Loaded:
        """Return the value listed under `key`; runs on a worker.

        Raises `OSError` where the value cannot be had now and `DocumentError` where it never
        can. Called with the token of the listing; a value that changed since is returned as
        it is now.
        """


class Target(Protocol):
    """Keeps rows at places; opened by name for one run."""

    def prepare(self, generation: Generation) -> None:
        """Make the generation's physical place, if it is not there."""

    def apply(
        self,
        generation: Generation,
        upserts: Sequence[tuple[str, Any, Mapping[str, Any]]],
        deletes: Sequence[str],
    ) -> None:
        """Write the rows (id, value, payload), then delete those ids; idempotent.

        Payload is replaced whole. Interrupted half-way, any prefix may be done.
        """

    def drop(self, generation: Generation) -> None:
        """Remove the generation's physical place and all its rows."""

    def writing(
        self, *, owner: str, wait: bool, check: Callable[[], None] | None = None
    ) -> AbstractContextManager[None]:
        """Hold the store for a run that writes; see `VectorStore.writing`."""

    def close(self) -> None:
        """Let go of everything."""


class Observer(Protocol):
    """Is told what a run does; must not raise and must return at once."""

    def started(self, tasks: Sequence[str]) -> None:
        """The run begins; these tasks may take part, in order."""

    def listed(self, counts: Mapping[str, int]) -> None:
        """The source was compared: how many owners of each change."""

    def progressed(self, totals: Mapping[str, TaskTotal], waiting: Mapping[str, int]) -> None:
        """Calls done so far and calls waiting, by task; at most a few times a second."""

    def noted(self, sentence: str) -> None:
        """Something a person should read."""

    def ended(self, summary: Mapping[str, Any]) -> None:
        """The run is over."""


class ArtifactStore(Protocol):
    """Gives bytes back by their digest."""

    def put(self, data: bytes) -> bytes:
        """Keep `data` durably and return its digest; equal bytes are kept once."""

    def get(self, digest: bytes) -> bytes | None:
        """Return the bytes, or None when they are gone or damaged."""

    def has(self, digest: bytes) -> bool:
        """Tell whether it is there; not whether it is whole."""

    def all(self) -> Iterator[tuple[bytes, int]]:
        """Yield the digest and the size of each."""

    def remove(self, digest: bytes) -> None:
        """Remove one; nothing happens where it is not there."""


class Memos(Protocol):
    """Answers: has this call been computed before?"""

    def get_many(self, keys: Sequence[Fingerprint]) -> dict[Fingerprint, bytes]:
        """Return what is remembered of these calls; what was put is seen at once."""

    def put(
        self, key: Fingerprint, value: bytes, *, task: str, base: Fingerprint | None = None
    ) -> None:
        """Remember; returns at once, durable with the next group commit.

        A kept value whose bytes are damaged is as good as none. `base` is the memo that the
        value was made of, for one that repeats it: it may be kept as what differs, and is as
        good as none once that is gone.
        """


class Ledger(LedgerOfRows, Protocol):
    """Knows what was seen, done and held."""

    def listing(
        self,
        instance: Instance,
        source: str,
        ends: Sequence[EndNow],
        released: Sequence[str] = (),
    ) -> Listing:
        """Begin to compare a listing with the ledgers.

        `released` are requirements that are satisfied now: owners skipped for one of them
        are stale.
        """

    def requirements(self, instance: Instance) -> list[str]:
        """Return every requirement that some owner is skipped for."""

    def contents(
        self, instance: Instance, source: str, owners: Sequence[int]
    ) -> dict[int, Fingerprint]:
        """Return the content last seen of these owners, where it was read."""

    def held(self, generation: int, owners: Sequence[int]) -> dict[int, dict[str, HeldRow]]:
        """Return the rows these owners hold, by owner and row id."""

    def holding(self, owners: Sequence[int]) -> list[int]:
        """Return the generations in which these owners hold rows, in order."""

    def sources(self, instance: Instance) -> list[str]:
        """Return the names of the sources that owners were seen of, sorted."""

    def intend(self, intents: Sequence[Intent], instance: Instance) -> int:
        """Record durably what is about to be written; return the intent's number."""

    def commit(
        self,
        instance: Instance,
        run: int,
        owners: Sequence[OwnerCommit],
        removals: Sequence[OwnerRemoval],
        intent: int | None,
    ) -> None:
        """Write seen, done, held and dead letters of a portion and end its intent, at once.

        Returns when it is durable.
        """

    def recover(self, instance: Instance) -> int:
        """Distrust what a crash left half-written; return how many rows that is.

        Rows named by an intent that never ended become held with unknown fingerprints, their
        owners not served, and the intent ends.
        """

    def locator(self, instance: Instance, source: str) -> Mapping[str, Any] | None:
        """Return where the source looked when it was last listed whole."""

    def set_locator(self, instance: Instance, source: str, locator: Mapping[str, Any]) -> None:
        """Record where the source looks."""

    def guarded(self, instance: Instance, source: str) -> int | None:
        """Return what was last set by `set_guarded`."""

    def set_guarded(self, instance: Instance, source: str, number: int | None) -> None:
        """Record of how many documents a loss is judged until deletions were made; None: of all."""

    def owners(
        self, generation: int, *, state: OwnerState | None = None, key: str | None = None
    ) -> Iterator[OwnerView]:
        """Yield owners as they stand at a generation, by key."""

    def row_count(self, generation: int, *, but_not: int | None = None) -> int:
        """Return how many rows are held there, but not by that instance."""

    def forget_generation(self, generation: int) -> None:
        """Remove done, held and dead letters of a generation that was dropped."""


class Generations(Protocol):
    """Knows the generations of every place."""

    def of(self, target: str, place: str) -> list[Generation]:
        """Return the generations of a place that are not retired, oldest first."""

    def published(self, target: str, place: str) -> Generation | None:
        """Return the generation readers see."""

    def places(self, target: str) -> list[Generation]:
        """Return the published generation of every place, by place."""

    def build(
        self, target: str, place: str, space: Mapping[str, Any], *, publish: bool
    ) -> Generation:
        """Add the next generation, published at once or building.

        Its physical name was never another's, not even one that was forgotten.
        """

    def publish(self, generation: Generation) -> None:
        """Make it the one readers see and retire the others, in one transaction."""

    def forget(self, generation: Generation) -> None:
        """Remove its row."""

    def get(self, number: int) -> Generation | None:
        """Return the generation of this number."""

    def retired(self, target: str) -> list[Generation]:
        """Return retired generations whose place may still be there."""


class Runs(Protocol):
    """Keeps the history of runs."""

    def begin(
        self,
        instance: Instance,
        parameters: Mapping[str, Any],
        *,
        trigger: str,
        actor: str | None = None,
        firing: Firing | None = None,
    ) -> int:
        """Record that a run began; return its number.

        Runs of the instance that are not over ended with their process, and are marked so. With
        `firing` it begins for that fire, in one transaction; raises `FireTakenError`, and records
        nothing, where another run did.
        """

    def take_up(self, run: int, *, actor: str | None = None, firing: Firing | None = None) -> None:
        """Record that a run that was cut off, failed or was cancelled goes on.

        What was asked of it before is forgotten. Raises `NotFoundError` when it is not there
        and `UsageError` when it succeeded. With `firing` the fire of the run must wait for it;
        raises `FireTakenError`, and changes nothing, where it does not.
        """

    def mark(self, run: int, state: RunState) -> None:
        """Record that a run is paused, runs again or is being cancelled.

        Raises `IllegalMoveError` when it cannot become that from what it is.
        """

    def end(
        self,
        run: int,
        state: RunState,
        *,
        summary: Mapping[str, Any] | None,
        totals: Mapping[str, TaskTotal],
        error: str | None = None,
    ) -> None:
        """Record how it ended."""

    def fail(self, attempts: Iterable[FailedAttempt]) -> None:
        """Record failed attempts; returns at once."""

    def get(self, run: int) -> RunRecord | None:
        """Return one run."""

    def recent(self, *, limit: int = 20, instance: str | None = None) -> list[RunRecord]:
        """Return runs, newest first."""

    def attempts(self, run: int) -> list[FailedAttempt]:
        """Return its failed attempts in order."""

    def totals(self, run: int) -> dict[str, TaskTotal]:
        """Return what each task did in it."""


class MetadataStore(Changes, Protocol):
    """Everything a home remembers; one writer thread, group commit.

    Safe for several processes at once. Methods that write raise `BusyError` when another
    process keeps the database locked for 10 s.
    """

    ledger: Ledger
    memos: Memos
    generations: Generations
    runs: Runs
    leases: Leases
    assignments: Assignments
    dead_letters: DeadLetters
    controls: Controls
    wanted: Wanted
    audit: Audit
    logs: Logs
    reasons: Reasons
    recipes: Recipes
    manifests: Manifests
    retention: Retention
    schedules: Schedules
    forgetting: Forgetting

    def instance(self, name: str, pipeline: str, scope: Mapping[str, Any]) -> Instance:
        """Return the instance of this name and scope, adding it when it is new."""

    def instances(self) -> list[Instance]:
        """Return every instance, by name."""

    def hold(self, instance: Instance, *, owner: str, wait: bool) -> AbstractContextManager[Lease]:
        """Keep every other process from running this instance while the context lives.

        Takes the file lock, which dies with the process, and the lease, which is renewed
        every 10 s while the context lives. Where the lock is held but the lease was not
        renewed for 30 s, its holder is stopped or hangs, and the lease alone is taken.
        Raises `BusyError` naming who holds it and since when, unless `wait`.
        """

    def leased(self, lease: Lease) -> "MetadataStore":
        """Return this store as the holder of a lease sees it.

        Every transaction it writes begins by comparing the epoch; once the lease is
        another's, what would be written is not, and the write raises `LeaseLostError`. What
        is posted is dropped then. Memos are not compared: they are true whoever puts them.
        Closing either closes both.
        """

    def flush(self) -> None:
        """Return when everything put so far is durable."""

    def close(self) -> None:
        """Flush and let go; may be called twice."""
