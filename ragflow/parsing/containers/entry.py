"""One thing that a container holds, before anybody named or read it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass


class DamagedMemberError(Exception):
    """One entry cannot be read, and the others can; raised by `Entry.blocks`."""


class IncompleteError(Exception):
    """A container is cut off: the entries before this are what they were, and there were more."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A file in an archive, or an attachment."""

    #: As it is stated there.
    name: str
    #: Bytes, as it is stated.
    size: int
    #: Yields its bytes a piece at a time; to be called before the next entry is asked for.
    blocks: Callable[[], Iterator[bytes]]
    #: Why it cannot be read: a code and what follows "it".
    skip: tuple[str, str] | None = None
    #: Whether it stands for what is left out, and so is told of whatever is wanted.
    is_rest: bool = False
