"""Which rows does an owner want at an end?"""

from collections import Counter
from collections.abc import Mapping
from typing import Any

import msgspec

from ragflow.core.items import Fingerprint, Row
from ragflow.core.node import Node
from ragflow.core.records import HeldRow
from ragflow.errors import DocumentError
from ragflow.incremental.fingerprint import fingerprint_envelope, fingerprint_value, row_id
from ragflow.scheduling.calls import Stop, arguments_of, run_function
from ragflow.scheduling.descent import Ground, Table, ready, weigh


class WantedRow(msgspec.Struct, frozen=True, gc=False):
    """A row as it should be in the target."""

    held: HeldRow
    value: Any
    payload: Mapping[str, Any]


def wanted_rows(
    node: Node,
    ground: Ground,
    tables: Mapping[str, Table],
    *,
    resources: Mapping[str, Any],
    instance: Fingerprint,
    source: str,
    key: str,
) -> dict[str, WantedRow] | Stop:
    """Return the rows by id, in the order of the parts; or why the owner is not served.

    An owner is served whole: a part that failed, or is blocked by the target's rule, keeps it
    from being served. A part that was skipped or filtered out is not there.

    A row's id is made of the content of the part the target runs over; of equal parts of one
    owner the second is another row.
    """
    found = ready(node, ground, tables)
    if found.stops:
        stop = weigh(found.stops.values(), is_anything_there=bool(found.calls))
        if stop is not None:
            return stop
    rows: dict[str, WantedRow] = {}
    occurrences: Counter[Fingerprint] = Counter()
    for _path, inputs in found.calls:
        given = arguments_of(node, key, inputs)
        made = run_function(node.task.function, given, {**node.parameters, **resources})
        if made is None:
            continue
        if not isinstance(made, Row):
            raise DocumentError(
                f"the target {node.name!r} returned a {type(made).__name__}",
                hint="a target returns a Row, or None for a part that gets none",
            )
        content = inputs[0].fingerprint
        occurrences[content] += 1
        name = row_id(instance, source, key, content, occurrences[content])
        payload = {**inputs[0].envelope, **made.payload, "key": key}
        held = HeldRow(name, fingerprint_value(made.value), fingerprint_envelope(payload))
        rows[name] = WantedRow(held, made.value, payload)
    return rows
