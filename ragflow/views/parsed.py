"""How does what was read of a document read?"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from ragflow.views.documents import quality_facts
from ragflow.views.rendering import Table, pairs, printable, render

#: Characters of an element shown to a person.
_EXCERPT = 100


def parsed_text(parsed: Mapping[str, Any], *, width: int | None = None) -> str:
    """Return what would be indexed of a document: what it is, then its elements in order."""
    facts = [
        ("type", parsed["media_type"]),
        ("title", parsed["title"] or ""),
        ("language", parsed["language"] or ""),
        *quality_facts(parsed["quality"]),
        *(("note", note) for note in parsed["notes"]),
    ]
    told = [pairs([fact for fact in facts if fact[1]])]
    if parsed["elements"] or not parsed["holds"]:
        told.append(_elements_table(parsed["elements"]))
    if parsed["holds"]:
        told.append(_held_table(parsed["holds"]))
    return "\n\n".join(render(table, width=width) for table in told)


def _held_table(held: Sequence[Mapping[str, Any]]) -> Table:
    rows = [
        (
            f"{each['size']:,}",
            each["name"] + (f": {each['left_out']}" if each["left_out"] else ""),
        )
        for each in held
    ]
    return Table(("bytes", "holds"), rows, frozenset({"bytes"}))


def _elements_table(elements: Sequence[Mapping[str, Any]]) -> Table:
    rows = [
        (
            "" if each["page"] is None else f"{each['page']}",
            " ".join(
                [each["kind"].replace("_", " "), *([str(each["level"])] * (each["level"] > 0))]
            ),
            f"{each['start']}-{each['end']}",
            _obtained(each),
            " ".join(_boxes(each)),
            _excerpt(each["text"]),
        )
        for each in elements
    ]
    return Table(("page", "kind", "span", "from", "box", "text"), rows, frozenset({"page"}))


def _obtained(element: Mapping[str, Any]) -> str:
    if element["confidence"] is None:
        return str(element["obtained"])
    return f"{element['obtained']} {element['confidence']:.2f}"


def _boxes(element: Mapping[str, Any]) -> Iterator[str]:
    """Yield the box around all of an element on each of its pages."""
    places = zip(element["box_pages"], element["boxes"], strict=True)
    for _, group in groupby(places, key=lambda place: place[0]):
        lefts, tops, rights, bottoms = zip(*(box for _, box in group), strict=True)
        around = (min(lefts), min(tops), max(rights), max(bottoms))
        yield ",".join(f"{edge:.0f}" for edge in around)


def _excerpt(text: str) -> str:
    line = printable(" ".join(text.split()))
    return line if len(line) <= _EXCERPT else f"{line[: _EXCERPT - 1]}…"
