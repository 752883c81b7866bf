"""Which owners does a run serve before all others, because another process asks for them?"""

import threading
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence

from ragflow.clock import Clock
from ragflow.core.records import Instance, OwnerChange
from ragflow.core.states import Change, OwnerState
from ragflow.interfaces.listing import Listing
from ragflow.interfaces.orchestration import MetadataStore
from ragflow.scheduling.commits import Served

#: Seconds between two looks at what is asked.
POLL = 0.25

#: What became of a key.
SERVED, FAILED, UNCHANGED, MISSING = "served", "failed", "unchanged", "missing"


class GoingFirst:
    """Lets owners enter a run before all others and go first, and says when they are served.

    Safe for the thread that lets owners in and the one that writes them.
    """

    def __init__(self, store: MetadataStore, instance: Instance, run: int, clock: Clock) -> None:
        self._store = store
        self._instance = instance
        self._run = run
        self._clock = clock
        self._lock = threading.Lock()
        self._heard = 0
        self._looked: float | None = None
        #: By key: the numbers it was asked under and that are not answered.
        self._open: dict[str, list[int]] = defaultdict(list)
        #: Keys that were heard of and not looked for in the listing under way.
        self._waiting: list[str] = []

    def ahead(
        self, changes: Iterator[OwnerChange], listing: Listing, *, is_again: bool
    ) -> Iterator[OwnerChange]:
        """Yield the same owners, those asked for first.

        With `is_again` owners with nothing to do are among them, in an order of their own, and
        none goes first.
        """
        with self._lock:
            self._waiting = list(self._open)  # another source may have had none of them
        gone_ahead: set[str] = set()
        last = ""
        while True:
            self._look()
            for key in self._taken():
                change = None if is_again else listing.find(key)
                if change is None:
                    continue  # of another source, or of none: told at the end
                if change.change is Change.UNCHANGED:
                    self._answer(key, UNCHANGED)
                elif key in gone_ahead or key <= last:
                    self._settle(key)
                else:
                    gone_ahead.add(key)
                    yield change
            following = next(changes, None)
            if following is None:
                return
            if following.change is not Change.UNCHANGED:  # those have an order of their own
                last = following.key
            if following.key not in gone_ahead:
                yield following

    def awaited(self) -> Collection[str]:
        """Return the keys that somebody waits for."""
        self._look()
        with self._lock:
            return set(self._open)

    def served(self, portion: Sequence[Served]) -> None:
        """Hear that these owners are written."""
        self._look()
        for each in portion if self._open else ():
            if each.commit.key in self._open:
                states = {end.commit.state for end in each.ends}
                has_failed = states & {OwnerState.FAILED, OwnerState.HELD_BACK}
                self._answer(each.commit.key, FAILED if has_failed else SERVED)

    def over(self) -> None:
        """Answer what is left, now that the run looked at everything."""
        self._looked = None
        self._look()
        for key in list(self._open):
            if not self._settle(key):
                is_known = any(self._mine(key))
                self._answer(key, UNCHANGED if is_known else MISSING)

    def _look(self) -> None:
        """See what is asked, if it is time to."""
        with self._lock:
            now = self._clock.elapsed()
            if self._looked is not None and now - self._looked < POLL:
                return
            self._looked = now
            for number, key in self._store.wanted.asked(self._run, after=self._heard):
                self._heard = number
                self._open[key].append(number)
                self._waiting.append(key)

    def _taken(self) -> list[str]:
        with self._lock:
            waiting, self._waiting = self._waiting, []
            return waiting

    def _settle(self, key: str) -> bool:
        """Answer for an owner that entered before it was asked for, if it is written by now."""
        for owner in self._mine(key):
            kept = self._store.reasons.of(owner)
            if kept and kept[0].run == self._run:
                has_failed = kept[0].state in (OwnerState.FAILED, OwnerState.HELD_BACK)
                self._answer(key, FAILED if has_failed else SERVED)
                return True
        return False

    def _mine(self, key: str) -> list[int]:
        found = self._store.reasons.find(key)
        return [each.owner for each in found if each.instance_id == self._instance.id]

    def _answer(self, key: str, answer: str) -> None:
        with self._lock:
            numbers = self._open.pop(key, [])
        self._store.wanted.answer(dict.fromkeys(numbers, answer))
