"""How long would a run take, by what earlier runs of the home took?"""

from collections.abc import Mapping
from typing import Any

import msgspec

from ragflow.core.node import Node
from ragflow.core.parameters import plainly
from ragflow.core.records import RunRecord, TaskTotal
from ragflow.interfaces.orchestration import Runs
from ragflow.runtime.request import Request

#: Runs looked at, newest first, and of those with a task how many are believed.
_LOOKED_AT, _BELIEVED = 50, 10
#: What a comparison calls work.
_WORK = ("added", "modified", "stale", "moved", "failed")


class _Pace(msgspec.Struct):
    """What some runs did, and how long that took."""

    runs: int = 0
    done: int = 0
    seconds: float = 0.0
    wall: float = 0.0


def seconds_of_calls(runs: Runs, request: Request, calls: Mapping[str, int]) -> float | None:
    """Return how long these calls, by task, would take; None where one was never made here.

    By the newest runs of the same pipeline that made them with the same parameters: seconds a
    call, divided by how many of them went on side by side.
    """
    wanted = {name: number for name, number in calls.items() if number}
    if not wanted:
        return 0.0
    paces = {name: _Pace() for name in wanted}
    for run in _alike(runs, request):
        totals = runs.totals(run.id)
        for name, pace in paces.items():
            if _is_by(run, request.graph.nodes[name]):
                _take(pace, totals.get(name), run)
        if all(pace.runs >= _BELIEVED for pace in paces.values()):
            break
    if not all(pace.done for pace in paces.values()):
        return None
    return sum(
        number * paces[name].seconds / paces[name].done / _side_by_side(paces[name])
        for name, number in wanted.items()
    )


def seconds_of_documents(runs: Runs, request: Request, documents: int) -> float | None:
    """Return how long so many changed documents would take; None where none ever did here."""
    if not documents:
        return 0.0
    pace = _Pace()
    for run in _alike(runs, request):
        summary = run.summary or {}
        changed = sum(summary.get("documents", {}).get(kind, 0) for kind in _WORK)
        if changed:
            pace.done += changed
            pace.wall += _wall(run)
            pace.runs += 1
        if pace.runs == _BELIEVED:
            break
    return documents * pace.wall / pace.done if pace.done else None


def _alike(runs: Runs, request: Request) -> list[RunRecord]:
    recent = runs.recent(limit=_LOOKED_AT)
    return [run for run in recent if run.pipeline == request.pipeline and run.summary is not None]


def _is_by(run: RunRecord, node: Node) -> bool:
    """Tell whether a run made a task's calls with the parameters it has now, as far as told."""
    now: Mapping[str, Any] = plainly(node.parameters)
    return all(run.parameters[name] == now[name] for name in now.keys() & run.parameters.keys())


def _take(pace: _Pace, total: TaskTotal | None, run: RunRecord) -> None:
    if total is None or not total.ran or pace.runs == _BELIEVED:
        return
    pace.runs += 1
    pace.done += total.ran
    pace.seconds += total.seconds
    pace.wall += _wall(run)


def _wall(run: RunRecord) -> float:
    return float((run.summary or {}).get("seconds", {}).get("total", 0.0))


def _side_by_side(pace: _Pace) -> float:
    return max(1.0, pace.seconds / pace.wall) if pace.wall else 1.0
