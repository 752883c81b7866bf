"""How do dead letters read, in a list and one by one?"""

from collections.abc import Iterable, Sequence
from datetime import datetime

from ragflow.core.run_records import DeadLetter
from ragflow.views.quantities import counted, instant
from ragflow.views.rendering import Table, lines_of, pairs, printable, render

#: Keys named in one sentence.
_NAMED = 3


def letters_table(letters: Iterable[DeadLetter]) -> Table:
    """Return dead letters with why and what would release each."""
    rows = [
        (
            f"{letter.id}",
            letter.key,
            letter.instance,
            letter.task or "",
            f"{letter.attempts:,}",
            released_by(letter),
            letter.message or letter.reason or "",
        )
        for letter in letters
    ]
    headings = ("number", "document", "instance", "task", "runs", "tried again", "why")
    return Table(headings, rows, frozenset({"number", "runs"}))


def letter_text(
    letter: DeadLetter, *, width: int | None = None, with_traceback: bool = False
) -> str:
    """Return everything known of one dead letter."""
    discarded = letter.discarded_at
    facts = [
        ("dead letter", f"{letter.id}"),
        ("document", letter.key),
        ("source", letter.source),
        ("instance", letter.instance),
        ("written to", f"{letter.target}:{letter.place}"),
        ("task", letter.task or ""),
        ("part", letter.part or ""),
        ("reason", letter.reason or ""),
        ("message", letter.message or ""),
        ("tried", _tried(letter)),
        ("tried again", released_by(letter)),
        ("since", instant(letter.created_at)),
        ("failed last", f"{instant(letter.failed_at)}, in run {letter.run}"),
        ("discarded", "" if discarded is None else instant(discarded)),
    ]
    text = render(pairs([fact for fact in facts if fact[1]]), width=width)
    if not with_traceback or not letter.traceback:
        return text
    return f"{text}\n\n{lines_of(letter.traceback)}"


def released_by(letter: DeadLetter) -> str:
    """Return what lets the next run try it again, as what follows "tried again"."""
    return released_when(
        letter.release,
        letter.not_before,
        letter.failed_at,
        is_discarded=letter.discarded_at is not None,
    )


def released_when(
    release: str, not_before: datetime | None, failed_at: datetime, *, is_discarded: bool
) -> str:
    """Return what lets the next run try again what failed, as what follows "tried again"."""
    kind, _, name = release.partition(":")
    if is_discarded:
        return "when its content changes: it was discarded"
    if kind == "requirement":
        return f"when {name} is there"
    if kind == "content":
        return "when its content, the code or a parameter changes"
    if kind == "code":
        return "when the code or a parameter changes"
    if not_before is None or not_before <= failed_at:
        return "by the next run"
    return f"from {instant(not_before)} on"


def named(letters: Sequence[DeadLetter]) -> str:
    """Return ``3 dead letters (a.md, b.md, c.md)``; of many only the first are named."""
    keys = list(dict.fromkeys(letter.key for letter in letters))
    more = ", …" if len(keys) > _NAMED else ""
    shown = printable(", ".join(keys[:_NAMED]))
    return f"{counted(len(letters), 'dead letter')} ({shown}{more})"


def _tried(letter: DeadLetter) -> str:
    tried = f"in {counted(letter.attempts, 'run')}"
    if not letter.tries:
        return tried
    return f"{tried}, {letter.tries:,} of them failed by an error that may pass"
