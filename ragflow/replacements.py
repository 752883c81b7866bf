"""What was put into a text, and where in the text of the source does each character stand?

Numbers alone: a few for each stretch that was put in, none for what was left.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence

import msgspec


class Replacement(msgspec.Struct, frozen=True, array_like=True):
    """A stretch of a text that stands in the place of another one in the source's text."""

    start: int
    end: int
    #: What it stands for, in the text that the source gave.
    source_start: int
    source_end: int


class Edit(msgspec.Struct, frozen=True):
    """One replacement in a text as it is now, and where that moves everything else."""

    start: int
    end: int
    #: Characters of what is put in.
    length: int

    @property
    def filled(self) -> int:
        """Where what was put in ends."""
        return self.start + self.length

    @property
    def further(self) -> int:
        """By how much what follows is moved."""
        return self.filled - self.end

    def moved(self, position: int) -> int:
        """Return where a position after the start of the span is now."""
        return max(position, self.end) + self.further

    def composed(self, before: Sequence[Replacement]) -> tuple[Replacement, ...]:
        """Return what was put in `before` and now, in order; what touches is one."""
        first = bisect_left(before, self.start, key=lambda each: each.end)
        last = bisect_right(before, self.end, key=lambda each: each.start)
        touched = before[first:last]
        shift = _shift(before, first)
        start, source_start = self.start, self.start + shift
        end, source_end = self.end, self.end + shift
        if touched and touched[0].start <= start:
            start, source_start = touched[0].start, touched[0].source_start
        if touched:
            furthest = touched[-1]
            source_end = max(end - furthest.end, 0) + furthest.source_end
            end = max(end, furthest.end)
        following = (
            Replacement(
                each.start + self.further,
                each.end + self.further,
                each.source_start,
                each.source_end,
            )
            for each in before[last:]
        )
        now = Replacement(start, end + self.further, source_start, source_end)
        return (*before[:first], now, *following)


def source_span(replaced: Sequence[Replacement], start: int, end: int) -> tuple[int, int]:
    """Return the span in the source's text of a span of a text with these replacements."""
    first, last = _source_of(replaced, start), _source_until(replaced, end)
    return min(first, last), max(first, last)


def _source_of(replaced: Sequence[Replacement], position: int) -> int:
    """Return where in the source the character at `position` stands."""
    passed = bisect_right(replaced, position, key=lambda each: each.end)
    if passed < len(replaced) and replaced[passed].start <= position:
        return replaced[passed].source_start
    return position + _shift(replaced, passed)


def _source_until(replaced: Sequence[Replacement], position: int) -> int:
    """Return where in the source the text before `position` ends."""
    passed = bisect_left(replaced, position, key=lambda each: each.start)
    if passed and replaced[passed - 1].end > position:
        return replaced[passed - 1].source_end
    return position + _shift(replaced, passed)


def _shift(replaced: Sequence[Replacement], passed: int) -> int:
    if not passed:
        return 0
    return replaced[passed - 1].source_end - replaced[passed - 1].end
