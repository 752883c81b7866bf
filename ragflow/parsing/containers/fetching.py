"""How are the bytes had of a document that another holds?"""

from ragflow.parsing.containers.entry import DamagedMemberError
from ragflow.parsing.containers.kinds import entries
from ragflow.parsing.containers.limits import MOST_OF_ONE, Allowance, OverLimitError
from ragflow.parsing.containers.names import Names
from ragflow.parsing.reasons import Reason, unreadable


def fetch(data: bytes, kind: str, name: str, *, room: int = 0) -> dict[str, bytes]:
    """Return the bytes of a document in a container, and of those that follow it by name.

    Of the others as many as `room` bytes hold. Without the document itself where the container
    has none of that name. Raises `ParseError` where the document or its container is damaged.
    """
    found: dict[str, bytes] = {}
    size = 0
    names = Names()
    try:
        for entry in entries(kind, data, Allowance(len(data))):
            called = names.give(entry.name)
            is_wanted = called == name
            if called < name or entry.skip is not None or entry.size > MOST_OF_ONE:
                continue
            if not is_wanted and entry.size > room:
                continue
            try:
                found[called] = b"".join(entry.blocks())
            except DamagedMemberError as error:
                if is_wanted:
                    raise _damaged("it is damaged in its archive") from error
                continue
            if is_wanted and not room:
                break
            size += 0 if is_wanted else len(found[called])
            while size > room:
                last = max(each for each in found if each != name)
                size -= len(found.pop(last))
    except OverLimitError:
        pass  # what is within the limits was found before
    except Exception as error:
        if name not in found:
            if hasattr(error, "code"):
                raise
            raise _damaged("what it lies in is damaged") from error
    return found


def _damaged(what: str) -> Exception:
    return unreadable(
        Reason.DAMAGED, f"the document could not be read: {what}", hint="pack it again"
    )
