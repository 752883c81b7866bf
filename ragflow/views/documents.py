"""How does everything known of one document read?"""

from collections.abc import Iterator, Mapping
from typing import Any

from ragflow.core.records import OwnerView
from ragflow.parsing.quality import percent
from ragflow.views.quantities import instant
from ragflow.views.rendering import pairs, render

#: Documents of the same content that are named in a line.
_NAMED = 3


def owner_text(
    owner: OwnerView,
    collection: str,
    *,
    reading: Mapping[str, Any] | None = None,
    width: int | None = None,
) -> str:
    """Return everything known of one document in one collection.

    `reading` is a `Reading` of ``ragflow.api.documents`` as plain values.
    """
    facts = [
        ("document", owner.key),
        ("collection", collection),
        ("instance", owner.instance),
        ("source", owner.source),
        ("state", owner.state.replace("_", " ")),
        ("reason", ": ".join(part for part in (owner.reason, owner.message) if part)),
        ("task", owner.task or ""),
        ("part", owner.part or ""),
        ("needs", owner.requirement or ""),
        ("version", owner.version or ""),
        ("chunks", f"{owner.chunks:,}"),
        ("dead letter", "" if owner.dead_letter is None else f"{owner.dead_letter}"),
        ("last tried", "" if owner.tried_at is None else instant(owner.tried_at)),
        *((str(name), str(value)) for name, value in owner.metadata.items()),
        *(() if reading is None else _reading(reading)),
    ]
    return render(pairs([(name, value) for name, value in facts if value]), width=width)


def _reading(reading: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield "from", ", ".join(f"{name} {value}" for name, value in reading["place"].items())
    if reading["size"] is not None:
        changed = "" if reading["is_current"] else "; changed since it was last read"
        yield "size", f"{reading['size']:,} bytes{changed}"
    if reading["quality"] is not None:
        yield from quality_facts(reading["quality"])
    twins = [each["key"] for each in reading["same_content"]]
    more = f" and {len(twins) - _NAMED} more" if len(twins) > _NAMED else ""
    yield "same content", f"{', '.join(twins[:_NAMED])}{more}"
    for problem in reading["problems"]:
        yield "note", problem


def quality_facts(found: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the signals of a document by name; `found` are `Signals` as plain values."""
    if found["pages"] is not None:
        yield "pages", f"{found['pages']:,}, {percent(found['empty_pages'])} of them empty"
    yield (
        "characters",
        f"{found['characters']:,}, {percent(found['odd_characters'])} of them odd",
    )
    if found["recognized"]:
        sure = found["ocr_confidence"]
        surely = "" if sure is None else f", with a confidence of {sure:.2f}"
        yield "recognized", f"{percent(found['recognized'])} of the text{surely}"
    yield "duplicates", f"{percent(found['duplicates'])} of the text stands in it before"
