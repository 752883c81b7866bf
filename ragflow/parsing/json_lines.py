"""What is in a file of JSON lines? A record a line, each with its values by name."""

import json
from collections.abc import Iterable, Iterator
from typing import Any

from ragflow.documents import Content, Document
from ragflow.interfaces.ingestion import ParseOptions
from ragflow.parsing.blocks import MOST_TEXT, Block, compose, too_much_text
from ragflow.parsing.decoding import cleaned, decode
from ragflow.parsing.plain_text import PlainTextParser
from ragflow.parsing.reasons import Reason, skipped

#: Values that are nested deeper are left out.
_DEEPEST = 40
#: Names within names are written with each value; of longer ones the end is.
_LONGEST_NAME = 300
_MOST_BYTES = 64 * 1024 * 1024
#: In memory, a record takes some three hundred bytes beside its own.
_MOST_LINES = 500_000
#: While it is read, a line takes up to thirty times as much.
_LONGEST_LINE = 8 * 1024 * 1024


class JsonLinesParser:
    """Reads JSON lines: each record is a paragraph of lines ``name: value``.

    Names of values within values are joined by dots; a name that comes twice has both values.
    Numbers stay as they are written. A line that is no JSON stays as it is, and the notes say
    how many there are; a file of which that is more than half is read as plain text.
    """

    media_types: tuple[str, ...] = ("application/x-ndjson",)

    def parse(self, document: Document, options: ParseOptions) -> Content:
        """Return the records, each an element."""
        data = document.read()
        if len(data) > _MOST_BYTES or data.count(b"\n") > _MOST_LINES:
            raise skipped(
                Reason.TOO_LARGE,
                f"the records are more than the {_MOST_LINES} or the {_MOST_BYTES >> 20} MiB"
                " that are read",
                hint="split it into several files",
            )
        decoded = decode(data)
        reading = _Reading()
        blocks = list(reading.blocks(cleaned(decoded.text).split("\n")))
        if 2 * reading.odd > len(blocks):
            # One value that is written over many lines, or no records at all.
            return PlainTextParser().parse(document, options)
        composition = compose(blocks)
        if not composition.elements:
            raise skipped(Reason.EMPTY, "the records have nothing in them")
        notes = decoded.notes + tuple(reading.notes())
        return Content(text=composition.text, elements=composition.elements, notes=notes)


class _Object(tuple[tuple[str, Any], ...]):
    """The names and values of an object, in order; a name may come twice."""

    __slots__ = ()


class _Reading:
    """What has been found in the records."""

    def __init__(self) -> None:
        #: How many lines are no JSON.
        self.odd = 0
        self._deep = 0
        self._cut = 0
        self._length = 0

    def blocks(self, lines: Iterable[str]) -> Iterator[Block]:
        """Yield a block for each line that has something in it."""
        for line in lines:
            if not line.strip():
                continue
            if len(line) > _LONGEST_LINE:
                raise skipped(
                    Reason.TOO_LARGE,
                    f"a line has more than the {_LONGEST_LINE >> 20} million characters that are"
                    " read",
                )
            try:
                record = json.loads(
                    line,
                    parse_int=str,
                    parse_float=str,
                    parse_constant=str,
                    object_pairs_hook=_Object,
                )
            except (ValueError, RecursionError):
                self.odd += 1
                yield Block(text=line)
                continue
            yield Block(text="\n".join(self._held(self._values(record, "", depth=0))))

    def notes(self) -> Iterator[str]:
        """Yield what was left out, a sentence each."""
        if self.odd:
            yield f"Lines that are no JSON: {self.odd}."
        if self._deep:
            yield f"Values nested more than {_DEEPEST} deep were left out: {self._deep}."
        if self._cut:
            yield f"Names longer than {_LONGEST_NAME} characters were cut: {self._cut}."

    def _held(self, values: Iterator[str]) -> Iterator[str]:
        for value in values:
            self._length += len(value) + 1
            if self._length > MOST_TEXT:
                raise too_much_text()
            yield value

    def _values(self, value: Any, name: str, *, depth: int) -> Iterator[str]:
        """Yield a line for each value, in the order of the record."""
        if depth > _DEEPEST:
            self._deep += 1
        elif isinstance(value, _Object):
            for key, inner in value:
                yield from self._values(inner, self._named(name, key), depth=depth + 1)
        elif isinstance(value, list) and any(isinstance(inner, _Object | list) for inner in value):
            for inner in value:
                yield from self._values(inner, name, depth=depth + 1)
        else:
            shown = ", ".join(map(_shown, value)) if isinstance(value, list) else _shown(value)
            if shown.strip():
                yield f"{name}: {shown}" if name else shown

    def _named(self, name: str, key: str) -> str:
        if len(name) + len(key) < _LONGEST_NAME:
            return f"{name}.{key}" if name else key
        self._cut += 1
        return f"{name[-_LONGEST_NAME:]}.{key}"[-_LONGEST_NAME:] if name else key[:_LONGEST_NAME]


def _shown(value: Any) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)
