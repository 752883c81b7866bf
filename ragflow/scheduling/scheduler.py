"""How do the owners of one origin stream through their tasks?

Depth first, without a barrier between tasks: a bounded window of owners is loaded, walked,
remembered and committed; what one owner waits for never keeps another waiting. One thread
runs this loop and owns all state; workers are handed calls and hand back what came out.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from typing import Any

import msgspec

from ragflow.core.items import Fingerprint
from ragflow.core.pipeline_graph import Node
from ragflow.core.records import EndNow, Loaded, OwnerChange
from ragflow.core.states import Change
from ragflow.errors import SkipDocument
from ragflow.incremental.encoding import normal
from ragflow.interfaces.orchestration import Source
from ragflow.scheduling.calling import Calling
from ragflow.scheduling.calls import Stop
from ragflow.scheduling.commits import Served
from ragflow.scheduling.groups import Gatherings
from ragflow.scheduling.handover import Handover
from ragflow.scheduling.interruption import Interruption, interruptible
from ragflow.scheduling.moves import Moves
from ragflow.scheduling.owners import (
    ContentChangedError,
    Owner,
    ended_as,
    find_owner,
    left_out,
    of_one,
    served,
    standing_of,
    start_of,
    stopped_before,
    unread,
)
from ragflow.scheduling.portions import Portions
from ragflow.scheduling.rows import WantedRow, wanted_rows
from ragflow.scheduling.surroundings import Surroundings
from ragflow.scheduling.walk import Ground, Outcome, Table, Walk, walk
from ragflow.scheduling.window import Window

Tables = Mapping[str, Table | Stop]


class _Walker:
    """One owner on its way."""

    __slots__ = ("is_over", "missing", "number", "outcomes", "owner", "steps")

    def __init__(self, number: int, owner: Owner, steps: Walk) -> None:
        self.number = number
        self.owner = owner
        self.steps = steps
        self.outcomes: list[Outcome | None] = []
        self.missing = 0
        #: Set when it began again as another walker: answers to this one are dropped.
        self.is_over = False


Waiter = tuple[_Walker, int]


class Scheduler:
    """Streams the owners of one origin through the tasks below it."""

    def __init__(
        self,
        surroundings: Surroundings,
        ground: Ground,
        *,
        source: Source,
        name: str,
        ends: Mapping[str, tuple[Node, EndNow]],
        moves: Moves,
        gatherings: Gatherings | None = None,
        gather_ground: Ground | None = None,
        rebuilding: bool = False,
        counted: bool = True,
    ) -> None:
        self._s = surroundings
        self._ground = ground
        self._source = source
        self._name = name
        self._ends = {target: end for target, (_, end) in ends.items()}
        self._targets = {target: node for target, (node, _) in ends.items()}
        self._moves = moves
        self._gatherings = gatherings
        # An owner with nothing to do is walked only as far as its groups need.
        self._gather_ground = gather_ground or ground
        self._rebuilding = rebuilding
        self._counted = counted
        self._window = Window(owners=surroundings.window_owners, size=surroundings.window_bytes)
        self._handover = Handover(surroundings.executors, surroundings.clock)
        self._portions = Portions(self._send_portion, surroundings.clock)
        self._calling: Calling[Waiter] = Calling(
            surroundings,
            ground,
            self._handover,
            deliver=self._deliver,
            failed=lambda waiter, stop: self._s.failed(waiter[0].owner.change.key, stop),
            begin_again=self._begin_again,
        )
        self._numbers = iter(range(1 << 62))
        self._exhausted = False
        self._told = 0.0

    def run(self, changes: Iterator[OwnerChange]) -> None:
        """Work through the owners; return when all are committed.

        Interrupted, it begins nothing more, commits what is finished, remembers what was
        computed and raises.
        """
        with interruptible(self._handover.wake) as interruption:
            self._run(changes, interruption)

    def _run(self, changes: Iterator[OwnerChange], interruption: Interruption) -> None:
        try:
            while True:
                interruption.check()
                self._admit(changes)
                self._calling.answer()
                self._calling.send_batches(idle=self._is_starved())
                over = self._exhausted and not len(self._window)
                calls_under_way = self._handover.is_busy("threads", "inline", "batches")
                self._portions.let_go(idle=over or not calls_under_way)
                if over and self._portions.is_empty:
                    return
                # With nothing under way nothing would ever be heard: memos answered all.
                if calls_under_way or self._handover.is_busy("commits"):
                    self._handover.hear()
                self._tell()
        except BaseException:
            self._abandon()
            raise

    def _is_starved(self) -> bool:
        """Tell whether nothing under way can add to the batches that wait."""
        no_more = self._exhausted or not self._window.has_room()
        return no_more and not self._handover.is_busy("threads", "inline")

    def _tell(self) -> None:
        now = self._s.clock.elapsed()
        if now - self._told > 0.1:
            self._told = now
            self._s.progress(self._calling.waiting)

    def _abandon(self) -> None:
        self._calling.remember_unheard()
        self._handover.close("commits")
        portion = self._portions.take()
        if portion and self._s.serve is not None:
            self._s.serve(portion)

    # Owners come in

    def _admit(self, changes: Iterator[OwnerChange]) -> None:
        while not self._exhausted and self._window.has_room() and not self._portions.is_stemmed:
            change = next(changes, None)
            if change is None:
                self._exhausted = True
                return
            if change.skip is not None:
                if change.change is not Change.UNCHANGED:
                    self._finish(change, left_out(self._name, change, list(self._ends.values())))
                    self._portions.let_go(idle=False)
                continue
            number = next(self._numbers)
            self._window.enter(number, change.size or 0)
            is_known = change.token == change.token_seen and change.change is not Change.MODIFIED
            if change.content is not None and is_known:
                self._set_out(number, change, change.content, None)
            else:
                self._load(number, change)

    def _load(self, number: int, change: OwnerChange) -> None:
        self._handover.submit("threads", self._loading(change), self._loaded, number, change)

    def _loading(self, change: OwnerChange) -> Callable[[], Loaded]:
        return lambda: self._source.load(change.key, change.token)

    def _loaded(self, number: int, change: OwnerChange, future: Future[Any]) -> None:
        total = self._s.totals.tasks.get(self._ground.origin)
        error = future.exception()
        if error is not None:
            stop = Stop(self._ground.origin, (), of_one(error))
            if total is not None and not isinstance(error, SkipDocument):
                total.failed += 1
            self._s.failed(change.key, stop)
            self._window.leave(number)
            done = unread(self._name, change, list(self._ends.values()), stop)
            if self._gatherings is not None:
                self._gatherings.miss(stop)
            self._finish(change, done, gathered=stop)
            return
        loaded, seconds = future.result()
        if total is not None:
            total.ran += 1
            total.seconds += seconds
        self._window.enter(number, loaded.size)
        self._set_out(number, change, loaded.content, loaded)

    def _set_out(
        self, number: int, change: OwnerChange, content: Fingerprint, loaded: Loaded | None
    ) -> None:
        metadata = change.metadata
        if loaded is not None:
            # As the ledger gives it back, so that what is served by is the same next time.
            metadata = {**change.listed, **normal(loaded.metadata)}
        owner = find_owner(
            self._name, change, content, metadata, self._ends, rebuilding=self._rebuilding
        )
        if not owner.ends and self._gatherings is None:
            self._window.leave(number)
            self._finish(change, served(owner, {}), owner.changed)
            return
        start = start_of(owner, loaded, self._loading(change))
        ground = self._ground if owner.ends else self._gather_ground
        self._advance(_Walker(number, owner, walk(ground, change.key, start)), None)

    # Owners walk

    def _advance(self, walker: _Walker, outcomes: list[Outcome] | None) -> None:
        try:
            calls = next(walker.steps) if outcomes is None else walker.steps.send(outcomes)
        except StopIteration as end:
            self._arrive(walker, end.value)
            return
        walker.outcomes = [None] * len(calls)
        walker.missing = len(calls)
        unknown = stopped_before(walker.owner.change)
        for place, call in enumerate(calls):
            self._calling.ask((walker, place), call, unknown=unknown)

    def _deliver(self, waiter: Waiter, outcome: Outcome) -> None:
        walker, place = waiter
        if walker.is_over:
            return
        walker.outcomes[place] = outcome
        walker.missing -= 1
        if not walker.missing:
            self._advance(walker, [each for each in walker.outcomes if each is not None])

    def _begin_again(self, waiters: Sequence[Waiter]) -> None:
        """Walk owners anew from what they are now; answers to the old walks are dropped."""
        for walker in dict.fromkeys(walker for walker, _ in waiters):
            if walker.is_over:
                continue
            walker.is_over = True
            change = walker.owner.change
            if change.change is Change.UNCHANGED and self._counted:
                self._s.totals.uncount(standing_of(change))
            self._load(walker.number, msgspec.structs.replace(change, change=Change.MODIFIED))

    # Owners arrive

    def _arrive(self, walker: _Walker, tables: Tables) -> None:
        owner = walker.owner
        try:
            rows = {name: self._rows(name, owner, tables) for name in owner.ends}
            gathered = None
            if self._gatherings is not None:
                gathered = self._gatherings.gather(owner.change.key, tables)
        except ContentChangedError:
            self._begin_again([(walker, 0)])
            return
        self._window.leave(walker.number)
        self._finish(owner.change, served(owner, rows), owner.changed, gathered=gathered)

    def _rows(self, name: str, owner: Owner, tables: Tables) -> Mapping[str, WantedRow] | Stop:
        node = self._targets[name]
        for upstream in node.data:
            if isinstance(stop := tables.get(upstream), Stop):
                return stop
        total = self._s.totals.tasks[name]
        try:
            rows = wanted_rows(
                node,
                self._ground,
                tables,
                resources=self._s.resources.get(node.resources, node.parameters),
                instance=self._s.instance.identity,
                source=self._name,
                key=owner.change.key,
            )
        except ContentChangedError:
            raise
        except BaseException as error:  # noqa: BLE001 - a target's function is the user's code
            total.failed += 1
            stop = Stop(node.name, (), of_one(error))
            self._s.failed(owner.change.key, stop)
            return stop
        total.ran += len(rows)
        return rows

    def _finish(
        self,
        change: OwnerChange,
        done: Served,
        became: Change | None = None,
        *,
        gathered: Stop | None = None,
    ) -> None:
        """Count an owner whose work is over and hand it to be committed.

        `became` is how it changed, now that its content is known; `gathered` why it is in no
        group, where it should be in one.
        """
        word = ended_as(change, done, gathered)
        if change.change is Change.UNCHANGED:  # counted when it was listed, walked for groups
            if word == "failed" and self._counted:
                self._s.totals.count(word, instead_of=standing_of(change))
            return
        became = became or change.change
        if word is None and became is Change.ADDED and done.commit.content is not None:
            became = self._moves.change_of(done.commit.content)
        if self._counted:
            self._s.totals.count(word or became.value)
        elif word == "failed":
            self._s.totals.failed_groups += 1
        if self._s.serve is not None:
            self._portions.add(done)

    def _send_portion(self, portion: Sequence[Served]) -> None:
        serve = self._s.serve
        assert serve is not None
        self._handover.submit("commits", lambda: serve(portion), self._committed)

    def _committed(self, future: Future[Any]) -> None:
        self._portions.under_way -= 1
        written, _seconds = future.result()
        self._s.totals.upserted += written.upserted
        self._s.totals.rows_deleted += written.deleted
