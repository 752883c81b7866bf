"""What is wrong with the rows of a collection, owner by owner?

Rows are compared by fingerprints alone, one pass over both sides. Only of owners with a row that
differs are memos asked, and rows read again, to tell what exactly is wrong.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, TypeVar, cast

from ragflow.core.records import Generation, HeldRow
from ragflow.core.standings import OwnerStanding
from ragflow.documents import Chunk
from ragflow.errors import FingerprintError, RagflowError
from ragflow.incremental.fingerprint import (
    fingerprint_envelope,
    fingerprint_value,
    owner_mark,
    row_id,
)
from ragflow.incremental.verify import Difference, There, compare
from ragflow.interfaces.comparison import ComparableTarget, TargetRow
from ragflow.interfaces.ingestion import Entry
from ragflow.runtime.damage import Damage, Finding, Found, Kind, Whose
from ragflow.runtime.finding import find_listed
from ragflow.runtime.home import Home
from ragflow.runtime.other_models import OtherModels
from ragflow.runtime.recollection import Recalled, Recollection, Unknown

#: Owners whose rows are looked at together.
PORTION = 200
#: Equal chunks of one document that are looked for under their number.
_OCCURRENCES = 64

T = TypeVar("T")


class Examination:
    """One look at a collection: `place`, then `damages`, then what was counted on the way."""

    def __init__(
        self, home: Home, generation: Generation, recollection: Recollection, *, deep: bool = False
    ) -> None:
        self._home = home
        self._ledger = home.metadata.ledger
        self._generation = generation
        self._recollection = recollection
        self._target = cast("ComparableTarget", home.target(generation.target))
        self._models = OtherModels(home, generation, recollection, by_embedding=deep)
        self.instances = {each.id: each for each in home.metadata.instances()}
        #: Ids that the store has.
        self.rows = 0

    def place(self) -> Finding | None:
        """Say what is wrong with the collection as a whole."""
        dimension = self._target.dimension(self._generation)
        wanted = self._generation.space.get("dimension")
        if dimension is None:
            rows = self._ledger.row_count(self._generation.id)
            return Finding(kind=Kind.GONE, id=None, rows=rows) if rows else None
        if wanted is not None and dimension != wanted:
            detail = f"{dimension} components, not {wanted}"
            return Finding(kind=Kind.DIMENSION, id=None, detail=detail)
        return None

    def damages(self) -> Iterator[Damage]:
        """Yield what is wrong, owner by owner; memory holds what differs and nothing else."""
        if self._target.dimension(self._generation) is None:
            return
        known: dict[int, list[Difference]] = defaultdict(list)
        strangers: dict[Whose, list[Difference]] = defaultdict(list)
        foreign: list[Found] = []
        whose = self._whose()
        for difference in compare(self._ledger.rows(self._generation.id), self._there()):
            if difference.owner is not None:
                known[difference.owner].append(difference)
            elif (owner := whose(difference)) is not None:
                strangers[owner].append(difference)
            else:
                foreign.append(Found(difference, (Kind.FOREIGN,)))
        for owner, number in self._numbers(strangers):
            known[number] += strangers.pop(owner)
        for owners in _portions(sorted(known)):
            yield from self._of_known({owner: known.pop(owner) for owner in owners})
        yield from self._of_unknown(strangers)
        if foreign:
            yield Damage(None, tuple(foreign))

    def _there(self) -> Iterator[There]:
        self.rows = 0
        for row in self._target.inspect(self._generation):
            self.rows += 1
            key = row.payload.get("key")
            yield There(
                row.id,
                b"" if row.value is None else _named(fingerprint_value, row.value),
                b"" if row.value is None else _named(fingerprint_envelope, row.payload),
                row.faults,
                key if isinstance(key, str) else None,
            )

    def _whose(self) -> Callable[[Difference], Whose | None]:
        """Return what says whose a row is that the ledger does not know; None for one of others.

        Its id says so: it begins with a mark of instance, source and key.
        """
        sources = [
            (self.instances[instance], source)
            for instance, source in self._ledger.known_sources()
            if instance in self.instances
        ]

        def whose(difference: Difference) -> Whose | None:
            assert difference.there is not None
            key = difference.there.key
            if key is None or len(difference.id) != 32:
                return None
            for instance, source in sources:
                if difference.id.startswith(owner_mark(instance.identity, source, key)):
                    return Whose(instance.id, source, key)
            return None

        return whose

    def _numbers(self, owners: Iterable[Whose]) -> list[tuple[Whose, int]]:
        """Return the ledger's numbers of those owners that it knows."""
        by_source: dict[tuple[int, str], list[Whose]] = defaultdict(list)
        for owner in owners:
            by_source[owner.instance, owner.source].append(owner)
        found = []
        for (instance, source), here in by_source.items():
            keys = [owner.key for owner in here]
            numbers = self._ledger.find_owners(self.instances[instance], source, keys)
            found += [(owner, numbers[owner.key]) for owner in here if owner.key in numbers]
        return found

    def _of_known(self, differences: Mapping[int, Sequence[Difference]]) -> Iterator[Damage]:
        owners = list(differences)
        standings = self._ledger.standings(self._generation.id, owners)
        held = self._ledger.held(self._generation.id, owners)
        rows = self._read(each for here in differences.values() for each in here)
        for owner, here in differences.items():
            standing = standings[owner]
            recalled = self._recollection.rows(standing)
            look = _Look(self._models, self.instances, standing, recalled, held[owner])
            found = (look.at(each, rows.get(each.id)) for each in here)
            yield Damage(
                Whose(standing.instance, standing.source, standing.key),
                tuple(each for each in found if each is not None),
                standing,
                recalled,
            )

    def _read(self, differences: Iterable[Difference]) -> dict[str, TargetRow]:
        there = [each.id for each in differences if each.there is not None]
        return self._target.get(self._generation, there) if there else {}

    def _of_unknown(self, strangers: Mapping[Whose, Sequence[Difference]]) -> Iterator[Damage]:
        """Yield the rows of owners unknown to the ledger; one that is listed was lost from it."""
        listed = self.listed(strangers)
        for owner in sorted(strangers):
            is_listed = listed.get(owner, False)
            kind = Kind.UNRECORDED if is_listed else Kind.DELETED_OWNER
            found = tuple(Found(each, (kind,)) for each in strangers[owner])
            yield Damage(owner, found, is_listed=is_listed)

    def listed(self, owners: Iterable[Whose]) -> dict[Whose, bool]:
        """Return whether their sources list these owners; absent where that cannot be told."""
        by_source: dict[tuple[int, str], set[str]] = defaultdict(set)
        for owner in owners:
            by_source[owner.instance, owner.source].add(owner.key)
        found: dict[Whose, bool] = {}
        for (instance, name), keys in by_source.items():
            there = self._there_of(instance, name, keys)
            if there is not None:
                found |= {Whose(instance, name, key): key in there for key in keys}
        return found

    def _there_of(self, instance: int, name: str, keys: set[str]) -> set[str] | None:
        """Return which of these keys a source lists, None where it cannot be listed."""
        node = self._recollection.source(instance, name)
        if node is None:
            return None
        try:
            source = self._home.source(node.subject)
            place = self._ledger.locator(self.instances[instance], name)
            if place is not None and dict(place) != dict(source.locator()):
                return None  # it looks elsewhere by now
            store, owner = self._home.metadata, self.instances[instance]
            return set(find_listed(source, store, owner, name, keys))
        except (OSError, RagflowError):
            return None


class _Look:
    """How the rows of one owner are judged."""

    def __init__(
        self,
        models: OtherModels,
        instances: Mapping[int, Any],
        standing: OwnerStanding,
        recalled: Recalled | Unknown,
        held: Mapping[str, HeldRow],
    ) -> None:
        self._models = models
        self._identity = instances[standing.instance].identity
        self._standing = standing
        self._recalled = recalled if isinstance(recalled, Recalled) else Recalled({})
        self._held = held

    def at(self, difference: Difference, row: TargetRow | None) -> Found | None:
        """Return what is wrong at one id; None where it is gone since it was compared."""
        if difference.there is None:
            return Found(difference, (Kind.MISSING,))
        if row is None:
            return Found(difference, (Kind.UNREADABLE,))
        if difference.held is None:
            return Found(difference, (self._stranger(difference, row),), None, row)
        return self._held_one(difference, row)

    def _stranger(self, difference: Difference, row: TargetRow) -> Kind:
        wanted = self._recalled.rows
        if difference.id in wanted:
            return Kind.UNRECORDED
        assert difference.there is not None
        values = {each.value for each in self._held.values()}
        texts = {_text(each.value) for each in wanted.values()}
        if difference.there.value in values or _text(row.value) in texts:
            return Kind.DUPLICATE
        return Kind.OLDER_VERSION if self._is_of_its_text(row) else Kind.EXTRA

    def _is_of_its_text(self, row: TargetRow) -> bool:
        """Tell whether a row's id is made of its text, as the id of a chunk is."""
        text = _text(row.value)
        if text is None:
            return False
        standing = self._standing
        # As the chunk is: with the white space of prose collapsed, or as it stands.
        contents = {fingerprint_value(Chunk(each)) for each in (text, " ".join(text.split()))}
        made = (
            row_id(self._identity, standing.source, standing.key, content, number)
            for content in contents
            for number in range(1, 1 + _OCCURRENCES)
        )
        return row.id in made

    def _held_one(self, difference: Difference, row: TargetRow) -> Found:
        there, held = difference.there, difference.held
        assert there is not None
        assert held is not None
        kinds: list[Kind] = []
        detail = None
        wanted = self._recalled.rows.get(difference.id)
        if wanted is not None and held.value not in (b"", wanted.held.value):
            wanted = None  # memos say something else than the ledger by now
        value = held.value if wanted is None else wanted.held.value
        payload = held.payload if wanted is None or held.payload else wanted.held.payload
        if value and value != there.value:
            found, detail = self._wrong_value(row, None if wanted is None else wanted.value)
            kinds += found
        if payload and payload != there.payload:
            kinds.append(Kind.WRONG_PAYLOAD)
        # What searches go by may be damaged beside a row that is whole.
        by_fault = {"vector": Kind.WRONG_VECTOR, "payload": Kind.WRONG_PAYLOAD}
        kinds += [by_fault[fault] for fault in there.faults]
        if Kind.OTHER_MODEL in kinds:
            kinds = [kind for kind in kinds if kind is not Kind.WRONG_VECTOR]
        return Found(difference, tuple(dict.fromkeys(kinds)) or (Kind.UNRECORDED,), detail, row)

    def _wrong_value(self, row: TargetRow, wanted: Any) -> tuple[list[Kind], str | None]:
        if not isinstance(row.value, Entry):
            return [Kind.WRONG_VALUE], None
        if wanted is None:
            if not self._is_of_its_text(row):
                return [Kind.WRONG_VALUE], None
            kinds = []
        else:
            kinds = [Kind.WRONG_TEXT] if row.value.text != wanted.text else []
            if row.value.vectors == wanted.vectors:
                return kinds, None
        for name, vector in row.value.vectors.items():
            model = self._models.name(
                vector,
                text=row.value.text if wanted is None else wanted.text,
                wanted=None if wanted is None else wanted.vectors.get(name),
                recalled=self._recalled,
            )
            if model:
                return [*kinds, Kind.OTHER_MODEL], model
        return [*kinds, Kind.WRONG_VECTOR], None


def _text(value: Any) -> str | None:
    return value.text if isinstance(value, Entry) else None


def _named(name: Callable[[Any], bytes], value: Any) -> bytes:
    try:
        return name(value)
    except FingerprintError:  # nothing of ours: that was named before it was written
        return b""


def _portions(values: Iterable[T]) -> Iterator[list[T]]:
    remaining = iter(values)
    while portion := list(islice(remaining, PORTION)):
        yield portion
