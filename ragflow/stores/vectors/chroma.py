"""Rows in an embedded Chroma, safe to share between the processes of one machine."""

import os
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import timedelta
from pathlib import Path
from typing import Any

from ragflow.clock import Clock, SystemClock
from ragflow.core.commit_points import reached
from ragflow.errors import UsageError
from ragflow.interfaces.ingestion import Inspected, Match, StoredRow
from ragflow.stores.vectors.checks import check_dimension, check_place, check_rows, no_place
from ragflow.stores.vectors.cosine import direction, scores
from ragflow.stores.vectors.encoding import decode, encode, half_of, is_readable, is_unicode
from ragflow.stores.vectors.engine import Collection, Engine
from ragflow.stores.vectors.filters import BODY, Filter, to_filter
from ragflow.stores.vectors.inspection import inspected
from ragflow.stores.vectors.portions import portions, write
from ragflow.stores.vectors.salvage import recover, tidy
from ragflow.stores.vectors.scrubbing import scrub
from ragflow.stores.vectors.sharing import COURTESY, Sharing
from ragflow.stores.vectors.where import parse

#: Rows that a search looks at beyond those asked for, to compare them exactly.
_MORE = 20


class ChromaStore:
    """Keeps each place as a collection of an embedded Chroma; a folder, no server.

    Safe for threads and for other processes of the machine, after a fork too. A search sees
    every change completed before it began: a client that somebody else's change made stale is
    replaced first. While another process writes, a method waits for the portion under way, not
    for the session. Scores are exact: what the index found is compared again. A writer that was
    killed leaves no harm: who comes next mends the index.
    """

    def __init__(
        self,
        folder: Path,
        *,
        clock: Clock | None = None,
        patience: timedelta = timedelta(seconds=10),
    ) -> None:
        self._folder = folder
        self._clock = clock or SystemClock()
        self._patience = patience.total_seconds()
        self._sharing = Sharing(folder / "sharing", clock=self._clock, patience=patience)
        self._sessions = 0
        #: Raises where the session that is open may change nothing any more.
        self._check: Callable[[], None] | None = None
        self._closed = False
        self._engine: Engine | None = None
        #: The count of commits that the open client has seen, and what it has loaded.
        self._seen = 0
        self._touched: set[str] = set()
        leave = weakref.WeakMethod(self._leave_to_parent)
        os.register_at_fork(after_in_child=lambda: (method := leave()) and method())

    def create(self, place: str, *, dimension: int, label: str) -> None:
        """Make the place if it is not there; raises `UsageError` for another dimension."""
        check_place(place)
        if dimension < 1:
            raise UsageError(f"place {place!r} cannot hold vectors of {dimension} components")
        with self._reading(None) as engine:
            there = _places(engine).get(place)
        if there is None:
            with self._turn(f"making {label!r}"), self._alone() as engine:
                there = _places(engine).get(place)
                if there is None:
                    with self._change("create"):
                        engine.create(place, dimension=dimension, label=label, instead_of=None)
                    return
        check_dimension(there.label, there=there.dimension, asked=dimension)

    def places(self) -> list[str]:
        """Return every place there is, sorted."""
        with self._reading(None) as engine:
            return sorted(_places(engine))

    def apply(self, place: str, upserts: Sequence[StoredRow], deletes: Sequence[str]) -> None:
        """Write `upserts`, then delete `deletes`, a portion at a time; idempotent.

        Outside `writing` it waits its turn like any writer. Nothing is written if a row cannot
        be stored (`UsageError`). Rows that are there as given are not written again.
        """
        self._write(place, upserts, deletes)

    def rewrite(self, place: str, rows: Sequence[StoredRow]) -> None:
        """Write rows as `apply` does, and all of each, even where it seems to be there as given."""
        self._write(place, rows, [], is_anew=True)

    def _write(
        self,
        place: str,
        upserts: Sequence[StoredRow],
        deletes: Sequence[str],
        *,
        is_anew: bool = False,
    ) -> None:
        with self._reading(None) as engine:
            dimension = _find(engine, place).dimension
        check_rows(upserts, dimension=dimension)
        bodies = {row.id: encode(row) for row in upserts}
        gone = [each for each in dict.fromkeys(deletes) if _is_id(each)]
        if not bodies and not gone:
            return
        with self._turn(f"writing to {place!r}"):
            for portion in portions(bodies.items()):
                with self._changing("upsert", place) as (engine, collection):
                    write(engine, collection, dict(portion), is_anew=is_anew)
            for ids in portions(gone):
                with self._changing("delete", place) as (engine, collection):
                    engine.delete(collection, ids)

    def scrub(self) -> None:
        """Leave nothing of the text of rows that were deleted in any file."""
        with self._turn("clearing what was deleted"), self._alone() as engine:
            del engine
            with self._change("scrub"):
                self._engine = None
                scrub(self._folder)

    def query(
        self, place: str, vector: Sequence[float], *, k: int, where: Mapping[str, Any] | None
    ) -> list[Match]:
        """Return the `k` nearest rows that satisfy `where`, best first, ties by id.

        `ragflow.stores.vectors.where` says what can be asked.
        """
        condition = parse(where)
        only = to_filter(condition) if condition else None
        if k < 1:
            raise UsageError(f"a search for {k} rows finds nothing", hint="ask for at least one")
        with self._reading(place) as engine:
            collection = _find(engine, place)
            wanted = direction(vector, dimension=collection.dimension)
            limit = k + _MORE
            while True:
                bodies, is_all = _nearest(engine, collection, wanted.tolist(), limit, only)
                exact = scores(wanted, [half_of(body) for body in bodies.values()])
                ranked = sorted(
                    (-score, number) for number, score in zip(bodies, exact, strict=True)
                )
                # Rows beyond the last one found may tie with it, and come first by their id.
                if is_all or (len(ranked) >= k and ranked[k - 1][0] < ranked[-1][0]):
                    break
                limit *= 4
        return [
            Match(row=decode(number, bodies[number], vectors=False), score=-below)
            for below, number in ranked[:k]
        ]

    def rows(self, place: str, *, vectors: bool = False) -> Iterator[StoredRow]:
        """Yield every row, sorted by id; raises `NotFoundError` at once.

        Read in portions: nobody is kept out between two, and memory holds the ids and one
        portion. If rows change meanwhile, one deleted may be left out, one written again comes
        as it was or as it is, and one added is not seen.
        """
        with self._reading(place) as engine:
            ids = sorted(engine.ids(_find(engine, place)))
        return self._rows(place, ids, vectors=vectors)

    def get(self, place: str, ids: Sequence[str]) -> list[StoredRow]:
        """Return the rows of these ids that are there, with vectors, in the order asked."""
        found: dict[str, str] = {}
        with self._reading(place) as engine:
            collection = _find(engine, place)
            for portion in portions(each for each in dict.fromkeys(ids) if _is_id(each)):
                found |= _bodies(engine, collection, portion)
        return [decode(each, found[each], vectors=True) for each in ids if each in found]

    def dimension(self, place: str) -> int | None:
        """Return how long the vectors of a place are, None where there is no such place."""
        with self._reading(None) as engine:
            there = _places(engine).get(place)
        return None if there is None else there.dimension

    def inspect(self, place: str) -> Iterator[Inspected]:
        """Yield what stands at every id, sorted by id, whoever wrote it; read as `rows` reads."""
        with self._reading(place) as engine:
            ids = sorted(engine.ids(_find(engine, place)))
        return self._inspect(place, ids)

    def _inspect(self, place: str, ids: Sequence[str]) -> Iterator[Inspected]:
        for portion in portions(ids):
            with self._reading(place) as engine:
                found = inspected(engine, _find(engine, place), portion)
            yield from found

    def count(self, place: str) -> int:
        """Return how many ids are taken, by whomever."""
        with self._reading(place) as engine:
            return engine.count(_find(engine, place))

    def drop(self, place: str) -> None:
        """Remove the place and all it holds; no error if it is not there."""
        with self._reading(None) as engine:
            there = place in _places(engine)
        if not there:
            return
        with self._turn(f"dropping {place!r}"), self._alone() as engine:
            collection = _places(engine).get(place)
            if collection:
                with self._change("drop"):
                    engine.drop(collection)
                    del engine
                    self._engine = None
                    tidy(self._folder)

    @contextmanager
    def writing(
        self, *, owner: str, wait: bool, check: Callable[[], None] | None = None
    ) -> Iterator[None]:
        """Hold the store for a run that writes; readers are never kept out by it.

        Raises `BusyError` naming who holds it and since when, unless `wait`. The hold ends
        with the process at the latest. It is this object's: its methods write under it, from
        any thread; another `writing` meanwhile is refused or waits. `check` is called before
        every change, with the data held alone: what it raises keeps the change from being made.
        """
        self._check_open()
        with self._sharing.writer(owner=owner, patience=None if wait else 0):
            self._sessions += 1
            self._check = check
            try:
                yield
            finally:
                self._check = None
                self._sessions -= 1

    def close(self) -> None:
        """Let go of the client; may be called twice. Methods then raise `UsageError`."""
        self._closed = True
        self._engine = None

    def _rows(self, place: str, ids: Sequence[str], *, vectors: bool) -> Iterator[StoredRow]:
        for portion in portions(ids):
            with self._reading(place) as engine:
                found = _bodies(engine, _find(engine, place), portion)
            for each in portion:
                if each in found:
                    yield decode(each, found[each], vectors=vectors)

    def _turn(self, owner: str) -> AbstractContextManager[None]:
        """Return the session that is open, or one for a single change."""
        self._check_open()
        if self._sessions:
            return nullcontext()
        return self._sharing.writer(owner=owner, patience=self._patience)

    @contextmanager
    def _reading(self, place: str | None) -> Iterator[Engine]:
        """Hold the data with an open client that sees everything, and has loaded the place."""
        self._check_open()
        # Looked at twice: a client known to be stale need not wait for a turn it cannot use.
        if self._is_current(place):
            with self._sharing.shared():
                engine = self._engine
                if engine is not None and self._is_current(place):
                    yield engine
                    return
        with self._alone() as engine:
            if place is not None and place not in self._touched:
                engine.touch(_find(engine, place))
                self._touched.add(place)
            yield engine

    @contextmanager
    def _alone(self) -> Iterator[Engine]:
        """Hold the data with nobody else, with an open client that sees everything."""
        with self._sharing.alone():
            commits = self._sharing.commits()
            if commits % 2:
                self._engine = None
                self._engine = recover(self._folder)
                commits += 1
                self._sharing.record(commits)
                self._touched = set()
            elif self._engine is None or commits != self._seen:
                # First let go: two clients of one process would hold the index twice.
                self._engine = None
                self._engine = Engine(self._folder)
                self._touched = set()
            self._seen = commits
            yield self._engine

    @contextmanager
    def _changing(self, what: str, place: str) -> Iterator[tuple[Engine, Collection]]:
        """Hold the data alone for one portion of changes to a place."""
        with self._alone() as engine:
            collection = _find(engine, place)
            with self._change(what):
                yield engine, collection
            self._touched.add(place)
        self._clock.sleep(COURTESY)

    @contextmanager
    def _change(self, what: str) -> Iterator[None]:
        """Count a change; what fails half-way stays marked, for the next one to look into."""
        if self._check is not None:
            self._check()
        self._sharing.record(self._seen + 1)
        reached(f"ChromaStore {what}: begun")
        try:
            yield
        except BaseException:
            self._engine = None
            raise
        reached(f"ChromaStore {what}: made")
        self._sharing.record(self._seen + 2)
        self._seen += 2
        reached(f"ChromaStore {what}: recorded")

    def _is_current(self, place: str | None) -> bool:
        loaded = place is None or place in self._touched
        return self._engine is not None and loaded and self._sharing.commits() == self._seen

    def _check_open(self) -> None:
        if self._closed:
            raise UsageError(f"the store in {self._folder} was closed")

    def _leave_to_parent(self) -> None:
        """Give up what belongs to the process that this one was forked from."""
        if self._engine is not None:
            self._engine.abandon()
        self._engine = None
        self._sessions = 0
        self._check = None


def _places(engine: Engine) -> dict[str, Collection]:
    return {each.name: each for each in engine.collections() if each.instead_of is None}


def _find(engine: Engine, place: str) -> Collection:
    found = _places(engine).get(place)
    if found is None:
        raise no_place(place)
    return found


def _bodies(engine: Engine, collection: Collection, ids: Sequence[str]) -> dict[str, str]:
    """Return the bodies of these rows, those left out that others wrote or that are damaged."""
    found = {each: kept.get(BODY) for each, kept in engine.metadata(collection, ids).items()}
    return _readable(found, collection)


def _readable(bodies: Mapping[str, Any], collection: Collection) -> dict[str, str]:
    dimension = collection.dimension
    return {each: b for each, b in bodies.items() if is_readable(b, dimension=dimension)}


def _nearest(
    engine: Engine, collection: Collection, vector: list[float], limit: int, only: Filter | None
) -> tuple[dict[str, str], bool]:
    """Return the bodies of the `limit` nearest rows, and whether they are all there are."""
    found = engine.nearest(collection, vector, limit=limit, only=only)
    bodies = {number: body for number, body, _ in found}
    if len(bodies) >= limit:
        return _readable(bodies, collection), False
    # An index may not find its way to every row. With so few, it need not.
    ids = engine.ids(collection, only=only)
    readable = _readable(bodies, collection)
    if len(ids) > len(bodies):
        for portion in portions(ids):
            readable |= _bodies(engine, collection, portion)
    return readable, True


def _is_id(text: str) -> bool:
    return bool(text) and is_unicode(text)
