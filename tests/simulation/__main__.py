"""``python -m tests.simulation``: many seeds, or one with everything that happens in it."""

import argparse
import sys

from tests.simulation.seeds import Findings, replay, run_all


def main() -> int:
    """Run what the command line asks for; return 1 where something was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=10_000, help="how many seeds")
    parser.add_argument("--first", type=int, default=0, help="the first of them")
    parser.add_argument("--jobs", type=int, default=2, help="processes at work")
    parser.add_argument("--seed", type=int, help="run this one alone")
    parser.add_argument("--trace", action="store_true", help="print everything that happens")
    given = parser.parse_args()
    if given.seed is not None:
        return replay(given.seed, sys.stdout, is_traced=given.trace)

    def tell(found: Findings) -> None:
        sys.stderr.write(f"\r{found.seeds} seeds, {len(found.failures)} failed ")

    found = run_all(given.first, given.seeds, jobs=given.jobs, tell=tell)
    sys.stderr.write("\n")
    sys.stdout.write(f"{found.report()}\n")
    return 1 if found.failures else 0


if __name__ == "__main__":
    sys.exit(main())
