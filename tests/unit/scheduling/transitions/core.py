"""A core to talk to in examples: told events, it keeps what it was asked for."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, TypeVar

from ragflow.core.retry import Fault, FaultKind, Retry
from ragflow.scheduling.transitions.commands import Answer, Command, Commit, Expand, Open
from ragflow.scheduling.transitions.events import (
    Arrived,
    Asked,
    Begin,
    Committed,
    Died,
    Ended,
    Entered,
    Event,
    Exhausted,
    Turn,
)
from ragflow.scheduling.transitions.policy import Policy, TaskPolicy
from ragflow.scheduling.transitions.state import new_state
from ragflow.scheduling.transitions.step import step

C = TypeVar("C", bound=Command)

PASSING = Fault(FaultKind.PASSING)
LASTING = Fault(FaultKind.LASTING)


def retry(attempts: int = 3, seconds: float = 1.0) -> Retry:
    """Return a policy whose pauses are all alike."""
    return Retry(attempts=attempts, initial=timedelta(seconds=seconds), factor=1.0, jitter="none")


def task(name: str = "task", **given: Any) -> TaskPolicy:
    return TaskPolicy(name=name, **{"retry": retry(), **given})


def chain(*tasks: TaskPolicy) -> tuple[TaskPolicy, ...]:
    """Return tasks that each wait for the one before."""
    last = len(tasks) - 1
    return tuple(
        TaskPolicy(
            **{
                **{field: getattr(each, field) for field in each.__struct_fields__},
                "above": (number - 1,) if number else (),
                "below": (number + 1,) if number < last else (),
                "depth": number + 1,
            }
        )
        for number, each in enumerate(tasks)
    )


class Core:
    """One run."""

    def __init__(
        self,
        *tasks: TaskPolicy,
        now: float = 100.0,
        begins: Mapping[str, Any] | None = None,
        **policy: Any,
    ) -> None:
        everything = Policy(tasks=tasks, load=task("load"), **policy)
        self.state = new_state(everything, now, **(begins or {}))
        self.now = now

    def tell(self, event: Event) -> list[Command]:
        self.state, commands = step(self.state, event)
        return commands

    def turn(self, after: float = 0.0) -> list[Command]:
        """Let time go by and give the core a turn."""
        self.now += after
        return self.tell(Turn(self.now))

    def opened(self, after: float = 0.0) -> list[Open]:
        return of(Open, self.turn(after))

    def begun(self, after: float = 0.0) -> list[tuple[Any, ...]]:
        """Return what is opened by a turn, as keys."""
        return [each.keys for each in self.opened(after)]

    def enter(self, owner: int = 1, begin: Begin = Begin.WALK, **given: Any) -> list[Command]:
        return self.tell(Entered(self.now, owner, given.pop("weight", 1), begin, **given))

    def ask(self, owner: int, task_: int, *keys: str, **given: Any) -> list[Command]:
        round_ = self.state.owners[owner].round if owner in self.state.owners else 0
        return self.tell(Asked(self.now, owner, round_, task_, keys, **given))

    def enter_with(self, *keys: str, owner: int = 1, **given: Any) -> list[Command]:
        """Let an owner enter whose first task has these calls."""
        self.enter(owner)
        return self.ask(owner, 0, *keys, **given)

    def end(self, number: int, *results: Any, **given: Any) -> list[Command]:
        return self.tell(Ended(self.now, number, results, **given))

    def fail(self, number: int, fault: Fault) -> list[Command]:
        """Let a batch fail as a whole."""
        return self.tell(Ended(self.now, number, (), fault))

    def die(self, number: int) -> list[Command]:
        return self.tell(Died(self.now, number))

    def arrive(self, owner: int, rows: int = 1, **given: Any) -> list[Command]:
        return self.tell(Arrived(self.now, owner, rows, **given))

    def exhaust(self) -> None:
        self.tell(Exhausted(self.now))

    def commit(self, portion: int) -> list[Command]:
        return self.tell(Committed(self.now, portion))


def of(kind: type[C], commands: list[Command]) -> list[C]:
    """Return the commands of one kind."""
    return [command for command in commands if isinstance(command, kind)]


def answers(commands: list[Command]) -> dict[Any, str]:
    """Return what became of calls, with the reason where there is one."""
    return {
        each.key: f"{each.state}: {each.reason}" if each.reason else str(each.state)
        for each in of(Answer, commands)
    }


def expanded(commands: list[Command]) -> list[int]:
    return [each.task for each in of(Expand, commands)]


def committed(commands: list[Command]) -> list[tuple[int, ...]]:
    return [each.owners for each in of(Commit, commands)]


def rounds(core: Core, is_bad: Callable[[tuple[Any, ...]], bool]) -> tuple[int, int, list[Any]]:
    """Run until nothing is left; return rounds, batches and what failed."""
    count = batches = 0
    failed: list[Any] = []
    while opened := core.opened(after=10):
        count += 1
        batches += len(opened)
        for each in opened:
            if is_bad(each.keys):
                told = core.fail(each.assignment, LASTING)
            else:
                told = core.end(each.assignment, *(None for _ in each.keys))
            failed += [a.key for a in of(Answer, told) if a.state == "failed"]
    return count, batches, failed
