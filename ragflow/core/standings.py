"""How does an owner stand, with all that is needed to make its rows again?"""

from collections.abc import Mapping
from typing import Any

import msgspec

from ragflow.core.items import Fingerprint
from ragflow.core.states import OwnerState


class OwnerStanding(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One owner as the ledger knows it, and how it stands at one generation."""

    owner: int
    #: The number of its instance.
    instance: int
    source: str
    key: str
    metadata: Mapping[str, Any]
    #: None where it was never tried there.
    state: OwnerState | None
    #: What its rows there were made of: the content, and by which definition. None where it was
    #: not served, or not from anything that was read.
    content: Fingerprint | None
    definition: Fingerprint | None
    #: Whether it is served, and from what was last seen of it.
    is_up_to_date: bool
