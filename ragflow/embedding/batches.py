"""Which texts go through the model together?"""

from collections.abc import Sequence


def plan_batches(lengths: Sequence[int], *, budget: int) -> list[list[int]]:
    """Return the positions of `lengths` in mini-batches that waste little on padding.

    Longest first, so that what does not fit in memory shows at once and not in the end.
    Every position is in exactly one batch. In each, its length times the longest of them is
    at most `budget` tokens; a text longer than that is alone.
    """
    order = sorted(range(len(lengths)), key=lambda position: (-lengths[position], position))
    batches: list[list[int]] = []
    batch: list[int] = []
    for position in order:
        if batch and (len(batch) + 1) * lengths[batch[0]] > budget:
            batches.append(batch)
            batch = []
        batch.append(position)
    if batch:
        batches.append(batch)
    return batches


def waste(lengths: Sequence[int], batches: Sequence[Sequence[int]]) -> float:
    """Return the share of padding in what is computed, 0 where nothing is."""
    padded = sum(len(batch) * max(lengths[each] for each in batch) for batch in batches)
    return 1 - sum(lengths[each] for batch in batches for each in batch) / padded if padded else 0.0
