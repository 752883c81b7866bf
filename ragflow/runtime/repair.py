"""How is a collection made what the ledger believes it is?

Rows are written again out of memos; only for those that no memo makes is a run begun, of their
documents alone. What is deleted last is rows of ours that nobody claims even then; rows of others
are neither written nor deleted. Cut off anywhere, what is left is found by `verify` and mended by
the next repair, or by the next run.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, cast

import msgspec

from ragflow.core.commit_points import reached
from ragflow.core.records import Generation, HeldRow, Instance
from ragflow.core.shapes import Shape
from ragflow.core.standings import OwnerStanding
from ragflow.errors import GuardError, RagflowError
from ragflow.interfaces.comparison import ComparableTarget
from ragflow.interfaces.orchestration import MetadataStore, Target
from ragflow.runtime.damage import Damage, Finding, Found, Kind, Whose
from ragflow.runtime.examination import PORTION, Examination
from ragflow.runtime.home import Home
from ragflow.runtime.known_collections import TARGET, find_collection
from ragflow.runtime.recollection import Recalled, Recollection, Requests
from ragflow.runtime.request import Request
from ragflow.runtime.run import run
from ragflow.runtime.verify import counted, is_clean, told
from ragflow.scheduling.rows import WantedRow
from ragflow.views.quantities import counted as counted_in_words

#: Kinds of rows of ours that should not be there.
_UNWANTED = frozenset({Kind.DUPLICATE, Kind.OLDER_VERSION, Kind.EXTRA, Kind.DELETED_OWNER})


class Mended(msgspec.Struct):
    """What a repair came to."""

    #: Everything that was found, and what is left of it.
    found: list[Finding] = []
    left: list[Finding] = []
    #: Whether the collection itself had to be made again.
    is_made_anew: bool = False
    #: Rows written from memos, deleted, and entered into the ledger.
    rewritten: int = 0
    deleted: int = 0
    recorded: int = 0
    #: Calls that no memo answered, by task; at least.
    calls: dict[str, int] = {}
    #: The runs that made them.
    runs: list[int] = []
    #: Why documents were left as they are.
    notes: list[str] = []


#: Told of the calls that no memo answers, says whether they may be made.
Allowing = Callable[[Mapping[str, int]], bool]


def repair(
    home: Home,
    name: str,
    requests: Requests,
    *,
    actor: str,
    wait: bool = False,
    allow: Allowing = lambda _: True,
) -> dict[str, Any]:
    """Mend a collection; return what ``repair --json`` prints.

    Holds the store and every instance with rows to be mended, one repair or run at a time.
    Raises `NotFoundError` for an unknown collection, `BusyError` while another process writes,
    unless `wait`, and `GuardError` where the collection cannot be made again without deleting
    what others wrote.
    """
    generation = find_collection(home, name)
    mended = Mended()
    with Recollection(home, generation, requests) as recollection:
        examination = Examination(home, generation, recollection)
        instances, mended.found = _first_look(examination, home, generation)
        if is_clean(mended.found):
            return _report(generation, mended)
        repairer = _Repairer(home, generation, recollection, mended)
        with _held(home, instances, name, wait=wait) as stores:
            repairer.mend(stores)
        repairer.run_what_is_left(requests, allow, actor=actor)
        with _held(home, instances, name, wait=wait):
            mended.left = repairer.clear()
    home.metadata.audit.record(
        "collection.repaired", actor=actor, object=name, detail=_detail(mended)
    )
    home.metadata.flush()
    return _report(generation, mended)


def _first_look(
    examination: Examination, home: Home, generation: Generation
) -> tuple[list[Instance], list[Finding]]:
    """Return the instances whose rows are damaged, and what is wrong."""
    place = examination.place()
    if place is not None:
        held = {owner for owner, _ in home.metadata.ledger.rows(generation.id)}
        found = _instances_of(home.metadata, generation, sorted(held))
        return [examination.instances[number] for number in sorted(found)], [place]
    numbers: set[int] = set()
    findings: list[Finding] = []
    for damage in examination.damages():
        findings += told(damage, examination)
        if damage.whose is not None:
            numbers.add(damage.whose.instance)
    return [examination.instances[number] for number in sorted(numbers)], findings


def _instances_of(store: MetadataStore, generation: Generation, owners: Sequence[int]) -> set[int]:
    standings = (
        store.ledger.standings(generation.id, owners[first : first + PORTION])
        for first in range(0, len(owners), PORTION)
    )
    return {each.instance for found in standings for each in found.values()}


@contextmanager
def _held(
    home: Home, instances: Sequence[Instance], name: str, *, wait: bool
) -> Iterator[dict[int, MetadataStore]]:
    """Hold these instances and the store; yield by instance what writes for it."""
    store, owner = home.metadata, f"repair of {name}"
    with ExitStack() as holds:
        leases = {
            each.id: holds.enter_context(store.hold(each, owner=owner, wait=wait))
            for each in instances
        }

        def check() -> None:
            for lease in leases.values():
                store.leases.check(lease)

        holds.enter_context(home.target(TARGET).writing(owner=owner, wait=wait, check=check))
        yield {number: store.leased(lease) for number, lease in leases.items()}


class _Repairer:
    """Mends one collection."""

    def __init__(
        self, home: Home, generation: Generation, recollection: Recollection, mended: Mended
    ) -> None:
        self._home = home
        self._generation = generation
        self._recollection = recollection
        self._mended = mended
        self._target: Target = home.target(TARGET)
        self._rows = cast("ComparableTarget", self._target)
        #: Rows to be written, and those of them to be entered into the ledger: by instance and
        #: owner.
        self._again: list[tuple[str, Any, Mapping[str, Any]]] = []
        self._lost: dict[int, dict[int, list[HeldRow]]] = defaultdict(dict)
        #: Owners that only a run can serve, by instance.
        self._waiting: dict[int, list[Whose]] = defaultdict(list)
        self._calls: Counter[str] = Counter()
        #: Whether more may have to be called than that.
        self._is_unsure = False

    def mend(self, stores: Mapping[int, MetadataStore]) -> None:
        """Write what memos say, and have the ledger distrust the rest."""
        for number, store in stores.items():
            store.ledger.recover(self._instance(number))
        self._make_place()
        examination = Examination(self._home, self._generation, self._recollection)
        for damage in examination.damages():
            if damage.whose is not None and damage.whose.instance in stores:
                self._mend_one(damage, stores[damage.whose.instance])
            if len(self._again) >= PORTION:
                self._write(stores)
        self._write(stores)

    def _write(self, stores: Mapping[int, MetadataStore]) -> None:
        """Write a portion of rows; only then does the ledger say that they are there."""
        if self._again:
            self._rows.rewrite(self._generation, self._again)
            self._mended.rewritten += len(self._again)
            reached("Repair: rewritten")
        for instance, rows in self._lost.items():
            stores[instance].ledger.restate(self._generation.id, rows)
            self._mended.recorded += sum(map(len, rows.values()))
        self._again = []
        self._lost.clear()

    def _instance(self, number: int) -> Instance:
        return next(each for each in self._home.metadata.instances() if each.id == number)

    def _make_place(self) -> None:
        examination = Examination(self._home, self._generation, self._recollection)
        finding = examination.place()
        if finding is None:
            return
        if finding.kind is Kind.DIMENSION:
            foreign = self._foreign()
            if foreign:
                raise GuardError(
                    f"collection {self._generation.place!r} has {finding.detail}, and "
                    f"{foreign:,} rows in it that ragflow did not write: it cannot be made again "
                    "without deleting them",
                    hint="move them elsewhere and repair it again",
                )
            self._target.drop(self._generation)
        self._target.prepare(self._generation)
        self._mended.is_made_anew = True

    def _foreign(self) -> int:
        """Count the rows of others in a place that is to be made anew."""
        examination = Examination(self._home, self._generation, self._recollection)
        return sum(len(each.found) for each in examination.damages() if each.whose is None)

    def _mend_one(self, damage: Damage, store: MetadataStore) -> None:
        assert damage.whose is not None
        standing, recalled = damage.standing, damage.recalled
        if standing is None:
            if damage.is_listed:
                self._wait_for_run(damage)
            return
        rows = recalled.rows if isinstance(recalled, Recalled) else {}
        lost: list[HeldRow] = []
        doubtful: list[str] = []
        for found in damage.found:
            held, wanted = found.difference.held, rows.get(found.difference.id)
            whole = _whole(found, wanted, standing)
            if whole is not None:
                self._again.append((whole.held.id, whole.value, whole.payload))
                lost += [] if whole.held == held else [whole.held]
            elif held is not None or wanted is not None:
                doubtful.append(found.difference.id)
        if lost:
            self._lost[standing.instance][standing.owner] = lost
        # What else is there of an owner that memos say nothing of may be its own.
        if doubtful or (not isinstance(recalled, Recalled) and _has_strangers(damage)):
            store.ledger.distrust(self._generation.id, {standing.owner: doubtful})
            self._wait_for_run(damage)

    def _wait_for_run(self, damage: Damage) -> None:
        assert damage.whose is not None
        self._waiting[damage.whose.instance].append(damage.whose)
        if not isinstance(damage.recalled, Recalled):
            self._calls.update(damage.recalled.calls)
            self._is_unsure = self._is_unsure or not damage.recalled.calls

    def run_what_is_left(self, requests: Requests, allow: Allowing, *, actor: str) -> None:
        """Serve the owners that memos do not, by a run of them alone."""
        if not self._waiting:
            return
        self._mended.calls = dict(sorted(self._calls.items()))
        if (self._calls or self._is_unsure) and not allow(self._mended.calls):
            self._note("calls that nothing remembers were not allowed")
            return
        for number, owners in self._waiting.items():
            instance = self._instance(number)
            try:
                request = next(iter(requests(instance)), None)
                if request is None:
                    raise RagflowError("it never had a run")
                self._run(request, owners, actor=actor)
            except RagflowError as error:
                self._note(f"{instance.name}: {error}")

    def _run(self, request: Request, owners: Sequence[Whose], *, actor: str) -> None:
        listed = Examination(self._home, self._generation, self._recollection).listed(owners)
        sources = {node.source for node in request.graph.shaped(Shape.SOURCE)}
        groups = {owner for owner in owners if owner.source not in sources}
        gone = {owner for owner in owners if not listed.get(owner, True)}
        again = f"`ragflow run {request.pipeline}`"
        if groups:
            self._note(f"{counted_in_words(len(groups), 'group')} can only be made by {again}")
        if gone:
            what = counted_in_words(len(gone), "document")
            self._note(f"in doubt, and not listed any more: {what}, whose rows {again} deletes")
        keys = sorted({owner.key for owner in owners if owner not in gone | groups})
        if not keys:
            return
        how = msgspec.structs.replace(
            request.how, only=tuple(keys), trigger="repair", actor=actor, wait=True
        )
        summary = run(self._home, msgspec.structs.replace(request, how=how))
        self._mended.runs.append(summary["run"])

    def _note(self, sentence: str) -> None:
        self._mended.notes.append(sentence)

    def clear(self) -> list[Finding]:
        """Delete rows of ours that nobody claims; return what is wrong after that."""
        examination = Examination(self._home, self._generation, self._recollection)
        place = examination.place()
        if place is not None:
            return [place]
        left: list[Finding] = []
        gone: list[str] = []
        for damage in examination.damages():
            unwanted = {
                each.difference.id
                for each in damage.found
                if each.difference.held is None and _UNWANTED.issuperset(each.kinds)
            }
            if damage.standing is not None and not isinstance(damage.recalled, Recalled):
                unwanted = set()  # a run that did not come to its end may claim them yet
            gone += sorted(unwanted)
            left += [each for each in told(damage, examination) if each.id not in unwanted]
        self._target.apply(self._generation, [], gone)
        self._mended.deleted += len(gone)
        return left


def _whole(found: Found, wanted: WantedRow | None, standing: OwnerStanding) -> WantedRow | None:
    """Return a row as it should be, of what memos and the store still have; None if they lack it.

    Value and payload for themselves: each is right where the ledger knows its fingerprint.
    """
    held, there = found.difference.held, found.difference.there
    if held is None or not held.value:
        return wanted if standing.is_up_to_date else None
    row, value = found.row, None
    if wanted is not None and wanted.held.value == held.value:
        value = wanted.value
    elif row is not None and there is not None and there.value == held.value:
        value = row.value
    if value is None:
        return None
    if wanted is not None and wanted.held.payload == held.payload:
        return WantedRow(held, value, wanted.payload)
    if row is not None and there is not None and there.payload == held.payload:
        return WantedRow(held, value, row.payload)
    if wanted is None:
        return None
    # The metadata of a document that could not be served since; the row is its last good one.
    return WantedRow(HeldRow(held.id, held.value, wanted.held.payload), value, wanted.payload)


def _has_strangers(damage: Damage) -> bool:
    return any(found.difference.held is None for found in damage.found)


def _detail(mended: Mended) -> dict[str, Any]:
    return {
        "found": counted(mended.found),
        "left": counted(mended.left),
        "rewritten": mended.rewritten,
        "deleted": mended.deleted,
    }


def _report(generation: Generation, mended: Mended) -> dict[str, Any]:
    left = mended.left if mended.left or not is_clean(mended.found) else mended.found
    return {
        "schema": 1,
        "collection": generation.place,
        "generation": generation.number,
        "clean": is_clean(left),
        "found": counted(mended.found),
        "left": counted(left),
        "made_anew": mended.is_made_anew,
        "rewritten": mended.rewritten,
        "deleted": mended.deleted,
        "recorded": mended.recorded,
        "calls": mended.calls,
        "runs": mended.runs,
        "notes": mended.notes,
        "findings": [msgspec.to_builtins(each) for each in left],
    }
