"""What is in a file of JSON lines? A record a line, each with its values by name."""

import json
from collections.abc import Iterator
from typing import Any

from ragflow.documents import Content, Document
from ragflow.interfaces.ingestion import ParseOptions
from ragflow.parsing.blocks import Block, compose
from ragflow.parsing.decoding import cleaned, decode
from ragflow.parsing.reasons import Reason, skipped

#: Values that are nested deeper are left out.
_DEEPEST = 40


class JsonLinesParser:
    """Reads JSON lines: each record is a paragraph of lines ``name: value``.

    Names of values within values are joined by dots. Numbers stay as they are written. A line
    that is no JSON stays as it is, and the notes say how many there are.
    """

    media_types: tuple[str, ...] = ("application/x-ndjson",)

    def parse(self, document: Document, options: ParseOptions) -> Content:
        """Return the records, each an element."""
        decoded = decode(document.read())
        odd: list[int] = []
        composition = compose(_records(cleaned(decoded.text), odd))
        if not composition.elements:
            raise skipped(Reason.EMPTY, "the records have nothing in them")
        notes = decoded.notes + ((f"Lines that are no JSON: {len(odd)}.",) if odd else ())
        return Content(text=composition.text, elements=composition.elements, notes=notes)


def _records(text: str, odd: list[int]) -> Iterator[Block]:
    """Yield a block for each line, and put the numbers of those that are no JSON into `odd`."""
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            record = json.loads(line, parse_int=str, parse_float=str, parse_constant=str)
        except ValueError:
            odd.append(number)
            yield Block(text=line)
            continue
        yield Block(text="\n".join(_values(record, "", depth=0)))


def _values(value: Any, name: str, *, depth: int) -> Iterator[str]:
    """Yield a line for each value, in the order of the record."""
    if depth > _DEEPEST:
        return
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _values(inner, f"{name}.{key}" if name else key, depth=depth + 1)
    elif isinstance(value, list) and any(isinstance(inner, dict | list) for inner in value):
        for inner in value:
            yield from _values(inner, name, depth=depth + 1)
    else:
        shown = ", ".join(map(_shown, value)) if isinstance(value, list) else _shown(value)
        if shown.strip():
            yield f"{name}: {shown}" if name else shown


def _shown(value: Any) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)
