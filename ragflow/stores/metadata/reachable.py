"""Which memos does the ledger reach? Asked of a whole home, a share of the keys at a time."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from sqlalchemy import Connection

from ragflow.core.items import Fingerprint
from ragflow.stores.metadata.connections import Connections, driver, fetch
from ragflow.stores.metadata.memo_values import DELTA, KEY
from ragflow.stores.metadata.reaching import part, short

#: Short keys in memory at the same time: 25 MB.
TOGETHER = 250_000
#: Memos that are looked at with one question.
PAGE = 2_000

_COUNTED = "SELECT coalesce(sum(length(calls)), 0) FROM reach"
_PAGE = "SELECT key, id, encoding, task, day, size FROM memo WHERE key > ? AND key < ? \
ORDER BY key LIMIT ?"
_BASES = "SELECT m.key, substr(v.value, 1, ?) FROM memo AS m JOIN memo_value AS v ON v.id = m.id \
WHERE m.encoding = ?"
_UNKNOWN = "SELECT count(*) FROM done AS d WHERE d.state = 0 AND NOT EXISTS \
(SELECT 1 FROM reach AS r WHERE r.owner = d.owner AND r.generation = d.generation)"


class MemoRow(NamedTuple):
    """A memo as its table has it."""

    key: Fingerprint
    id: int
    encoding: int
    task: int
    day: int
    size: int


class Share(NamedTuple):
    """A range of keys: the first two bytes of the least, and of the least that is above."""

    first: int
    end: int

    @property
    def bounds(self) -> tuple[bytes, bytes]:
        """A key that is just below, and one that is just above all of them."""
        below = b"" if not self.first else self.first.to_bytes(2, "big")
        above = b"\xff" * 32 if self.end > 0xFFFF else self.end.to_bytes(2, "big")
        return below, above

    def has(self, key: bytes) -> bool:
        """Tell whether a key is in it."""
        return self.first <= int.from_bytes(key[:2], "big") < self.end


def shares(connections: Connections) -> list[Share]:
    """Return ranges of keys such that of each the calls that are reached go into memory."""
    size = int(connections.fetch(_COUNTED)[0][0])
    number = max(1, -(-size // (len(short(b"k" * KEY)) * TOGETHER)))
    edges = [0x10000 * each // number for each in range(number + 1)]
    return [Share(first, end) for first, end in pairwise(edges)]


def reached(connections: Connections, share: Share, but_not: Iterable[int] = ()) -> set[bytes]:
    """Return the short keys in a share that owners reach, leaving these out."""
    left_out = set(but_not)
    found: set[bytes] = set()
    with connections.reading() as connection:
        for owner, calls in driver(connection).execute("SELECT owner, calls FROM reach"):
            if owner not in left_out:
                found.update(filter(share.has, part(calls)))
    return found


def memos(connections: Connections, share: Share) -> Iterator[Sequence[MemoRow]]:
    """Yield the memos of a share in the order of their keys, a page at a time."""
    after, above = share.bounds
    while True:
        rows = connections.fetch(_PAGE, (after, above, PAGE))
        if not rows:
            return
        yield [MemoRow(*row) for row in rows]
        after = rows[-1][0]


def bases(connection: Connection) -> Iterator[tuple[Fingerprint, Fingerprint]]:
    """Yield every memo that is kept as what differs from another, and that other."""
    yield from driver(connection).execute(_BASES, (KEY, DELTA))


def unknown(connections: Connections) -> int:
    """Return how many times an owner is served and nobody wrote down what it reaches."""
    with connections.reading() as connection:
        return int(fetch(connection, _UNKNOWN)[0][0])
