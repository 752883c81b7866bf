"""Which documents did a source lose, and which are only listed under another key?"""

from collections import Counter
from collections.abc import Mapping, Sequence

from ragflow.core.items import Fingerprint
from ragflow.core.records import OwnerRemoval
from ragflow.interfaces.listing import Listing
from ragflow.runtime.guards import Limits
from ragflow.scheduling.moves import Moves


def surely_lost(
    listing: Listing,
    gone: Sequence[OwnerRemoval],
    contents: Mapping[int, Fingerprint],
    *,
    known: int,
    limits: Limits,
) -> int:
    """Return how many of the known are lost, whatever the documents still to be read prove to be.

    0 where that may be few enough: then it is told once all are read. Each document to be read
    may be where all that had one content went. Of what is skipped, or could never be read,
    nothing is there to be lost.
    """
    counts = listing.counts()
    unread = counts["added"] + counts["modified"] + counts["stale"]
    if limits.allows_loss(len(gone), known):
        return 0
    by_content = Counter(contents[each.owner] for each in gone if each.owner in contents)
    explained = sum(number for _, number in by_content.most_common(unread))
    if limits.allows_loss(by_content.total() - explained, known):
        return 0
    for content in listing.standing(list(by_content)):
        del by_content[content]
    explained = sum(number for _, number in by_content.most_common(unread))
    lost = by_content.total() - explained
    return 0 if limits.allows_loss(lost, known) else lost


def lost(
    listing: Listing,
    gone: Sequence[OwnerRemoval],
    contents: Mapping[int, Fingerprint],
    moves: Moves,
    *,
    known: int,
    limits: Limits,
) -> int:
    """Return how many of the known are lost, now that every other document was looked at.

    A document is not lost whose content is listed under another key, or that was never read. The
    answer is exact where it is too many; what is few enough may be told as more.
    """
    read = [contents[each.owner] for each in gone if each.owner in contents]
    left = [content for content in read if content not in moves.found]
    if limits.allows_loss(len(left), known):
        return len(left)
    standing = listing.standing(list(set(left)))
    return sum(content not in standing for content in left)
