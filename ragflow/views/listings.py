"""How do runs, documents, collections, pipelines and hits read, one by one and in lists?"""

from collections.abc import Container, Iterable, Mapping, Sequence
from typing import Any

from ragflow.core.records import FailedAttempt, OwnerView, RunRecord
from ragflow.views.quantities import duration, instant
from ragflow.views.rendering import Table, printable, render, wrap
from ragflow.views.tables import documents_sentence, summary_text

#: How many hex digits of a version tell documents apart for people.
VERSION_DIGITS = 12
_INDENT = "   "


def runs_table(runs: Iterable[RunRecord], *, cut_off: Container[int] = ()) -> Table:
    """Return the history of runs; those in `cut_off` ended with their process."""
    rows = []
    for run in runs:
        came_to, spent = run.error or "", ""
        if run.summary is not None:
            came_to = documents_sentence(run.summary["documents"])
            spent = duration(run.summary["seconds"]["total"])
        elif run.ended_at is not None:
            spent = duration((run.ended_at - run.started_at).total_seconds())
        state = "cut off" if run.id in cut_off else _words(run.state)
        rows.append((f"{run.id}", run.instance, state, instant(run.started_at), spent, came_to))
    headings = ("run", "instance", "state", "started", "time", "came to")
    return Table(headings, rows, frozenset({"run", "time"}))


def run_text(run: RunRecord, summary: Mapping[str, Any], *, width: int | None = None) -> str:
    """Return one run: when and with what it was started, and what it came to."""
    values = ", ".join(f"{name}={value}" for name, value in run.parameters.items())
    facts = [
        ("pipeline", run.pipeline),
        ("parameters", values or "none"),
        ("started", f"{instant(run.started_at)}, by {run.trigger}"),
    ]
    return f"{summary_text(summary, width=width)}\n\n{render(_pairs(facts), width=width)}"


def failures_table(attempts: Iterable[FailedAttempt]) -> Table:
    """Return the attempts of a run that failed, and why."""
    rows = [
        (one.key if one.part is None else f"{one.key} (part {one.part})", one.task, one.message)
        for one in attempts
    ]
    return Table(("failed", "task", "reason"), rows)


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


def owner_text(owner: OwnerView, collection: str, *, width: int | None = None) -> str:
    """Return everything known of one document in one collection."""
    facts = [
        ("document", owner.key),
        ("collection", collection),
        ("instance", owner.instance),
        ("source", owner.source),
        ("state", _words(owner.state)),
        ("reason", _reason(owner)),
        ("task", owner.task or ""),
        ("part", owner.part or ""),
        ("needs", owner.requirement or ""),
        ("version", owner.version or ""),
        ("chunks", f"{owner.chunks:,}"),
        ("last tried", "" if owner.tried_at is None else instant(owner.tried_at)),
        *((str(name), str(value)) for name, value in owner.metadata.items()),
    ]
    return render(_pairs([(name, value) for name, value in facts if value]), width=width)


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
    return render(_pairs(facts), width=width)


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
    """Return one hit: score, source, headings, and the beginning of its text."""
    page = "" if hit["page"] is None else f", page {hit['page']}"
    lines = [f"{number}. {hit['score']:.3f}  {hit['key']}{page}"]
    if hit["headings"]:
        lines.append(_INDENT + " > ".join(hit["headings"]))
    text = " ".join(hit["text"].split())
    shown = text if len(text) <= excerpt else f"{text[:excerpt].rstrip()} …"
    room = None if width is None else max(width - len(_INDENT), 20)
    lines += [_INDENT + line for line in ([shown] if room is None else wrap(shown, room))]
    return "\n".join(printable(line) for line in lines)


def _pairs(facts: Sequence[tuple[str, str]]) -> Table:
    return Table(("", ""), facts)


def _words(state: str) -> str:
    return state.replace("_", " ")


def _reason(owner: OwnerView) -> str:
    return ": ".join(part for part in (owner.reason, owner.message) if part)
