"""How do owners stand at a generation? For people."""

from collections.abc import Iterator, Mapping, Sequence
from heapq import merge
from typing import Any

from ragflow.core.records import OwnerView
from ragflow.core.states import OwnerState
from ragflow.stores.metadata.connections import Connections
from ragflow.stores.metadata.encoding import (
    OWNER_STATE_NUMBERS,
    OWNER_STATES,
    from_microseconds,
    unpack_mapping,
)

#: Owners fetched at a time.
PAGE = 500

_OWNERS = """
SELECT s.key, d.state, d.reason, d.message,
  CASE
    WHEN d.served_definition IS NULL THEN NULL
    WHEN d.served_input IS NULL THEN s.content
    ELSE d.served_content
  END,
  (SELECT count(*) FROM held AS h WHERE h.owner = d.owner AND h.generation = d.generation),
  s.metadata, d.requirement, b.task, b.part, b.traceback, b.run, d.tried_at,
  b.id, b.release, b.tries, b.not_before
FROM seen AS s
CROSS JOIN done AS d ON d.owner = s.owner AND d.generation = :generation
LEFT JOIN dead_letter AS b ON b.owner = d.owner AND b.generation = d.generation
WHERE s.source = :source AND s.key {condition} :key AND (:state IS NULL OR d.state = :state)
ORDER BY s.key LIMIT :page
"""
_SOURCES = "SELECT c.id, c.source, i.name FROM source_state AS c \
JOIN instance AS i ON i.id = c.instance ORDER BY c.id"


def owner_views(
    connections: Connections, generation: int, *, state: OwnerState | None, key: str | None
) -> Iterator[OwnerView]:
    """Yield owners as they stand at a generation, by key, a page at a time."""
    parameters = {
        "generation": generation,
        "state": None if state is None else OWNER_STATE_NUMBERS[state],
        "page": PAGE,
    }
    # By source, as the index is; merged, they are by key.
    sources = [
        _views(connections, source, parameters, key) for source in connections.fetch(_SOURCES)
    ]
    return merge(*sources, key=lambda view: view.key)


def _views(
    connections: Connections,
    source: Sequence[Any],
    parameters: Mapping[str, Any],
    key: str | None,
) -> Iterator[OwnerView]:
    number, name, instance = source
    condition, after = (">=", "") if key is None else ("=", key)
    while True:
        here = {**parameters, "source": number, "key": after}
        rows = connections.fetch(_OWNERS.format(condition=condition), here)
        for row in rows:
            yield _view(name, instance, row)
        if key is not None or len(rows) < PAGE:
            return
        condition, after = ">", rows[-1][0]


def _view(source: str, instance: str, row: Sequence[Any]) -> OwnerView:
    key, state, reason, message, content, chunks, metadata = row[:7]
    requirement, task, part, traceback, failed_run, tried_at = row[7:13]
    dead_letter, release, tries, not_before = row[13:]
    return OwnerView(
        key=key,
        source=source,
        instance=instance,
        state=OWNER_STATES[state],
        reason=reason,
        message=message,
        version=content.hex() if content else None,
        chunks=chunks,
        metadata=unpack_mapping(metadata),
        requirement=requirement,
        task=task,
        part=part,
        traceback=traceback,
        failed_run=failed_run,
        tried_at=from_microseconds(tried_at * 1_000_000),
        dead_letter=dead_letter,
        release=release,
        tries=tries or 0,
        not_before=None if not_before is None else from_microseconds(not_before),
    )
