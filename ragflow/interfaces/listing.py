"""The contract of one listing on its way to be compared with what is known."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

from ragflow.core.items import Fingerprint
from ragflow.core.records import Listed, OwnerChange, OwnerRemoval
from ragflow.interfaces.unpacking import Unpacking


class Listing(Unpacking, Protocol):
    """One listing of one source on its way to be compared."""

    def add(self, page: Sequence[Listed]) -> None:
        """Take a page of the listing. Raises `SourceError` when a key comes twice."""

    def known(self) -> int:
        """Return how many owners of this source the ledger knew before."""

    def read(self) -> int:
        """Return how many of those were ever read; the others have nothing to lose."""

    def counts(self) -> Mapping[str, int]:
        """Return how many owners are listed, added, modified, stale, unchanged, deleted.

        Also ``skipped`` and ``held_back``: how many of those with nothing to do stand so.
        Counts are by token alone: an owner counted modified may prove unchanged.
        """

    def changes(self) -> Iterator[OwnerChange]:
        """Yield every owner that is not unchanged, by key.

        An owner is unchanged when its token is the seen one and at every end the served
        input and definition equal the present ones, or the tried ones do and it is held back,
        or failed and its time has not come. One that could not even be read is unchanged
        while its token is the one it was tried with and it is held back, or its time has not
        come, at every end.
        """

    def deleted(self) -> Iterator[OwnerRemoval]:
        """Yield every owner known and not listed, by key."""

    def unchanged(self) -> Iterator[OwnerChange]:
        """Yield every owner with nothing to do, by key; for groups."""

    def find(self, key: str) -> OwnerChange | None:
        """Return how one owner that is listed stands, one with nothing to do too."""

    def standing(self, contents: Sequence[Fingerprint]) -> set[Fingerprint]:
        """Return which of these contents owners with nothing to do have."""

    def redone(self) -> dict[tuple[int, Fingerprint], int]:
        """Return how many stale owners are served by another definition: by generation and it."""

    def close(self) -> None:
        """Forget the listing."""
