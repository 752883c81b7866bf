"""Faults planted in the core and in the home's protocol, to prove that the simulator finds them.

Each takes one function and changes one piece of its text. A text that is not there any more is
an error: then the fault must be planted anew.
"""

import inspect
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from ragflow.scheduling.transitions import (
    admission,
    calls,
    owners,
    portions,
    queues,
    timers,
)
from tests.simulation import writing
from tests.simulation.home import Home


@dataclass(frozen=True, slots=True)
class Planted:
    """One fault: what is wrong, where, and how."""

    name: str
    function: Callable[..., Any]
    text: str
    becomes: str

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Let the fault be there for a while."""
        source = textwrap.dedent(inspect.getsource(self.function))
        if self.text not in source:
            raise LookupError(f"{self.text!r} is not in {self.function.__qualname__} any more")
        names: dict[str, Any] = {}
        wrong = source.replace(self.text, self.becomes)
        exec(compile(wrong, "<planted>", "exec"), self.function.__globals__.copy(), names)
        right = self.function.__code__
        # The code and not the function: whoever imported it by name has the fault, too.
        self.function.__code__ = names[self.function.__name__].__code__
        try:
            yield
        finally:
            self.function.__code__ = right


PLANTED = (
    Planted(
        "a commit does not compare the epoch",
        Home.commit,
        "if not self.is_held(epoch):",
        "if False:",
    ),
    Planted(
        "the target is written without a look at the lease",
        writing._may_write,
        "if not shell.home.is_held(shell.epoch):",
        "if False:",
    ),
    Planted(
        "rows are written that nobody intended",
        writing.intend,
        "if rows is not None:",
        "if False:",
    ),
    Planted(
        "what a task waits for is not counted down",
        owners.over,
        "waiting[below] -= 1",
        "waiting[below] -= verdict is not TaskState.FAILED",
    ),
    Planted(
        "a call that is answered is not counted down",
        calls.answer,
        "owner.left[task] -= 1",
        "owner.left[task] -= became is not TaskState.SKIPPED",
    ),
    Planted(
        "owners on their way are not counted down",
        owners._finish,
        "state.on_way -= 1",
        "state.on_way -= not owner.has_failed",
    ),
    Planted(
        "a call that is ready wakes nobody",
        queues.enqueue_together,
        "state.waiting_tasks[task] = None",
        "pass",
    ),
    Planted(
        "a call that finds no slot is forgotten",
        admission._admit_task,
        "queue.passed_over += 1\n            return",
        "break",
    ),
    Planted(
        "a portion is told twice that it was not written",
        portions._over,
        "if portion is None or portion.due is not None:",
        "if portion is None:",
    ),
    Planted(
        "a call is tried again without end",
        calls.failed,
        "call.attempts += 1",
        "call.attempts += 0",
    ),
    Planted(
        "what is in use is not added up",
        admission._admit_task,
        "use[name] = use.get(name, 0.0) + amount",
        "use[name] = amount",
    ),
    Planted(
        "a death counts for what waits",
        calls.died,
        "call.deaths += 1",
        "for other in state.queues[call.task].loose:\n"
        "        state.calls[other].deaths += 1\n"
        "    call.deaths += 1",
    ),
    Planted(
        "a death counts for what was in company",
        Home.take,
        "if row.is_alone:",
        "if True:",
    ),
    Planted(
        "a batch whose worker died is not halved",
        calls.died,
        "halve(state, calls, out)",
        "put_back(state, calls, out)",
    ),
    Planted(
        "a call that kills is tried again without end",
        calls.died,
        "call.deaths >= DEATHS",
        "call.deaths > DEATHS",
    ),
    Planted(
        "a task that is over begins again",
        owners.arrived,
        "owner.rows, owner.has_failed",
        "owner.states[0] = TaskState.READY; owner.rows, owner.has_failed",
    ),
    Planted(
        "an answer to an owner before it began again is taken",
        calls._is_live,
        "owner is not None and owner.round == waiter[1]",
        "owner is not None",
    ),
    Planted(
        "a portion that was not written is forgotten",
        portions.not_committed,
        "state.portions[portion.number] = portion",
        "pass",
    ),
    Planted(
        "an attempt that took too long stays open",
        timers._time_out,
        "state.assignments.pop(number)",
        "state.assignments[number]",
    ),
    Planted(
        "a suspect is tried in company",
        admission._admit_suspect,
        "if state.assignments:",
        "if False:",
    ),
    Planted(
        "a suspect in a process of its own is tried in company",
        queues.enqueue,
        "if call.is_lone:",
        "if call.is_lone and not state.task(call.task).is_isolated:",
    ),
    Planted(
        "a portion takes everything that is finished",
        portions._cut,
        "count >= most or rows >= most",
        "False",
    ),
    Planted(
        "what waits is late in a pause",
        timers._let_fall,
        " or state.phase is RunState.PAUSED",
        "",
    ),
    Planted(
        "what goes on after it was stopped needs nothing",
        admission.in_use,
        "(*state.stopped.values(), *state.fenced.values())",
        "state.stopped.values()",
    ),
    Planted(
        "what is stopped needs nothing before it is known whether it goes on",
        admission.in_use,
        "(*state.stopped.values(), *state.fenced.values())",
        "state.fenced.values()",
    ),
    Planted(
        "a turn at the very instant does nothing",
        portions.let_go,
        "<= state.now\n        is_late",
        "< state.now\n        is_late",
    ),
)
