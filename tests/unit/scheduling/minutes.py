"""An oracle for cron in a zone: it looks at the clocks once a minute and knows nothing else."""

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import takewhile
from typing import NamedTuple
from zoneinfo import ZoneInfo

from ragflow.scheduling.cron import Cron, cron_instants

MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)

#: Tells whether a wall clock shows a time at which an expression fires.
Matches = Callable[[datetime], bool]


class Stretch:
    """What the clocks of a zone show, minute by minute."""

    def __init__(self, zone: ZoneInfo, begin: datetime, end: datetime) -> None:
        self.zone, self.begin, self.end = zone, begin, end
        count = (end - begin) // MINUTE
        first = int(begin.timestamp())
        shown = (datetime.fromtimestamp(first + 60 * n, zone) for n in range(count))
        self.shown = [moment.replace(tzinfo=None, fold=0) for moment in shown]

    def at(self, number: int) -> datetime:
        """Return the instant of a minute."""
        return self.begin + number * MINUTE

    def fires(self, matches: Matches, *, gap: str, fold: str) -> list[datetime]:
        """Return when an expression fires, found by looking at every minute."""
        matching = [moment for moment in self.shown if matches(moment)]
        times = Counter(matching)
        seen: Counter[datetime] = Counter()
        found = []
        before = self.shown[0] - MINUTE
        for number, moment in enumerate(self.shown):
            fires = gap == "shift" and any(map(matches, _between(before, moment)))
            if matches(moment):
                seen[moment] += 1
                is_wanted = (
                    fold == "both"
                    or times[moment] == 1
                    or seen[moment] == (1 if fold == "first" else 2)
                )
                fires = fires or is_wanted
            if fires:
                found.append(self.at(number))
            before = moment
        return found

    def ours(self, expression: str, *, gap: str, fold: str) -> list[datetime]:
        """Return when ragflow fires."""
        found = cron_instants(
            Cron(expression), self.zone, self.begin - timedelta(seconds=1), gap=gap, fold=fold
        )
        return list(takewhile(lambda instant: instant < self.end, found))


def _between(before: datetime, moment: datetime) -> Iterator[datetime]:
    """Yield the times that the clocks skipped between two minutes."""
    before += MINUTE
    while before < moment:
        yield before
        before += MINUTE


class Change(NamedTuple):
    """The clocks of a zone change: the instant, what they would have shown, and what they do."""

    zone: str
    instant: datetime
    old: datetime
    new: datetime


@cache
def changes(name: str, first: int, last: int) -> list[Change]:
    """Return every change of the clocks of a zone in years, to the minute."""
    zone = ZoneInfo(name)
    begin = int(datetime(first, 1, 1, tzinfo=UTC).timestamp())
    end = int(datetime(last + 1, 1, 1, tzinfo=UTC).timestamp())
    found = []

    def ahead(second: int) -> timedelta:
        offset = datetime.fromtimestamp(second, zone).utcoffset()
        assert offset is not None
        return offset

    # Every six hours, and the minutes of those in which something changed.
    step = 6 * 3600
    for first_second in range(begin, end, step):
        if ahead(first_second) == ahead(first_second + step):
            continue
        for second in range(first_second, first_second + step, 60):
            old, new = ahead(second), ahead(second + 60)
            if old != new:
                instant = datetime.fromtimestamp(second + 60, UTC)
                local = instant.replace(tzinfo=None)
                found.append(Change(name, instant, local + old, local + new))
    return found
