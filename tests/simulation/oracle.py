"""What must come of an owner, whatever goes wrong on the way: read off the plan alone."""

from dataclasses import dataclass

from ragflow.core.rules import Rule
from tests.simulation.plan import Key, Kind, Plan, load_key


@dataclass(frozen=True, slots=True)
class Fate:
    """What an undisturbed run makes of one content."""

    #: Empty where it is served.
    causes: frozenset[str]
    #: Values of its rows, by task; the calls that succeed, and those that kill.
    made: tuple[tuple[int, Key], ...]
    succeeded: tuple[Key, ...]


def fate(plan: Plan, content: int) -> Fate:
    """Return what must come of a content."""
    cause = cause_of(plan, load_key(content))
    if cause is not None:
        return Fate(frozenset({cause}), (), ())
    parts = plan.contents[content].parts
    causes: set[str] = set()
    succeeded: list[Key] = []
    made: list[tuple[int, Key]] = []
    has_failed: list[bool] = []
    for task, policy in enumerate(plan.policy.tasks):
        is_blocked = plan.rules[task] is Rule.ALL_SUCCEEDED and any(
            has_failed[above] for above in policy.above
        )
        if is_blocked:
            has_failed.append(bool(parts[task]))
            continue
        fails = False
        for key in parts[task]:
            cause = cause_of(plan, key)
            if cause is not None:
                causes.add(cause)
                fails = True
            elif plan.nature(key).kind is not Kind.SKIPPED:
                succeeded.append(key)
                if not policy.below:
                    made.append((task, key))
        has_failed.append(fails)
    return Fate(frozenset(causes), tuple(made), tuple(succeeded))


def cause_of(plan: Plan, key: Key) -> str | None:
    """Return what would release a call that cannot succeed, None for one that can."""
    nature = plan.nature(key)
    if nature.kind is Kind.POISON:
        return "deaths"
    if nature.kind in (Kind.BAD, Kind.SPOILS):
        return "time" if nature.fault.is_tried_later else "content"
    return None


def rows_of(owner: int, made: tuple[tuple[int, Key], ...]) -> frozenset[str]:
    """Return the rows that an owner has in the target."""
    return frozenset(f"{owner}/{task}/{key}" for task, key in made)
