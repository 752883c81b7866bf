"""Many seeds over several processes, and what they came to."""

import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass, field
from itertools import islice
from multiprocessing import get_context
from typing import TextIO

from tests.simulation.plan import Wrong
from tests.simulation.world import World

_CHUNK = 50


@dataclass(slots=True)
class Findings:
    """What many seeds came to."""

    seeds: int = 0
    steps: int = 0
    fewest_events: int = 10**9
    fewest_schedulers: int = 10**9
    fewest_owners: int = 10**9
    fewest_tasks: int = 10**9
    #: In how many seeds each thing went wrong.
    with_fault: Counter[str] = field(default_factory=Counter)
    #: Seeds that failed, with why and how to see it again.
    failures: dict[int, str] = field(default_factory=dict)

    def add(self, other: "Findings") -> None:
        self.seeds += other.seeds
        self.steps += other.steps
        self.fewest_events = min(self.fewest_events, other.fewest_events)
        self.fewest_schedulers = min(self.fewest_schedulers, other.fewest_schedulers)
        self.fewest_owners = min(self.fewest_owners, other.fewest_owners)
        self.fewest_tasks = min(self.fewest_tasks, other.fewest_tasks)
        self.with_fault += other.with_fault
        self.failures.update(other.failures)

    def report(self) -> str:
        """Return what a person wants to know."""
        lines = [f"{self.seeds} seeds, {self.steps / max(1, self.seeds):.0f} steps each"]
        shares = {wrong: self.with_fault[wrong] / max(1, self.seeds) for wrong in Wrong}
        lines += [f"  {share:6.1%} {wrong}" for wrong, share in shares.items()]
        lines += [why for _, why in sorted(self.failures.items())[:20]]
        lines.append(f"{len(self.failures)} failed")
        return "\n".join(lines)


def run_one(seed: int) -> Findings:
    """Run one seed; what it violates is a finding."""
    found = Findings(seeds=1)
    world = World(seed)
    try:
        world.run()
    except Exception as error:  # noqa: BLE001 - a core that breaks is a finding, too
        place = traceback.extract_tb(error.__traceback__)[-1]
        found.failures[seed] = (
            f"seed {seed}: {type(error).__name__}: {error} ({place.name}:{place.lineno}); "
            f"python -m tests.simulation --seed {seed} --trace"
        )
    found.steps, found.fewest_events = world.steps, world.events
    found.fewest_schedulers = len(world.processes)
    found.fewest_owners = len(world.plan.first)
    found.fewest_tasks = len(world.plan.policy.tasks)
    found.with_fault.update({name: 1 for name, count in world.stats.items() if count})
    return found


def run_chunk(first: int, count: int) -> Findings:
    """Run seeds one after the other."""
    found = Findings()
    for seed in range(first, first + count):
        found.add(run_one(seed))
    return found


def run_all(
    first: int, count: int, *, jobs: int = 2, tell: Callable[[Findings], None] | None = None
) -> Findings:
    """Run seeds over several processes; a few chunks ahead, so that a million need no memory."""
    found = Findings()
    chunks = _chunks(first, count)
    with ProcessPoolExecutor(jobs, mp_context=get_context("forkserver")) as pool:
        ahead: set[Future[Findings]] = set()
        while True:
            wanted = islice(chunks, 2 * jobs - len(ahead))
            ahead |= {pool.submit(run_chunk, *each) for each in wanted}
            if not ahead:
                return found
            done, ahead = wait(ahead, return_when=FIRST_COMPLETED)
            for each in done:
                found.add(each.result())
            if tell is not None:
                tell(found)


def _chunks(first: int, count: int) -> Iterator[tuple[int, int]]:
    for begin in range(first, first + count, _CHUNK):
        yield begin, min(_CHUNK, first + count - begin)


def replay(seed: int, out: TextIO, *, is_traced: bool) -> int:
    """Run one seed as it ran before; return 1 where it violates something."""
    world = World(seed, (lambda line: out.write(f"{line}\n")) if is_traced else None)
    try:
        world.run()
    except Exception:  # noqa: BLE001 - whatever it is, it was found
        out.write(traceback.format_exc())
        return 1
    wrong = ", ".join(f"{count} x {name}" for name, count in sorted(world.stats.items()))
    out.write(f"seed {seed}: {world.steps} steps; {wrong}\n")
    return 0
