"""Would this listing do harm?"""

from collections.abc import Mapping
from typing import Any

from ragflow.core.records import Instance
from ragflow.errors import GuardError
from ragflow.interfaces.orchestration import Ledger, Listing


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


def _spelled(place: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value!r}" for name, value in place.items()) or "the source"
