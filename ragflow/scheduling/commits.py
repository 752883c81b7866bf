"""How do finished owners become rows in targets and entries in the ledger?

A portion at a time: the intent lists the difference, rows are written, stale rows deleted,
then seen, done and held are committed together. A crash between any two of these leads, on
the next run, to the same rows.
"""

from collections import defaultdict
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

import msgspec

from ragflow.core.commit_points import reached
from ragflow.core.records import (
    EndCommit,
    Generation,
    Instance,
    Intent,
    OwnerCommit,
    OwnerRemoval,
)
from ragflow.core.states import OwnerState
from ragflow.incremental.reconcile import Difference, reconcile
from ragflow.interfaces.orchestration import Ledger, Target
from ragflow.scheduling.rows import WantedRow


class ServedEnd(msgspec.Struct, frozen=True, gc=False):
    """What an owner came to at one end: its rows, or why it has none."""

    commit: EndCommit
    #: All rows the owner should hold; None leaves what it holds alone.
    rows: Mapping[str, WantedRow] | None


class Served(msgspec.Struct, frozen=True, gc=False):
    """One owner whose work is over."""

    owner: int | None
    commit: OwnerCommit
    ends: Sequence[ServedEnd]


class Written(msgspec.Struct, frozen=True):
    """What a portion did to the targets."""

    upserted: int
    deleted: int


class Place(msgspec.Struct, frozen=True):
    """A target and the generation this run writes there.

    The target is opened when first asked for: a run with nothing to write opens none.
    """

    open: Callable[[], Target]
    generation: Generation

    @property
    def target(self) -> Target:
        """The target, open; the same each time."""
        return self.open()


class Committer:
    """Writes portions, one at a time."""

    def __init__(
        self,
        ledger: Ledger,
        instance: Instance,
        run: int,
        places: Mapping[int, Place],
        elsewhere: Callable[[int], Place | None] = lambda _: None,
    ) -> None:
        self._ledger = ledger
        self._instance = instance
        self._run = run
        self._places = dict(places)
        # Finds the place of a generation that this run does not write.
        self._elsewhere = elsewhere
        # The intents of portions that were begun and not committed: one that is written again
        # writes the same rows.
        self._begun: dict[Hashable, int] = {}

    def serve(self, portion: Sequence[Served]) -> Written:
        """Write what these owners came to; durable when it returns."""
        known = [served.owner for served in portion if served.owner is not None]
        held = {
            number: self._ledger.held(number, known) if known else {} for number in self._places
        }
        work: dict[int, _Work] = defaultdict(_Work)
        commits = []
        for served in portion:
            ends = []
            for end in served.ends:
                number = end.commit.generation
                if end.rows is None:
                    ends.append(end.commit)
                    continue
                now = held[number].get(served.owner, {}) if served.owner is not None else {}
                wanted = {name: row.held for name, row in end.rows.items()}
                difference = reconcile(wanted, now)
                work[number].take(served.commit, end.rows, difference)
                ends.append(
                    msgspec.structs.replace(
                        end.commit, upserted=difference.upserts, deleted=difference.deletes
                    )
                )
            commits.append(msgspec.structs.replace(served.commit, ends=ends))
        name = tuple((served.commit.source, served.commit.key) for served in portion)
        return self._write(work, commits, [], name)

    def remove(self, removals: Sequence[OwnerRemoval]) -> Written:
        """Delete every row of owners that are gone, wherever they hold one.

        Also in generations that this run does not write: the ledger forgets the owner whole.
        """
        work: dict[int, _Work] = defaultdict(_Work)
        for number in self._ledger.holding([removal.owner for removal in removals]):
            if number not in self._places and (place := self._elsewhere(number)) is not None:
                self._places[number] = place
            if number not in self._places:
                continue  # the generation itself was forgotten, and its rows with it
            for rows in self._ledger.held(number, [r.owner for r in removals]).values():
                work[number].deletes.extend(sorted(rows))
        return self._write(work, [], removals, tuple(removal.owner for removal in removals))

    def _write(
        self,
        work: Mapping[int, "_Work"],
        commits: Sequence[OwnerCommit],
        removals: Sequence[OwnerRemoval],
        name: Hashable,
    ) -> Written:
        busy = {number: each for number, each in work.items() if each}
        intent = None
        if busy:
            intent = self._begun.get(name)
            if intent is None:
                intents = [each.intent(number) for number, each in busy.items()]
                intent = self._begun[name] = self._ledger.intend(intents, self._instance)
        upserted = deleted = 0
        for number, each in busy.items():
            place = self._places[number]
            place.target.apply(place.generation, each.upserts, each.deletes)
            reached("Committer: applied")
            upserted += len(each.upserts)
            deleted += len(each.deletes)
        self._ledger.commit(self._instance, self._run, commits, removals, intent)
        self._begun.pop(name, None)
        return Written(upserted, deleted)


class _Work:
    """The rows one portion writes and deletes at one generation."""

    def __init__(self) -> None:
        self.upserts: list[tuple[str, Any, Mapping[str, Any]]] = []
        self.deletes: list[str] = []
        self.owners: list[tuple[str, str]] = []

    def __bool__(self) -> bool:
        return bool(self.upserts or self.deletes)

    def take(
        self, owner: OwnerCommit, rows: Mapping[str, WantedRow], difference: Difference
    ) -> None:
        for changed in difference.upserts:
            row = rows[changed.id]
            self.upserts.append((changed.id, row.value, row.payload))
            self.owners.append((owner.source, owner.key))
        self.deletes.extend(difference.deletes)

    def intent(self, generation: int) -> Intent:
        return Intent(
            generation=generation,
            upserts=[name for name, _, _ in self.upserts],
            deletes=self.deletes,
            owners=self.owners,
        )


def no_rows(commit: EndCommit) -> ServedEnd:
    """Return the end of an owner that has nothing to serve: rows it held are deleted."""
    return ServedEnd(commit, {})


def kept_rows(commit: EndCommit) -> ServedEnd:
    """Return the end of an owner that failed: its last good rows stay."""
    assert commit.state in (OwnerState.FAILED, OwnerState.HELD_BACK)
    return ServedEnd(commit, None)
