"""How are documents had out of others one after the other, without opening those for each?"""

import threading
from collections import OrderedDict
from collections.abc import Callable

from ragflow.interfaces.unpacking import INSIDE
from ragflow.parsing.containers.fetching import fetch
from ragflow.parsing.containers.kinds import CONTAINERS
from ragflow.parsing.media_types import HEAD, media_type

#: Containers of which something is held, and bytes of what follows in each what was asked for.
PLACES, ROOM = 4, 32 << 20


class Shelf:
    """Holds a little of what was last taken out of containers. Safe for threads.

    They are asked for by key, in its order more often than not: what follows the one asked for
    is held, so that an archive is opened once for many of its documents.
    """

    def __init__(self, read: Callable[[str], bytes]) -> None:
        """Take what returns the bytes of an outermost document by its key."""
        self._read = read
        self._lock = threading.Lock()
        #: By container, the last used at the end: bytes by name.
        self._held: OrderedDict[str, dict[str, bytes]] = OrderedDict()

    def take(self, key: str, is_right: Callable[[bytes], bool]) -> bytes | None:
        """Return the bytes of a document that lies in another; None where none are right.

        Raises `ParseError` where it or what it lies in is damaged, and what `read` raises.
        """
        container, _, name = key.rpartition(INSIDE)
        with self._lock:
            held = self._held.get(container, {}).pop(name, None)
            if held is not None and is_right(held):
                self._held.move_to_end(container)
                return held
            data = self._taken(key)
            if data is None or not is_right(data):
                # What was held may be older than what is there.
                outermost = key.partition(INSIDE)[0]
                for each in [one for one in self._held if one.partition(INSIDE)[0] == outermost]:
                    del self._held[each]
                data = self._taken(key)
        return data if data is not None and is_right(data) else None

    def _taken(self, key: str) -> bytes | None:
        container, _, name = key.rpartition(INSIDE)
        whole: bytes | None
        if INSIDE in container:
            above, _, inner = container.rpartition(INSIDE)
            whole = self._held.get(above, {}).get(inner)
            if whole is None:
                whole = self._taken(container)
        else:
            whole = self._read(container)
        if whole is None:
            return None
        kind = media_type(whole[:HEAD], container)
        if kind not in CONTAINERS:
            return None
        found = fetch(whole, kind, name, room=ROOM)
        data = found.pop(name, None)
        self._held[container] = found
        self._held.move_to_end(container)
        while len(self._held) > PLACES:
            self._held.popitem(last=False)
        return data
