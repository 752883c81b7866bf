"""How near are vectors to each other, exactly?"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ragflow.errors import UsageError


def direction(vector: Sequence[float], *, dimension: int) -> NDArray[np.float64]:
    """Return a query's vector scaled to length 1; raises `UsageError` if it cannot be used."""
    floats: NDArray[np.float64] = np.asarray(vector, dtype=np.float64)
    if floats.shape != (dimension,):
        raise UsageError(
            f"a query of {floats.size} components cannot be compared with rows of {dimension}",
            hint="embed the query with the model that embedded the rows",
        )
    length = float(np.sqrt((floats * floats).sum()))
    if not np.isfinite(length) or length == 0:
        raise UsageError(f"a query's vector of length {length} has no direction")
    return floats / length


def unpack(half: bytes) -> NDArray[Any]:
    """Return the components of a half-precision vector."""
    return np.frombuffer(half, dtype="<f2")


def scores(query: NDArray[np.float64], halves: Sequence[bytes]) -> list[float]:
    """Return the cosine similarity of each vector to a query of length 1.

    Equal vectors get equal scores, wherever they stand: rows are summed one by one, not
    multiplied as a matrix, whose blocks round differently. A vector of length 0 scores 0.
    """
    matrix = unpack(b"".join(halves)).astype(np.float64).reshape(len(halves), len(query))
    lengths = np.sqrt((matrix * matrix).sum(axis=1))
    products = (matrix * query).sum(axis=1)
    found = np.divide(products, lengths, out=np.zeros_like(products), where=lengths > 0)
    return [float(each) for each in np.clip(found, -1, 1)]
