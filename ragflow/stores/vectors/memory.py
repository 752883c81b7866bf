"""Rows in memory: an honest vector store for tests and for what need not last."""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from ragflow.clock import Clock, SystemClock
from ragflow.errors import BusyError, UsageError
from ragflow.interfaces.ingestion import Inspected, Match, StoredRow
from ragflow.stores.vectors.checks import check_dimension, check_place, check_rows, no_place
from ragflow.stores.vectors.cosine import direction, scores
from ragflow.stores.vectors.encoding import decode, encode, half_of
from ragflow.stores.vectors.fields import fields
from ragflow.stores.vectors.where import parse, satisfied


@dataclass(frozen=True, slots=True)
class _Place:
    dimension: int
    label: str
    #: By id, each row as the JSON another store would keep.
    bodies: dict[str, str] = field(default_factory=dict)


class MemoryStore:
    """Keeps rows in this process and compares every one; safe for threads.

    What it accepts, refuses and returns is what `ChromaStore` does; nothing outlives it.
    """

    def __init__(self, *, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._places: dict[str, _Place] = {}
        self._lock = threading.RLock()
        self._turn = threading.Lock()
        self._holder = ""
        self._check: Callable[[], None] | None = None
        self._closed = False

    def create(self, place: str, *, dimension: int, label: str) -> None:
        """Make the place if it is not there; raises `UsageError` for another dimension."""
        check_place(place)
        if dimension < 1:
            raise UsageError(f"place {place!r} cannot hold vectors of {dimension} components")
        with self._changing():
            there = self._places.setdefault(place, _Place(dimension, label))
        check_dimension(there.label, there=there.dimension, asked=dimension)

    def places(self) -> list[str]:
        """Return every place there is, sorted."""
        with self._open():
            return sorted(self._places)

    def apply(self, place: str, upserts: Sequence[StoredRow], deletes: Sequence[str]) -> None:
        """Write `upserts`, then delete `deletes`; nothing is written if a row is refused."""
        with self._changing():
            there = self._find(place)
            check_rows(upserts, dimension=there.dimension)
            there.bodies.update({row.id: encode(row) for row in upserts})
            for gone in deletes:
                there.bodies.pop(gone, None)

    def scrub(self) -> None:
        """There is no file."""

    def query(
        self, place: str, vector: Sequence[float], *, k: int, where: Mapping[str, Any] | None
    ) -> list[Match]:
        """Return the `k` nearest rows that satisfy `where`, best first, ties by id."""
        condition = parse(where)
        if k < 1:
            raise UsageError(f"a search for {k} rows finds nothing", hint="ask for at least one")
        with self._open():
            there = self._find(place)
            bodies = dict(there.bodies)
        wanted = direction(vector, dimension=there.dimension)
        rows = [decode(number, body, vectors=False) for number, body in bodies.items()]
        rows = [row for row in rows if not condition or satisfied(condition, fields(row.payload))]
        exact = scores(wanted, [half_of(bodies[row.id]) for row in rows])
        matches = [Match(row=row, score=score) for row, score in zip(rows, exact, strict=True)]
        return sorted(matches, key=lambda match: (-match.score, match.row.id))[:k]

    def rows(self, place: str, *, vectors: bool = False) -> Iterator[StoredRow]:
        """Yield every row as it is now, sorted by id; raises `NotFoundError` at once."""
        with self._open():
            bodies = dict(self._find(place).bodies)
        return (decode(number, bodies[number], vectors=vectors) for number in sorted(bodies))

    def get(self, place: str, ids: Sequence[str]) -> list[StoredRow]:
        """Return the rows of these ids that are there, with vectors, in the order asked."""
        with self._open():
            bodies = self._find(place).bodies
            return [decode(each, bodies[each], vectors=True) for each in ids if each in bodies]

    def dimension(self, place: str) -> int | None:
        """Return how long the vectors of a place are, None where there is no such place."""
        with self._open():
            there = self._places.get(place)
        return None if there is None else there.dimension

    def inspect(self, place: str) -> Iterator[Inspected]:
        """Yield what stands at every id, sorted by id; nobody else can write here."""
        return (Inspected(id=row.id, row=row) for row in self.rows(place, vectors=True))

    def rewrite(self, place: str, rows: Sequence[StoredRow]) -> None:
        """Write rows as `apply` does."""
        self.apply(place, rows, [])

    def count(self, place: str) -> int:
        """Return how many ids are taken, by whomever."""
        with self._open():
            return len(self._find(place).bodies)

    def drop(self, place: str) -> None:
        """Remove the place and all it holds; no error if it is not there."""
        with self._changing():
            self._places.pop(place, None)

    @contextmanager
    def writing(
        self, *, owner: str, wait: bool, check: Callable[[], None] | None = None
    ) -> Iterator[None]:
        """Hold the store for a run that writes; readers are never kept out by it.

        Raises `BusyError` naming who holds it and since when, unless `wait`. `check` is called
        before every change: what it raises keeps the change from being made.
        """
        if not self._turn.acquire(blocking=wait):
            raise BusyError(
                f"the store is being written by {self._holder}",
                hint="wait for it with --wait, or stop it",
            )
        try:
            self._holder = f"{owner!r} since {self._clock.now().isoformat(timespec='seconds')}"
            self._check = check
            yield
        finally:
            self._check = None
            self._turn.release()

    def close(self) -> None:
        """Let go of everything; may be called twice. Methods then raise `UsageError`."""
        self._closed = True
        self._places = {}

    @contextmanager
    def _open(self) -> Iterator[None]:
        if self._closed:
            raise UsageError("the store was closed")
        with self._lock:
            yield

    @contextmanager
    def _changing(self) -> Iterator[None]:
        with self._open():
            if self._check is not None:
                self._check()
            yield

    def _find(self, place: str) -> _Place:
        found = self._places.get(place)
        if found is None:
            raise no_place(place)
        return found
