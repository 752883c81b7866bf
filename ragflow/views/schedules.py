"""How do schedules, their next fires and what became of past ones read?"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from ragflow.core.fires import FireRecord
from ragflow.views.quantities import counted, instant
from ragflow.views.rendering import Table


def schedules_table(schedules: Iterable[Mapping[str, Any]]) -> Table:
    """Return schedules: what they run, when, and when next."""
    rows = []
    for one in schedules:
        coming = "paused" if one["paused_at"] else _written(one["next"])
        parameters = ", ".join(f"{name}={value}" for name, value in one["parameters"].items())
        rows.append((one["name"], one["pipeline"], one["text"], coming, parameters))
    return Table(("schedule", "pipeline", "fires", "next", "parameters"), rows)


def next_table(fires: Iterable[Mapping[str, Any]]) -> Table:
    """Return what fires next, in the order of its instants."""
    rows = [(_written(one["instant"]), _written(one["due"]), one["schedule"]) for one in fires]
    if all(instant == due for instant, due, _ in rows):
        return Table(("fires", "schedule"), [(instant, name) for instant, _, name in rows])
    return Table(("fires", "begins", "schedule"), rows)


def fires_table(fires: Iterable[FireRecord]) -> Table:
    """Return what became of fires."""
    rows = [
        (
            _range(fire),
            fire.schedule,
            fire.state.value,
            "" if fire.run is None else f"{fire.run}",
            fire.reason or "",
        )
        for fire in fires
    ]
    return Table(("fire", "schedule", "state", "run", "reason"), rows, frozenset({"run"}))


def backfill_text(name: str, instants: Sequence[datetime], done: int) -> str:
    """Return what a backfill would do, in a sentence."""
    left_out = f"; {counted(done, 'fire')} already done" if done else ""
    if not instants:
        return f"nothing to do for {name}{left_out}"
    first, last = _written(instants[0].isoformat()), _written(instants[-1].isoformat())
    span = first if len(instants) == 1 else f"{first} to {last}"
    return f"{counted(len(instants), 'run')} of {name}: {span}{left_out}"


def _range(fire: FireRecord) -> str:
    if fire.count == 1:
        return instant(fire.instant)
    return f"{fire.count:,} from {instant(fire.instant)} to {instant(fire.last)}"


def _written(moment: str | None) -> str:
    """Return an instant as the clocks of its schedule show it, with their offset."""
    return "" if moment is None else moment.replace("T", " ")
