"""What must be true when nothing goes wrong any more and everything is over."""

from typing import TYPE_CHECKING

from ragflow.scheduling.transitions.policy import DEATHS
from tests.simulation.invariants import Violation
from tests.simulation.oracle import fate, rows_of
from tests.simulation.plan import Key, Kind, Plan

if TYPE_CHECKING:
    from tests.simulation.world import World


def is_innocent(plan: Plan, key: Key) -> bool:
    """Tell whether a call died by chance, and not by its own doing."""
    return plan.nature(key).kind is not Kind.POISON


def unserved(world: "World") -> list[str]:
    """Return the owners that are not as an undisturbed run leaves them."""
    plan, home = world.plan, world.home
    wrong = []
    for owner, content in world.contents.items():
        done, expected = home.done.get(owner), fate(plan, content)
        if done is None or done.tried != content:
            wrong.append(f"{owner} not tried")
        elif not expected.causes and (done.causes or done.served != content):
            wrong.append(f"{owner} not served: {sorted(done.causes)}")
        elif expected.causes and not done.causes & expected.causes:
            wrong.append(f"{owner} did not fail by {sorted(expected.causes)}")
        elif done.causes - expected.causes - {"time"}:
            wrong.append(f"{owner} failed by {sorted(done.causes)}")
    return wrong + [f"{owner} not deleted" for owner in home.done if owner not in world.contents]


def is_served(world: "World") -> bool:
    """Tell whether a run has nothing left to do that could come to something."""
    return not unserved(world)


def check(world: "World") -> None:
    """Hold the target, the ledger and the memos to what an undisturbed run leaves."""
    _check_target(world)
    _check_memos(world)
    home = world.home
    for taken, newest in home.taken_from:
        _require(taken == newest, f"a commit of lease {taken} was taken under lease {newest}")
    for wrote, newest in world.written_from:
        _require(wrote == newest, f"lease {wrote} wrote to the target under lease {newest}")
    _require(not home.rows, f"assignments are open: {sorted(home.rows)}")
    for key, count in home.deaths.items():
        _require(count <= DEATHS, f"{key} died {count} times")


def _check_target(world: "World") -> None:
    plan, home = world.plan, world.home
    rows: dict[int, set[str]] = {}
    for row, owner in world.target.items():
        rows.setdefault(owner, set()).add(row)
    for owner, found in rows.items():
        _require(owner in world.contents, f"rows of nobody: {sorted(found)}")
    for owner, content in world.contents.items():
        expected, found = fate(plan, content), rows.get(owner, set())
        if not expected.causes:
            wanted = rows_of(owner, expected.made)
            _require(found == wanted, f"{owner} has {sorted(found)} and not {sorted(wanted)}")
            _require(home.held.get(owner) == wanted, f"{owner} holds other rows than it has")
            _require(owner not in home.intents, f"{owner} is served and intends more")
            continue
        held, intended = home.held.get(owner, frozenset()), home.intents.get(owner, frozenset())
        _require(found <= held | intended, f"{owner} has rows nobody knows of")
        if not intended:
            _require(found == held, f"{owner} lost rows it was served with")
            served = home.done[owner].served
            good = rows_of(owner, fate(plan, served).made) if served is not None else frozenset()
            _require(held == good, f"{owner} is not served whole")


def _check_memos(world: "World") -> None:
    plan, home = world.plan, world.home
    possible: set[Key] = set()
    for content in range(len(plan.contents)):
        possible.update(fate(plan, content).succeeded)
    for key in home.memos:
        _require(key in possible, f"{key} is remembered, and no run calls it")
    for content in world.contents.values():
        expected = fate(plan, content)
        for key in () if expected.causes else expected.succeeded:
            _require(key in home.memos, f"{key} is not remembered")


def _require(holds: bool, what: str) -> None:
    if not holds:
        raise Violation(what)
