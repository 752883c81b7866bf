"""Was an added owner only moved: is its content known under a key that is gone?"""

from collections import Counter
from collections.abc import Iterable

from ragflow.core.items import Fingerprint
from ragflow.core.states import Change


class Moves:
    """The contents of owners that are gone, each claimed by at most one added owner."""

    def __init__(self, gone: Iterable[Fingerprint] = ()) -> None:
        self._gone = Counter(gone)
        self.claimed = 0

    def change_of(self, content: Fingerprint) -> Change:
        """Return how an added owner with this content changed."""
        if self._gone[content] > 0:
            self._gone[content] -= 1
            self.claimed += 1
            return Change.MOVED
        return Change.ADDED
