"""Which rows must be written and deleted to turn what is held into what is wanted?"""

from collections.abc import Mapping

import msgspec

from ragflow.core.records import HeldRow


class Difference(msgspec.Struct, frozen=True):
    """What separates the rows an owner holds from those it should."""

    #: Rows that are new, or whose value or payload differ, in the order wanted.
    upserts: list[HeldRow]
    #: Ids held and no longer wanted, sorted.
    deletes: list[str]

    def __bool__(self) -> bool:
        return bool(self.upserts or self.deletes)


def reconcile(wanted: Mapping[str, HeldRow], held: Mapping[str, HeldRow]) -> Difference:
    """Compare rows by id, value and payload.

    A row held with unknown fingerprints equals nothing, so it is written again.
    """
    upserts = [row for row_id, row in wanted.items() if held.get(row_id) != row]
    return Difference(upserts, sorted(held.keys() - wanted.keys()))
