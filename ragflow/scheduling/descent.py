"""What became of the line of descent of a part, and may a task be called over it?

Tables say what each task made of each part of one owner. A part that failed or was skipped has
a `Stop` in place of a value; one that was filtered out is not there, and counts as skipped. The
stop of an ancestor stands for every part that would have been cut from it.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from ragflow.core.drafts import lacking
from ragflow.core.items import Part
from ragflow.core.joins import common
from ragflow.core.node import Node
from ragflow.core.rules import Decision, Rule, decide
from ragflow.core.shapes import Shape
from ragflow.errors import DocumentError, SkipDocument
from ragflow.incremental.fingerprint import (
    fingerprint,
    fingerprint_plain,
    fingerprint_value,
)
from ragflow.scheduling.calls import Counted, Path, Stop
from ragflow.scheduling.datum import Datum
from ragflow.scheduling.definitions import Definitions

#: What a task made of one owner, by part.
Table = dict[Path, Datum | Stop]
#: What came out of one call.
Outcome = list[Datum] | Stop

#: What a part descends from where that was filtered out.
NOT_THERE = (None,)
#: What a task is given in place of a value that is not there.
MISSING = Datum(fingerprint_value(None), {}, value=None)


class LeftOut(SkipDocument):
    """A rule did not ask for the call: the part is simply not there."""

    code = "left-out"


class BlockedError(OSError):
    """Something that a call waits for failed elsewhere: the next run tries again."""


class Verdict(msgspec.Struct, frozen=True):
    """How many parts came to what."""

    succeeded: int = 0
    skipped: int = 0
    failed: int = 0


def whole(tasks: Iterable[Verdict]) -> Verdict:
    """Count whole tasks, for what waits for them: a step, or items of another source.

    A task of which some parts succeeded and some failed counts as both, so every rule means
    what it says; it was skipped when all of it was.
    """
    succeeded = skipped = failed = 0
    for task in tasks:
        succeeded += bool(task.succeeded)
        failed += bool(task.failed)
        skipped += bool(task.skipped and not task.succeeded and not task.failed)
    return Verdict(succeeded, skipped, failed)


class Looks(msgspec.Struct, frozen=True):
    """What the calls of one task look at, found once for all owners."""

    rule: Rule
    #: What is joined, in the order of the call.
    joined: Sequence[str] = ()
    #: Tasks that are waited for with the same items: name, how many cuts they share, and
    #: whether one part descends from theirs, not theirs from it.
    near: Sequence[tuple[str, int, bool]] = ()
    #: Tasks that are waited for as a whole.
    far: Sequence[str] = ()
    #: Whether the members that a group lacks are looked at.
    at_members: bool = False
    #: For a union: how many cuts its two sides share.
    cuts: int = 0

    @property
    def is_plain(self) -> bool:
        """Whether a call needs nothing but what it runs over."""
        return not (self.joined or self.near or self.far or self.at_members)


class Ground(msgspec.Struct, frozen=True):
    """What all walks below one origin share."""

    #: Name of the origin.
    origin: str
    #: The tasks below it, targets left out, in order.
    nodes: Sequence[Node]
    definitions: Definitions
    #: What steps returned, by node.
    steps: Mapping[str, Datum]
    #: What became of whole tasks that are over; one that is not named succeeded.
    over: Mapping[str, Verdict] = {}
    #: Filled as tasks are met.
    looks: dict[str, Looks] = {}

    def looks_of(self, node: Node) -> Looks:
        """Return what the calls of a task look at."""
        found = self.looks.get(node.name)
        if found is None:
            found = self.looks[node.name] = self._looks(node)
        return found

    def _looks(self, node: Node) -> Looks:
        lineages = {each.name: each.lineage for each in self.nodes}
        lineages[self.origin] = ()
        if node.shape is Shape.UNION:
            one, other = (lineages[name] for name in node.data)
            return Looks(node.rule, cuts=common(one, other))
        mine = lineages.get(node.data[0], ())
        near = []
        for name in node.after:
            if name in lineages:
                cuts = common(mine, lineages[name])
                near.append((name, cuts, cuts == len(lineages[name])))
        return Looks(
            rule=node.rule,
            joined=node.data[1:],
            near=near,
            far=[name for name in node.after if name not in lineages],
            at_members=node.shape is Shape.GROUP,
        )


class Ready(msgspec.Struct, frozen=True, gc=False):
    """What is to be called of one task over one owner, and what is not."""

    #: For each part, in order: what the call is given, its own part first.
    calls: list[tuple[Path, tuple[Datum, ...]]]
    #: Why other parts are not called.
    stops: dict[Path, Stop]
    #: Parts that are passed on without a call: drafts that had no parts.
    passed: dict[Path, Datum] = {}
    #: Why something is missing in what is called all the same.
    lapses: list[Stop] = []


def ready(node: Node, ground: Ground, tables: Mapping[str, Table]) -> Ready:
    """Decide for each part a task runs over whether it is called, and with what.

    Everything it looks at is over. What it runs over must be there; its rule then looks at
    what is joined and waited for along the part's line of descent. A part that lacks what is
    joined is given None where the rule lets it be called all the same.
    """
    if node.is_of_drafts:
        return gathered(node, tables)
    looks = ground.looks_of(node)
    calls: list[tuple[Path, tuple[Datum, ...]]] = []
    stops: dict[Path, Stop] = {}
    is_plain = looks.is_plain
    below: dict[str, dict[Path, Sequence[Datum | Stop | None]]]
    below = {name: _under(tables[name], cuts) for name, cuts, _ in looks.near}
    for path, datum in tables[node.data[0]].items():
        if isinstance(datum, Stop):
            stops[path] = datum
        elif is_plain:
            calls.append((path, (datum,)))
        else:
            seen = _Seen()
            joined = seen.take_joined(looks.joined, ground, tables, path)
            for name, cuts, is_above in looks.near:
                for entry in below[name].get(path[:cuts], NOT_THERE if is_above else ()):
                    seen.take(entry)
            seen.take_whole(looks.far, ground.over)
            if looks.at_members:
                seen.take_members(node, datum)
            decision = seen.decision(looks.rule)
            if decision is Decision.RUN:
                calls.append((path, (datum, *joined)))
            elif (stop := seen.stop(decision, looks.rule, node, path)) is not None:
                stops[path] = stop
    return Ready(calls, stops)


def gathered(node: Node, tables: Mapping[str, Table]) -> Ready:
    """Decide for each draft whether it is made whole, and with what.

    What could not be made of a part is missing, and the others are used without it. A draft
    without parts is whole, and nobody is asked.
    """
    over, parts, made = (tables[name] for name in node.data)
    cuts = len(node.lineage)
    below: dict[Path, list[tuple[Datum, Datum | Stop]]] = defaultdict(list)
    for path, part in parts.items():
        entry = made.get(path)
        if isinstance(part, Datum) and entry is not None:
            below[path[:cuts]].append((part, entry))
    found = Ready([], {}, {}, [])
    for path, entry in over.items():
        if isinstance(entry, Stop):
            found.stops[path] = entry
            continue
        lapses = [each for _, each in below[path] if isinstance(each, Stop)]
        counted = next(filter(is_counted, lapses), None)
        if counted is not None:
            found.stops[path] = counted
        elif below[path]:
            found.calls.append((path, (entry, _together(below[path]))))
            found.lapses.extend(lapses)
        else:
            found.passed[path] = entry
    return found


def _together(made: Sequence[tuple[Datum, Datum | Stop]]) -> Datum:
    """Return what was made of the parts of a draft as one value: where each stands, and it."""
    names: list[bytes] = []
    for part, entry in made:
        if isinstance(entry, Stop):
            missing = lacking(Part(None, part.envelope), entry.error)
            names += (fingerprint_plain(missing.envelope), b"")
        else:
            names += (fingerprint_plain(part.envelope), entry.fingerprint)

    def fetch() -> list[Part[Any]]:
        return [
            lacking(Part(None, part.envelope), entry.error)
            if isinstance(entry, Stop)
            else Part(entry.value(), part.envelope)
            for part, entry in made
        ]

    return Datum(fingerprint("parts", names), {}, fetch=fetch)


def along(table: Table, path: Path) -> Datum | Stop | None:
    """Return what a part descends from in this table, None where that was filtered out."""
    for length in range(len(path), -1, -1):
        if (found := table.get(path[:length])) is not None:
            return found
    return None


def _under(table: Table, cuts: int) -> dict[Path, Sequence[Datum | Stop | None]]:
    """Return the entries of a table by the part they share with others after so many cuts."""
    found: dict[Path, list[Datum | Stop | None]] = defaultdict(list)
    for path, entry in table.items():
        found[path[:cuts]].append(entry)
    return {**found}


class _Seen:
    """What became of all that one call looks at."""

    __slots__ = ("_failed", "_lacking", "_skipped", "failed", "skipped", "succeeded")

    def __init__(self) -> None:
        self.succeeded = self.skipped = self.failed = 0
        self._failed: Stop | None = None
        self._skipped: Stop | None = None
        self._lacking: Exception | None = None

    def take(self, entry: Datum | Stop | None) -> None:
        if isinstance(entry, Datum):
            self.succeeded += 1
        elif entry is None:
            self.skipped += 1
        elif isinstance(entry.error, SkipDocument):
            self.skipped += 1
            self._skipped = self._skipped or entry
        else:
            self.failed += 1
            if self._failed is None or is_counted(entry):
                self._failed = entry

    def take_joined(
        self, names: Sequence[str], ground: Ground, tables: Mapping[str, Table], path: Path
    ) -> list[Datum]:
        """Take what is joined to a part; return it, with None in place of what is not there.

        What a step returned is the same for every part, and no rule looks at it.
        """
        found = []
        for name in names:
            value = ground.steps.get(name)
            if value is None and name in tables:
                entry = along(tables[name], path)
                self.take(entry)
                value = entry if isinstance(entry, Datum) else None
            elif value is None:
                self.take_whole((name,), ground.over)
            found.append(MISSING if value is None else value)
        return found

    def take_whole(self, names: Sequence[str], over: Mapping[str, Verdict]) -> None:
        """Take tasks that are looked at as a whole."""
        if not names:
            return
        counts = whole(over.get(name, Verdict(succeeded=1)) for name in names)
        self.succeeded += counts.succeeded
        self.skipped += counts.skipped
        self.failed += counts.failed
        if counts.failed and self._lacking is None:
            failed = next(name for name in names if name in over and over[name].failed)
            self._lacking = BlockedError(f"{failed} failed, which it waits for")

    def take_members(self, node: Node, datum: Datum) -> None:
        """Take the members of a group, those that are missing as failed."""
        members = datum.value()
        self.succeeded += len(members)
        self.failed += len(members.missing)
        if members.missing:
            named = ", ".join(map(repr, members.missing[:3]))
            named += ", ..." if len(members.missing) > 3 else ""
            self._lacking = DocumentError(
                f"the group {members.key!r} lacks members that failed: {named}",
                code="blocked",
                hint=f'correct them, or let {node.name} do without: options(when="any_succeeded")',
            )

    def decision(self, rule: Rule) -> Decision:
        if self._failed is not None and is_counted(self._failed):
            return Decision.BLOCK  # what a plan does not call may succeed or fail
        return decide(rule, succeeded=self.succeeded, skipped=self.skipped, failed=self.failed)

    def stop(self, decision: Decision, rule: Rule, node: Node, path: Path) -> Stop | None:
        """Return why the call is not made: the first cause, not that it was held up by it."""
        if decision is Decision.BLOCK:
            if self._failed is not None:
                return self._failed
            assert self._lacking is not None
            return Stop(node.name, path, self._lacking)
        if rule is Rule.ANY_FAILED:
            return Stop(node.name, path, LeftOut(f"nothing failed that {node.name} rescues"))
        return self._skipped


def is_counted(stop: Stop) -> bool:
    """Tell whether a plan counted the call instead of running it: nobody knows what it gives."""
    return isinstance(stop.error, Counted)


def is_skip(stop: Stop) -> bool:
    """Tell whether a part was skipped, and did not fail."""
    return isinstance(stop.error, SkipDocument)


def weigh(stops: Iterable[Stop], *, is_anything_there: bool) -> Stop | None:
    """Return what keeps an owner from being served, if anything does.

    A part that failed; for an owner is served whole. A part that was skipped is not there, and
    its owner is skipped only with nothing else there; or when the part was skipped for want of
    a requirement, since the owner is asked again when that is met.
    """
    failed = needy = skipped = None
    for stop in stops:
        if not isinstance(stop.error, SkipDocument):
            if not is_counted(stop):
                return stop
            failed = failed or stop
        elif stop.error.requirement is not None:
            needy = needy or stop
        elif not isinstance(stop.error, LeftOut):
            skipped = skipped or stop
    return failed or needy or (None if is_anything_there else skipped)
