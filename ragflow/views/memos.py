"""How do memos read: how many there are, why one is missing, and what was removed?

Each function takes the object that ``--json`` prints.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from ragflow.views.quantities import counted
from ragflow.views.rendering import Table, printable, render

#: Calls that are shown one by one.
SHOWN = 20

_WHY = {
    "definition": "the task changed",
    "input": "what it is given changed",
    "removed": "it was remembered, and is gone or damaged",
    "expired": "it was remembered until no document needed it",
    "new": "it was never called",
}
_UNITS = ("bytes", "kB", "MB", "GB", "TB")


def size(number: int) -> str:
    """Return ``512 bytes``, ``1.4 MB``."""
    value, unit = float(number), 0
    while value >= 1000 and unit < len(_UNITS) - 1:
        value, unit = value / 1000, unit + 1
    return f"{number} bytes" if not unit else f"{value:.1f} {_UNITS[unit]}"


def stats_text(stats: Mapping[str, Any], *, width: int | None = None) -> str:
    """Return what is remembered, by task, and how often it spared a call lately."""
    if not stats["tasks"]:
        return "nothing is remembered yet"
    lines = [render(_tasks(stats), width=width)]
    artifacts = stats["artifacts"]
    if artifacts["number"]:
        lines.append(
            f"{counted(artifacts['number'], 'large value')} beside the database, "
            f"{size(artifacts['bytes'])}"
        )
    if stats["unknown"]:
        lines.append(_unknown(stats["unknown"]))
    for run in stats["runs"]:
        hits = sum(task["hits"] for task in run["tasks"].values())
        misses = sum(task["misses"] for task in run["tasks"].values())
        made = ", ".join(
            f"{printable(name)} {task['misses']:,}"
            for name, task in run["tasks"].items()
            if task["misses"]
        )
        told = f"run {run['run']} of {printable(run['instance'])}: {counted(hits, 'hit')}"
        lines.append(f"{told}, {counted(misses, 'call')} made" + (f" ({made})" if made else ""))
    return "\n".join(lines)


def _tasks(stats: Mapping[str, Any]) -> Table:
    total = sum(task["bytes"] for task in stats["tasks"]) or 1
    rows = [
        (
            task["task"],
            f"{task['memos']:,}",
            size(task["bytes"]),
            f"{100 * task['bytes'] / total:.0f} %",
            f"{task['unneeded']:,}" if task["unneeded"] else "",
            f"from {task['expires']}" if task["expires"] else "",
        )
        for task in stats["tasks"]
    ]
    headings = ("TASK", "MEMOS", "SIZE", "SHARE", "UNNEEDED", "MAY BE REMOVED")
    return Table(headings, rows, frozenset({"MEMOS", "SIZE", "SHARE", "UNNEEDED"}))


def pruned_text(pruned: Mapping[str, Any], *, width: int | None = None) -> str:
    """Return what was removed, or would be."""
    if pruned["unknown"]:
        return _unknown(pruned["unknown"])
    verb = "would be removed" if pruned["dry_run"] else "removed"
    lines = []
    if pruned["tasks"]:
        rows = [
            (task["task"], f"{task['memos']:,}", size(task["bytes"])) for task in pruned["tasks"]
        ]
        table = Table(("TASK", "MEMOS", "SIZE"), rows, frozenset({"MEMOS", "SIZE"}))
        lines.append(render(table, width=width))
    facts = [
        counted(sum(task["memos"] for task in pruned["tasks"]), "memo"),
        counted(pruned["artifacts"]["number"], "large value"),
        counted(pruned["logs"], "line") + " of logs",
        counted(pruned["attempts"], "failed attempt"),
        *([] if pruned["dry_run"] else [counted(pruned["reasons"], "reason")]),
    ]
    lines.append(f"{verb}: {', '.join(facts)}")
    if pruned["freed"] is not None:
        lines.append(f"{size(pruned['freed'])} of disk given back")
    return "\n".join(lines)


def _unknown(number: int) -> str:
    were = f"{counted(number, 'document')} {'was' if number == 1 else 'were'} served by"
    return (
        f"{were} an older version of ragflow, which did not write down what they need: every memo "
        "is kept until a run makes them anew (`ragflow run NAME --force`)"
    )


def standings_text(standings: Sequence[Mapping[str, Any]], *, width: int | None = None) -> str:
    """Return which calls memos answer, by task, and why they do not answer the others."""
    return "\n\n".join(_standing(each, width) for each in standings)


def _standing(standing: Mapping[str, Any], width: int | None) -> str:
    lines = [f"{printable(standing['key'])} of {printable(standing['instance'])}"]
    calls = standing["calls"]
    rows = []
    for task in dict.fromkeys(call["task"] for call in calls):
        mine = [call for call in calls if call["task"] == task]
        hits = sum(call["hit"] for call in mine)
        reasons = Counter(call["why"] for call in mine if not call["hit"])
        told = [f"{number:,} × {_WHY[why]}" for why, number in reasons.items()]
        told += standing["changed"].get(task, ()) if reasons else []
        rows.append((task, f"{len(mine):,}", f"{hits:,}", "; ".join(told)))
    if rows:
        table = Table(("TASK", "CALLS", "HITS", "WHY NOT"), rows, frozenset({"CALLS", "HITS"}))
        lines.append(render(table, width=width))
    missed = [call for call in calls if not call["hit"]]
    for call in missed[:SHOWN]:
        part = f" of part {call['part']}" if call["part"] else ""
        lines.append(
            f"  miss {call['key'][:12]}  {printable(call['task'])}{part}: {_WHY[call['why']]}"
        )
    if len(missed) > SHOWN:
        lines.append(f"  … and {len(missed) - SHOWN:,} more")
    if standing["problem"]:
        lines.append(printable(standing["problem"]))
    return "\n".join(lines)


def forgotten_text(key: str, forgotten: Mapping[str, Any]) -> str:
    """Return what was removed of a document, and what was not."""
    facts = [
        counted(forgotten["rows"], "row"),
        f"{counted(forgotten['memos'], 'memo')} ({size(forgotten['bytes'])})",
        counted(forgotten["artifacts"], "large value"),
        counted(forgotten["logs"], "line") + " of logs",
        counted(forgotten["attempts"], "failed attempt"),
        counted(forgotten["dead_letters"], "dead letter"),
        counted(forgotten["reasons"], "reason"),
    ]
    lines = [f"forgot {printable(key)}: {', '.join(facts)}"]
    if forgotten["shared"]:
        number = forgotten["shared"]
        stay = "stays: another document needs it" if number == 1 else "stay: others need them"
        lines.append(f"{counted(number, 'memo')} {stay}, too")
    if forgotten["groups"]:
        names = ", ".join(map(printable, forgotten["groups"]))
        lines.append(f"the next run makes these groups anew without it: {names}")
    lines += [
        f"bytes of what was deleted may be left in free parts of {printable(place)}: it is too "
        "large to be written anew, or was locked"
        for place in forgotten["unscrubbed"]
    ]
    lines.append("while its source lists it, the next run adds it again")
    return "\n".join(lines)
