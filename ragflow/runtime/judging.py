"""May a run delete and make again what a listing says it would?"""

from collections.abc import Mapping, Sequence

from ragflow.core.items import Fingerprint
from ragflow.core.records import Instance, OwnerRemoval
from ragflow.errors import GuardError
from ragflow.interfaces.listing import Listing
from ragflow.interfaces.orchestration import Ledger
from ragflow.runtime.guards import (
    FEW_LOST,
    FEW_REDONE,
    check_listing,
    check_loss,
    check_place,
    check_redone,
)
from ragflow.runtime.losses import lost, surely_lost
from ragflow.runtime.origin import Origin, Permissions
from ragflow.runtime.redoing import redone
from ragflow.scheduling.moves import Moves


def judge_listing(
    origin: Origin,
    listing: Listing,
    ledger: Ledger,
    instance: Instance,
    permissions: Permissions,
) -> None:
    """Judge where a source looks and what its listing would delete and do again.

    Before anything is done with it: whoever raises what `permissions.refuse` is told of has
    written nothing.
    """
    _judge_place(origin, ledger, instance, permissions)
    _judge_gone(origin, listing, ledger, instance, permissions)
    _judge_redone(origin, listing, permissions)


def judge_loss(
    origin: Origin,
    listing: Listing,
    gone: Sequence[OwnerRemoval],
    *,
    known: int,
    contents: Mapping[int, Fingerprint],
    moves: Moves,
    permissions: Permissions,
) -> None:
    """Judge what is lost, now that all but deletions is done: what moved is known only then."""
    limits = permissions.limits
    if permissions.allow_deletions or not listing.counts()["listed"]:
        return  # allowed, or refused before anything was done
    if surely_lost(listing, gone, contents, known=known, limits=limits):
        return  # refused before anything was done
    number = lost(listing, gone, contents, moves, known=known, limits=limits)
    try:
        check_loss(number, known, origin.source.locator(), limits)
    except GuardError as error:
        permissions.refuse(error)


def known_before(origin: Origin, listing: Listing, ledger: Ledger, instance: Instance) -> int:
    """Return of how many documents a loss is judged: of those that had been read.

    What a run adds that was refused its deletions, or was cut off before them, does not count:
    else the same loss would be a smaller share to the next run, and pass.
    """
    guarded = ledger.guarded(instance, origin.node.source)
    return listing.read() if guarded is None else min(guarded, listing.read())


def contents_of(
    origin: Origin, gone: Sequence[OwnerRemoval], ledger: Ledger, instance: Instance
) -> dict[int, Fingerprint]:
    """Return what was last seen of owners that are gone, where they were read."""
    return ledger.contents(instance, origin.node.source, [removal.owner for removal in gone])


def _judge_place(
    origin: Origin, ledger: Ledger, instance: Instance, permissions: Permissions
) -> None:
    place, may = origin.source.locator(), permissions.allow_deletions
    try:
        note = check_place(ledger, instance, origin.node.source, place, allow_deletions=may)
    except GuardError as error:
        permissions.refuse(error)
        return
    if note:
        permissions.noted(note)


def _judge_gone(
    origin: Origin,
    listing: Listing,
    ledger: Ledger,
    instance: Instance,
    permissions: Permissions,
) -> None:
    place, limits = origin.source.locator(), permissions.limits
    try:
        check_listing(listing, place, allow_deletions=permissions.allow_deletions)
        if permissions.allow_deletions or permissions.is_partial:
            return
        deleted = listing.counts()["deleted"]
        if deleted <= FEW_LOST:
            return
        known = known_before(origin, listing, ledger, instance)
        if limits.allows_loss(deleted, known):
            return
        gone = list(listing.deleted())
        contents = contents_of(origin, gone, ledger, instance)
        number = surely_lost(listing, gone, contents, known=known, limits=limits)
        check_loss(number, known, place, limits)
    except GuardError as error:
        permissions.refuse(error)


def _judge_redone(origin: Origin, listing: Listing, permissions: Permissions) -> None:
    is_meant = permissions.accept or permissions.is_again or bool(permissions.only)
    if is_meant or listing.counts()["stale"] <= FEW_REDONE:
        return
    number, changed = redone(
        listing, origin.ends, origin.graph, origin.ground.definitions, permissions.recipes
    )
    try:
        check_redone(number, changed, listing, permissions.limits)
    except GuardError as error:
        permissions.refuse(error)
