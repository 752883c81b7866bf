"""The contracts of what a home remembers so that every decision can be explained."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol, runtime_checkable

from ragflow.core.items import Fingerprint
from ragflow.core.reasons import Departure, KeptReason, KnownEnd, KnownOwner, RowHolder
from ragflow.core.recipes import Recipe


@runtime_checkable
class Explains(Protocol):
    """What a source may offer besides: it says why it does not list a key."""

    def why_not(self, key: str) -> str | None:
        """Return in words why a key is not listed, as what follows "it"; None where it is.

        ``is left out by exclude``. Looks at names only. Raises `OSError` and `SourceError`
        where that cannot be looked at.
        """


class Recipes(Protocol):
    """Says what a definition is made of."""

    def missing(self, definitions: Sequence[Fingerprint]) -> list[Fingerprint]:
        """Return those that nothing is written down of."""

    def keep(self, run: int, recipes: Sequence[Recipe]) -> None:
        """Write recipes down durably; one that is there stays as it is."""

    def get(self, definition: Fingerprint) -> Recipe | None:
        """Return a definition's recipe; None for one of an older version of ragflow."""


class Reasons(Protocol):
    """Says why runs worked on owners, and finds owners by what people know them by.

    Reasons are written by `Ledger.commit`, at once with what they explain.
    """

    def find(self, key: str) -> list[KnownOwner]:
        """Return the owners of this key that were seen, of every source and instance."""

    def owner(self, number: int) -> KnownOwner | None:
        """Return the owner of this number."""

    def twins(self, owner: int, *, limit: int) -> list[KnownOwner]:
        """Return owners that were last seen with the same content, by key; looks at every owner.

        None for one that was never read.
        """

    def near(self, key: str, *, limit: int) -> list[str]:
        """Return keys of owners that may have been meant: the same name elsewhere first."""

    def ends(self, owner: int) -> list[KnownEnd]:
        """Return how an owner stands at every generation it was tried at, the retired left out."""

    def of(self, owner: int) -> list[KeptReason]:
        """Return what is kept of why runs worked on an owner, newest first."""

    def departures(self, key: str) -> list[Departure]:
        """Return when owners of this key went, newest first."""

    def holders(self, prefix: str) -> list[RowHolder]:
        """Return the rows whose id begins so, by id and generation; looks at every row held."""

    def members(self, owner: int) -> list[KnownOwner]:
        """Return the owners whose items a group is made of, by key; none for another owner."""

    def groups(self, owner: int) -> list[KnownOwner]:
        """Return the groups that items of an owner belong to, by key."""

    def prune(self, before: datetime) -> int:
        """Forget reasons of runs that began before; return how many.

        The newest of each owner stays. Owners that were gone by then are forgotten, and so
        are recipes that no owner and no reason leads to any more.
        """
