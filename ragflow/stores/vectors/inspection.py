"""Is what a database searches by what the rows in it say?"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ragflow.interfaces.ingestion import Fault, Inspected
from ragflow.stores.vectors.cosine import unpack
from ragflow.stores.vectors.encoding import decode, is_readable
from ragflow.stores.vectors.engine import Collection, Engine
from ragflow.stores.vectors.fields import fields
from ragflow.stores.vectors.filters import BODY, metadata
from ragflow.stores.vectors.scatter import BESIDE

#: How far an indexed vector may lie from the one given, as a part of its length: it is scattered,
#: and Chroma rounds it.
_NEAR = 2 * BESIDE


def inspected(engine: Engine, collection: Collection, ids: Sequence[str]) -> list[Inspected]:
    """Return what stands at these ids, in their order; those that are gone are left out."""
    kept = engine.metadata(collection, ids)
    indexed = engine.vectors(collection, list(kept))
    rows = {
        each: decode(each, found[BODY], vectors=True)
        for each, found in kept.items()
        if is_readable(found.get(BODY), dimension=collection.dimension)
    }
    there = [each for each in rows if each in indexed]
    near = are_near([rows[each].vectors[""].half for each in there], [indexed[n] for n in there])
    found_by = {each for each, is_near in zip(there, near, strict=True) if is_near}
    result = []
    for each in ids:
        if each not in kept:
            continue
        faults: list[Fault] = []
        if each in rows:
            found = kept[each]
            if found != metadata(found[BODY], fields(rows[each].payload)):
                faults.append("payload")
            if each not in found_by:
                faults.append("vector")
        result.append(Inspected(id=each, row=rows.get(each), faults=tuple(faults)))
    return result


def are_near(halves: Sequence[bytes], indexed: Sequence[Any]) -> NDArray[np.bool_]:
    """Tell of each vector as it was given whether the indexed one is that, scattered.

    Of one without length Chroma keeps no number, so any will do.
    """
    if not halves:
        return np.ones(0, dtype=np.bool_)
    given = unpack(b"".join(halves)).astype(np.float32).reshape(len(halves), -1)
    there = np.asarray(indexed, dtype=np.float32)
    lengths = np.linalg.norm(given, axis=1)
    near: NDArray[np.bool_] = np.linalg.norm(given - there, axis=1) <= _NEAR * lengths
    near |= lengths == 0
    return near
