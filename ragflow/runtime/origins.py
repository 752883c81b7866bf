"""How is one source listed, compared, streamed and cleared of what is gone?"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, islice

import msgspec

from ragflow.core.pipeline_graph import PipelineGraph
from ragflow.core.reasons import Cause
from ragflow.core.records import Instance, Listed, OwnerChange, OwnerRemoval
from ragflow.core.shapes import Shape
from ragflow.core.states import Change
from ragflow.errors import GuardError, NotFoundError, SourceError
from ragflow.interfaces.listing import Listing
from ragflow.interfaces.orchestration import Ledger
from ragflow.runtime.judging import contents_of, judge_listing, judge_loss, known_before
from ragflow.runtime.origin import Origin, Permissions
from ragflow.runtime.unpacked import Unpacked
from ragflow.runtime.unpacking import unpack
from ragflow.scheduling import policies
from ragflow.scheduling.commits import Committer
from ragflow.scheduling.descent import Verdict
from ragflow.scheduling.groups import Gathering, Gatherings, is_group
from ragflow.scheduling.items import Items
from ragflow.scheduling.moves import Moves
from ragflow.scheduling.on_way import Asked
from ragflow.scheduling.shell import Shell, verdicts
from ragflow.scheduling.surroundings import Surroundings
from ragflow.scheduling.totals import Totals
from ragflow.scheduling.walk import Ground


def process(
    origin: Origin,
    surroundings: Surroundings,
    ledger: Ledger,
    committer: Committer | None,
    permissions: Permissions,
) -> Mapping[str, Verdict]:
    """Bring every end below one origin up to date; without a committer only count.

    Deletions come last, after a complete listing and after everything else was committed.
    Returns what became of each task, looked at as a whole.
    """
    instance, name = surroundings.instance, origin.node.source
    if permissions.only and origin.node.shape is Shape.GROUPING:
        return {}  # who is not looked at may belong to any group
    is_source = origin.node.shape is Shape.SOURCE
    place = origin.source.locator()
    ends = [end for _, end in origin.ends.values()]
    listing = ledger.listing(instance, name, ends, permissions.released)
    try:
        list_source(origin, listing, permissions, instance)
        if is_source:
            judge_listing(origin, listing, ledger, instance, permissions)
        if committer is not None and is_source and ledger.locator(instance, name) is None:
            # Before the first row: an interrupted first run must not leave the place unguarded.
            ledger.set_locator(instance, name, place)
        counts = listing.counts()
        if is_source and not permissions.only:
            # What is done again counts as stale, one by one.
            surroundings.totals.count_untouched({} if permissions.is_again else counts)
        if is_source:
            permissions.listed(counts)
        over = {name: _standing(counts, permissions) for name in _tasks(origin)}
        busy = permissions.is_again or any(
            counts.get(k) for k in ("added", "modified", "stale", "deleted")
        )
        if committer is not None and busy:
            permissions.before_writing()
            if is_source and counts["deleted"]:
                # A partial run deletes nothing, but what it adds would make a loss look smaller.
                known = known_before(origin, listing, ledger, instance)
                ledger.set_guarded(instance, name, known)
        if busy or origin.gatherings:
            came = _stream(
                origin, surroundings, ledger, listing, committer=committer, permissions=permissions
            )
            for task, verdict in came.items():
                over[task] = _both(verdict, over.get(task, Verdict()))
        is_whole = committer is not None and is_source and not permissions.is_partial
        if is_whole and ledger.locator(instance, name) != place:
            ledger.set_locator(instance, name, place)
        if is_whole and ledger.guarded(instance, name) is not None:
            ledger.set_guarded(instance, name, None)
        return over
    finally:
        listing.close()


def _tasks(origin: Origin) -> list[str]:
    """Return the tasks below an origin, and its ends."""
    return [node.name for node in origin.graph.members(origin.node.name) if node != origin.node]


def _standing(counts: Mapping[str, int], permissions: Permissions) -> Verdict:
    """Return how the owners stand that a run finds nothing to do for, at every task alike.

    What failed before and is held back has failed for whoever looks at a task as a whole.
    """
    if permissions.is_again or permissions.only:
        return Verdict()  # they are looked at themselves, or not at all
    skipped, failed = counts.get("skipped", 0), counts.get("held_back", 0)
    return Verdict(counts.get("unchanged", 0) - skipped - failed, skipped, failed)


def _both(one: Verdict, other: Verdict) -> Verdict:
    return Verdict(
        one.succeeded + other.succeeded, one.skipped + other.skipped, one.failed + other.failed
    )


def check_sources(
    graph: PipelineGraph, ledger: Ledger, instance: Instance, permissions: Permissions
) -> list[str]:
    """Return the sources that the ledger knows and the pipeline no longer has.

    Refuses to go on while one of them has documents, unless deletions are allowed; groups
    that nothing makes any more may always go. A run that leaves out owners or tasks knows of
    none.
    """
    if permissions.is_partial:
        return []
    has = {node.source for node in graph.nodes.values() if node.origin == node.name}
    gone = [name for name in ledger.sources(instance) if name not in has]
    named = [repr(name) if name else "the unnamed source" for name in gone if not is_group(name)]
    if named and not permissions.allow_deletions:
        permissions.refuse(
            GuardError(
                f"the pipeline no longer has {', '.join(named)}, whose documents are in the index",
                hint="run it with --allow-deletions if they are meant to go, or name it as before",
            )
        )
    return gone


def clear_sources(
    gone: Sequence[str],
    surroundings: Surroundings,
    ledger: Ledger,
    committer: Committer | None,
) -> None:
    """Delete every row of the owners of sources that the pipeline no longer has.

    Without a committer only count.
    """
    for name in gone:
        listing = ledger.listing(surroundings.instance, name, [])
        try:
            removals = [
                msgspec.structs.replace(each, cause=Cause.SOURCE_GONE) for each in listing.deleted()
            ]
            _remove(removals, committer, surroundings)
            if not is_group(name):
                surroundings.totals.deleted += len(removals)
        finally:
            listing.close()


def list_source(
    origin: Origin,
    listing: Listing,
    permissions: Permissions,
    instance: Instance,
    *,
    may_open: bool = True,
) -> None:
    """List a source whole, with what its documents hold; opens only those that changed.

    Unless it `may_open` them, what they hold counts as it stands. Raises `SourceError` where
    the source cannot be listed.
    """

    def add(page: Sequence[Listed]) -> None:
        listing.add(page)
        if permissions.only:
            permissions.found.update(permissions.only & {each.key for each in page})

    name, manifests = origin.node.source, permissions.manifests
    try:
        for page in origin.source.list():
            add(page)
        if isinstance(origin.source, Unpacked):
            unpack(origin.source, listing, manifests, instance, name, may_open=may_open, add=add)
        elif origin.node.shape is Shape.SOURCE:
            manifests.clear(instance, name)  # it was unpacked once, and may be again
    except OSError as error:
        where = error.filename or origin.node.name
        raise SourceError(f"the source cannot be listed: {error.strerror}: {where}") from error


def _stream(
    origin: Origin,
    surroundings: Surroundings,
    ledger: Ledger,
    listing: Listing,
    *,
    committer: Committer | None,
    permissions: Permissions,
) -> Mapping[str, Verdict]:
    gone = _gone(origin, listing, permissions)
    contents = contents_of(origin, gone, ledger, surroundings.instance)
    moves = Moves((contents[each.owner], each.key) for each in gone if each.owner in contents)
    is_source = origin.node.shape is Shape.SOURCE
    known = known_before(origin, listing, ledger, surroundings.instance) if gone else 0
    ground = _ordered(origin.ground, origin.graph)
    changes = changes_of(origin, listing, permissions, totals=surroundings.totals)
    if is_source and permissions.going_first is not None:
        changes = permissions.going_first.ahead(changes, listing, is_again=permissions.is_again)
    gatherings = Gatherings(origin.gatherings) if origin.gatherings else None
    if gatherings is not None:
        gatherings.recall_from(surroundings.memos, ground.definitions.kinds)
    stage = Items(
        surroundings,
        ground,
        changes,
        source=origin.source,
        name=origin.node.source,
        ends=origin.ends,
        moves=moves,
        gatherings=gatherings,
        gathered=origin.gathered,
        rebuilding=origin.rebuilding,
        counted=is_source,
        asked=Asked(permissions.is_again, permissions.only),
    )
    policy = policies.policy_of(ground.nodes, surroundings.room, load=True)
    shell = Shell(surroundings, policy, stage, ground.definitions.kinds)
    shell.run()
    if is_source:
        surroundings.totals.deleted += len(gone) - moves.claimed
        judge_loss(
            origin,
            listing,
            gone,
            known=known,
            contents=contents,
            moves=moves,
            permissions=permissions,
        )
    _remove(_explained(gone, moves), committer, surroundings)
    over = {**verdicts(shell.state, ground.nodes), **stage.served()}
    unread = Verdict(failed=stage.unread)  # no task was asked about those
    read = Verdict(succeeded=max(0, listing.counts().get("listed", 0) - stage.unread))
    return {origin.node.name: _both(read, unread)} | {
        name: _both(verdict, unread) for name, verdict in over.items()
    }


def _gone(origin: Origin, listing: Listing, permissions: Permissions) -> list[OwnerRemoval]:
    """Return the owners that are gone; none where nobody can tell."""
    if permissions.is_partial:
        return []
    if isinstance(origin.source, Gathering) and not origin.source.is_complete:
        return []  # who failed may be the one who was in that group
    return list(listing.deleted())


def changes_of(
    origin: Origin, listing: Listing, permissions: Permissions, *, totals: Totals
) -> Iterator[OwnerChange]:
    """Yield the owners to work on; those with nothing to do where groups, or people, want them."""
    changes: Iterator[OwnerChange] = listing.changes()
    if permissions.is_again:
        is_counted = origin.node.shape is Shape.SOURCE and not permissions.only
        changes = chain(changes, _again(origin, listing, totals if is_counted else None))
    elif origin.gatherings:
        changes = chain(changes, listing.unchanged())
    if permissions.only:
        return (change for change in changes if change.key in permissions.only)
    return changes


def _again(origin: Origin, listing: Listing, totals: Totals | None) -> Iterator[OwnerChange]:
    """Yield the owners with nothing to do as ones to do again, but not those given up."""
    for change in listing.unchanged():
        ends = change.ends.values()
        if not ends or not all(end.is_discarded for end in ends):
            yield msgspec.structs.replace(change, change=Change.STALE)
            continue
        if totals is not None:
            totals.count(Change.UNCHANGED.value)
        if origin.gatherings:  # its groups must know that it is missing
            yield change


def check_found(permissions: Permissions) -> None:
    """Raise `NotFoundError` for a key to look at that no source lists."""
    missing = permissions.only - permissions.found
    if missing:
        raise NotFoundError(
            f"no source lists {min(missing)!r}",
            hint="name documents as `ragflow documents` does",
        )


def _ordered(ground: Ground, graph: PipelineGraph) -> Ground:
    """Return the ground with its tasks in the order of the graph.

    Asked for only where something is to be done: the library that orders takes 0.2 s to import.
    """
    wanted = {node.name for node in ground.nodes}
    nodes = [node for node in graph.order() if node.name in wanted]
    return msgspec.structs.replace(ground, nodes=nodes)


def _explained(gone: Sequence[OwnerRemoval], moves: Moves) -> list[OwnerRemoval]:
    """Return the removals, those that were moved with the key they are listed under now."""
    return [
        each
        if (key := moves.moved_to.get(each.key)) is None
        else msgspec.structs.replace(each, cause=Cause.MOVED, moved_to=key)
        for each in gone
    ]


def _remove(
    gone: Sequence[OwnerRemoval], committer: Committer | None, surroundings: Surroundings
) -> None:
    """Delete the rows of owners, a portion at a time; without a committer count them."""
    remaining = iter(gone)
    while portion := list(islice(remaining, policies.PORTION)):
        if committer is None:
            assert surroundings.reckoning is not None
            surroundings.reckoning.remove(portion)
            continue
        written = committer.remove(portion)
        surroundings.totals.rows_deleted += written.deleted
