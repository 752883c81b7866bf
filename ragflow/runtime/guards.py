"""Would this run do harm, or much work that nobody expects?"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from ragflow.config import GuardsConfig
from ragflow.core.records import Instance
from ragflow.core.shares import read_share
from ragflow.errors import GuardError
from ragflow.interfaces.listing import Listing
from ragflow.interfaces.orchestration import Ledger
from ragflow.views.quantities import counted

#: So many documents may always go, and so many may always be made again.
FEW_LOST, FEW_REDONE = 2, 10
#: Changes of a definition that are named.
_NAMED = 3
#: The option that allows what such a guard refuses; a person at a terminal is asked for it.
ACCEPT = "accept"


class Limits(msgspec.Struct, frozen=True):
    """What a run may do without being told that it may."""

    #: Percent of its documents that a source may lose.
    deletions: float = 20.0
    #: Percent of unchanged documents that may be made again.
    redo: float = 20.0

    @staticmethod
    def of(config: GuardsConfig) -> "Limits":
        """Return what ragflow.toml says."""
        return Limits(read_share(config.deletions), read_share(config.redo))

    def allows_loss(self, lost: int, known: int) -> bool:
        """Tell whether so many of the known documents may be lost."""
        return lost <= max(FEW_LOST, known * self.deletions / 100)

    def allows_redoing(self, redone: int, unchanged: int) -> bool:
        """Tell whether so many of the unchanged documents may be made again."""
        return redone <= max(FEW_REDONE, unchanged * self.redo / 100)


def check_place(
    ledger: Ledger,
    instance: Instance,
    source: str,
    now: Mapping[str, Any],
    *,
    allow_deletions: bool,
) -> str | None:
    """Refuse a source that looks elsewhere than before; return what to say where allowed.

    Raises `GuardError` naming both places.
    """
    before = ledger.locator(instance, source)
    if before is None or dict(before) == dict(now):
        return None
    what = f"{_spelled(now)} instead of {_spelled(before)}"
    if not allow_deletions:
        raise GuardError(
            f"instance {instance.name!r} would now read {what}, "
            "and delete every document that is not there",
            hint="run it with --allow-deletions, or under another --instance name",
        )
    return f"reads {what}"


def check_listing(listing: Listing, place: Mapping[str, Any], *, allow_deletions: bool) -> None:
    """Refuse a listing that lost every document.

    Raises `GuardError` saying how many would be deleted.
    """
    known = listing.known()
    if known and not listing.counts()["listed"] and not allow_deletions:
        raise GuardError(
            f"{_spelled(place)} lists no document, but {known:,} are in the index",
            hint="run it with --allow-deletions if they are meant to go",
        )


def check_loss(lost: int, known: int, place: Mapping[str, Any], limits: Limits) -> None:
    """Refuse a listing that lost more of the known documents than may be lost.

    Raises `GuardError` saying how many of how many.
    """
    if limits.allows_loss(lost, known):
        return
    raise GuardError(
        f"{_spelled(place)} lost {lost:,} of its {counted(known, 'document')}, "
        f"more than {limits.deletions:g}%: nothing is deleted",
        hint="run it with --allow-deletions if they are meant to go",
    )


def check_redone(redone: int, changed: Sequence[str], listing: Listing, limits: Limits) -> None:
    """Refuse to make more of the unchanged documents again than may be; `changed` says why.

    Raises `GuardError` saying how many of how many.
    """
    counts = listing.counts()
    unchanged = counts["unchanged"] + counts["stale"]
    if limits.allows_redoing(redone, unchanged):
        return
    more = f" and {len(changed) - _NAMED} more" if len(changed) > _NAMED else ""
    raise GuardError(
        f"{redone:,} of {counted(unchanged, 'unchanged document')} would be made again, "
        f"more than {limits.redo:g}%: {', '.join(changed[:_NAMED])}{more}",
        hint="run it with --accept if that is meant; `ragflow plan` says what it costs",
        option=ACCEPT,
    )


def check_cost(cost: int, unit: str, most: int, *, is_most: bool = False) -> None:
    """Refuse a run whose calls would cost more than `most`.

    Raises `GuardError` with both numbers.
    """
    if cost <= most:
        return
    raise GuardError(
        f"it would cost {'at most ' if is_most else ''}{cost:,} {unit}, "
        f"more than max_cost={most:,}",
        hint="run it with --accept, or with a higher --max-cost",
        option=ACCEPT,
    )


def _spelled(place: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value!r}" for name, value in place.items()) or "the source"
