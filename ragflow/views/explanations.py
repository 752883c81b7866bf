"""How do the answers of `why`, `why-not` and lineage read, on a terminal and in Jupyter?"""

from collections.abc import Iterable, Mapping, Sequence

from ragflow.core.explanations import (
    Explanation,
    Lineage,
    Made,
    RowFound,
    Standing,
    TaskUsed,
    WhyNot,
    Worked,
)
from ragflow.views.quantities import counted, instant
from ragflow.views.rendering import Table, pairs, render

#: Hex digits of a fingerprint that tell things apart for people.
_DIGITS = 12
#: Runs told besides the last.
_EARLIER = 5


def answers_text(answers: Iterable[Iterable[Table]], *, width: int | None = None) -> str:
    """Return the tables of each answer as text."""
    return "\n\n".join(render(table, width=width) for tables in answers for table in tables)


def explanation_tables(one: Explanation) -> list[Table]:
    """Return why a document is as it is."""
    facts = [
        *_rows_facts(one.rows),
        ("document", one.key),
        ("instance", one.instance),
        ("source", one.source),
        ("version", (one.version or "")[:_DIGITS]),
        ("last run", _last(one)),
        *_effort(one.last),
        *(("stands", standing_sentence(each)) for each in one.ends),
        ("stopped", _stopped(one)),
        ("next run", one.next.sentence),
    ]
    tables = [pairs([fact for fact in facts if fact[1]])]
    if one.earlier:
        rows = [
            (f"{each.run}", _at(each), each.sentence, _words(each.state or ""))
            for each in one.earlier[:_EARLIER]
        ]
        tables.append(Table(("run", "started", "why", "came to"), rows, frozenset({"run"})))
    return tables


def _last(one: Explanation) -> str:
    if one.last is None:
        return "none has worked on it" if not one.ends else "what it did was not written down"
    told = f"run {one.last.run}{_since(one.last)}: {one.last.sentence}"
    if one.last.is_asked:
        told += "; it was named with --only"
    if one.last_run is not None and one.last_run > one.last.run:
        told += f"; run {one.last_run}, the last, did nothing with it"
    return told


def _stopped(one: Explanation) -> str:
    """Return why the last run did nothing of what the next would do, where it was stopped."""
    return "" if one.stopped_by is None else f"run {one.last_run}, the last: {one.stopped_by}"


def _since(worked: Worked) -> str:
    return "" if worked.started_at is None else f", {instant(worked.started_at)}"


def _at(worked: Worked) -> str:
    return "" if worked.started_at is None else instant(worked.started_at)


def _effort(worked: Worked | None) -> list[tuple[str, str]]:
    if worked is None or worked.state is None:
        return []
    calls = f"{counted(worked.ran, 'call')} made, {worked.memoized:,} remembered"
    rows = f"{counted(worked.upserted, 'row')} written, {worked.deleted:,} deleted"
    return [("it took", f"{calls}; {rows}")]


def standing_sentence(one: Standing) -> str:
    """Return how a document stands at an end, what releases it, and which run brought it there."""
    told = [_words(one.state)]
    if one.is_discarded:
        told = ["given up"]
    told.append(counted(one.rows, "row"))
    if one.message or one.reason:
        told.append(one.message or one.reason or "")
    if one.released is not None:
        told.append(f"tried again {one.released}")
    if one.dead_letter is not None:
        told.append(f"dead letter {one.dead_letter}")
    if one.generation_state != "published":
        told.append(f"generation {one.generation} is {one.generation_state}")
    return f"{one.end}: {', '.join(told)}; run {one.run}, {instant(one.tried_at)}"


def why_not_tables(one: WhyNot) -> list[Table]:
    """Return why a document is not in the index."""
    facts = [
        ("document", one.key),
        ("instance", one.instance),
        ("source", one.source),
        ("why not", one.sentence),
        ("then", one.hint or ""),
        *(("stands", standing_sentence(each)) for each in one.ends),
    ]
    return [pairs([fact for fact in facts if fact[1]])]


def lineage_tables(one: Lineage) -> list[Table]:
    """Return where a document goes, or where a row came from."""
    facts = [
        ("document", one.key),
        ("instance", one.instance),
        ("pipeline", one.pipeline),
        ("source", one.source),
        ("version", one.version or ""),
        ("token", one.token),
        *((str(name), str(value)) for name, value in one.metadata.items()),
        ("made", "" if one.made_by is None else _made_by(one.made_by)),
        ("members", _named([each.key for each in one.members])),
        ("groups", _named([each.key for each in one.groups])),
    ]
    tables = [pairs([fact for fact in facts if fact[1]])]
    for made in one.ends:
        tables += _made_tables(made)
    for group in one.groups:
        for made in group.ends:
            tables += _made_tables(made, of=f"group {group.key}")
    return tables


def _made_by(worked: Worked) -> str:
    return f"run {worked.run}{_since(worked)}: {worked.sentence}"


def _named(keys: Sequence[str]) -> str:
    more = " …" if len(keys) > _EARLIER else ""
    return ", ".join(keys[:_EARLIER]) + more


def _made_tables(made: Made, *, of: str = "") -> list[Table]:
    told = standing_sentence(made.standing)
    tables = [pairs([(of or "end", told)])]
    if made.tasks and not of:
        rows = [(each.name, _code(each), _values(each)) for each in made.tasks]
        tables.append(Table(("task", "code", "with"), rows))
    if made.rows:
        rows = [(each.id, _place(each), _shown(each)) for each in made.rows]
        tables.append(Table(("row", "where", ""), rows))
    return tables


def _code(task: TaskUsed) -> str:
    if task.version is not None:
        return f"version {task.version}"
    return (task.code or "")[:_DIGITS]


def _values(task: TaskUsed) -> str:
    told = [f"{name}={value}" for name, value in task.parameters.items()]
    for name, identity in task.resources.items():
        if isinstance(identity, Mapping):
            told += [f"{name}.{key}={value}" for key, value in identity.items() if value]
        else:
            told.append(f"{name}={identity}")
    return ", ".join(told)


def _place(row: RowFound) -> str:
    told = [] if row.page is None else [f"page {row.page}"]
    if row.start is not None and row.stop is not None:
        told.append(f"characters {row.start:,} to {row.stop:,}")
    return ", ".join(told)


def _shown(row: RowFound) -> str:
    if row.text is not None:
        return " ".join(row.text.split())
    return " > ".join(row.headings)


def _rows_facts(rows: Sequence[RowFound]) -> list[tuple[str, str]]:
    facts = []
    for row in rows[:1]:
        facts = [("row", row.id), ("where", _place(row)), ("headings", " > ".join(row.headings))]
        if row.text is not None:
            facts.append(("text", " ".join(row.text.split())))
    return facts


def _words(state: str) -> str:
    return state.replace("_", " ")
