"""What is a task over a group given?"""

from collections.abc import Callable, Iterator, Sequence
from typing import Generic, TypeVar

T_co = TypeVar("T_co", covariant=True)


class Members(Generic[T_co]):
    """The items of one group, in the order of their keys; each value is fetched when asked for.

    A key is the owner's key, followed by ``#`` and the part's number where an owner has
    several parts in the group.
    """

    __slots__ = ("_fetch", "_names", "key", "keys", "missing")

    def __init__(
        self,
        key: str,
        keys: Sequence[str],
        fetch: Sequence[Callable[[], T_co]],
        fingerprint: bytes,
        missing: Sequence[str] = (),
    ) -> None:
        #: Key of the group.
        self.key = key
        #: Keys of its members, sorted.
        self.keys = tuple(keys)
        #: Keys of those that belong in it but could not be made in this run, sorted.
        self.missing = tuple(missing)
        self._fetch = tuple(fetch)
        self._names = fingerprint

    def __iter__(self) -> Iterator[T_co]:
        for fetch in self._fetch:
            yield fetch()

    def __len__(self) -> int:
        return len(self.keys)

    def items(self) -> Iterator[tuple[str, T_co]]:
        """Yield (key, value) of each member."""
        for key, fetch in zip(self.keys, self._fetch, strict=True):
            yield key, fetch()

    def __fingerprint__(self) -> bytes:
        """Return the bytes that identify the value.

        Its key, each member's key and fingerprint, and the keys of those that are missing.
        """
        return self._names

    def __repr__(self) -> str:
        return f"Members({self.key!r}, {len(self)} items)"
