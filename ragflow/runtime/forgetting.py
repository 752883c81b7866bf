"""How is all that is known of one document removed, at once?

What is remembered goes first and the owner last, so that whatever is cut off in between is known
to be there still: the same command finishes it. The key itself stays in the audit only as a
digest.
"""

import difflib
from collections.abc import Sequence
from contextlib import ExitStack

from ragflow.core.reasons import KnownOwner
from ragflow.core.records import Instance, OwnerRemoval
from ragflow.core.retained import Amount, Forgotten, OldPlace
from ragflow.errors import NotFoundError
from ragflow.incremental.fingerprint import fingerprint
from ragflow.interfaces.orchestration import MetadataStore
from ragflow.interfaces.retention import Scrubs
from ragflow.runtime.ends import TASK, place_of
from ragflow.runtime.home import Home
from ragflow.runtime.known_collections import TARGET
from ragflow.scheduling.commits import Committer, Place


class Known:
    """What a home knows a key by: owners that are there, and places that know it."""

    def __init__(self, store: MetadataStore, key: str, instance: str | None) -> None:
        instances = {each.id: each for each in store.instances()}
        wanted = {n for n, each in instances.items() if instance in (None, each.name)}
        self.key = key
        self.owners: Sequence[KnownOwner] = [
            owner for owner in store.reasons.find(key) if owner.instance_id in wanted
        ]
        self.places: Sequence[OldPlace] = [
            place for place in store.forgetting.places(key) if place.instance in wanted
        ]
        #: The instances that know it, in the order they are held in.
        self.instances: Sequence[Instance] = [
            instances[n] for n in sorted({place.instance for place in self.places})
        ]


def find_known(home: Home, key: str, instance: str | None = None) -> Known:
    """Return what is known of a key. Raises `NotFoundError`, naming keys that may be meant."""
    store = home.metadata
    if instance is not None:
        _check_instance(store, instance)
    known = Known(store, key, instance)
    if not known.places:
        near = store.reasons.near(key, limit=1)
        hint = f"did you mean {near[0]!r}?" if near else "`ragflow documents` lists what is known"
        raise NotFoundError(f"there is no document {key!r}", hint=hint)
    return known


def _check_instance(store: MetadataStore, name: str) -> None:
    names = sorted({each.name for each in store.instances()})
    if name not in names:
        near = difflib.get_close_matches(name, names, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"instances: {', '.join(names)}"
        raise NotFoundError(f"there is no instance {name!r}", hint=hint)


def forget(
    home: Home, key: str, *, actor: str, instance: str | None = None, wait: bool = False
) -> Forgotten:
    """Remove rows, memos, large values, logs, attempts, dead letters and reasons of a document.

    So it is with what the document holds: attachments, and what lies in an archive. Memos that
    another document needs stay. Its instances and the places it has rows at are held
    meanwhile. Cut off at any moment, the same call finishes it. Raises `NotFoundError` for a key
    that nobody knows and `BusyError` while a run writes, unless `wait`.
    """
    find_known(home, key, instance)
    title = "forget of one document"
    with ExitStack() as holds:
        stores: dict[int, MetadataStore] = {}
        for each in _instances(home, key, instance):
            lease = holds.enter_context(home.metadata.hold(each, owner=title, wait=wait))
            stores[each.id] = home.metadata.leased(lease)
            stores[each.id].ledger.recover(each)
        # Looked at again, now that no run changes it. The document itself is the last.
        done = Forgotten()
        places: dict[int, Place] = {}
        for name in [*home.metadata.forgetting.inside(key), key]:
            known = Known(home.metadata, name, instance)
            if not known.places:
                continue  # only other instances know it
            places |= _held_places(home, known, holds, places, title=title, wait=wait)
            gone = _forget(home, known, stores, places)
            detail = {"rows": gone.rows, "memos": gone.memos.number}
            home.metadata.audit.record(
                "document.forgotten", actor=actor, object=_digest(name), detail=detail
            )
            done += gone
        return done + Forgotten(unscrubbed=_scrub(home, places))


def _instances(home: Home, key: str, instance: str | None) -> list[Instance]:
    """Return the instances that know a key, or one inside of it, in the order they are held in."""
    keys = [key, *home.metadata.forgetting.inside(key)]
    found = {
        each.id: each for one in keys for each in Known(home.metadata, one, instance).instances
    }
    return [found[number] for number in sorted(found)]


def _digest(key: str) -> str:
    """Return what the audit calls a document that was forgotten: the same for the same key."""
    return fingerprint("forgotten", [key.encode("utf-8", "surrogatepass")]).hex()


def _forget(
    home: Home,
    known: Known,
    stores: dict[int, MetadataStore],
    places: dict[int, Place],
) -> Forgotten:
    store = home.metadata
    forgetting = store.forgetting
    numbers = [owner.owner for owner in known.owners]
    groups = sorted({group.key for n in numbers for group in store.reasons.groups(n)})
    letters = sum(end.dead_letter is not None for n in numbers for end in store.reasons.ends(n))
    rows = _rows(store, numbers)
    belongings = forgetting.belongings(numbers, known.key, [each.number for each in known.places])
    memos = forgetting.forget_memos(belongings)
    artifacts = store.retention.sweep() if memos.number else Amount()
    gone = forgetting.forget_history(known.key, numbers, known.places)
    for each in known.instances:
        committer = Committer(stores[each.id].ledger, each, 0, {}, elsewhere=places.get)
        removals = [
            OwnerRemoval(owner=owner.owner, source=owner.source, key=owner.key)
            for owner in known.owners
            if owner.instance_id == each.id
        ]
        if removals:
            committer.remove(removals)
    forgetting.forget_key(known.key, known.places, name=_digest(known.key))
    return Forgotten(
        owners=len(numbers),
        rows=rows,
        groups=groups,
        memos=memos,
        shared=len(belongings.shared),
        artifacts=artifacts,
        dead_letters=letters,
        logs=gone["logs"],
        attempts=gone["attempts"],
        reasons=gone["reasons"],
    )


def _held_places(
    home: Home,
    known: Known,
    holds: ExitStack,
    before: dict[int, Place],
    *,
    title: str,
    wait: bool,
) -> dict[int, Place]:
    """Return the places where owners have rows, with their stores held; without those `before`."""
    places: dict[int, Place] = {}
    held = {id(place.target) for place in before.values()}
    for number in home.metadata.ledger.holding([owner.owner for owner in known.owners]):
        generation = home.metadata.generations.get(number)
        if number in before or generation is None or generation.target == TASK:
            continue
        place = places[number] = place_of(home.target, generation)
        if id(place.target) not in held:
            held.add(id(place.target))
            holds.enter_context(place.target.writing(owner=title, wait=wait))
    return places


def _rows(store: MetadataStore, owners: Sequence[int]) -> int:
    """Return how many rows owners hold."""
    held = [store.ledger.held(number, owners) for number in store.ledger.holding(owners)]
    return sum(len(rows) for owned in held for rows in owned.values())


def _scrub(home: Home, places: dict[int, Place]) -> list[str]:
    """Leave nothing of what was deleted in any file; return where nobody could make sure of it.

    Also where an earlier run deleted it.
    """
    left = [] if home.metadata.forgetting.scrub() else [str(home.folder / "ragflow.db")]
    names = {place.generation.target for place in places.values()}
    if home.metadata.generations.places(TARGET):
        names.add(TARGET)
    for name in sorted(names):
        target: object = home.target(name)
        if isinstance(target, Scrubs):
            target.scrub()
        else:
            left.append(f"the {name}s")
    return left
