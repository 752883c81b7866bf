"""Has a collection the rows that the ledger believes it has?"""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from ragflow.core.records import Generation
from ragflow.errors import NotFoundError
from ragflow.runtime.damage import Damage, Finding, Kind
from ragflow.runtime.examination import Examination
from ragflow.runtime.home import Home
from ragflow.runtime.known_collections import TARGET, find_collection
from ragflow.runtime.recollection import Recollection, Requests


def verify(
    home: Home, name: str, requests: Requests, *, deep: bool = False, wait: bool = False
) -> dict[str, Any]:
    """Compare a collection with the ledger; return what ``verify --json`` prints.

    Writes nothing and embeds nothing, but with `deep`: then texts whose vector is wrong are
    embedded with every other model of the same length that is installed. A run may go on
    meanwhile; only where something is wrong the store is held for a second look, so that rows
    on their way are not taken for damage. Raises `NotFoundError` for an unknown collection, and
    `BusyError` for the second look while another process writes, unless `wait`.
    """
    generation = find_collection(home, name)
    with Recollection(home, generation, requests) as recollection:
        seen = _look(home, generation, recollection, deep=deep)
        if seen.findings:
            with home.target(TARGET).writing(owner=f"verify of {name}", wait=wait):
                seen = _look(home, generation, recollection, deep=deep)
    return report(home, generation, seen)


class Seen(msgspec.Struct):
    """What one look at a collection found."""

    rows: int = 0
    unfinished: int = 0
    findings: list[Finding] = []


def look(examination: Examination) -> Seen:
    """Look at a collection once."""
    place = examination.place()
    if place is not None:
        return Seen(0, 0, [place])
    findings = [
        finding for damage in examination.damages() for finding in told(damage, examination)
    ]
    return Seen(examination.rows, 0, findings)


def _look(home: Home, generation: Generation, recollection: Recollection, *, deep: bool) -> Seen:
    examination = Examination(home, generation, recollection, deep=deep)
    try:
        seen = look(examination)
    except NotFoundError:  # it went while we looked
        seen = look(Examination(home, generation, recollection, deep=deep))
    seen.unfinished = home.metadata.ledger.unfinished(generation.id)
    return seen


def told(damage: Damage, examination: Examination) -> Iterator[Finding]:
    """Yield each thing that is wrong by itself."""
    whose = damage.whose
    instance = None if whose is None else examination.instances[whose.instance]
    for found in damage.found:
        for kind in found.kinds:
            yield Finding(
                kind=kind,
                id=found.difference.id,
                instance=None if instance is None else instance.name,
                source=None if whose is None else whose.source,
                key=None if whose is None else whose.key,
                detail=found.detail,
            )


def report(home: Home, generation: Generation, seen: Seen) -> dict[str, Any]:
    """Return what ``verify --json`` prints."""
    return {
        "schema": 1,
        "collection": generation.place,
        "generation": generation.number,
        "clean": is_clean(seen.findings),
        "ledger_rows": home.metadata.ledger.row_count(generation.id),
        "store_rows": seen.rows,
        "unfinished": seen.unfinished,
        "damage": counted(seen.findings),
        "findings": [msgspec.to_builtins(finding) for finding in seen.findings],
    }


def is_clean(findings: Iterable[Finding]) -> bool:
    """Tell whether nothing is wrong; rows of others are no damage."""
    return all(finding.kind is Kind.FOREIGN for finding in findings)


def counted(findings: Iterable[Finding]) -> dict[str, int]:
    """Return how many rows each kind of damage has, in the order of `Kind`."""
    counts: Counter[Kind] = Counter()
    for finding in findings:
        counts[finding.kind] += finding.rows
    return {kind.value: counts[kind] for kind in Kind if counts[kind]}
