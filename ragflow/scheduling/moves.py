"""Was an added owner only moved: is its content known under a key that is gone?"""

from collections import defaultdict, deque
from collections.abc import Iterable

from ragflow.core.items import Fingerprint


class Moves:
    """The contents of owners that are gone, each claimed by at most one added owner."""

    def __init__(self, gone: Iterable[tuple[Fingerprint, str]] = ()) -> None:
        """Take the content and the key of each owner that is gone."""
        self._gone: dict[Fingerprint, deque[str]] = defaultdict(deque)
        for content, key in gone:
            self._gone[content].append(key)
        self._contents = frozenset(self._gone)
        #: The contents of them that some owner has now.
        self.found: set[Fingerprint] = set()
        #: By the key that is gone: the key that lists its content now.
        self.moved_to: dict[str, str] = {}

    @property
    def claimed(self) -> int:
        """How many of them were claimed."""
        return len(self.moved_to)

    def see(self, content: Fingerprint) -> None:
        """Take the content of an owner that is listed, however it changed."""
        if content in self._contents:
            self.found.add(content)

    def claim(self, content: Fingerprint, key: str) -> str | None:
        """Return the key that an added owner of this content had; None where it is new."""
        keys = self._gone.get(content)
        if not keys:
            return None
        came_from = keys.popleft()
        self.moved_to[came_from] = key
        return came_from
