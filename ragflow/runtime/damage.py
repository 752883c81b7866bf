"""What can be wrong with a collection?"""

from enum import StrEnum

import msgspec

from ragflow.core.standings import OwnerStanding
from ragflow.incremental.verify import Difference
from ragflow.interfaces.comparison import TargetRow
from ragflow.runtime.recollection import Recalled, Unknown


class Kind(StrEnum):
    """The kinds of damage."""

    #: The collection is gone from the store.
    GONE = "collection_gone"
    #: The collection has vectors of another length.
    DIMENSION = "dimension_changed"
    #: A row is not there.
    MISSING = "missing"
    WRONG_TEXT = "wrong_text"
    WRONG_VECTOR = "wrong_vector"
    #: A vector of that text, by another model of the same length.
    OTHER_MODEL = "other_model"
    WRONG_PAYLOAD = "wrong_payload"
    #: Text or vector; nothing remembered says which.
    WRONG_VALUE = "wrong_value"
    #: Something is there, and no row any more.
    UNREADABLE = "unreadable"
    #: The row is as it should be, and the ledger does not know it.
    UNRECORDED = "unrecorded"
    #: The same chunk of the same document under another id.
    DUPLICATE = "duplicate"
    #: A row of a document that is gone.
    DELETED_OWNER = "deleted_owner"
    #: A row of another version of its document.
    OLDER_VERSION = "older_version"
    #: A row whose id is of a document of ours, and that nothing makes.
    EXTRA = "extra"
    #: A row that ragflow did not write; no damage, and never touched.
    FOREIGN = "foreign"


class Whose(msgspec.Struct, frozen=True, order=True, gc=False):
    """The owner that a row is of."""

    instance: int
    source: str
    key: str


class Found(msgspec.Struct, frozen=True):
    """One id at which something is wrong, and what."""

    difference: Difference
    kinds: tuple[Kind, ...]
    #: What more is known: the name of the other model.
    detail: str | None = None
    #: What is there, where it can be read.
    row: TargetRow | None = None


class Damage(msgspec.Struct, frozen=True):
    """What is wrong with the rows of one owner; of none with those of others."""

    whose: Whose | None
    found: tuple[Found, ...]
    #: None where the ledger does not know the owner.
    standing: OwnerStanding | None = None
    #: What its rows should be.
    recalled: Recalled | Unknown = Unknown()
    #: Whether its source lists an owner that the ledger does not know.
    is_listed: bool = False


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is wrong, for people and machines."""

    kind: Kind
    #: None where it is the whole collection.
    id: str | None
    instance: str | None = None
    source: str | None = None
    key: str | None = None
    detail: str | None = None
    #: How many rows that is.
    rows: int = 1
