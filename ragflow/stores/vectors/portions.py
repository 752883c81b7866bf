"""How are changes cut, and what does writing one portion of rows do?

Measured with chromadb 1.5.9 on rows of 950 characters and ten entries of payload: rows with
new ids are written at 1,000 to 1,300 a second, as documents with their full-text index at half
of that. A vector written again is 5 to 10 times slower than a new one, since the index mends
what lay around it; so a row whose vector is the same keeps it.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, TypeVar

from ragflow.stores.vectors.encoding import half_of, is_readable
from ragflow.stores.vectors.engine import Collection, Engine
from ragflow.stores.vectors.fields import fields
from ragflow.stores.vectors.filters import BODY, metadata
from ragflow.stores.vectors.scatter import scattered

#: Rows written or read while the folder is held. Chroma holds Python's own lock as well, so
#: this bounds how long other threads stand still; larger portions are hardly faster.
PORTION = 250

T = TypeVar("T")


def portions(values: Iterable[T]) -> Iterator[list[T]]:
    """Yield the values in lists of a portion each, in order."""
    remaining = iter(values)
    while portion := list(islice(remaining, PORTION)):
        yield portion


def write(
    engine: Engine, collection: Collection, bodies: Mapping[str, str], *, is_anew: bool = False
) -> None:
    """Replace rows whole, by id; rows that are there as given are written only `is_anew`."""
    before = engine.metadata(collection, list(bodies))
    changed = {
        number: body
        for number, body in bodies.items()
        if is_anew or before.get(number, {}).get(BODY) != body
    }
    kept = {number: _kept(body, before.get(number, {})) for number, body in changed.items()}
    halves = {number: half_of(body) for number, body in changed.items()}
    same = {
        number
        for number, half in halves.items()
        if not is_anew and _has(before.get(number, {}), half, collection.dimension)
    }
    fresh = {number: entries for number, entries in kept.items() if number not in same}
    vectors = [scattered(halves[number], number).tolist() for number in fresh]
    engine.upsert(collection, fresh, vectors)
    engine.update(collection, {number: kept[number] for number in same})


def _has(before: Mapping[str, Any], half: bytes, dimension: int) -> bool:
    body: Any = before.get(BODY)
    return is_readable(body, dimension=dimension) and half_of(body) == half


def _kept(body: str, before: Mapping[str, Any]) -> dict[str, Any]:
    entries = metadata(body, fields(json.loads(body)["payload"]))
    # Chroma joins new entries to old ones; those that are gone must be taken away by name.
    return dict.fromkeys(before.keys() - entries.keys()) | entries
