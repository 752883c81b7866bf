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
from ragflow.scheduling.datum import Datum
from ragflow.scheduling.descent import Ground, Table, is_counted, ready, weigh


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
    naming = _Naming(instance, source, key)
    for _path, inputs in found.calls:
        made = _made(node, key, inputs, resources)
        if made is not None:
            name = naming.name(inputs[0])
            rows[name] = _row(name, key, inputs[0], made)
    return rows


def foreseen_rows(
    node: Node,
    ground: Ground,
    tables: Mapping[str, Table],
    *,
    resources: Mapping[str, Any],
    instance: Fingerprint,
    source: str,
    key: str,
) -> dict[str, WantedRow] | Stop:
    """Return the rows of an owner for which a plan counted calls; or why nobody can name them.

    A row is known by the part the target runs over. Where what is joined to it was counted, its
    value and payload are not: their fingerprints are empty, and equal nothing.
    """
    found = ready(node, ground, tables)
    calls = dict(found.calls)
    rows: dict[str, WantedRow] = {}
    naming = _Naming(instance, source, key)
    for path, entry in tables[node.data[0]].items():
        if path in calls:
            made = _made(node, key, calls[path], resources)
            if made is not None:
                name = naming.name(calls[path][0])
                rows[name] = _row(name, key, calls[path][0], made)
            continue
        stop = found.stops.get(path)
        if stop is None or not is_counted(stop):
            continue  # skipped or filtered out: it is not there
        if isinstance(entry, Stop):
            return stop
        name = naming.name(entry)
        rows[name] = WantedRow(HeldRow(name, b"", b""), None, {})
    return rows


class _Naming:
    """Names the rows of one owner; of equal parts the second is another row."""

    def __init__(self, instance: Fingerprint, source: str, key: str) -> None:
        self._of = (instance, source, key)
        self._occurrences: Counter[Fingerprint] = Counter()

    def name(self, part: Datum) -> str:
        content = part.fingerprint
        self._occurrences[content] += 1
        return row_id(*self._of, content, self._occurrences[content])


def _made(
    node: Node, key: str, inputs: tuple[Datum, ...], resources: Mapping[str, Any]
) -> Row | None:
    """Return what the target makes of one part."""
    given = arguments_of(node, key, inputs)
    made = run_function(node.task.function, given, {**node.parameters, **resources})
    if made is not None and not isinstance(made, Row):
        raise DocumentError(
            f"the target {node.name!r} returned a {type(made).__name__}",
            hint="a target returns a Row, or None for a part that gets none",
        )
    return made


def _row(name: str, key: str, part: Datum, made: Row) -> WantedRow:
    left = {n: each for n, each in part.envelope.items() if n not in made.taken}
    payload = {**left, **made.payload, "key": key}
    held = HeldRow(name, fingerprint_value(made.value), fingerprint_envelope(payload))
    return WantedRow(held, made.value, payload)
