"""Which side of a split is a part on, and what do two sides come to together?"""

from collections import defaultdict
from collections.abc import Sequence

from ragflow.core.items import Item
from ragflow.core.node import Branch, Node
from ragflow.errors import DocumentError
from ragflow.scheduling.calls import Path, Stop
from ragflow.scheduling.datum import Datum
from ragflow.scheduling.descent import Table, is_counted, is_skip
from ragflow.scheduling.owners import ContentChangedError, of_one

#: What the function of a split answered, by part; or what it raised.
Answers = dict[Path, bool | Stop]


def ask(node: Node, over: Table, owner: str) -> Answers:
    """Ask of every part that is there which side it is on.

    What the function raises fails the part. Raises what ends the whole run, and
    `ContentChangedError`.
    """
    answers: Answers = {}
    for path, datum in over.items():
        if isinstance(datum, Datum):
            try:
                answers[path] = _answer(node.subject, datum, owner)
            except ContentChangedError:
                raise
            except BaseException as error:  # noqa: BLE001 - the user's code
                answers[path] = Stop(node.name, path, of_one(error))
    return answers


def _answer(branch: Branch, datum: Datum, owner: str) -> bool:
    value = datum.value()
    answer = branch.by(Item(owner, value, datum.envelope) if branch.wants_item else value)
    if not isinstance(answer, bool):
        raise DocumentError(
            f"the function given to split(by=...) returned {answer!r}, not True or False",
            hint="let it return a bool",
        )
    return answer


def side(branch: Branch, over: Table, answers: Answers) -> Table:
    """Return the parts on one side; what failed before or while asked failed on both."""
    table: Table = {}
    for path, entry in over.items():
        answer = answers.get(path)
        if isinstance(answer, Stop):
            table[path] = answer
        elif answer is None or answer is branch.side:
            table[path] = entry
    return table


def unite(node: Node, one: Table, other: Table, *, cuts: int) -> Table:
    """Return what is there on either side, part by part; both share so many cuts.

    A part that is there on neither failed if it failed on one. One that is there on both
    failed: nobody could tell which is meant. Parts that two tasks cut are told apart by what
    they were cut from.
    """
    sides = [_by_part(table, cuts) for table in (one, other)]
    table: Table = {}
    for path in sides[0].keys() | sides[1].keys():
        found = [each.get(path, {}) for each in sides]
        there = [each for each in found if any(isinstance(e, Datum) for e in each.values())]
        if len(there) == 2:
            table[path] = Stop(node.name, path, _both(node, path))
        elif there:
            table.update(there[0])
        else:
            table.update(_neither(found))
    if any(len(path) < cuts for path in table):
        table = _without_rescued(table)
    return dict(sorted(table.items()))


def _by_part(table: Table, cuts: int) -> dict[Path, Table]:
    found: dict[Path, Table] = defaultdict(dict)
    for path, entry in table.items():
        found[path[:cuts]][path] = entry
    return found


def _neither(sides: Sequence[Table]) -> Table:
    """Return why a part is not there: that it failed outweighs that it was skipped."""
    stops = [(path, e) for table in sides for path, e in table.items() if isinstance(e, Stop)]
    # What a plan did not call may be there after all.
    stops.sort(key=lambda pair: 0 if is_skip(pair[1]) else 1 + is_counted(pair[1]))
    return dict(stops)


def _without_rescued(table: Table) -> Table:
    """Leave out the stop of an ancestor under which the other side has parts all the same."""
    there = {
        path[:n] for path, e in table.items() if isinstance(e, Datum) for n in range(len(path))
    }
    return {path: entry for path, entry in table.items() if path not in there}


def _both(node: Node, path: Path) -> DocumentError:
    part = ".".join(map(str, path))
    return DocumentError(
        f"{node.data[0]} and {node.data[1]} both have a value "
        + (f"for the part {part}" if part else "for the document"),
        hint="part the items with split(...) before them, or let one run only where the other "
        "failed",
    )
