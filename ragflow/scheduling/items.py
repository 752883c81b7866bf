"""What happens to the owners of one origin, from being listed to being committed?"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from ragflow.core.items import Fingerprint
from ragflow.core.node import Node
from ragflow.core.records import EndNow, Loaded, OwnerChange
from ragflow.core.shapes import Shape
from ragflow.core.states import Change
from ragflow.errors import SkipDocument
from ragflow.incremental.encoding import normal
from ragflow.incremental.fingerprint import fingerprint_plain
from ragflow.interfaces.orchestration import Source
from ragflow.scheduling.calls import Call, Counted, Stop
from ragflow.scheduling.commits import Served
from ragflow.scheduling.descent import Ground, Outcome, Table, Verdict, is_counted, weigh
from ragflow.scheduling.end_verdicts import EndVerdicts
from ragflow.scheduling.groups import Gathering, Gatherings
from ragflow.scheduling.moves import Moves
from ragflow.scheduling.on_way import Asked, OnWay, explained
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
from ragflow.scheduling.reached import Reached
from ragflow.scheduling.rows import WantedRow, foreseen_rows, wanted_rows
from ragflow.scheduling.stage import Entering
from ragflow.scheduling.surroundings import Attempt, Surroundings
from ragflow.scheduling.transitions.events import Begin
from ragflow.scheduling.walk import Walk


class Items:
    """The owners of one source or grouping, and the tasks below it."""

    def __init__(
        self,
        surroundings: Surroundings,
        ground: Ground,
        changes: Iterator[OwnerChange],
        *,
        source: Source,
        name: str,
        ends: Mapping[str, tuple[Node, EndNow]],
        moves: Moves,
        gatherings: Gatherings | None = None,
        gathered: frozenset[str] = frozenset(),
        rebuilding: bool = False,
        counted: bool = True,
        asked: Asked | None = None,
    ) -> None:
        self.nodes: Sequence[Node] = ground.nodes
        self.origin = ground.origin
        self._s = surroundings
        self._ground = ground
        self._changes = changes
        self._source = source
        self._name = name
        self._ends = {target: end for target, (_, end) in ends.items()}
        self._targets = {target: node for target, (node, _) in ends.items()}
        self._moves = moves
        self._gatherings = gatherings
        # The tasks that groups need: all that an owner with nothing to do is walked for.
        self._gathered = gathered
        self._rebuilding = rebuilding
        self._counted = counted
        self._asked = asked or Asked()
        self._reached = Reached(ground.nodes, self._targets, gathered)
        self._verdicts = EndVerdicts(self._ends)
        #: Owners that could not be read in this run.
        self.unread = 0
        # Values that are in memory already need no worker to fetch them.
        self._is_at_hand = getattr(source, "is_at_hand", False)
        self._numbers = iter(range(1 << 62))
        self._on_way: dict[int, OnWay] = {}

    # In

    def enter(self) -> Entering | None:
        """Let the next owner enter that is not left out for a reason it was left out for before."""
        for change in self._changes:
            if change.skip is not None and change.change is Change.UNCHANGED:
                continue
            number = next(self._numbers)
            entering = self._on_way[number] = OnWay(change)
            begin = self._begin(entering)
            suspect = None
            if begin is Begin.LOAD and self._s.suspects:
                suspect = self._s.suspects.get(self.load_name(number))
            return Entering(number, change.size or 0, begin, suspect)
        return None

    def _begin(self, entering: OnWay) -> Begin:
        change = entering.change
        if change.skip is not None:
            done = left_out(self._name, change, list(self._ends.values()))
            self._finish(entering, done)
            return Begin.FINISH
        is_known = change.token == change.token_seen and change.change is not Change.MODIFIED
        stopped = stopped_before(change)
        if stopped is not None and (change.content is None or not is_known):
            # Nothing of it is known, and what could not be read is not read for groups' sake.
            entering.failure = Stop(self.origin, (), stopped)
            self._arrive_unread(entering)
            return Begin.FINISH
        if change.content is not None and is_known:
            return self._set_out(entering, change.content)
        if self._is_at_hand:
            entering.loaded = self._source.load(change.key, change.token)
            self._count_load()
            return self._set_out(entering, entering.loaded.content)
        return Begin.LOAD

    def _set_out(self, entering: OnWay, content: Fingerprint) -> Begin:
        """Find out at which ends an owner must be served, now that its content is known."""
        change, loaded = entering.change, entering.loaded
        metadata = change.metadata
        if loaded is not None:
            # As the ledger gives it back, so that what is served by is the same next time.
            metadata = {**change.listed, **normal(loaded.metadata)}
        owner = find_owner(
            self._name,
            change,
            content,
            metadata,
            self._ends,
            rebuilding=self._rebuilding,
            is_again=self._asked.is_again,
        )
        entering.owner = owner
        if not owner.ends and self._gatherings is None:
            self._finish(entering, served(owner, {}, self._s.clock.now()), owner.changed)
            return Begin.FINISH
        start = start_of(owner, loaded, self._loading(change))
        start = self._s.elsewhere.from_source(self.origin, change.key, change.token, start)
        entering.walk = Walk(self._ground, change.key, start)
        return Begin.WALK

    def key(self, owner: int) -> str:
        """Return the key of an owner on its way."""
        return self._on_way[owner].change.key

    # Loads

    def load_name(self, owner: int) -> Fingerprint:
        """Return what the load of an owner is known by: of one token, in every run."""
        change = self._on_way[owner].change
        return fingerprint_plain([self.origin, change.key, change.token.hex()])

    def loading(self, owner: int) -> Callable[[], Loaded]:
        """Return what loads an owner; called on a worker."""
        return self._loading(self._on_way[owner].change)

    def _loading(self, change: OwnerChange) -> Callable[[], Loaded]:
        return lambda: self._source.load(change.key, change.token)

    def loaded(self, owner: int, outcome: Loaded | Stop) -> None:
        """Take what came of loading an owner."""
        entering = self._on_way[owner]
        if isinstance(outcome, Stop):
            entering.failure = outcome
        else:
            entering.loaded = outcome

    def _count_load(self) -> None:
        total = self._s.totals.tasks.get(self.origin)
        if total is not None:
            total.ran += 1

    def place(self, owner: int) -> tuple[int, bool]:
        """Return the weight of an owner that was loaded and whether it is walked."""
        entering = self._on_way[owner]
        loaded = entering.loaded
        assert loaded is not None
        return loaded.size, self._set_out(entering, loaded.content) is Begin.WALK

    # Walks

    def calls(self, owner: int, task: int) -> list[Call]:
        """Return the calls of a task over an owner."""
        entering = self._on_way[owner]
        assert entering.walk is not None
        return [] if self._is_left_out(entering, task) else entering.walk.calls(self.nodes[task])

    def _is_left_out(self, entering: OnWay, task: int) -> bool:
        """Tell whether no group needs a task for an owner that is walked for groups only."""
        assert entering.owner is not None
        return not entering.owner.ends and self.nodes[task].name not in self._gathered

    def stopped(self, owner: int, task: int) -> tuple[int, int]:
        """Return how many parts its rule keeps a task from: skipped, and blocked."""
        walk = self._on_way[owner].walk
        assert walk is not None
        if self._s.reckoning is not None:
            self._s.reckoning.below(self.nodes[task], walk.stops(self.nodes[task]))
        return walk.stopped(self.nodes[task])

    def refuses(self, owner: int, call: Call) -> Stop | None:
        """Say why a call that no memo answers is not begun, if it is not."""
        reckoning = self._s.reckoning
        if reckoning is not None and reckoning.refuses(call, self._targets):
            return Stop(call.node.name, call.path, Counted())
        unknown = stopped_before(self._on_way[owner].change)
        return None if unknown is None else Stop(call.node.name, call.path, unknown)

    def asked(self, owner: int, ran: int, memoized: int) -> None:
        """Count the calls that an owner took."""
        self._on_way[owner].ran += ran
        self._on_way[owner].memoized += memoized

    def settle(
        self, owner: int, task: int, calls: Sequence[Call], outcomes: Sequence[Outcome]
    ) -> None:
        """Take what came of a task's calls, in their order."""
        entering = self._on_way[owner]
        assert entering.walk is not None
        if not self._is_left_out(entering, task):
            entering.walk.settle(self.nodes[task], calls, outcomes)

    def restart(self, owner: int) -> None:
        """Begin with an owner anew: it is loaded, whatever its token."""
        entering = self._on_way[owner]
        change = entering.change
        if change.change is Change.UNCHANGED and self._counted:
            self._s.totals.uncount(standing_of(change))
        changed = msgspec.structs.replace(change, change=Change.MODIFIED)
        self._on_way[owner] = OnWay(changed)

    # Out

    def arrive(self, owner: int, *, is_unread: bool) -> tuple[int, bool]:
        """Return how many rows an owner came to and whether it failed."""
        entering = self._on_way[owner]
        if entering.done is None:
            if is_unread:
                self._arrive_unread(entering)
            else:
                self._arrive(entering)
        assert entering.done is not None
        rows = sum(len(end.rows or ()) for end in entering.done.ends)
        return rows, entering.has_failed

    def _arrive_unread(self, entering: OnWay) -> None:
        stop = entering.failure
        assert stop is not None
        if self._gatherings is not None:
            self._gatherings.miss(stop, entering.change.key)
        # One with nothing to do is not tried: it stands as it stood.
        is_tried = entering.change.change is not Change.UNCHANGED
        ends = list(self._ends.values()) if is_tried else []
        done = unread(self._name, entering.change, ends, stop, self._s.clock.now())
        self.unread += is_tried and not isinstance(stop.error, SkipDocument)
        self._finish(entering, done, gathered=stop)

    def _arrive(self, entering: OnWay) -> None:
        owner, walk = entering.owner, entering.walk
        assert owner is not None
        assert walk is not None
        rows = {name: self._rows(name, owner, walk.tables) for name in owner.ends}
        entering.calls = self._reached.calls(walk.keys, owner.ends)
        lapses = self._reached.lapses(walk.lapses, owner.ends) if walk.lapses else {}
        gathered = None
        if self._gatherings is not None:
            gathered = self._gatherings.gather(owner.change.key, walk.tables)
        self._finish(
            entering,
            served(owner, rows, self._s.clock.now(), lapses),
            owner.changed,
            gathered=gathered,
        )

    def _rows(
        self, name: str, owner: Owner, tables: Mapping[str, Table]
    ) -> Mapping[str, WantedRow] | Stop:
        node = self._targets[name]
        if node.shape is not Shape.TARGET:  # a task that nothing follows writes no rows
            stops = [entry for entry in tables[name].values() if isinstance(entry, Stop)]
            return weigh(stops, is_anything_there=len(stops) < len(tables[name])) or {}
        total = self._s.totals.tasks[name]
        identity = self._s.instance.identity
        facts = dict[str, Any](instance=identity, source=self._name, key=owner.change.key)
        try:
            facts["resources"] = self._s.resources.get(node.resources, node.parameters)
            rows = wanted_rows(node, self._ground, tables, **facts)
            if isinstance(rows, Stop) and is_counted(rows):
                rows = foreseen_rows(node, self._ground, tables, **facts)
        except ContentChangedError:
            raise
        except BaseException as error:  # noqa: BLE001 - a target's function is the user's code
            total.failed += 1
            stop = Stop(node.name, (), of_one(error))
            self._s.failed(owner.change.key, stop, Attempt(1, "error"))
            return stop
        if isinstance(rows, Stop):
            if self._s.reckoning is not None and is_counted(rows):
                self._s.reckoning.unknown(node)
            return rows
        total.ran += len(rows)
        return rows

    def _finish(
        self,
        entering: OnWay,
        done: Served,
        became: Change | None = None,
        *,
        gathered: Stop | None = None,
    ) -> None:
        """Count an owner whose work is over.

        `became` is how it changed, now that its content is known; `gathered` why it is in no
        group, where it should be in one.
        """
        entering.done = done
        entering.walk = entering.loaded = None
        self._verdicts.take(done)
        change = entering.change
        if done.commit.content is not None:
            self._moves.see(done.commit.content)
        word = ended_as(change, done, gathered)
        entering.has_failed = word == "failed"
        if change.change is Change.UNCHANGED:  # counted when it was listed, walked for groups
            if word == "failed" and self._counted:
                self._s.totals.count(word, instead_of=standing_of(change))
            return
        became = became or change.change
        came_from = None
        if word is None and became is Change.ADDED and done.commit.content is not None:
            came_from = self._moves.claim(done.commit.content, change.key)
            became = Change.ADDED if came_from is None else Change.MOVED
        self._explain(entering, became, came_from)
        if self._counted:
            self._s.totals.count(word or became.value)
        elif word == "failed":
            self._s.totals.failed_groups += 1

    def _explain(self, entering: OnWay, became: Change, came_from: str | None) -> None:
        """Write down why an owner was worked on, beside what it came to."""
        if isinstance(self._source, Gathering):
            entering.members = self._source.members_of(entering.change.key)
        entering.done = explained(
            entering,
            became,
            came_from,
            self._ends.values(),
            is_rebuilding=self._rebuilding,
            asked=self._asked,
            now=self._s.clock.now(),
        )

    def served(self) -> dict[str, Verdict]:
        """Return what became of the owners at each end, for what waits for it as a whole."""
        return self._verdicts.all()

    def preferred(self) -> list[int]:
        """Return the owners on their way that somebody waits for."""
        keys = self._s.awaited()
        return [n for n, each in self._on_way.items() if each.change.key in keys] if keys else []

    def commit(self, owners: Sequence[int]) -> Callable[[], Any] | None:
        """Return what writes these owners, or counts them; None for what was walked for groups."""
        reckoning = self._s.reckoning
        serve = self._s.serve if reckoning is None else reckoning.take
        on_way = [self._on_way[owner] for owner in owners]
        portion = [
            each.done
            for each in on_way
            if each.done is not None and each.change.change is not Change.UNCHANGED
        ]
        return None if serve is None or not portion else lambda: serve(portion)

    def committed(self, owners: Sequence[int], written: Any) -> None:
        """Hear that these owners are written, and forget them."""
        if written is not None:
            self._s.totals.upserted += written.upserted
            self._s.totals.rows_deleted += written.deleted
        for owner in owners:
            del self._on_way[owner]

    def drop(self, owner: int) -> None:
        """Forget an owner: the run ends before it is served."""
        self._on_way.pop(owner, None)
