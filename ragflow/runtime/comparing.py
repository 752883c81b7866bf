"""What do version tokens and definitions alone say that a run would do?"""

from ragflow.core.records import Instance
from ragflow.core.shapes import Shape
from ragflow.core.states import Change
from ragflow.interfaces.listing import Listing
from ragflow.interfaces.orchestration import Ledger
from ragflow.runtime.judging import judge_listing
from ragflow.runtime.origin import Origin, Permissions
from ragflow.runtime.origins import changes_of, list_source
from ragflow.scheduling.totals import Totals


def compare(
    origin: Origin, instance: Instance, ledger: Ledger, totals: Totals, permissions: Permissions
) -> None:
    """List one source and count its documents by change; groups are left out.

    Opens no document. Raises `SourceError` when the source cannot be listed.
    """
    if origin.node.shape is not Shape.SOURCE:
        return
    ends = [end for _, end in origin.ends.values()]
    listing = ledger.listing(instance, origin.node.source, ends, permissions.released)
    try:
        list_source(origin, listing, permissions, instance, may_open=False)
        judge_listing(origin, listing, ledger, instance, permissions)
        counts = listing.counts()
        permissions.listed(counts)
        if permissions.only or permissions.is_again:
            _count_each(origin, listing, totals, permissions)
        else:
            totals.count_untouched(counts)
            for kind in (Change.ADDED, Change.MODIFIED, Change.STALE):
                totals.documents[kind.value] += counts[kind.value]
        if not permissions.is_partial:
            totals.deleted += counts["deleted"]
    finally:
        listing.close()


def _count_each(origin: Origin, listing: Listing, totals: Totals, permissions: Permissions) -> None:
    """Count the owners that a run was asked to look at, one by one."""
    for change in changes_of(origin, listing, permissions, totals=totals):
        if change.change is not Change.UNCHANGED:  # those are there for groups
            totals.count(change.change.value)
