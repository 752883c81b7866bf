"""The contract of what removes what a home needs no more."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol, runtime_checkable

from ragflow.core.items import Fingerprint
from ragflow.core.retained import Amount, Belongings, OldPlace, Pruned, Remembered


class Retention(Protocol):
    """Looks through what a home remembers, and removes what nobody needs.

    Safe beside runs: what they use meanwhile is either there or called again, and no
    transaction is long.
    """

    def survey(self, keep: timedelta) -> Remembered:
        """Return what is remembered, by task, and when the first of what nobody needs may go."""

    def prune(self, keep: timedelta, *, dry_run: bool = False) -> Pruned:
        """Remove memos that nothing reaches and that were not needed for so long.

        Large values go with them, and the database becomes smaller where it can. While there
        are owners of which nobody knows what they reach, every memo stays. With `dry_run`
        nothing is removed.
        """

    def prune_history(self, before: datetime, *, dry_run: bool = False) -> tuple[int, int]:
        """Remove logs and failed attempts of runs that ended before; return how many of each.

        With `dry_run` nothing is removed.
        """

    def sweep(self) -> Amount:
        """Remove artifacts that no memo refers to; return how much it was."""

    def standings(self, owner: int, calls: Sequence[Fingerprint]) -> Mapping[Fingerprint, str]:
        """Return of each call that an owner is made of ``reached``, of those it was ``former``."""


class Forgetting(Protocol):
    """Removes what a home knows of documents; every step may be repeated."""

    def places(self, key: str) -> Sequence[OldPlace]:
        """Return the sources that know a document of this key, or knew one."""

    def inside(self, key: str) -> Sequence[str]:
        """Return the keys, known now or before, of what a document holds or held, in order."""

    def belongings(self, owners: Sequence[int], key: str, places: Iterable[int]) -> Belongings:
        """Return the calls that these owners and nobody else need, and those that others do, too.

        Also calls that a document of this key needed before, at the places given.
        """

    def forget_memos(self, belongings: Belongings) -> Amount:
        """Remove the memos that nobody else needs; those that others do stay, whole."""

    def forget_history(
        self, key: str, owners: Sequence[int], places: Sequence[OldPlace]
    ) -> Mapping[str, int]:
        """Remove what runs printed of a document, its failed attempts and why runs worked on it.

        Returns how many of each there were: logs, attempts, reasons.
        """

    def forget_key(self, key: str, places: Sequence[OldPlace], *, name: str) -> None:
        """Forget that there was a document of this key at these places; the last step.

        Events of the audit stay, each when, by whom and what was done; but what it was done to
        is called `name` from now on, and what an error said of it is taken out.
        """

    def scrub(self) -> bool:
        """Write the database anew, so that nothing is left of what was deleted; tell if it was."""


@runtime_checkable
class Scrubs(Protocol):
    """A target that can make sure that nothing is left of rows it deleted."""

    def scrub(self) -> None:
        """Leave nothing of the text of rows that were deleted in any file."""
