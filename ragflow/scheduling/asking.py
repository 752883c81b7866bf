"""Which calls of a task over an owner do memos answer, and what came of the others?"""

from collections.abc import Callable, Hashable, Mapping
from typing import Any

from ragflow.core.items import Fingerprint
from ragflow.core.states import TaskState
from ragflow.scheduling.calls import Call, Performed, Stop, recall
from ragflow.scheduling.owners import ContentChangedError
from ragflow.scheduling.stage import Expansion, Stage
from ragflow.scheduling.surroundings import Surroundings
from ragflow.scheduling.transitions.commands import Answer, Expand, Settle
from ragflow.scheduling.transitions.events import Asked, Event
from ragflow.scheduling.walk import Outcome


class Asker:
    """Expands tasks over owners, asks memos for many at once, and hands back what came out."""

    def __init__(
        self,
        stage: Stage,
        surroundings: Surroundings,
        kinds: Mapping[str, str],
        *,
        round_of: Callable[[int], int | None],
        restart: Callable[[int], None],
    ) -> None:
        self._stage = stage
        # Tells in which round an owner is, None for one that is gone: what was asked or said of
        # another round is no longer its.
        self._round_of = round_of
        self._restart = restart
        self._s = surroundings
        self._kinds = kinds
        # Tasks whose memos are not asked: somebody wants them done again.
        self._fresh = surroundings.fresh
        self._waiting: list[Expand] = []
        # By owner, round and task.
        self._expansions: dict[tuple[int, int, int], Expansion] = {}
        #: Calls the core knows, by key.
        self.calls: dict[Hashable, Call] = {}

    def expand(self, command: Expand) -> None:
        """Let a task over an owner wait to be asked for, with others."""
        self._waiting.append(command)

    def ask(self, tell: Callable[[Event], None]) -> bool:
        """Ask for all that wait; return whether any did."""
        if not self._waiting:
            return False
        waiting, self._waiting = self._waiting, []
        found: list[tuple[Expand, list[Call]]] = []
        for command in waiting:
            if self._round_of(command.owner) == command.round:
                try:
                    found.append((command, self._stage.calls(command.owner, command.task)))
                except ContentChangedError:
                    self._restart(command.owner)
        memos = self._memos(call for _, calls in found for call in calls)
        for command, calls in found:
            if self._round_of(command.owner) == command.round:
                try:
                    tell(self._asked(command, calls, memos))
                except ContentChangedError:
                    self._restart(command.owner)
        return True

    def _memos(self, calls: Any) -> dict[Fingerprint, bytes]:
        keys = {
            call.key for call in calls if call.key is not None and call.node.name not in self._fresh
        }
        return self._s.memos.get_many(list(keys)) if keys else {}

    def _asked(self, command: Expand, calls: list[Call], memos: dict[Fingerprint, bytes]) -> Asked:
        expansion = Expansion(calls, [None] * len(calls), [])
        keys: list[Hashable] = []
        suspects: dict[Hashable, int] = {}
        memoized = blocked = shared = 0
        for place, call in enumerate(calls):
            memo = memos.get(call.key) if call.key is not None else None
            if memo is not None:
                memoized += 1
                kind = self._kinds[call.node.name]
                expansion.outcomes[place] = recall(call, memo, kind)
                continue
            stop = self._stage.refuses(command.owner, call)
            if stop is not None:
                blocked += 1
                expansion.outcomes[place] = stop
                continue
            expansion.places.append(place)
            keys.append(call.ticket)
            shared += call.ticket in self.calls
            self.calls.setdefault(call.ticket, call)
            if call.ticket in self._s.suspects:
                suspects[call.ticket] = self._s.suspects[call.ticket]
        skipped, stopped = self._stage.stopped(command.owner, command.task)
        self._stage.asked(command.owner, len(keys) - shared, memoized + shared)
        if memoized:
            self._s.totals.tasks[calls[0].node.name].memoized += memoized
        if keys:
            self._expansions[command.owner, command.round, command.task] = expansion
        else:
            self._settle(command.owner, command.task, expansion)
        return Asked(
            self._now(),
            command.owner,
            command.round,
            command.task,
            tuple(keys),
            memoized=memoized,
            skipped=skipped,
            blocked=blocked + stopped,
            suspects=suspects,
        )

    def answer(self, command: Answer, result: Performed | Stop | None) -> None:
        """Hand what came of a call to all that wait for it."""
        call = self.calls.pop(command.key, None)
        if call is None or not command.waiters:
            return
        if command.state is TaskState.SUCCEEDED and len(command.waiters) > 1:
            self._s.totals.tasks[call.node.name].memoized += len(command.waiters) - 1
        outcome: Outcome
        if isinstance(result, Performed):
            outcome = result.parts
        else:
            assert result is not None
            outcome = result
        for owner, round_, task, part in command.waiters:
            expansion = self._expansions.get((owner, round_, task))
            if expansion is not None:  # else it began anew since the core said so
                expansion.outcomes[expansion.places[part]] = outcome

    def settle(self, command: Settle) -> None:
        """Hand a stage what came of all calls of a task over an owner."""
        round_ = self._round_of(command.owner)
        if round_ is not None:
            expansion = self._expansions.pop((command.owner, round_, command.task), None)
            if expansion is not None:
                self._settle(command.owner, command.task, expansion)

    def _settle(self, owner: int, task: int, expansion: Expansion) -> None:
        outcomes = [each for each in expansion.outcomes if each is not None]
        self._stage.settle(owner, task, expansion.calls, outcomes)

    def forget(self, owner: int) -> None:
        """Forget what was asked for an owner that is gone or begins anew."""
        for place in [place for place in self._expansions if place[0] == owner]:
            del self._expansions[place]

    def _now(self) -> float:
        return self._s.clock.elapsed()
