"""May vectors computed another way stand beside those of single precision?"""

import tomllib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

#: The least cosine to single precision that a vector may have.
WORST = 0.9998
#: The least that cosines may have in the mean.
MEAN = 0.9999
#: The least cosine where the same precision is computed another way: what rounding may do.
ROUNDING = 0.9999


class Agreement(msgspec.Struct, frozen=True):
    """How near vectors are to those of single precision, text by text."""

    worst: float
    mean: float

    @property
    def complaint(self) -> str:
        """Why the way they were computed may not be used; "" where it may."""
        if not self.worst >= WORST:  # not a number is no agreement
            return f"a vector has a cosine of {self.worst:.6f} to float32, less than {WORST}"
        if not self.mean >= MEAN:
            return f"cosines to float32 are {self.mean:.6f} in the mean, less than {MEAN}"
        return ""


def compare(rows: "NDArray[np.float32]", reference: "NDArray[np.float32]") -> Agreement:
    """Return the agreement of rows with those of single precision, in the same order."""
    import numpy as np

    one, two = rows.astype(np.float64), reference.astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(two, axis=1)
        cosines = (one * two).sum(axis=1) / lengths
    return Agreement(worst=float(np.min(cosines)), mean=float(np.mean(cosines)))


@cache
def held_texts() -> tuple[str, ...]:
    """Return the texts that are compared: prose, code and tables, other languages, by turns."""
    with Path(__file__).with_name("held_texts.toml").open("rb") as file:
        kinds = tomllib.load(file)
    return tuple(text for texts in zip(*kinds.values(), strict=True) for text in texts)
