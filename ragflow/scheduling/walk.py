"""What must be called for one owner, given what came out so far?

A walk goes through the tasks below an origin in order. For each it yields the calls it
needs and is sent what came out; it knows neither memos nor threads.
"""

from collections.abc import Generator, Mapping, Sequence

import msgspec

from ragflow.core.pipeline_graph import Node
from ragflow.core.shapes import Shape
from ragflow.scheduling.calls import Call, Path, Stop, make_call
from ragflow.scheduling.datum import Datum
from ragflow.scheduling.definitions import Definitions

#: What a task made of one owner, by part; or why it made nothing.
Table = dict[Path, Datum]
Outcome = list[Datum] | Stop
Walk = Generator[list[Call], list[Outcome], dict[str, Table | Stop]]


class Ground(msgspec.Struct, frozen=True):
    """What all walks below one origin share."""

    #: Name of the origin.
    origin: str
    #: The tasks below it, targets left out, in order.
    nodes: Sequence[Node]
    definitions: Definitions
    #: What steps returned, by node.
    steps: Mapping[str, Datum]


def walk(ground: Ground, owner: str, start: Datum) -> Walk:
    """Walk one owner; return by node what it made of the owner, or why nothing.

    A call that stops stops everything below it for this owner, and nothing else.
    """
    tables: dict[str, Table | Stop] = {ground.origin: {(): start}}
    for node in ground.nodes:
        stop = _stopped(node, tables)
        if stop is not None:
            tables[node.name] = stop
            continue
        calls = list(calls_of(node, ground, tables, owner))
        outcomes = (yield calls) if calls else []
        tables[node.name] = _table(node, calls, outcomes)
    return tables


def _stopped(node: Node, tables: Mapping[str, Table | Stop]) -> Stop | None:
    for name in node.data:
        table = tables.get(name)
        if isinstance(table, Stop):
            return table
    return None


def calls_of(
    node: Node, ground: Ground, tables: Mapping[str, Table | Stop], owner: str
) -> Generator[Call]:
    """Yield the calls of one task over one owner, in the order of its parts.

    A part whose joined part was filtered out is left out.
    """
    task = ground.definitions.tasks[node.name]
    for path, inputs in joined(node, ground, tables):
        yield make_call(node, path, inputs, owner, task)


def joined(
    node: Node, ground: Ground, tables: Mapping[str, Table | Stop]
) -> Generator[tuple[Path, tuple[Datum, ...]]]:
    """Yield for each part a task runs over what it is given: its own, then what is joined."""
    over = tables[node.data[0]]
    assert not isinstance(over, Stop)
    for path, datum in over.items():
        inputs = [datum]
        for name in node.data[1:]:
            found = ground.steps.get(name) or _along(tables[name], path)
            if found is None:
                break
            inputs.append(found)
        else:
            yield path, tuple(inputs)


def _along(table: Table | Stop, path: Path) -> Datum | None:
    """Return the value that a part descends from."""
    assert not isinstance(table, Stop)
    for length in range(len(path), -1, -1):
        if (found := table.get(path[:length])) is not None:
            return found
    return None


def _table(node: Node, calls: Sequence[Call], outcomes: Sequence[Outcome]) -> Table | Stop:
    table: Table = {}
    cuts = node.task.signature.cuts
    for call, outcome in zip(calls, outcomes, strict=True):
        if isinstance(outcome, Stop):
            return outcome
        above = call.inputs[0].envelope
        for number, part in enumerate(outcome):
            path = (*call.path, number) if cuts else call.path
            table[path] = part.at({**above, **part.envelope}) if part.envelope else part.at(above)
    return table


def tasks_below(nodes: Sequence[Node]) -> list[Node]:
    """Return the tasks that are walked: neither sources nor groupings nor targets."""
    return [n for n in nodes if n.shape in (Shape.ITEM, Shape.BATCH, Shape.GROUP)]
