"""What one seed is about: tasks, owners, what their calls come to, and what goes wrong when."""

from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from random import Random

from ragflow.core.rates import Rate
from ragflow.core.retry import Fault, FaultKind, Retry
from ragflow.core.rules import Rule
from ragflow.scheduling.transitions.policy import SLOTS, Policy, TaskPolicy

#: What a call is made of, and so what it is known by.
Key = str


class Kind(StrEnum):
    """What comes of a call."""

    FINE = "fine"
    SKIPPED = "skipped"  #: finds nothing to do
    FLAKY = "flaky"  #: fails a few times first
    SLOW = "slow"  #: outlives its attempt a few times first
    BAD = "bad"  #: always fails
    SPOILS = "spoils"  #: always fails, and fails a batch as a whole
    POISON = "poison"  #: always kills who holds it


class Wrong(StrEnum):
    """What goes wrong around the core."""

    WORKER_DEATH = "worker death"
    SCHEDULER_DEATH = "scheduler death"
    LOST_LEASE = "lost lease"
    LATE_RESULT = "late result"
    COMMIT_BEFORE = "failing commit, before"
    COMMIT_AFTER = "failing commit, after"
    CLOCK_FORWARD = "clock put forward"
    CLOCK_BACK = "clock put back"
    DUPLICATE = "duplicate event"
    CANCEL = "cancel"
    PAUSE = "pause and resume"
    UNREACHABLE = "target unreachable"
    UNSTOPPABLE = "worker that cannot be stopped"


@dataclass(frozen=True, slots=True)
class Nature:
    """What comes of one call, and how often first."""

    kind: Kind = Kind.FINE
    times: int = 0
    fault: Fault = field(default_factory=lambda: Fault(FaultKind.PASSING))


@dataclass(frozen=True, slots=True)
class Content:
    """What an owner holds: the calls of each task over it."""

    number: int
    parts: tuple[tuple[Key, ...], ...]


@dataclass(slots=True)
class Plan:
    """Everything a seed decides before it begins."""

    policy: Policy
    rules: tuple[Rule, ...]
    #: Seconds that a call of each task takes, from and to; the last is the loading task's.
    paces: tuple[tuple[float, float], ...]
    natures: dict[Key, Nature] = field(default_factory=dict)
    contents: list[Content] = field(default_factory=list)
    #: The content of each owner at first; what it is in the end, None where it is gone.
    first: dict[int, int] = field(default_factory=dict)
    changes: dict[int, int | None] = field(default_factory=dict)
    #: Of what changes: when, in a run; what is absent changes between two listings.
    changes_at: dict[int, float] = field(default_factory=dict)
    weights: dict[int, int] = field(default_factory=dict)
    #: What goes wrong, by the number of the step before it; and what may at any time.
    moments: list[tuple[int, Wrong]] = field(default_factory=list)
    chances: dict[Wrong, float] = field(default_factory=dict)
    #: The step after which nothing goes wrong any more.
    calm_after: int = 600
    #: Whether the death of a holder frees the lease at once.
    is_locked: bool = True
    #: Whether the shell answers at once, and the longest it takes otherwise.
    is_prompt: bool = True
    #: Seconds from an event to the turn after it.
    pauses: tuple[float, ...] = (0.0,)
    remembers_failures: bool = True
    #: Share of owners that were listed before, and so need not be loaded.
    seen: float = 0.0

    def nature(self, key: Key) -> Nature:
        return self.natures.get(key, _FINE)


_FINE = Nature()
_LASTING = (FaultKind.LASTING, FaultKind.LIMIT, FaultKind.GIVE_UP, FaultKind.LATER)
_PASSING = (FaultKind.PASSING, FaultKind.RETRY, FaultKind.TIMEOUT)
_RULES = (Rule.ALL_SUCCEEDED, Rule.ALL_SUCCEEDED, Rule.ALL_SUCCEEDED, Rule.ALL_DONE)
_OWNERS = 40
#: The resource that the slots of the one executor are.
SLOTS_OF = f"{SLOTS}workers"


def choose(rng: Random) -> Plan:
    """Decide everything about a seed."""
    policy = _policy(rng)
    plan = Plan(policy, _rules(rng, policy), _paces(rng, policy))
    _choose_owners(rng, plan)
    _choose_poison(rng, plan)
    _choose_faults(rng, plan)
    plan.is_locked = rng.random() < 0.5
    plan.is_prompt = rng.random() < 0.6
    plan.pauses = rng.choice(((0.0,), (0.0, 0.3), (0.1, 0.3), (0.2, 0.4)))
    plan.remembers_failures = rng.random() < 0.5
    plan.seen = rng.choice((0.0, 0.5, 0.9))
    return plan


def _policy(rng: Random) -> Policy:
    count = rng.choice((3, 3, 3, 3, 3, 4))
    above = [_above(rng, number) for number in range(count)]
    depths: list[int] = []
    for each in above:
        depths.append(1 + max((depths[a] for a in each), default=0))
    batch, bundled, isolated = rng.sample(range(count), 3)
    if rng.random() < 0.3:
        isolated = batch
    limits = {SLOTS_OF: rng.randint(2, 6), "cpu": rng.randint(2, 4), "pool": rng.randint(1, 2)}
    tasks = []
    for number in range(count):
        is_quick = number == bundled
        tasks.append(
            TaskPolicy(
                name=f"task{number}",
                above=above[number],
                below=tuple(n for n in range(count) if number in above[n]),
                needs=_needs(rng, limits),
                retry=_retry(rng),
                queue_timeout=rng.uniform(15, 60) if rng.random() < 0.2 else None,
                attempt_timeout=rng.uniform(1, 4) if rng.random() < 0.6 else None,
                total_timeout=rng.uniform(15, 60) if rng.random() < 0.25 else None,
                priority=rng.choice((0, 0, 0, 1, 2)),
                depth=depths[number],
                batch=float(rng.randint(2, 6)) if number == batch else None,
                linger=rng.uniform(0.2, 2.0),
                is_bundled=is_quick,
                is_isolated=number == isolated or rng.random() < 0.3,
                rates=("api",) if rng.random() < 0.25 else (),
            )
        )
    load = TaskPolicy(
        name="load",
        needs={SLOTS_OF: 1} if rng.random() < 0.5 else {SLOTS_OF: 1, "pool": 1},
        retry=_retry(rng),
        attempt_timeout=5.0 if rng.random() < 0.5 else None,
        is_bundled=rng.random() < 0.3,
        is_isolated=rng.random() < 0.3,
    )
    per_second = rng.choice((2.0, 5.0, 20.0))
    return Policy(
        tasks=tuple(tasks),
        load=load,
        limits=limits,
        rates={"api": Rate(per_second, max(1.0, per_second * rng.choice((0.5, 1.0))))},
        window_owners=rng.randint(3, 12),
        window_weight=rng.choice((30, 1000)),
        portion=rng.randint(3, 12),
        portion_linger=rng.uniform(0.5, 3.0),
        portions=rng.randint(1, 2),
        commit_retry=Retry(attempts=rng.randint(2, 6), initial=timedelta(seconds=0.5)),
        max_failed=rng.randint(1, 6) if rng.random() < 0.1 else None,
    )


def _above(rng: Random, number: int) -> tuple[int, ...]:
    if not number:
        return ()
    wanted = rng.choice((0, 1, 1, 1, 2))
    return tuple(sorted(rng.sample(range(number), min(wanted, number))))


def _needs(rng: Random, limits: dict[str, int]) -> dict[str, float]:
    needs: dict[str, float] = {SLOTS_OF: 1}
    if rng.random() < 0.4:
        needs["cpu"] = rng.choice((0.5, 1, limits["cpu"]))
    if rng.random() < 0.3:
        needs["pool"] = rng.randint(1, limits["pool"])
    return needs


def _retry(rng: Random) -> Retry:
    return Retry(
        attempts=rng.randint(1, 4),
        initial=timedelta(seconds=rng.choice((0, 0.2, 1, 2))),
        max_delay=timedelta(seconds=10),
        max_elapsed=timedelta(seconds=30) if rng.random() < 0.2 else None,
        jitter=rng.choice(("full", "equal", "none")),
    )


def _rules(rng: Random, policy: Policy) -> tuple[Rule, ...]:
    return tuple(rng.choice(_RULES) if task.above else Rule.ALL_DONE for task in policy.tasks)


def _paces(rng: Random, policy: Policy) -> tuple[tuple[float, float], ...]:
    assert policy.load is not None
    return tuple(
        (0.001, 0.004) if task.is_bundled else (0.02, rng.choice((0.2, 0.8)))
        for task in (*policy.tasks, policy.load)
    )


def _choose_owners(rng: Random, plan: Plan) -> None:
    shared = [[f"{task}:s{n}" for n in range(12)] for task in range(len(plan.policy.tasks))]
    # Two tasks that call the same function with equal values have equal calls.
    if rng.random() < 0.15:
        shared[1] = shared[0]
    count = _OWNERS + rng.randint(0, 1)
    for owner in range(1, count + 1):
        plan.first[owner] = _content(rng, plan, shared)
        plan.weights[owner] = rng.randint(1, 12)
        draw = rng.random()
        if draw < 0.05:
            plan.changes[owner] = None
        elif draw < 0.18:
            plan.changes[owner] = _content(rng, plan, shared)
            if rng.random() < 0.6:
                plan.changes_at[owner] = rng.uniform(0.5, 25)


def _content(rng: Random, plan: Plan, shared: list[list[Key]]) -> int:
    number = len(plan.contents)
    parts = []
    for task, policy in enumerate(plan.policy.tasks):
        wanted = rng.choice((1, 1, 1, 3) if policy.batch is not None else (0, 0, 1, 1, 1))
        keys = []
        for part in range(wanted):
            if rng.random() < 0.25:
                keys.append(rng.choice(shared[task]))
            else:
                keys.append(f"{task}:{number}.{part}")
        for key in keys:
            if key not in plan.natures:
                plan.natures[key] = _nature(rng, policy)
        parts.append(tuple(keys))
    plan.contents.append(Content(number, tuple(parts)))
    load = plan.policy.load
    assert load is not None
    plan.natures[load_key(number)] = _nature(rng, load)
    return number


def load_key(content: int) -> Key:
    """Return what the load of a content is known by."""
    return f"load:{content}"


def load_is_fine(plan: Plan, content: int) -> bool:
    """Tell whether a content could have been loaded before."""
    return plan.nature(load_key(content)).kind in (Kind.FINE, Kind.FLAKY, Kind.SLOW)


def _nature(rng: Random, policy: TaskPolicy) -> Nature:
    draw = rng.random()
    if draw < 0.80:
        return _FINE
    if draw < 0.83 and policy.name != "load":
        return Nature(Kind.SKIPPED)
    if draw < 0.90:
        told = rng.choice((None, None, 0.0, 1.5))
        times = rng.randint(1, 3)
        return Nature(Kind.FLAKY, times, Fault(rng.choice(_PASSING), told))
    if draw < 0.95 and policy.attempt_timeout is not None:
        return Nature(Kind.SLOW, rng.randint(1, 2))
    if draw < 0.97 and policy.batch is not None:
        return Nature(Kind.SPOILS, 0, Fault(FaultKind.LASTING))
    if draw < 0.98:
        return Nature(Kind.BAD, 0, Fault(rng.choice((*_LASTING, FaultKind.PASSING))))
    return _FINE


def _choose_poison(rng: Random, plan: Plan) -> None:
    """Let a call kill its worker; where its task is not isolated, that is the scheduler."""
    if rng.random() < 0.35:
        content = rng.choice(plan.contents)
        keys = [key for task in content.parts for key in task] or [load_key(content.number)]
        if rng.random() < 0.1:
            keys = [load_key(content.number)]
        plan.natures[rng.choice(keys)] = Nature(Kind.POISON)


def _choose_faults(rng: Random, plan: Plan) -> None:
    moments: list[tuple[int, Wrong]] = []
    for wrong in (
        Wrong.SCHEDULER_DEATH,
        Wrong.LOST_LEASE,
        Wrong.CLOCK_FORWARD,
        Wrong.CLOCK_BACK,
        Wrong.CANCEL,
        Wrong.PAUSE,
        Wrong.UNREACHABLE,
    ):
        if rng.random() < 0.34:
            times = rng.choice((1, 1, 2))
            moments += [(rng.randint(5, 210), wrong) for _ in range(times)]
    plan.moments = sorted(moments)
    plan.chances = {
        Wrong.WORKER_DEATH: rng.choice((0.0, 0.03, 0.08)),
        Wrong.COMMIT_BEFORE: rng.choice((0.0, 0.02, 0.06)),
        Wrong.COMMIT_AFTER: rng.choice((0.0, 0.02, 0.06)),
        Wrong.DUPLICATE: rng.choice((0.0, 0.02, 0.06)),
        Wrong.LATE_RESULT: rng.choice((0.0, 0.5, 1.0)),
        Wrong.UNSTOPPABLE: rng.choice((0.5, 1.0, 1.0)),
    }
    plan.calm_after = rng.randint(220, 300)
