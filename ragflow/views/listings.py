"""How do runs, documents, collections, pipelines and hits read, one by one and in lists?"""

from collections.abc import Container, Iterable, Mapping, Sequence
from typing import Any

from ragflow.core.records import CUT_OFF, FailedAttempt, OwnerView, RunRecord
from ragflow.core.run_records import LeftAssignment
from ragflow.views.quantities import duration, instant
from ragflow.views.rendering import Table, lines_of, pairs, printable, render, wrap
from ragflow.views.tables import came_to_sentence, documents_sentence, summary_text

#: How many hex digits of a version tell documents apart for people.
VERSION_DIGITS = 12
_INDENT = "   "
#: What became of an attempt that failed.
_OUTCOMES = {
    "error": "raised an error",
    "timeout": "took too long",
    "died": "its worker died",
    "limit": "went beyond a limit",
    "cancelled": "was cancelled",
}


def runs_table(
    runs: Iterable[RunRecord],
    *,
    cut_off: Container[int] = (),
    at_work: Mapping[int, float] | None = None,
) -> Table:
    """Return the history of runs; those in `cut_off` ended with their process.

    `at_work` is for how many seconds each has been held that is not over.
    """
    rows = []
    for run in runs:
        came_to, spent = run.error or "", ""
        if run.summary is not None:
            came_to = came_to_sentence(run.summary)
            spent = duration(run.summary["seconds"]["total"])
        elif run.ended_at is not None:
            spent = duration((run.ended_at - run.started_at).total_seconds())
        elif at_work and run.id in at_work:
            spent = duration(at_work[run.id])
        is_cut_off = run.id in cut_off or run.error == CUT_OFF
        state = "cut off" if is_cut_off else _words(run.state)
        rows.append((f"{run.id}", run.instance, state, instant(run.started_at), spent, came_to))
    headings = ("run", "instance", "state", "started", "time", "came to")
    return Table(headings, rows, frozenset({"run", "time"}))


def run_text(
    run: RunRecord,
    summary: Mapping[str, Any],
    *,
    width: int | None = None,
    standing: Sequence[tuple[str, str]] = (),
) -> str:
    """Return one run: when and with what it was started, and what it came to.

    `standing` is what else is known of one that is not over: name and value.
    """
    values = ", ".join(f"{name}={value}" for name, value in run.parameters.items())
    facts = [
        *standing,
        ("pipeline", run.pipeline),
        ("parameters", values or "none"),
        ("started", f"{instant(run.started_at)}, by {run.trigger}"),
    ]
    return f"{summary_text(summary, width=width)}\n\n{render(pairs(facts), width=width)}"


def failures_table(attempts: Sequence[FailedAttempt]) -> Table:
    """Return the attempts of a run that failed: of what, which, how long and why.

    Where all are of steps, which belong to no document, that column is left out.
    """
    rows = [
        (
            one.key if one.part is None else f"{one.key} (part {one.part})",
            one.task,
            f"{one.number}",
            _OUTCOMES.get(one.outcome, one.outcome),
            "" if one.seconds is None else duration(one.seconds),
            one.message,
        )
        for one in attempts
    ]
    headings = ("failed", "task", "attempt", "outcome", "time", "reason")
    first = 0 if any(one.key for one in attempts) else 1
    numbers = frozenset({"attempt", "time"})
    return Table(headings[first:], [row[first:] for row in rows], numbers)


def tracebacks_text(attempts: Iterable[FailedAttempt]) -> str:
    """Return the tracebacks of failed attempts, each below what it is of."""
    parts = []
    for one in attempts:
        of = ", ".join(part for part in (one.key, one.task, f"attempt {one.number}") if part)
        parts.append(f"{printable(of)}:\n{lines_of(one.traceback or one.message)}")
    return "\n\n".join(parts)


def work_table(left: Iterable[LeftAssignment]) -> Table:
    """Return what workers hold, or held when their run was cut off."""
    rows = []
    for each in left:
        keys = list(dict.fromkeys(key for key, _ in each.calls if key))
        more = f" and {len(keys) - 1:,} more" if len(keys) > 1 else ""
        rows.append((each.task, instant(each.opened_at), f"{keys[0]}{more}" if keys else ""))
    return Table(("at work", "since", "on"), rows)


def owners_table(owners: Iterable[OwnerView]) -> Table:
    """Return documents as they stand in a collection."""
    rows = [
        (
            owner.key,
            _words(owner.state),
            f"{owner.chunks:,}",
            (owner.version or "")[:VERSION_DIGITS],
            _reason(owner),
        )
        for owner in owners
    ]
    return Table(("document", "state", "chunks", "version", "reason"), rows, frozenset({"chunks"}))


def collections_table(collections: Iterable[Mapping[str, Any]]) -> Table:
    """Return collections with what they hold and what made their vectors."""
    rows = [
        (
            one["name"],
            f"{one['chunks']:,}",
            f"{sum(one['documents'].values()):,}",
            str(one["space"].get("name", "")),
            f"{one['generation']}",
        )
        for one in collections
    ]
    headings = ("collection", "chunks", "documents", "model", "generation")
    return Table(headings, rows, frozenset({"chunks", "documents", "generation"}))


def collection_text(one: Mapping[str, Any], *, width: int | None = None) -> str:
    """Return everything known of one collection."""
    space = one["space"]
    facts = [
        ("collection", one["name"]),
        ("chunks", f"{one['chunks']:,}"),
        ("documents", documents_sentence(one["documents"])),
        ("model", str(space.get("name", ""))),
        ("dimension", str(space.get("dimension", ""))),
        ("metric", str(space.get("metric", ""))),
        ("generation", f"{one['generation']}"),
    ]
    return render(pairs(facts), width=width)


def pipelines_table(pipelines: Iterable[Mapping[str, Any]]) -> Table:
    """Return pipelines with schedule, parameters and what they are for."""
    rows = [
        (
            one["name"],
            one["schedule"] or "",
            ", ".join(_parameters(one["parameters"])),
            one["description"],
        )
        for one in pipelines
    ]
    return Table(("pipeline", "schedule", "parameters", ""), rows)


def _parameters(schema: Mapping[str, Any]) -> Sequence[str]:
    shown = []
    for name, facts in schema["properties"].items():
        if "default" in facts:
            shown.append(f"{name}={facts['default']}")
        else:
            shown.append(f"{name} ({facts.get('type', 'any')}, required)")
    return shown


def hit_text(number: int, hit: Mapping[str, Any], *, excerpt: int, width: int | None = None) -> str:
    """Return one hit: score, source, id, headings, and the beginning of its text."""
    page = "" if hit["page"] is None else f", page {hit['page']}"
    span = "" if hit["start"] is None else f", characters {hit['start']}-{hit['end']}"
    lines = [f"{number}. {hit['score']:.3f}  {hit['key']}{page}{span}"]
    lines.append(f"{_INDENT}chunk {hit['id']}")
    if hit["headings"]:
        lines.append(_INDENT + " > ".join(hit["headings"]))
    text = " ".join(hit["text"].split())
    shown = text if len(text) <= excerpt else f"{text[:excerpt].rstrip()} …"
    room = None if width is None else max(width - len(_INDENT), 20)
    lines += [_INDENT + line for line in ([shown] if room is None else wrap(shown, room))]
    return "\n".join(printable(line) for line in lines)


def _words(state: str) -> str:
    return state.replace("_", " ")


def _reason(owner: OwnerView) -> str:
    return ": ".join(part for part in (owner.reason, owner.message) if part)
