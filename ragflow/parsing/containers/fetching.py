"""How are the bytes had of a document that another holds?"""

from bisect import insort

from ragflow.parsing.containers.entry import DamagedMemberError
from ragflow.parsing.containers.kinds import entries
from ragflow.parsing.containers.limits import MOST_MEMBERS, MOST_OF_ONE, Allowance, OverLimitError
from ragflow.parsing.containers.names import Names
from ragflow.parsing.reasons import Reason, unreadable


def fetch(data: bytes, kind: str, name: str, *, room: int = 0) -> dict[str, bytes]:
    """Return the bytes of a document in a container, and of those that follow it by name.

    Of the others as many as `room` bytes hold, and never more than are found in a file. Without
    the document itself where the container has none of that name. Raises `ParseError` where the
    document or its container is damaged.
    """
    found: dict[str, bytes] = {}
    others = _Others(room)
    names = Names()
    try:
        for entry in entries(kind, data, Allowance(len(data))):
            called = names.give(entry.name)
            is_wanted = called == name
            if called < name or entry.skip is not None or entry.size > MOST_OF_ONE:
                continue
            if not is_wanted and not others.has_room(called, entry.size):
                continue
            try:
                read = b"".join(entry.blocks())
            except DamagedMemberError as error:
                if is_wanted:
                    raise _damaged("it is damaged in its archive") from error
                continue
            if not is_wanted:
                others.add(called, read)
                continue
            found[name] = read
            if not room:
                break
    except OverLimitError:
        pass  # what is within the limits was found before
    except Exception as error:
        if name not in found:
            if hasattr(error, "code"):
                raise
            raise _damaged("what it lies in is damaged") from error
    return found | others.held


class _Others:
    """What is held that nobody asked for yet: the first by name, as far as there is room.

    What would not stay is never read, and an archive may hold very many in whatever order: each
    costs a search among the names, and not a look at all of them.
    """

    def __init__(self, room: int) -> None:
        self.held: dict[str, bytes] = {}
        self._names: list[str] = []
        self._room = self._left = room

    def has_room(self, name: str, size: int) -> bool:
        """Return whether a document would be held, by what is stated of its size."""
        if self._names and name < self._names[-1]:
            return size <= self._room
        return size <= self._left and len(self._names) < MOST_MEMBERS

    def add(self, name: str, data: bytes) -> None:
        """Hold one more, and let go of the last by name that there is no room for."""
        insort(self._names, name)
        self.held[name] = data
        self._left -= len(data)
        while self._left < 0 or len(self._names) > MOST_MEMBERS:
            self._left += len(self.held.pop(self._names.pop()))


def _damaged(what: str) -> Exception:
    return unreadable(
        Reason.DAMAGED, f"the document could not be read: {what}", hint="pack it again"
    )
