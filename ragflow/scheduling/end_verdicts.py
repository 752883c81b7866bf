"""What became of owners at each end, for what waits for an end as a whole?"""

from collections.abc import Mapping

from ragflow.core.records import EndNow
from ragflow.core.states import OwnerState
from ragflow.scheduling.commits import Served
from ragflow.scheduling.descent import Verdict


class EndVerdicts:
    """Counts owners at each end as they are finished."""

    def __init__(self, ends: Mapping[str, EndNow]) -> None:
        self._names = {end.generation: name for name, end in ends.items()}
        self._counts = {name: [0, 0, 0] for name in ends}

    def take(self, done: Served) -> None:
        """Count one owner."""
        for end in done.ends:
            counts = self._counts[self._names[end.commit.generation]]
            match end.commit.state:
                case OwnerState.SUCCEEDED:
                    counts[0] += 1
                case OwnerState.SKIPPED:
                    counts[1] += 1
                case _:
                    counts[2] += 1

    def all(self) -> dict[str, Verdict]:
        """Return the counts by end."""
        return {name: Verdict(*counts) for name, counts in self._counts.items()}
