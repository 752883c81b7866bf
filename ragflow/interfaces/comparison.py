"""The contracts of comparing what the ledger believes with what a target has."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

import msgspec

from ragflow.core.records import Generation, HeldRow, Instance
from ragflow.core.standings import OwnerStanding


class TargetRow(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What really stands at one id of a target, as `Target.apply` was given it."""

    id: str
    #: None where it is no row that `apply` wrote, or one that cannot be read any more.
    value: Any
    payload: Mapping[str, Any]
    #: What readers find it by and that is not what the row says.
    faults: tuple[str, ...] = ()


class ComparableTarget(Protocol):
    """A target whose rows can be compared with the ledger, and written again."""

    def dimension(self, generation: Generation) -> int | None:
        """Return how long the vectors of the place are; None where the place is gone."""

    def inspect(self, generation: Generation) -> Iterator[TargetRow]:
        """Yield what stands at every id, sorted by id, whoever wrote it.

        Raises `NotFoundError` where the place is gone.
        """

    def get(self, generation: Generation, ids: Sequence[str]) -> dict[str, TargetRow]:
        """Return those of these rows that can be read, by id."""

    def rewrite(
        self, generation: Generation, upserts: Sequence[tuple[str, Any, Mapping[str, Any]]]
    ) -> None:
        """Write rows as `apply` does, and all of each, even where it seems to be there as given."""


class LedgerOfRows(Protocol):
    """What a ledger says and is told where rows prove to be others than it believes."""

    def rows(self, generation: int) -> Iterator[tuple[int, HeldRow]]:
        """Yield (owner, row) of all that is held at a generation, by row id, as it stood at once.

        Memory holds a page of them.
        """

    def standings(self, generation: int, owners: Sequence[int]) -> dict[int, OwnerStanding]:
        """Return how these owners stand at a generation, by number; unknown ones are absent."""

    def find_owners(self, instance: Instance, source: str, keys: Sequence[str]) -> dict[str, int]:
        """Return the numbers of the owners of these keys that are known, by key."""

    def known_sources(self) -> Sequence[tuple[int, str]]:
        """Return (instance, source) of every source that was ever listed, empty ones too."""

    def unfinished(self, generation: int) -> int:
        """Return how many portions were announced for a generation and never committed."""

    def restate(self, generation: int, rows: Mapping[int, Sequence[HeldRow]]) -> None:
        """Write that owners hold these rows, beside those they hold; durable when it returns.

        For rows that are known to be in the target, and only lost from the ledger.
        """

    def distrust(self, generation: int, rows: Mapping[int, Sequence[str]]) -> None:
        """Let the next run make owners anew, and write these of their rows again in any case.

        As after a crash: the owners are not served, the rows are held with unknown fingerprints.
        """
