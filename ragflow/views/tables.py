"""How do a run and a plan read at their end, on a terminal and in Jupyter?"""

import html
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from ragflow.core.records import CUT_OFF
from ragflow.core.states import RunState
from ragflow.views.quantities import counted, duration, instant
from ragflow.views.rendering import Table, pairs, printable, render

Summary = Mapping[str, Any]
_UNFINISHED = (RunState.QUEUED, RunState.RUNNING, RunState.PAUSED, RunState.CANCELLING)


def summary_text(
    summary: Summary,
    *,
    width: int | None = None,
    due: datetime | None = None,
    steps: Sequence[str] = (),
) -> str:
    """Return a run or a plan as text: what became of documents and chunks, then the tasks.

    `due` is when the first dead letter that waits for an instant is tried again; `steps` are
    all tasks of a pipeline that has nothing but steps, and so no documents.
    """
    facts = _facts(summary, due, steps)
    parts = [headline(summary)]
    if facts.rows:
        parts.append(render(facts, width=width))
    if "state" in summary and summary.get("tasks"):
        parts.append(render(tasks_table(summary["tasks"]), width=width))
    return "\n\n".join(parts)


def headline(summary: Summary) -> str:
    """Return the one line that says what a run came to, or that this is a plan."""
    if "state" not in summary:
        return f"plan for {printable(summary['instance'])}"
    name = f"run {summary['run']} of {printable(summary['instance'])}"
    if summary.get("error") == CUT_OFF:
        return f"{name}: cut off"  # nobody knows when
    state = summary["state"].replace("_", " ")
    spent = duration(summary["seconds"]["total"])
    return f"{name}: {state} {'for' if state in _UNFINISHED else 'in'} {spent}"


def documents_sentence(documents: Mapping[str, int]) -> str:
    """Return ``3 added, 1 failed``; kinds without a document are left out."""
    said = [f"{n:,} {kind.replace('_', ' ')}" for kind, n in documents.items() if n]
    return ", ".join(said) or "none"


def came_to_sentence(summary: Summary) -> str:
    """Return in few words what a run came to: documents, or steps where there are none."""
    if _tells_documents(summary):
        return documents_sentence(summary["documents"])
    called = sum(1 for task in summary["tasks"].values() if task["ran"] + task["memoized"])
    return counted(called, "step")


def chunks_sentence(summary: Summary) -> str:
    """Return what became, or would become, of the chunks."""
    if "state" not in summary:
        return _planned_chunks(summary)
    chunks = summary["chunks"]
    return (
        f"{chunks['total']:,} in all: {chunks['embedded']:,} embedded, "
        f"{chunks['reused']:,} reused; {chunks['upserted']:,} written, "
        f"{chunks['deleted']:,} deleted"
    )


def _planned_chunks(summary: Summary) -> str:
    bound = summary.get("bound") or ("exact" if summary["exact"] else "at most")
    said = "" if bound == "exact" else f"{bound} "
    told = f"{said}{summary['chunks_to_embed']:,} to embed"
    if summary.get("tokens_to_embed"):
        told += f" ({said}{counted(summary['tokens_to_embed'], 'token')})"
    rows = summary.get("chunks")
    if rows is None:
        return told
    kinds = [f"{rows[kind]:,} to {kind}" for kind in ("add", "update", "delete") if rows[kind]]
    if not kinds:
        return told
    return f"{told}; {'' if rows['exact'] else 'about '}{', '.join(kinds)}"


def _plan_facts(summary: Summary) -> list[tuple[str, str]]:
    """Return what only a plan tells."""
    rows = [("documents", _planned_documents(summary))]
    if summary.get("fast"):
        rows.append(("compared", "by version tokens: modified may prove equal, deleted moved"))
    else:
        rows.append(("chunks", chunks_sentence(summary)))
    if "usd" in summary:
        bound = "" if summary["bound"] == "exact" else f"{summary['bound']} "
        rows.append(("price", f"{bound}{dollars(summary['usd'])}"))
    if "estimated_seconds" in summary:
        seconds = summary["estimated_seconds"]
        if seconds is None:
            rows.append(("time", "unknown: nothing alike ran here yet"))
        elif seconds:
            rows.append(("time", f"about {duration(seconds)}"))
    rows += [
        ("refused", f"{each['message']}; {each['hint']}" if each["hint"] else each["message"])
        for each in summary.get("would_be_refused", ())
    ]
    return rows


def _planned_documents(summary: Summary) -> str:
    told = documents_sentence(summary["documents"])
    number = summary.get("documents_to_extract")
    return f"{told}; {number:,} to extract" if number else told


def _facts(summary: Summary, due: datetime | None = None, steps: Sequence[str] = ()) -> Table:
    rows = []
    if _tells_documents(summary, steps) and "state" not in summary:
        rows += _plan_facts(summary)
    elif _tells_documents(summary, steps):
        rows.append(("documents", documents_sentence(summary["documents"])))
        rows.append(("chunks", chunks_sentence(summary)))
    elif "state" not in summary:
        rows.append(("steps", f"{len(steps):,} to call: {', '.join(steps)}"))
    if summary.get("used"):
        rows.append(("used", used_sentence(summary["used"])))
    if summary.get("dead_letters"):
        rows.append(("dead letters", _letters_sentence(summary, due)))
    if summary.get("error"):
        rows.append(("error", summary["error"]))
    return pairs(rows)


def used_sentence(used: Mapping[str, float]) -> str:
    """Return ``12,345 tokens, 0.0002 USD``."""
    counted_units = [f"{amount:,.0f} {unit}" for unit, amount in used.items() if unit != "usd"]
    return ", ".join([*counted_units, *([dollars(used["usd"])] if "usd" in used else [])])


def dollars(amount: float) -> str:
    """Return an amount of US dollars, to the cent from one dollar on."""
    told = f"{amount:,.2f}" if amount >= 1 else f"{amount:.6f}".rstrip("0").rstrip(".")
    return f"{told} USD"


def _tells_documents(summary: Summary, steps: Sequence[str] = ()) -> bool:
    """Tell whether there is anything to say of documents.

    There is not where a run was over, or is, before one was counted, and where its tasks were
    called though there are none: a pipeline of steps.
    """
    chunks = summary.get("chunks") or {}
    if any(summary["documents"].values()) or any(n for n in chunks.values() if n is not True):
        return True
    if steps:
        return False
    if "state" not in summary:
        return True
    has_called = any(
        task["ran"] + task["memoized"] + task["failed"] for task in summary["tasks"].values()
    )
    return summary["state"].startswith("succeeded") and not has_called


def _letters_sentence(summary: Summary, due: datetime | None) -> str:
    """Return how many failed and are held back, and when the first of them is tried again."""
    kinds = {kind: summary["documents"].get(kind, 0) for kind in ("failed", "held_back")}
    shown = documents_sentence(kinds) if any(kinds.values()) else f"{summary['dead_letters']:,}"
    first = "" if due is None else f"; the first is due at {instant(due)}"
    return f"{shown}{first}; `ragflow dead-letters list` says why"


def tasks_table(tasks: Mapping[str, Mapping[str, Any]]) -> Table:
    """Return what each task did."""
    headings = ("task", "ran", "memoized", "failed", "time")
    rows = [
        (
            name,
            f"{task['ran']:,}",
            f"{task['memoized']:,}",
            f"{task['failed']:,}",
            duration(task["seconds"]),
        )
        for name, task in tasks.items()
    ]
    return Table(headings, rows, frozenset(headings[1:]))


def html_table(summary: Summary) -> str:
    """Return a run or a plan as HTML, for Jupyter; takes its colours from the page."""
    facts = _facts(summary)
    tables = [table_html(facts)] if facts.rows else []
    if "state" in summary and summary.get("tasks"):
        tables.append(table_html(tasks_table(summary["tasks"])))
    return f"<p><strong>{html.escape(headline(summary))}</strong></p>{''.join(tables)}"


def table_html(table: Table) -> str:
    """Return a table as HTML, for Jupyter; takes its colours from the page."""
    sides = ["right" if heading in table.numbers else "left" for heading in table.headings]
    lines = [("th", table.headings)] if any(table.headings) else []
    lines += [("td", row) for row in table.rows]
    body = "".join(
        "<tr>"
        + "".join(
            f'<{tag} style="text-align:{side}">{html.escape(printable(cell))}</{tag}>'
            for cell, side in zip(cells, sides, strict=True)
        )
        + "</tr>"
        for tag, cells in lines
    )
    return f"<table>{body}</table>"
