"""What workers make of what they are given."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ragflow.core.retry import Fault, FaultKind
from ragflow.scheduling.transitions.commands import Open
from ragflow.scheduling.transitions.events import Died, Ended, Result, Skipped
from ragflow.scheduling.transitions.state import LOAD
from tests.simulation.plan import Key, Kind, Wrong, load_key

if TYPE_CHECKING:
    from tests.simulation.shell import Shell


@dataclass(slots=True)
class Held:
    """An assignment in a worker's hands, and what will come of it."""

    task: int
    #: As the core knows them, as the home does, and what they are made of.
    keys: tuple[Any, ...]
    durable: tuple[Key, ...]
    actual: tuple[Key, ...]
    is_alone: bool
    seconds: float = 0.0
    results: tuple[Result, ...] = ()
    fault: Fault | None = None
    kills: bool = False


def start(shell: "Shell", opened: Open, durable: tuple[Key, ...]) -> None:
    """Give a worker what was written down; it comes back, or dies."""
    task = opened.task
    actual = durable
    if task == LOAD:
        contents = shell.world.contents
        owners: list[Any] = [key[1] for key in opened.keys]  # type: ignore[index]
        actual = tuple(load_key(contents[owner]) for owner in owners)
        shell.read.update((owner, contents[owner]) for owner in owners)
    held = Held(task, opened.keys, durable, actual, opened.is_alone)
    shell.running[opened.assignment] = held
    _decide(shell, held)
    shell.world.later(held.seconds, shell, finish, shell, opened.assignment)


def _decide(shell: "Shell", held: Held) -> None:
    plan, world, rng = shell.plan, shell.world, shell.rng
    policy = shell.state.task(held.task)
    shortest, longest = plan.paces[held.task]
    spoils: Fault | None = None
    results: list[Result] = []
    for key in held.actual:
        nature = plan.nature(key)
        count = world.executions[key] = world.executions.get(key, 0) + 1
        held.seconds += rng.uniform(shortest, longest)
        result: Result = None
        match nature.kind:
            case Kind.POISON:
                held.kills = True
            case Kind.SKIPPED:
                result = Skipped()
            case Kind.FLAKY if count <= nature.times:
                result = nature.fault
            case Kind.SLOW if count <= nature.times and policy.attempt_timeout is not None:
                held.seconds += policy.attempt_timeout + rng.uniform(0.2, 3)
            case Kind.BAD:
                result = nature.fault
            case Kind.SPOILS:
                result = spoils = nature.fault
        results.append(result)
    if policy.batch is not None and len(results) > 1:
        held.fault = spoils
        if spoils is None and not world.is_calm and rng.random() < 0.1:
            held.fault = Fault(rng.choice((FaultKind.PASSING, FaultKind.LIMIT)))
    held.results = tuple(results)
    if policy.is_isolated and not held.kills and rng.random() < world.chance(Wrong.WORKER_DEATH):
        held.kills = True


def finish(shell: "Shell", number: int) -> None:
    """Let a worker come back or die, unless it was stopped before."""
    held = shell.fenced.pop(number, None)
    if held is not None:
        shell.tell(result(shell, number, held))
        return
    held = shell.running.pop(number, None)
    if held is None:
        return
    is_isolated = shell.state.task(held.task).is_isolated
    if held.kills:
        shell.world.killed(shell, held, is_isolated)
        shell.world.count(Wrong.WORKER_DEATH)
        if len(held.keys) == 1:
            key = held.durable[0]
            shell.deaths[key] = max(shell.deaths.get(key, 0), shell.home.deaths.get(key, 0)) + 1
        shell.pending.append(("died", number))
        shell.tell(Died(shell.world.clock(), number))
        return
    shell.pending.append(("close", number))
    shell.tell(result(shell, number, held))


def goes_on(shell: "Shell", held: Held) -> bool:
    """Tell whether a worker that is to be stopped is a thread, which cannot be."""
    if shell.is_late or held.kills or shell.state.task(held.task).is_isolated:
        return False
    return shell.rng.random() < shell.world.chance(Wrong.UNSTOPPABLE)


def result(shell: "Shell", number: int, held: Held) -> Ended:
    """Return what a worker brings back, now or late."""
    if held.fault is not None:
        for key in held.durable:
            shell.faults[key] = held.fault
        return Ended(shell.world.clock(), number, (), held.fault, held.seconds)
    for key, each in zip(held.durable, held.results, strict=True):
        if isinstance(each, Fault):
            shell.faults[key] = each
    return Ended(shell.world.clock(), number, held.results, None, held.seconds)
