"""How are vectors rounded to what is kept?"""

from typing import TYPE_CHECKING, Any

from ragflow.documents import Vector
from ragflow.errors import DocumentError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def to_vectors(rows: "NDArray[np.floating[Any]]") -> list[Vector]:
    """Return one vector a row: scaled to length 1, then rounded to half precision.

    Raises `DocumentError` for a row that has no direction (zero, or not a number): an error
    of its text, so the scheduler halves a batch with one until it stands alone.
    """
    import numpy as np

    wide = rows.astype(np.float64)
    lengths = np.sqrt((wide * wide).sum(axis=1, keepdims=True))
    if not (np.isfinite(lengths).all() and (lengths > 0).all()):
        raise DocumentError(
            "the model gave a vector that is zero or not a number",
            hint="look at the text: what the model cannot read has no vector",
        )
    halves = (wide / lengths).astype("<f2")
    return [Vector(row.tobytes()) for row in halves]
