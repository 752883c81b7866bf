"""How do a run and a plan read at their end, on a terminal and in Jupyter?"""

import html
from collections.abc import Mapping
from typing import Any

from ragflow.views.quantities import duration
from ragflow.views.rendering import Table, printable, render

Summary = Mapping[str, Any]


def summary_text(summary: Summary, *, width: int | None = None) -> str:
    """Return a run or a plan as text: what became of documents and chunks, then the tasks."""
    parts = [headline(summary), render(_facts(summary), width=width)]
    if summary.get("tasks"):
        parts.append(render(tasks_table(summary["tasks"]), width=width))
    return "\n\n".join(parts)


def headline(summary: Summary) -> str:
    """Return the one line that says what a run came to, or that this is a plan."""
    if "state" not in summary:
        return f"plan for {printable(summary['instance'])}"
    state = summary["state"].replace("_", " ")
    spent = duration(summary["seconds"]["total"])
    return f"run {summary['run']} of {printable(summary['instance'])}: {state} in {spent}"


def documents_sentence(documents: Mapping[str, int]) -> str:
    """Return ``3 added, 1 failed``; kinds without a document are left out."""
    said = [f"{n:,} {kind.replace('_', ' ')}" for kind, n in documents.items() if n]
    return ", ".join(said) or "none"


def chunks_sentence(summary: Summary) -> str:
    """Return what became, or would become, of the chunks."""
    if "chunks" not in summary:
        number = f"{summary['chunks_to_embed']:,}"
        return f"{number} to embed" if summary["exact"] else f"at most {number} to embed"
    chunks = summary["chunks"]
    return (
        f"{chunks['total']:,} in all: {chunks['embedded']:,} embedded, "
        f"{chunks['reused']:,} reused; {chunks['upserted']:,} written, "
        f"{chunks['deleted']:,} deleted"
    )


def _facts(summary: Summary) -> Table:
    rows = [
        ("documents", documents_sentence(summary["documents"])),
        ("chunks", chunks_sentence(summary)),
    ]
    if summary.get("dead_letters"):
        rows.append(("dead letters", f"{summary['dead_letters']:,}"))
    if summary.get("error"):
        rows.append(("error", summary["error"]))
    return Table(("", ""), rows)


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
    tables = [_html(_facts(summary))]
    if summary.get("tasks"):
        tables.append(_html(tasks_table(summary["tasks"])))
    return f"<p><strong>{html.escape(headline(summary))}</strong></p>{''.join(tables)}"


def _html(table: Table) -> str:
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
