"""What is one open assignment made of?"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from ragflow.core.items import Fingerprint
from ragflow.core.run_records import OpenAssignment
from ragflow.interfaces.execution import Limits
from ragflow.scheduling.calls import Call
from ragflow.scheduling.carrying import Carried, Fetching
from ragflow.scheduling.fencing import Fenceable
from ragflow.scheduling.policies import LOOP, executor_of
from ragflow.scheduling.stage import Stage
from ragflow.scheduling.surroundings import Surroundings
from ragflow.scheduling.transitions.commands import Open
from ragflow.scheduling.transitions.policy import Policy
from ragflow.scheduling.transitions.state import LOAD
from ragflow.scheduling.walk import Remembered


class Held(msgspec.Struct):
    """One open assignment."""

    command: Open
    executor: str
    work: Any
    #: By call: the task, the owner's key and the part, for people.
    names: Sequence[tuple[str, str, tuple[int, ...]]]
    #: What is written down of it before it begins.
    row: OpenAssignment
    opened_at: float
    #: By call: the memo that what it runs over is kept in; none for loads.
    bases: Sequence[Fingerprint | None] = ()


class Packer:
    """Makes of what the core opens something that an executor carries."""

    def __init__(
        self, stage: Stage, surroundings: Surroundings, policy: Policy, kinds: Mapping[str, str]
    ) -> None:
        self._stage = stage
        self._s = surroundings
        self._policy = policy
        self._kinds = kinds
        # Numbers of the stages before, so that none is given twice in a run.
        self._before = surroundings.handed_on.given

    def number(self, assignment: int) -> int:
        """Return the number of one of the core's assignments in the whole run."""
        return self._before + assignment

    def pack(self, command: Open, calls: Sequence[Call], over: Callable[[], None]) -> Held:
        """Return the assignment; `over` is told the end of a call that was given up before."""
        number = self.number(command.assignment)
        self._s.handed_on.given = max(self._s.handed_on.given, number)
        if command.task == LOAD:
            return self._loads(command, number)
        return self._calls(command, number, calls, over)

    def _loads(self, command: Open, number: int) -> Held:
        owners = [key[1] for key in command.keys]  # type: ignore[index]
        names = [(self._stage.origin, self._stage.key(owner), ()) for owner in owners]
        loads = [self._stage.loading(owner) for owner in owners]
        work = Fetching(number, loads, names[0][1], self._s.clock)
        calls = [(self._stage.key(owner), self._stage.load_name(owner)) for owner in owners]
        task, alone = self._stage.origin, command.is_alone
        row = OpenAssignment(number=number, task=task, calls=calls, alone=alone)
        return Held(command, "threads", work, names, row, self._s.clock.elapsed())

    def _calls(
        self, command: Open, number: int, calls: Sequence[Call], over: Callable[[], None]
    ) -> Held:
        node = calls[0].node
        where = executor_of(node)
        work: Any = Carried(
            number,
            calls,
            self._kinds[node.name],
            self._limits(node, where),
            resources=self._s.resources,
            clock=self._s.clock,
            elsewhere=self._s.elsewhere,
            logged=self._s.logged,
            masks=self._s.masks,
            used=self._s.totals.use,
        )
        if self._may_go_on(command.task) and where != LOOP:
            work = Fenceable(work, over)
        names = [(node.name, call.owner, call.path) for call in calls]
        tickets = [(call.owner, call.ticket) for call in calls]
        row = OpenAssignment(number=number, task=node.name, calls=tickets, alone=command.is_alone)
        executor = "threads" if where == LOOP else where
        bases = [_base(call) for call in calls]
        return Held(command, executor, work, names, row, self._s.clock.elapsed(), bases)

    def _may_go_on(self, task: int) -> bool:
        """Tell whether a call of a task may be stopped for its time where it is not reached."""
        policy = self._policy.tasks[task]
        is_timed = policy.attempt_timeout is not None or policy.total_timeout is not None
        return is_timed and not policy.is_isolated

    def _limits(self, node: Any, where: str) -> Limits:
        options = node.task.settings
        attempt = options.timeout.attempt
        # Where a worker may have to be started first, only its executor knows when it began;
        # elsewhere the core keeps the time, and stops an assignment whose deadline has come.
        seconds = None
        if attempt is not None and where in self._s.room.isolated:
            seconds = attempt.total_seconds()
        return Limits(seconds, options.memory_limit, options.output_limit, options.network)


def _base(call: Call) -> Fingerprint | None:
    """Return the memo that what a call brings may repeat.

    None for the call of a part: that would be compared with the whole of its document.
    """
    if call.path:
        return None
    over = call.inputs[0] if call.inputs else None
    return over.memo.key if isinstance(over, Remembered) else None
