"""Does a target have what the ledger believes it has?"""

from collections.abc import Iterable, Iterator

import msgspec

from ragflow.core.items import Fingerprint
from ragflow.core.records import HeldRow
from ragflow.errors import PluginError


class There(msgspec.Struct, frozen=True, gc=False):
    """What a target has at one id."""

    id: str
    #: Fingerprints of value and payload; empty where they cannot be read.
    value: Fingerprint
    payload: Fingerprint
    #: What readers find it by and that is not what the row says.
    faults: tuple[str, ...] = ()
    #: The key of the owner it names.
    key: str | None = None


class Difference(msgspec.Struct, frozen=True, gc=False):
    """One id at which ledger and target do not agree; at least one of the two knows it."""

    id: str
    #: The ledger's number for the owner; None where the ledger does not know the row.
    owner: int | None
    held: HeldRow | None
    there: There | None


def compare(held: Iterable[tuple[int, HeldRow]], there: Iterable[There]) -> Iterator[Difference]:
    """Yield every id at which they differ, by id; both must come sorted by id, each id once.

    Nothing is kept: memory holds one row of each. A row held with unknown fingerprints differs
    from whatever is there. Raises `PluginError` where the target's rows are not in order, since
    rows would be missed.
    """
    believed, found = iter(held), _in_order(there)
    mine, its = next(believed, None), next(found, None)
    while mine is not None or its is not None:
        if its is None or (mine is not None and mine[1].id < its.id):
            assert mine is not None
            yield Difference(mine[1].id, mine[0], mine[1], None)
            mine = next(believed, None)
        elif mine is None or its.id < mine[1].id:
            yield Difference(its.id, None, None, its)
            its = next(found, None)
        else:
            owner, row = mine
            is_same = (row.value, row.payload) == (its.value, its.payload)
            if not is_same or not row.value or its.faults:
                yield Difference(its.id, owner, row, its)
            mine, its = next(believed, None), next(found, None)


def _in_order(rows: Iterable[There]) -> Iterator[There]:
    last: str | None = None
    for row in rows:
        if last is not None and row.id <= last:
            raise PluginError(f"the target gives row {row.id!r} after {last!r}: not sorted by id")
        last = row.id
        yield row
